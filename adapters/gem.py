"""GEM-SMPL (GENMO): `smpl_params.pt` of its demos, or the folder that holds it.

The layout is GVHMR's with other names and without raw network outputs. Segments made from a text prompt show no video:
they are not part of the estimate and keep their bytes. GEM-X writes the same names for another body, SOMA.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Coding, Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.demo_folder import corners_of_squares, with_demo_files
from lsmplify_refine.formats.leaves import intrinsics_of, text_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, Slot, check_slots, intrinsics_slots
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.formats.unread import is_soma
from lsmplify_refine.safe_load import load_torch, to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_CAMERA, _WORLD, _K = "body_params_incam", "body_params_global", "K_fullimg"
_RESULT_NAME = "smpl_params.pt"
#: Of the body pose.
_COLUMNS = 63
_CODINGS: dict[str, Coding] = {"body_pose": Rotations(), "global_orient": Rotations(single=True)}
_FIELDS: dict[str, tuple[Field, Field]] = {
    "body_pose": ("body_pose", "body_pose"),
    "betas": ("betas", "betas"),
    "global_orient": ("global_orient", "world_orient"),
    "transl": ("transl", "world_transl"),
}

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a GEM-SMPL result, or the folder of one."""
    if path.is_dir():
        return (path / _RESULT_NAME).is_file()
    container = peek(path)
    tree = container.tree if container is not None and isinstance(container.tree, dict) else {}
    return {_CAMERA, _WORLD} <= set(tree) and not is_soma(tree)


def read(path: Path) -> list[Estimate]:
    """Read the person of a GEM-SMPL result.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    path = path / _RESULT_NAME if path.is_dir() else path
    container = read_container(path)
    tree = container.tree if isinstance(container.tree, dict) else {}
    body_pose = to_numpy(look_up(tree, (_CAMERA, "body_pose")))
    if body_pose is None or body_pose.ndim != 2 or body_pose.shape[1] != _COLUMNS or not len(body_pose):
        raise InputError(f"{path}: {_CAMERA}.body_pose: missing, or not (L, {_COLUMNS}); is it a GEM-SMPL result?")
    rows, notes = _video_rows(tree, len(body_pose), path)
    estimate = assemble(
        container,
        [*_slots(container, len(body_pose), rows, path), *intrinsics_slots(tree, ("K_fullimg",), rows)],
        len(rows),
        path=path,
        family="smplx",
        camera=_camera(tree, len(body_pose), rows, path),
        frame_ids=rows,
        notes=notes,
    )
    return [with_demo_files(estimate, path, len(body_pose), _read_corners, rows=rows)]


def _slots(container: Container, length: int, rows: np.ndarray, path: Path) -> list[Slot]:
    slots = [
        Slot(fields[place], ((block, name),), _CODINGS.get(name, Coding()), rows=rows)
        for place, block in enumerate((_CAMERA, _WORLD))
        for name, fields in _FIELDS.items()
    ]
    for slot in slots:
        leaf = to_numpy(look_up(container.tree, slot.paths[0]))
        if leaf is None or not leaf.ndim or len(leaf) != length:
            raise InputError(f"{path}: {slot.name}: missing, or not {length} rows")
    check_slots(container.tree, slots, len(rows), str(path))
    return slots


def _video_rows(tree: dict[str, Any], length: int, path: Path) -> tuple[np.ndarray, tuple[Note, ...]]:
    """The rows that come from a video, and a note on the others."""
    segments = tree.get("segment_info")
    if segments is None:
        return np.arange(length), ()
    from_text = np.zeros(length, dtype=bool)
    for segment in segments if isinstance(segments, list) else [None]:
        ends = [to_numpy(segment.get(key)) for key in ("start", "end")] if isinstance(segment, dict) else [None]
        if not isinstance(segment, dict) or any(end is None or end.size != 1 for end in ends):
            raise InputError(f"{path}: segment_info: expected a list of dicts with type, start and end")
        if text_of(segment.get("type")) == "text":
            start, end = (int(np.clip(end.reshape(-1)[0], 0, length)) for end in ends if end is not None)
            from_text[start:end] = True
    rows = np.flatnonzero(~from_text)
    if not len(rows):
        raise InputError(f"{path}: the whole motion was made from text; there is no video to refine it with")
    if len(rows) == length:
        return rows, ()
    text = f"{length - len(rows)} of {length} frames were made from text; they stay unchanged"
    return rows, (Note("frames-without-video", text),)


def _camera(tree: dict[str, Any], length: int, rows: np.ndarray, path: Path) -> Camera | None:
    """K and the image size, which follows from GEM's centred principal point."""
    K = intrinsics_of(tree.get(_K), length, f"{path}: {_K}")
    return None if K is None else Camera.centred(K[rows])


def _read_corners(path: Path) -> np.ndarray:
    """(L, 4) box corners from the demo's bbx.pt: (L, 3) centres and sides, bare or by name."""
    content = load_torch(path)
    squares = to_numpy(content.get("bbx_xys") if isinstance(content, dict) else content)
    if squares is None:
        raise InputError(f"{path}: expected (L, 3) centres and sides of boxes")
    return corners_of_squares(squares, str(path))
