"""Determine which joints a pose holds and how they are stored, from keys and shapes; ambiguity is an error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.codings import WIDTHS, Rotations
from lsmplify_refine.geometry.rotations import RotationKind
from lsmplify_refine.options import Family

#: Joints of a pose without the root, and with it.
_BODY_COUNTS = (21, 23)
_FULL_COUNTS = (22, 24, 52, 55)

#: Keys that only SMPL-X has.
_SMPLX_KEYS = {
    "jaw_pose", "leye_pose", "reye_pose", "pose_jaw", "pose_eye", "expression", "expr", "head_pose",
}  # fmt: skip


@dataclass(frozen=True)
class PoseLayout:
    """The layout of a pose array.

    Attributes:
        joints: Number of joints, including the root if the array has it.
        kind: How each rotation is stored.
    """

    joints: int
    kind: RotationKind

    def columns(self, first: int, count: int) -> slice:
        """Columns of `count` joints from `first` in the flattened row."""
        width = WIDTHS[self.kind]
        return slice(first * width, (first + count) * width)

    def coding(self, *, single: bool = False) -> Rotations:
        """The coding of the rotations."""
        return Rotations(self.kind, single)


def pose_layout(shape: tuple[int, ...], frames: int, where: str, *, full: bool, rot6d: str | None) -> PoseLayout:
    """The layout of a pose array of `frames` rows.

    Args:
        shape: Shape of the array.
        frames: T.
        where: File and key, for error messages.
        full: Whether the first joint is the root.
        rot6d: The user's choice of the 6D layout.

    Raises:
        InputError: The number of joints is not known, or the rotations are 6D and `rot6d` is None.
    """
    numbers = int(np.prod(shape)) // frames if frames and int(np.prod(shape)) % frames == 0 else 0
    counts = _FULL_COUNTS if full else _BODY_COUNTS
    for joints in counts:
        for width in (3, 6, 9):
            if numbers == joints * width:
                return PoseLayout(joints, _kind(width, where, rot6d))
    known = ", ".join(map(str, counts))
    raise InputError(
        f"{where}: shape {shape} with {frames} frames is not a pose of {known} joints as axis-angle, 6D or matrices"
    )


def root_layout(shape: tuple[int, ...], frames: int, where: str, rot6d: str | None) -> PoseLayout:
    """The layout of a root's rotation alone; see `pose_layout`.

    Args:
        shape: Shape of the array.
        frames: T.
        where: File and key, for error messages.
        rot6d: The user's choice among the 6D layouts.

    Raises:
        InputError: The shape is not T rotations, or the 6D layout is ambiguous.
    """
    numbers = int(np.prod(shape)) / frames
    if numbers not in (3, 6, 9):
        raise InputError(f"{where}: shape {shape}; expected {frames} rotations as axis-angle, 6D or matrices")
    return PoseLayout(1, _kind(int(numbers), where, rot6d))


def _kind(width: int, where: str, rot6d: str | None) -> RotationKind:
    if width != 6:
        return "axis-angle" if width == 3 else "matrix"
    if rot6d is None:
        raise InputError(
            f"{where}: 6D rotations, for which three incompatible layouts are in use; "
            "choose one: --format generic:rot6d=interleaved (SPIN, SMPLest-X), columns (HMR2, TRAM) or rows (pytorch3d)"
        )
    kinds: dict[str, RotationKind] = {"interleaved": "6d-interleaved", "columns": "6d-columns", "rows": "6d-rows"}
    return kinds[rot6d]


def family_of(
    joints: int, keys: Mapping[str, object], stated: str, where: str, *, padding: np.ndarray | None
) -> Family:
    """The body family that a pose belongs to.

    Args:
        joints: Joints of the pose, including the root if it has one.
        keys: The file's (lower-case) keys.
        stated: The family that the user or the file names, or "".
        where: File and key, for error messages.
        padding: (T, 2, 3) the last two of 24 joints.

    Raises:
        InputError: The family is ambiguous, or contradicts `stated`.
    """
    fits: dict[int, tuple[Family, ...]] = {
        21: ("smplh", "smplx"),
        22: ("smplh", "smplx"),
        23: ("smpl",),
        24: ("smpl", "smplh", "smplx"),
        52: ("smplh",),
        55: ("smplx",),
    }
    possible = fits[joints]
    if stated:
        if stated not in possible:
            raise InputError(f"{where}: {joints} joints are not a {stated} pose; they fit {' or '.join(possible)}")
        return stated
    if len(possible) == 1:
        return possible[0]
    if joints == 24:
        if padding is not None and padding.any():
            return "smpl"
        reason = "24 joints whose last two are at rest: SMPL, or SMPL-X (SMPL-H) padded with zeros"
        choices = "smpl, smplx or smplh"
    elif _SMPLX_KEYS & set(keys):
        return "smplx"
    else:
        reason, choices = f"{joints} joints fit SMPL-X and SMPL-H, and no other key decides", "smplx or smplh"
    raise InputError(f"{where}: {reason}; choose one: --format generic:family=... ({choices})")
