"""Live input: one frame's arrays of keypoints, checked against what a stream takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from lsmplify_refine.engine.missing import without_missing
from lsmplify_refine.engine.targets import given_targets, image_targets
from lsmplify_refine.errors import InputError
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.layouts import layouts_of


def frame_keypoints(
    points: npt.ArrayLike, confidence: npt.ArrayLike | None, convention: str, *, is_3d: bool
) -> tuple[Keypoints, tuple[int, ...]]:
    """One frame's keypoints, with a row for each person, and the leading dimensions of the arrays.

    Args:
        points: (K, 2) pixels or (K, 3) metres, or the same of N people.
        confidence: (K,), or of N people; None for 1.
        convention: The keypoints' convention.
        is_3d: Whether metres are expected, rather than pixels.

    Raises:
        InputError: A shape does not fit; the message names the conventions that it would fit.
    """
    positions = np.asarray(points, dtype=np.float64)
    count, axes = len(CONVENTIONS[convention].points), 3 if is_3d else 2
    if positions.ndim not in (2, 3) or positions.shape[-2:] != (count, axes):
        unit = "metres" if is_3d else "pixels"
        raise InputError(
            f"points have shape {positions.shape}; this stream takes {convention} in {unit}: ({count}, {axes}) "
            f"or (people, {count}, {axes}){_hint(positions.shape, convention, is_3d)}"
        )
    people = positions.shape[:-2]
    weights = np.ones((*people, count)) if confidence is None else np.asarray(confidence, dtype=np.float64)
    if weights.shape != (*people, count):
        raise InputError(f"confidence has shape {weights.shape}; expected {(*people, count)}: one value per point")
    return Keypoints(convention, positions.reshape(-1, count, axes), weights.reshape(-1, count)), people


def _hint(shape: tuple[int, ...], convention: str, is_3d: bool) -> str:
    """What a wrong shape may mean."""
    if len(shape) < 2:
        return ""
    fitting = [layout.name for layout in layouts_of(shape[-2], tuple(CONVENTIONS))]
    if fitting and convention not in fitting:
        return f"; conventions of {shape[-2]} points: {', '.join(fitting)}"
    if is_3d and shape[-1] == 2:
        return "; for pixels, give the stream a camera"
    return "; for metres, make the stream without a camera" if not is_3d and shape[-1] == 3 else ""


def frame_targets(keypoints: Keypoints, camera: Camera | None) -> Targets:
    """The solver's observations of one frame; one camera for all people."""
    if camera is None:
        return given_targets(without_missing(keypoints))
    cameras = repeated(camera, len(keypoints.positions))
    return image_targets(without_missing(keypoints, cameras), cameras)


def repeated(camera: Camera, rows: int) -> Camera:
    """The same camera in every row."""
    return replace(camera, K=np.repeat(camera.K, rows, axis=0))
