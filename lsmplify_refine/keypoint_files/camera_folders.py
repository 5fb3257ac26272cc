"""Assign files or folders of keypoints to calibrated cameras, by name, by number, or by order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.notes import Note

#: Endings of keypoint files; Pose2Sim also leaves videos beside the folders.
_SUFFIXES = frozenset({".json", ".npy", ".npz", ".pt", ".pth", ".csv"})


def places_of(folder: Path, cameras: Sequence[str]) -> tuple[dict[str, Path], tuple[Note, ...]]:
    """The file or folder of each camera that has one, and a note if names do not say so.

    They are matched by name (`01/`, `01.json`, `01_json/`), else by number (`cam01_json/` and `cam_01`), else by order
    if there are as many as cameras.

    Raises:
        InputError: `folder` is not a folder, two entries belong to one camera, or fewer than two cameras have one.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: not a folder; with a calibration, give the folder of all cameras' keypoints")
    entries = sorted(
        (each for each in folder.iterdir() if _may_hold_keypoints(each)), key=lambda each: _order(each.name)
    )
    named = {camera: _named_like(folder, entries, camera) for camera in cameras}
    found = {camera: place for camera, place in named.items() if place is not None}
    if len(found) >= 2:
        return found, ()
    numbered = _by_number(folder, entries, cameras)
    if len(numbered) >= 2:
        return numbered, ()
    if len(entries) == len(cameras) >= 2:
        pairs = dict(zip(sorted(cameras, key=_order), entries))
        shown = ", ".join(f"{camera} = {place.name}" for camera, place in pairs.items())
        text = f"the keypoints are not named or numbered like the cameras; taken in order: {shown}"
        return {camera: pairs[camera] for camera in cameras}, (Note("cameras-by-order", text, "warning"),)
    inside = ", ".join(each.name for each in entries[:8]) or "none"
    raise InputError(
        f"{folder}: keypoints of {len(found)} cameras; expected two or more files or folders named or numbered like "
        f"the cameras {', '.join(cameras)}; found {len(entries)}: {inside}"
    )


def _may_hold_keypoints(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in _SUFFIXES)


def _order(name: str) -> list[tuple[int, str]]:
    """Sorts 2 before 10."""
    return [(int(digits or 0), text) for digits, text in re.findall(r"(\d{1,18})|(\D+)", name)]


def _named_like(folder: Path, entries: Sequence[Path], camera: str) -> Path | None:
    """The file or folder named like the camera, with or without a suffix such as `_json`."""
    exact = [path for path in entries if camera in (path.name, path.stem)]
    longer = [path for path in entries if path.name.startswith((f"{camera}_", f"{camera}."))]
    return _only(folder, exact or longer, camera)


def _by_number(folder: Path, entries: Sequence[Path], cameras: Sequence[str]) -> dict[str, Path]:
    """The entry with each camera's number, if every camera has another one."""
    numbers = {camera: _number(camera) for camera in cameras}
    if None in numbers.values() or len(set(numbers.values())) < len(cameras):
        return {}
    found = {
        camera: _only(folder, [each for each in entries if _number(each.name) == number], camera)
        for camera, number in numbers.items()
    }
    return {camera: place for camera, place in found.items() if place is not None}


def _number(name: str) -> int | None:
    """The only number in a name, or the last one: `cam01_json` is 1, `S2_cam_03` is 3."""
    digits = re.findall(r"\d{1,18}", name)
    return int(digits[-1]) if digits else None


def _only(folder: Path, found: Sequence[Path], camera: str) -> Path | None:
    if len(found) > 1:
        raise InputError(f"{folder}: {found[0].name} and {found[1].name} both belong to camera {camera}; keep one")
    return found[0] if found else None
