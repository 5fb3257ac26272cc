"""Which feet stand still, as files say it: the outputs of the estimators' contact heads."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import expit

from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import FEET, joint_indices

#: Joints of the six static logits of GVHMR and PromptHMR (GVHMR `postprocess.py`, PromptHMR `contact_joint_ids`).
_STATIC_JOINTS = joint_indices("left_ankle", "left_foot", "right_ankle", "right_foot", "left_wrist", "right_wrist")

#: A track's contacts, or None, and notes on why.
Contacts = tuple[Float[np.ndarray, "frames 4"] | None, tuple[Note, ...]]


def contacts_from_logits(leaf: Any, frames: int, name: str) -> Contacts:
    """Contacts from static logits: row t is about the step from frame t to the next, as both networks use it.

    Args:
        leaf: (T, 6) or (1, T, 6) logits, or None if the file has none.
        frames: T.
        name: Of the leaf, for the note.
    """
    logits = _rows(leaf, frames, len(_STATIC_JOINTS))
    if logits is None:
        return None, _ignored(leaf, name)
    columns = [_STATIC_JOINTS.index(joint) for joint in FEET]
    return expit(logits[:, columns]), ()


def contacts_from_frames(leaf: Any, frames: int, name: str) -> Contacts:
    """Contacts from WHAM's probabilities: two points of the left foot, then two of the right, for single frames.

    WHAM does not document which of a foot's points is its heel, and its labels are central differences. So a foot's
    ankle and toes stand still from one frame to the next if both points stand still in both frames.

    Args:
        leaf: (T, 4) probabilities, or None if the file has none.
        frames: T.
        name: Of the leaf, for the note.
    """
    points = _rows(leaf, frames, 4)
    if points is None or not ((points >= 0) & (points <= 1)).all():
        return None, _ignored(leaf, name)
    feet = points.reshape(frames, 2, 2).min(2)
    steps = np.minimum(feet, np.vstack([feet[1:], feet[-1:]]))
    return np.hstack([steps, steps]), ()


def _rows(leaf: Any, frames: int, width: int) -> np.ndarray | None:
    array = to_numpy(leaf)
    if array is None or array.shape not in ((frames, width), (1, frames, width)) or not np.isfinite(array).all():
        return None
    return array.reshape(frames, width).astype(np.float64)


def _ignored(leaf: Any, name: str) -> tuple[Note, ...]:
    if leaf is None:
        return ()
    text = f"{name} is ignored: it does not fit the track; the motion tells which feet stand still"
    return (Note("contacts-ignored", text, "warning"),)
