"""Distance between the rays of two cameras, which meet where both see the same point."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from lsmplify_refine.values.camera import CalibratedCamera

#: Rays with a smaller sine of the angle between them are parallel: they meet anywhere.
_MIN_SINE = 0.02


def ray_directions(
    camera: CalibratedCamera, pixels: Float[np.ndarray, "frames points 2"]
) -> Float[np.ndarray, "frames points 3"]:
    """Unit vectors from the camera through its pixels, in the world."""
    rays = camera.rays(pixels)
    inside = np.concatenate([rays, np.ones_like(rays[..., :1])], axis=-1)
    inside /= np.linalg.norm(inside, axis=-1, keepdims=True)
    there: np.ndarray = inside @ camera.R
    return there


def centre_of(camera: CalibratedCamera) -> Float[np.ndarray, " 3"]:
    """The camera's place in the world, metres."""
    centre: np.ndarray = -camera.R.T @ camera.t
    return centre


def rays_apart(
    start: Float[np.ndarray, " 3"],
    directions: Float[np.ndarray, "frames points 3"],
    other_start: Float[np.ndarray, " 3"],
    other_directions: Float[np.ndarray, "frames points 3"],
) -> Float[np.ndarray, "frames points"]:
    """Distance between the rays of two cameras, metres; infinite for parallel ones and for those that meet behind one.

    Args:
        start: Centre of the first camera, metres.
        directions: Unit directions of its rays.
        other_start: Centre of the other camera.
        other_directions: Unit directions of its rays.
    """
    across = np.cross(directions, other_directions)
    sine = np.linalg.norm(across, axis=-1)
    safe = np.maximum(sine, _MIN_SINE)
    between = other_start - start
    apart = np.abs(across @ between) / safe
    # where each ray is nearest to the other, in metres from its camera
    along = np.einsum("fpi,fpi->fp", np.cross(between, other_directions), across) / safe**2
    other_along = np.einsum("fpi,fpi->fp", np.cross(between, directions), across) / safe**2
    meets = (sine >= _MIN_SINE) & (along > 0) & (other_along > 0)
    return np.where(meets, apart, np.inf)
