"""The root in a world with a given vertical axis, from what an estimate has: its world, or a camera held level."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats.families import rest_pelvis
from lsmplify_refine.geometry.coordinates import Axes, axis_turn, move_body
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note


def root_in_world(
    estimate: Estimate, up: Literal["y", "z"], body: BodyModel | None = None
) -> tuple[np.ndarray, np.ndarray, list[Note]]:
    """Root rotation (T, 3) and `transl` (T, 3) in a world whose axis `up` is vertical, and notes on assumptions."""
    notes: list[Note] = []
    now: Axes = "camera"
    orient, transl = estimate.global_orient, estimate.transl
    if estimate.world is not None:
        orient, transl, now = estimate.world.global_orient, estimate.world.transl, estimate.world.up
    elif estimate.frame == "world":
        now = "y"
    else:
        notes.append(Note("camera-as-world", "the file has no world; a level camera is assumed and used as the world"))
    if now == up:
        return orient, transl, notes
    J0 = rest_pelvis(estimate.family, estimate.betas, body)
    orient, transl = move_body(orient, transl, J0, rotation=axis_turn(now, up), translation=np.zeros(3))
    return orient, transl, notes
