"""Find the clips that a user means: folders, globs, files and manifests."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsmplify_refine.batch.manifest import SUFFIXES, name_of, read_manifest
from lsmplify_refine.batch.rows import Row, check_unique
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.registry import Adapter, adapters
from lsmplify_refine.safe_load import inspect_file

#: Containers that results come in. JSON and text are taken only if a format is recognised.
_ENDINGS = (".pt", ".pth", ".pkl", ".npz", ".smpl")

#: What this program writes beside its results.
_OURS = ("_refined", "_report", "_comparison")


@dataclass(frozen=True)
class Found:
    """The clips that were found.

    Attributes:
        rows: One per clip, in the order of their names.
        skipped: Files in containers of results that hold something else.
    """

    rows: tuple[Row, ...]
    skipped: tuple[Path, ...] = ()


def discover(inputs: Sequence[str | Path], *, leave_out: Path | None = None) -> Found:
    """Find the clips.

    A folder gives the results in it, at any depth. A file is a clip or a manifest. A file that cannot be read is a
    clip too: the summary then says what is wrong with it.

    Args:
        inputs: Files, folders, and patterns with `*`, `?` or `**`.
        leave_out: A folder that is not searched: the one for the outputs.

    Raises:
        InputError: An input does not exist, nothing is in it, or two clips have one name.
    """
    paths = [path for text in inputs for path in _expanded(str(text))]
    manifests = [path for path in paths if path.is_file() and path.suffix in SUFFIXES]
    rows = [row for path in manifests for row in read_manifest(path)]
    clips: list[Path] = []
    skipped: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = _Search(leave_out)
            clips += inside.clips(path)
            skipped += inside.skipped
            if not inside.found:
                raise _nothing(path, inside.skipped)
        elif path not in manifests:
            clips.append(path)
    rows += _named(list(dict.fromkeys(clips)), paths)
    check_unique(rows)
    return Found(tuple(rows), tuple(skipped))


def _expanded(text: str) -> list[Path]:
    if Path(text).exists():
        return [Path(text)]
    found = sorted(map(Path, glob.glob(text, recursive=True)))  # noqa: PTH207 - absolute patterns too
    if not found:
        raise InputError(f"{text}: no such file or folder" + (", nothing fits" if glob.has_magic(text) else ""))
    return [path for path in found if not path.stem.endswith(_OURS)] or found


class _Search:
    """A walk through a folder."""

    def __init__(self, leave_out: Path | None) -> None:
        self.skipped: list[Path] = []
        self.found = 0
        self._leave_out = leave_out and leave_out.resolve()

    def clips(self, folder: Path) -> Iterator[Path]:
        """The results under a folder; a folder that is a result is not searched further.

        Args:
            folder: Where to search.
        """
        if _recognised(folder):
            self.found += 1
            yield folder
            return
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.stem.endswith(_OURS):
                continue
            if path.is_dir() and not path.is_symlink() and path.resolve() != self._leave_out:
                yield from self.clips(path)
            elif path.is_file():
                if _recognised(path) or (path.suffix in _ENDINGS and _damaged(path)):
                    self.found += 1
                    yield path
                elif path.suffix in _ENDINGS:
                    self.skipped.append(path)


def _recognised(path: Path) -> bool:
    if path.is_file() and path.suffix not in (*_ENDINGS, ".json", ".npy"):
        return False
    return any(_recognises(adapter, path) for adapter in adapters().values())


def _recognises(adapter: Adapter, path: Path) -> bool:
    try:
        return adapter.recognises(path)
    except InputError:
        return False


def _damaged(path: Path) -> bool:
    """Whether a file is not what its ending says."""
    try:
        return inspect_file(path).container == "unknown"
    except InputError:
        return True


def _nothing(folder: Path, skipped: Sequence[Path]) -> InputError:
    seen = f"; not results: {', '.join(path.name for path in skipped[:6])}" if skipped else ""
    return InputError(f"{folder}: no result of a known estimator in it{seen}; give --layout or a manifest")


def _named(clips: Sequence[Path], given: Sequence[Path]) -> list[Row]:
    """Rows whose names mirror the paths below the folder that all inputs share."""
    if not clips:
        return []
    root = _common(given)
    places = [Path(os.path.relpath(clip.absolute(), root)) for clip in clips]
    places = [Path(clip.absolute().name) if place == Path() else place for clip, place in zip(clips, places)]
    # what follows a dot in a folder's name is no suffix
    names = [name_of(place, whole=clip.is_dir()) for clip, place in zip(clips, places)]
    counts = Counter(name.casefold() for name in names)
    twice = [counts[name.casefold()] > 1 for name in names]
    return [
        Row(name_of(place, whole=True) if again else name, clip)
        for name, place, clip, again in zip(names, places, clips, twice)
    ]


def _common(given: Sequence[Path]) -> Path:
    """The folder that all inputs share: a single folder itself, else their parents'."""
    if len(given) == 1 and given[0].is_dir():
        return given[0].absolute()
    try:
        return Path(os.path.commonpath([path.absolute().parent for path in given]))
    except ValueError as error:
        raise InputError("the inputs lie on several drives; list them in a manifest") from error
