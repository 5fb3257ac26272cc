"""View: keypoints and the body's own points side by side in metres."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from lsmplify_refine.geometry.projection import points_to_rays
from lsmplify_refine.solver.problem import Targets


@dataclass(frozen=True)
class View:
    """Keypoints and the body's own points in metres; those of an image in the plane at the body's depth (T, 1)."""

    positions: Float[np.ndarray, "frames points dimensions"]
    body: Float[np.ndarray, "frames points dimensions"]
    depth: Float[np.ndarray, "frames 1"]


def on_body(targets: Targets, points: Float[np.ndarray, "frames points 3"]) -> View:
    """The view of targets and of the estimate's keypoints, metres, in the targets' frame."""
    positions = targets.positions.double().numpy()
    if not targets.is_image:
        return View(positions, points, np.ones((len(points), 1)))
    rays, depths = points_to_rays(torch.as_tensor(points))
    depth = np.median(depths[..., 0].numpy(), axis=1, keepdims=True)
    return View(positions * depth[..., None], rays.numpy() * depth[..., None], depth)
