"""AIST++: `motions/<sequence>.pkl` of dancers, SMPL in a y-up world without a camera.

The world is scaled: joints = smpl(smpl_poses) * smpl_scaling + smpl_trans. The model's translation is therefore
`smpl_trans / smpl_scaling`. Many copies of the data set are already divided and lack `smpl_scaling`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.containers import holds_names, read_container
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"smpl_poses", "smpl_trans"}
#: Frame rate of AIST++'s videos; its files do not state it.
_FPS = 60.0
_NOTE_FPS = Note("fps-assumed", f"AIST++ files state no frame rate; its motions have {_FPS:g} fps")

write = write_slots


@dataclass(frozen=True)
class _Scaled(Coding):
    """A translation in the scaled world."""

    scaling: float

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) in the model's metres."""
        metres: np.ndarray = stored / self.scaling
        return metres

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The translation in the scaled world."""
        scaled: np.ndarray = values * self.scaling
        return scaled


def recognises(path: Path) -> bool:
    """Whether the file has AIST++'s names."""
    return holds_names(path, _NAMES)


def read(path: Path) -> list[Estimate]:
    """Read the file's dancer.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    tree = container.tree
    poses = to_numpy(tree.get("smpl_poses")) if isinstance(tree, dict) else None
    if poses is None or not poses.ndim or poses.size != 72 * len(poses):
        raise InputError(f"{path}: smpl_poses: missing, or not (T, 72)")
    scaling = number_of(tree["smpl_scaling"]) if "smpl_scaling" in tree else 1.0
    if scaling is None:
        raise InputError(f"{path}: smpl_scaling: not one positive number")
    slots = [
        Slot("global_orient", (("smpl_poses",),), Rotations(single=True), slice(0, 3)),
        Slot("body_pose", (("smpl_poses",),), Rotations(), slice(3, 72)),
        Slot("transl", (("smpl_trans",),), _Scaled(scaling)),
    ]
    return [assemble(container, slots, len(poses), path=path, family="smpl", up="y", fps=_FPS, notes=(_NOTE_FPS,))]
