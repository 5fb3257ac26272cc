"""Map any convention's keypoints to the 25 BODY_25 points of the regressor's input.

A COCO hip is not the hip of BODY_25. Both may use the input of that name, because the body's own position of each point
is an input too. Points that a convention lacks are missing keypoints.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import torch

from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.conventions import BODY25, CONVENTIONS


def body25_skeleton(skeleton: Skeleton, body25: Skeleton, convention: str) -> Skeleton:
    """BODY_25's skeleton of the same shape, with the convention's own points where it has them."""
    places, rows = _places_and_rows(convention)
    changed = {}
    for name in ("points", "shares", "pose_points"):
        theirs, ours = getattr(skeleton, name), getattr(body25, name)
        if ours is not None:
            changed[name] = ours.index_copy(0, places.to(ours.device), theirs[rows.to(theirs.device)])
    return replace(body25, **changed)


def body25_targets(targets: Targets, convention: str) -> Targets:
    """The observations at the indices of BODY_25."""
    places, rows = _places_and_rows(convention)
    count, _, dimensions = targets.positions.shape
    positions = targets.positions.new_zeros(count, len(BODY25.points), dimensions)
    weights = targets.weights.new_zeros(count, len(BODY25.points))
    positions[:, places], weights[:, places] = targets.positions[:, rows], targets.weights[:, rows]
    return Targets(positions, weights)


@cache
def _places_and_rows(convention: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of the shared points in BODY_25 and in the convention."""
    points = CONVENTIONS[convention].points
    shared = [(place, points.index(name)) for place, name in enumerate(BODY25.points) if name in points]
    places, rows = zip(*shared)
    return torch.tensor(places), torch.tensor(rows)
