"""4D-Humans / PHALP: `results/*.pkl` (joblib, or a plain pickle), a dict of frames with lists of people.

Rotations are matrices; `camera` is the translation for a focal length of 5000 px in a 256 px square of the image.
Ghosts, which the tracker predicts for frames without a detection, keep their values.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.linking import ids_repeat, link_boxes, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.geometry.crop_cameras import hmr2_intrinsics
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"tid", "smpl", "camera", "size"}
_DERIVED = ("3d_joints", "2d_joints", "camera_bbox")

_NOTE_LINKED = Note(
    "people-linked", "the file gives several people of a frame the same tid; people were linked by their boxes"
)

write = write_slots

#: A detection: frame number, the frame's name, place in its lists.
_Row = tuple[int, Any, int]


def recognises(path: Path) -> bool:
    """Whether this is a dict of frames with PHALP's keys."""
    container = peek(path)
    return container is not None and _is_result(container.tree)


def read(path: Path) -> list[Estimate]:
    """Read all people of the file, in order of appearance; a frame's number is its position in the file.

    Raises:
        InputError: Keys are missing or have the wrong shape, or nobody is tracked.
    """
    container = read_container(path)
    if not _is_result(container.tree):
        raise InputError(f"{path}: not a PHALP result: expected frames with {', '.join(sorted(_NAMES))}")
    seen: dict[Any, list[_Row]] = defaultdict(list)
    for number, (name, frame) in enumerate(container.tree.items()):
        for place, track in enumerate(frame["tid"]):
            if _is_measured(frame, place):
                seen[track].append((number, name, place))
    if not seen:
        raise InputError(f"{path}: no frame contains a tracked person")
    rows = sorted((row, track) for track, own in seen.items() for row in own)
    linked = ids_repeat([number for (number, _, _), _ in rows], [str(track) for _, track in rows])
    if linked:
        seen = _linked(container, [row for row, _ in rows], path)
    return [_person(container, track, own, path, linked) for track, own in seen.items()]


def _linked(container: Container, rows: list[_Row], path: Path) -> dict[Any, list[_Row]]:
    """The rows of each person, linked by their boxes."""
    boxes = _boxes([(container.tree[name], place) for _, name, place in rows])
    if boxes is None:
        raise InputError(f"{path}: tid: repeats within a frame, and the file has no bbox to link people by")
    return rows_by_person(link_boxes([number for number, _, _ in rows], boxes).tolist(), rows)


def _is_result(tree: Any) -> bool:
    if not isinstance(tree, dict) or not tree:
        return False
    return all(
        isinstance(frame, dict) and set(frame) >= _NAMES and isinstance(frame["tid"], (list, tuple))
        for frame in tree.values()
    )


def _is_measured(frame: dict[str, Any], place: int) -> bool:
    """Whether a row is a detection: `tracked_time` counts frames since the last one; LART's rows have -1."""
    times = frame.get("tracked_time")
    return not isinstance(times, (list, tuple)) or place >= len(times) or times[place] <= 0


def _person(container: Container, track: Any, rows: list[_Row], path: Path, linked: bool) -> Estimate:
    def at(*inner: Any) -> tuple[tuple[Any, ...], ...]:
        """The path of a value, for each row."""
        return tuple((name, inner[0], place, *inner[1:]) for _, name, place in rows)

    slots = [
        Slot("global_orient", at("smpl", "global_orient"), Rotations("matrix", single=True)),
        Slot("body_pose", at("smpl", "body_pose"), Rotations("matrix")),
        Slot("betas", at("smpl", "betas")),
        Slot("transl", at("camera")),
    ]
    frames = [(container.tree[name], place) for _, name, place in rows]
    derived = [name for name in _DERIVED if name in frames[0][0]]
    return assemble(
        container,
        slots,
        len(rows),
        path=path,
        family="smpl",
        camera=_camera([frame for frame, _ in frames], path),
        boxes=_boxes(frames),
        frame_ids=np.array([number for number, _, _ in rows]),
        track_id=str(track),
        notes=(*([_NOTE_LINKED] if linked else []), *note_stale(derived)),
    )


def _camera(frames: list[dict[str, Any]], path: Path) -> Camera:
    sizes = {tuple(int(side) for side in to_numpy(frame["size"]).reshape(-1)) for frame in frames}  # type: ignore[union-attr]
    if len(sizes) != 1 or len(size := sizes.pop()) != 2:
        raise InputError(f"{path}: size: expected the same height and width in all frames")
    height, width = size
    return Camera(hmr2_intrinsics(width, height, len(frames)), (width, height))


def _boxes(frames: list[tuple[dict[str, Any], int]]) -> np.ndarray | None:
    """(T, 4) box corners from x, y, width, height."""
    boxes = [to_numpy(look_up(frame, ("bbox", place))) for frame, place in frames]
    if any(box is None or box.size != 4 for box in boxes):
        return None
    corners = np.stack([box.reshape(4) for box in boxes if box is not None])
    return np.column_stack([corners[:, :2], corners[:, :2] + corners[:, 2:]])
