"""The clips of a batch as compact rows of the page's table, which the page's script sorts, filters and shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Generic, TypeVar

from lsmplify_refine.batch.clips import Clip
from lsmplify_refine.batch.figures import Figure, error_of, figures, got_worse, jitter, mean_of
from lsmplify_refine.errors import escaped
from lsmplify_refine.pages.base import link

#: What a file is called, by its ending; others are results.
_KINDS = {".html": "report", ".json": "numbers", ".mp4": "video"}

#: Stands for the last part of a clip's name in a pattern of file names; a quoted name cannot hold it.
_STEM = "*"

#: Digits of a figure in the table.
_DIGITS = 4

_T = TypeVar("_T")


@dataclass(frozen=True)
class Place:
    """A clip and where its files are.

    Attributes:
        name: The clip's name.
        files: Kind and path, relative to the page, of each file.
    """

    name: str
    files: tuple[tuple[str, str], ...] = ()


def places(clips: Sequence[Clip]) -> list[Place]:
    """Where the files of each clip are.

    Args:
        clips: All clips of the batch.
    """
    return [Place(clip.row.name, tuple((_kind(path), path) for path in _outputs(clip))) for clip in clips]


def table_data(clips: Sequence[Clip], at: Mapping[str, Place]) -> dict[str, Any]:
    """The table as plain values: words that occur again and again are numbers.

    Args:
        clips: All clips of the batch.
        at: Their places by name.
    """
    names = list(dict.fromkeys(name for clip in clips for name in clip.row.groups))
    values, codes, files, units = _Words[str](), _Words[str](), _Words[tuple[str, str]](), _Words[str]()
    rows = []
    for clip in clips:
        name, error = clip.row.name, error_of(clip.people)
        href = link(name)
        rows.append(
            [
                escaped(name),
                ("done", "failed", "not begun").index(clip.status),
                [values.number(escaped(clip.row.groups.get(group, ""))) for group in names],
                sum(int(person["frames"]) for person in clip.people),
                -1 if error is None else units.number(error.unit),
                *(value for figure in (error, jitter(clip.people), _slide(clip)) for value in _means(clip, figure)),
                0.0 if clip.record is None else _short(clip.record.seconds),
                [codes.number(code) for code in sorted({str(note["code"]) for note in clip.notes()})],
                [files.number((kind, _pattern(path, name))) for kind, path in at[name].files],
                0 if href == f"./{name}" else href,
                escaped(clip.record.reason) if clip.record is not None else "",
                int(any(map(got_worse, clip.people))),
            ]
        )
    return {
        "groups": [escaped(name) for name in names],
        "values": values.words,
        "codes": codes.words,
        "files": files.words,
        "units": units.words,
        "rows": rows,
    }


class _Words(Generic[_T]):
    """Numbers words in the order in which they come."""

    def __init__(self) -> None:
        self.words: list[_T] = []
        self._numbers: dict[_T, int] = {}

    def number(self, word: _T) -> int:
        """The word's number."""
        if word not in self._numbers:
            self._numbers[word] = len(self.words)
            self.words.append(word)
        return self._numbers[word]


def _outputs(clip: Clip) -> list[str]:
    """The files of a clip that is done, pages first."""
    paths = list(clip.record.outputs) if clip.record is not None and clip.record.status == "done" else []
    order = (*_KINDS.values(), "result")
    return sorted(paths, key=lambda path: (order.index(_kind(path)), path))


def _kind(path: str) -> str:
    return _KINDS.get(PurePosixPath(path).suffix, "result")


def _pattern(path: str, name: str) -> str:
    """A file's name in its clip's folder as part of a link, with `_STEM` for the last part of the clip's name."""
    file, stem = path.removeprefix(f"{name}/"), name.rpartition("/")[2]
    quoted = link(file).removeprefix("./")
    own = link(stem).removeprefix("./")
    return f"{_STEM}{quoted.removeprefix(own)}" if quoted.startswith(own) else quoted


def _slide(clip: Clip) -> Figure | None:
    return next((figure for figure in figures(clip.people) if figure.name.startswith("foot_slide")), None)


def _means(clip: Clip, figure: Figure | None) -> list[float | None]:
    """A figure before and after."""
    if figure is None:
        return [None, None]
    return [_short(value) if math.isfinite(value) else None for value in mean_of(clip.people, figure)[1:]]


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
