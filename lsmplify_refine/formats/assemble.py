"""From slots to an `Estimate`, and readers of the other values that files carry: names, rates, intrinsics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container
from lsmplify_refine.formats.slots import Record, Slot, read_fields, shape_of
from lsmplify_refine.options import Family, Gender
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

#: Frame numbers are below this: a year of them.
_MAX_FRAMES = 1e9
_GENDERS: dict[str, Gender] = {"m": "male", "f": "female", "n": "neutral"}


def assemble(
    container: Container,
    slots: Sequence[Slot],
    frames: int,
    *,
    path: Path,
    family: Family,
    up: Literal["y", "z"] | None = None,
    gender: Gender = "neutral",
    camera: Camera | None = None,
    fps: float | None = None,
    frame_ids: np.ndarray | None = None,
    track_id: str = "0",
    boxes: np.ndarray | None = None,
    notes: tuple[Note, ...] = (),
) -> Estimate:
    """One person's estimate.

    Args:
        container: The file.
        slots: Where this person's parameters lie, `global_orient` before what depends on it. A file whose only root is
            the world's has slots of `world_orient` and `world_transl` alone.
        frames: T.
        path: The file's place.
        family: Body family.
        up: The vertical axis of the frame that `global_orient` and `transl` are in; None for the camera's frame.
        gender: This and what follows: see `Estimate`.
        camera: Intrinsics.
        fps: Frames per second.
        frame_ids: (T,); None for 0, 1, ...
        track_id: The file's name for this person.
        boxes: (T, 4).
        notes: What the user should know.

    Raises:
        InputError: A value is missing, does not fit, or is not finite.
    """
    fields = read_fields(container.tree, slots, frames, str(path))
    fields["body_pose"] = fields["body_pose"].reshape(frames, -1, 3)
    if fields["body_pose"].shape[1] != BODY_JOINTS[family]:
        slot = next(slot for slot in slots if slot.field == "body_pose")
        found, expected = fields["body_pose"].shape[1], BODY_JOINTS[family]
        raise InputError(
            f"{path}: {slot.name}: shape {shape_of(container.tree, slot)}: a body pose of {found} joints; "
            f"{family} has {expected}"
        )
    world = None
    if "world_orient" in fields:
        world = WorldRoot(fields.pop("world_orient"), fields.pop("world_transl"), up="y")
        fields.setdefault("global_orient", world.global_orient.copy())
        fields.setdefault("transl", world.transl.copy())
    elif up is not None:
        world = WorldRoot(fields["global_orient"].copy(), fields["transl"].copy(), up=up)
    return Estimate(
        family=family,
        gender=gender,
        global_orient=fields["global_orient"],
        body_pose=fields["body_pose"],
        betas=fields["betas"],
        transl=fields["transl"],
        frame="camera" if up is None else "world",
        camera=camera,
        fps=fps,
        frame_ids=np.arange(frames) if frame_ids is None else frame_ids,
        track_id=track_id,
        boxes=boxes,
        world=world,
        notes=notes,
        source=path,
        passthrough=Record(container, tuple(slots)),
    )


def gender_of(leaf: Any, where: str) -> Gender:
    """The gender that a file states as text or bytes; neutral where it has none.

    Raises:
        InputError: It is another word.
    """
    text = text_of(leaf).lower()
    if text and text[0] not in _GENDERS:
        raise InputError(f"{where}: gender {text!r} is not known; known: neutral, female, male")
    return _GENDERS[text[0]] if text else "neutral"


def text_of(leaf: Any) -> str:
    """Text in any of its wrappings, or "" where it is none."""
    if isinstance(leaf, np.ndarray) and leaf.size == 1 and leaf.dtype.kind in "US":
        leaf = leaf.reshape(-1)[0]
    if isinstance(leaf, bytes):
        return leaf.decode("latin1")
    return str(leaf) if isinstance(leaf, str) else ""


def number_of(leaf: Any) -> float | None:
    """A positive number in any of its wrappings, or None."""
    value = to_numpy(leaf)
    if value is None or value.size != 1 or not np.isfinite(value).all() or value.reshape(-1)[0] <= 0:
        return None
    return float(value.reshape(-1)[0])


def intrinsics_of(leaf: Any, frames: int, where: str) -> np.ndarray | None:
    """(T, 3, 3) intrinsics from one matrix or one a frame; None where the file has none.

    Raises:
        InputError: It has another shape, is not finite, or has a focal length that is not positive.
    """
    K = to_numpy(leaf)
    if K is None:
        return None
    if K.shape not in ((3, 3), (1, 3, 3), (frames, 3, 3)):
        raise InputError(f"{where}: shape {K.shape}; expected (3, 3) or ({frames}, 3, 3)")
    if not np.isfinite(K).all() or (K[..., (0, 1), (0, 1)] <= 0).any():
        raise InputError(f"{where}: the camera matrix is not finite, or a focal length is not positive")
    intrinsics: np.ndarray = np.broadcast_to(K, (frames, 3, 3)).copy()
    return intrinsics


def frame_ids_of(leaf: Any, frames: int, where: str) -> np.ndarray:
    """(T,) video frames of a track's rows; 0, 1, ... where the file has none.

    Raises:
        InputError: Their number is not T, or they do not rise from 0 or more.
    """
    value = to_numpy(leaf)
    if value is None:
        return np.arange(frames)
    if value.size != frames:
        raise InputError(f"{where}: {value.size} frame ids for {frames} rows")
    if not ((value >= 0) & (value < _MAX_FRAMES)).all():
        raise InputError(f"{where}: the frame ids must be whole numbers from 0")
    ids = value.reshape(-1).astype(np.int64)
    if (np.diff(ids) <= 0).any():
        raise InputError(f"{where}: the frame ids do not rise; is a frame there twice?")
    return ids
