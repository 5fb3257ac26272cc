"""Which way is up in a file's world, and whether a body can be in front of a camera, by the bodies or an option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.options import Up
from lsmplify_refine.values.notes import Note, Severity

#: `--format` options of adapters whose files do not state their axes.
UP_OPTION: Mapping[str, Sequence[str]] = {"up": get_args(Up)}
AXES_OPTIONS: Mapping[str, Sequence[str]] = {"frame": ("camera", "world"), **UP_OPTION}

#: Bodies stand along an axis if this much of their mean upward direction lies on it: within 37 degrees.
_STANDING = 0.8
#: Max distance of the pelvis from a camera that would be within the body, metres.
_INSIDE_M = 0.4
#: A body is upside down if less than this of its upward direction is up in the image.
_UPSIDE_DOWN = -0.5


def standing_axis(global_orient: np.ndarray) -> Up | None:
    """The axis that bodies with these roots (T, 3) stand along; None if they do not stand, or stand along x."""
    up = _upward(global_orient).mean(axis=0)
    axis = int(np.argmax(np.abs(up)))
    if axis == 0 or abs(up[axis]) < _STANDING:
        return None
    names: dict[tuple[int, bool], Up] = {(1, True): "y", (1, False): "-y", (2, True): "z", (2, False): "-z"}
    return names[axis, bool(up[axis] > 0)]


def choose_up(
    option: str | None, global_orient: np.ndarray, *, usual: Up, name: str, stated: bool = False
) -> tuple[Up, tuple[Note, ...]]:
    """The vertical axis, and a note if it was assumed.

    Args:
        option: The user's choice.
        global_orient: (T, 3) the root in the file's world, for what the bodies tell.
        usual: The axis of most files in this format.
        name: The adapter, for the note.
        stated: Whether the format defines the axis: only bodies on their heads then speak against it, since people
            may lie.
    """
    if option is not None:
        return next(up for up in get_args(Up) if up == option), ()
    told = standing_axis(global_orient)
    if told is None or told == usual:
        text = (
            f"the file does not state its vertical axis; {usual} is assumed to be up; override with --format {name}:up="
        )
        return usual, () if stated else (Note("up-assumed", f"{text}{_others(usual)}"),)
    if stated and told.strip("-") != usual.strip("-"):
        text = f"{usual} is up in this format, but the bodies stand along {told}; unless they lie, the file is unusual"
        return usual, (Note("up-assumed", f"{text}: override with --format {name}:up={told}", "warning"),)
    text = f"the bodies stand along {told}, so {told} is up instead of the usual {usual}"
    severity: Severity = "warning" if told.startswith("-") else "info"
    return told, (Note("up-assumed", f"{text}; override with --format {name}:up={usual}", severity),)


def choose_axes(
    options: Mapping[str, str], global_orient: np.ndarray, *, usual: Up, name: str, stated: bool = False
) -> tuple[Up | None, tuple[Note, ...]]:
    """The vertical axis of a format in world coordinates, or None if the user says that it is the camera's frame.

    Args:
        options: The user's; `frame` and `up` count.
        global_orient: (T, 3) roots as read.
        usual: The format's usual axis.
        name: Of the format, for notes.
        stated: See `choose_up`.
    """
    if options.get("frame") == "camera":
        return None, ()
    return choose_up(options.get("up"), global_orient, usual=usual, name=name, stated=stated)


def _others(up: Up) -> str:
    return " or ".join(other for other in get_args(Up) if other != up)


def against_camera(global_orient: np.ndarray, pelvis: np.ndarray) -> str | None:
    """Why most of these bodies cannot be before a camera (x right, y down, z forward), in words; None if they can.

    Args:
        global_orient: (T, 3) the roots.
        pelvis: (T, 3) metres.
    """
    upside_down = -_upward(global_orient)[:, 1] < _UPSIDE_DOWN
    return not_before_camera(pelvis) or _if_most(upside_down, "upside down before the camera")


def not_before_camera(pelvis: np.ndarray) -> str | None:
    """Why most of these bodies with a pelvis (T, 3), metres, are not before the camera; None if they are."""
    return _if_most(np.linalg.norm(pelvis, axis=1) < _INSIDE_M, "where the camera is") or _if_most(
        pelvis[:, 2] <= 0, "behind the camera"
    )


def _if_most(wrong: np.ndarray, what: str) -> str | None:
    return f"{what} in {int(wrong.sum())} of {len(wrong)} frames" if wrong.mean() > 0.5 else None


def _upward(global_orient: np.ndarray) -> np.ndarray:
    """(T, 3) the direction from the pelvis up the trunk."""
    upward: np.ndarray = rotvec_to_rotmat(global_orient.astype(np.float64))[..., 1]
    return upward
