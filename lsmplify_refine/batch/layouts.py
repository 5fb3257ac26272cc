"""`rows`: a row of the batch for each clip of a data set, found through a layout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lsmplify_refine.batch.layout_files import Clips, Layout, Targets, load_layout
from lsmplify_refine.batch.patterns import Pattern, filled
from lsmplify_refine.batch.rows import Row, check_unique, in_folder
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import read_container
from lsmplify_refine.safe_load import read_text


def rows(layout: Layout | str | Path, root: Path, *, targets: Targets | None = None) -> list[Row]:
    """One row for each clip of a data set, sorted by name.

    Args:
        layout: The layout, its name, or its file.
        root: The data set's folder.
        targets: Which keypoints to refine onto; None for the layout's own choice.

    Raises:
        InputError: The folder does not exist, nothing in it matches, or two clips get one name.
    """
    layout = layout if isinstance(layout, Layout) else load_layout(layout)
    if not root.is_dir():
        raise InputError(f"{root}: no such folder; give the folder of the data set (layout {layout.name})")
    found: list[Row] = []
    taken: set[tuple[Path, str]] = set()
    for clips in layout.clips:
        excluded = _excluded(clips, root)
        for path, values in _matches(clips, root):
            clip = (path, values.get("clip", ""))
            wanted = not clips.only or values.get("clip", filled(clips.name, values)) in clips.only
            if clip not in taken and wanted:
                taken.add(clip)
                if not excluded or filled(clips.ignored, values) not in excluded:
                    found.append(_row(clips, root, path, values, targets or clips.targets))
    if not found:
        patterns = ", ".join(pattern for clips in layout.clips for pattern in clips.input)
        raise InputError(f"{root}: no clip of layout {layout.name}; it looks for {patterns}; edit a copy of the layout")
    check_unique(found)
    return sorted(found, key=lambda row: row.name)


def _matches(clips: Clips, root: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Each result, or each clip in a result, and the fields of its name."""
    for text in clips.input:
        for path, values in Pattern(text).matches(root):
            if clips.members is None:
                yield path, {**clips.fields, **values}
                continue
            pattern = Pattern(clips.members)
            for key in read_container(path).tree:
                inner = pattern.match(str(key))
                if inner is not None:
                    yield path, {**clips.fields, **values, **inner, "clip": str(key)}


def _row(clips: Clips, root: Path, path: Path, values: Mapping[str, str], targets: Targets) -> Row:
    options = dict(clips.options)
    keypoints = None
    for kind, places, more in (
        ("3d", clips.keypoints_3d, clips.options_3d),
        ("2d", clips.keypoints_2d, clips.options_2d),
    ):
        if keypoints is None and targets in ("auto", kind):
            keypoints = _first(places, root, values)
            options |= more if keypoints is not None else {}
    return Row(
        filled(clips.name, values),
        path,
        video=_first(clips.video, root, values),
        keypoints=keypoints,
        calibration=_first(clips.calibration, root, values) if keypoints is not None else None,
        truth=_truth(clips.truth, root, values),
        groups={name: values[name] for name in clips.groups if name in values},
        options=in_folder({name: filled(text, values) for name, text in options.items()}, root),
    )


def _first(places: Sequence[str], root: Path, values: Mapping[str, str]) -> Path | None:
    """The first of several places that exists; None if none does.

    Raises:
        InputError: Several files fit one place.
    """
    for place in places:
        found = Pattern(filled(place, values, escape=True)).paths(root)
        if len(found) > 1:
            raise InputError(f"{root}: {len(found)} files fit {filled(place, values)}; make the layout's pattern exact")
        if found:
            return found[0]
    return None


def _truth(places: Sequence[str], root: Path, values: Mapping[str, str]) -> str | None:
    for place in places:
        reader, _, path = place.partition(":")
        found = _first((path,), root, values)
        if found is not None:
            return f"{filled(reader, values)}:{found}"
    return None


def _excluded(clips: Clips, root: Path) -> set[str]:
    path = None if clips.ignore is None else root / clips.ignore
    return set() if path is None or not path.is_file() else set(read_text(path).split())
