"""Trust: how much each keypoint counts, by its confidence, the image border, the body, and its neighbours in time."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Real
from scipy.ndimage import median_filter

from lsmplify_refine.engine import guesses
from lsmplify_refine.engine.image_border import image_size, inset_px
from lsmplify_refine.engine.limbs import bones, points_of
from lsmplify_refine.engine.view import View, on_body
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.robust import robust_weight
from lsmplify_refine.geometry.smoothing import odd_window, segments
from lsmplify_refine.solver.gauss_newton import residuals
from lsmplify_refine.solver.problem import Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.keypoints import Keypoints

#: A detection that jumps this far from its neighbours in time is an outlier, metres on the body.
_CONSISTENCY_RADIUS_M = 0.1
_CONSISTENCY_SECONDS = 0.3
#: Detectors differ in what they call confident. Their own upper quartile is the scale.
_USUAL_PERCENTILE = 75.0
#: Confidence below this share of the usual one counts less: by the square of the ratio.
_FULL_SHARE = 0.8
#: Keypoints whose weight falls below this count as missing.
_MIN_WEIGHT = 0.05


def trusted(
    targets: Targets,
    keypoints: Keypoints,
    points: Float[np.ndarray, "frames points 3"],
    camera: Camera | None,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
) -> Targets:
    """The observations with weights by how far each can be trusted.

    Args:
        targets: The observations, weighed by their confidence alone.
        keypoints: The same as keypoints.
        points: The estimate's keypoints, metres, in the targets' frame.
        camera: Of 2D keypoints; its image border is known from it.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    confidence = targets.weights.double().numpy()
    usual = usual_confidence(confidence)
    observed = distrust_guesses(targets, keypoints, points, camera, frame_ids, fps, usual)
    steep = np.where(observed > 0, observed * steepness(confidence, usual), 0.0)
    weighed = Targets(targets.positions, torch.as_tensor(np.where(steep < _MIN_WEIGHT, 0.0, steep)).float())
    return distrust_outliers(weighed, points, frame_ids, fps)


def trust_kept(given: Targets, trusted: Targets) -> Float[np.ndarray, "frames points"]:
    """Share of each confident point's weight that `trusted` keeps; 1 for other points."""
    confidence = given.weights.double().numpy()
    full = confidence * steepness(confidence, usual_confidence(confidence))
    kept: np.ndarray = trusted.weights.double().numpy() / np.maximum(full, _MIN_WEIGHT)
    return np.where(full < _MIN_WEIGHT, 1.0, np.minimum(kept, 1.0))


def usual_confidence(confidence: Real[np.ndarray, "frames points"]) -> float:
    """The usual confidence of a track's visible keypoints; 1 if no keypoint has any."""
    found = confidence[confidence > 0]
    return float(np.percentile(found, _USUAL_PERCENTILE)) if len(found) else 1.0


def steepness(confidence: Real[np.ndarray, "*batch"], usual: float) -> Float[np.ndarray, "*batch"]:
    """The factor on a keypoint's weight by which low confidence counts less than in proportion."""
    factor: np.ndarray = np.minimum(confidence / (_FULL_SHARE * usual), 1.0) ** 2
    return factor


def distrust_guesses(
    targets: Targets,
    keypoints: Keypoints,
    points: Float[np.ndarray, "frames points 3"],
    camera: Camera | None,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    usual: float,
) -> Float[np.ndarray, "frames points"]:
    """Weights without what a detector only guessed (see `guesses`).

    Args:
        targets: The observations.
        keypoints: Their keypoints.
        points: The estimate's own keypoints, metres.
        camera: For 2D keypoints.
        frame_ids: Video frame of each row.
        fps: Frames per second.
        usual: The detector's usual confidence.
    """
    confidence = targets.weights.double().numpy()
    seen = confidence > 0
    certain = guesses.certainty(confidence, usual)
    view = on_body(targets, points)
    trust = guesses.off_line(view.positions, view.body, seen, certain, keypoints.convention)
    trust = np.minimum(trust, guesses.bone_lengths(view.positions, _bone_lengths(view, points, seen, keypoints), seen))
    size = image_size(camera, keypoints) if camera is not None and targets.is_image else None
    if camera is not None and size is not None:
        per_px = view.depth / camera.K[:, :1, 0]
        inset, body_inset = (
            inset_px(pixels, size) * per_px for pixels in (keypoints.positions, project_to_image(points, camera.K))
        )
        trust = np.minimum(trust, guesses.inside_border(inset, body_inset, certain))
    weights: np.ndarray = confidence * guesses.lasting(trust, frame_ids, fps)
    return weights


def _bone_lengths(
    view: View,
    points: Float[np.ndarray, "frames points 3"],
    seen: Bool[np.ndarray, "frames points"],
    keypoints: Keypoints,
) -> dict[tuple[int, int], Float[np.ndarray, " frames"]]:
    """Length of each bone as the view can show it, metres, for a person of the size of the keypoints' trunk."""
    trunk = points_of(keypoints.convention, "shoulders") + points_of(keypoints.convention, "hips")
    ratio = 1.0
    whole = seen[:, trunk].all(1)
    if len(trunk) > 2 and whole.any():
        found, expected = (
            float(np.median(np.linalg.norm(np.ptp(each[whole][:, trunk], axis=1), axis=-1)))
            for each in (view.positions, view.body)
        )
        ratio = found / max(expected, 1e-6)
    lengths = {}
    for parent, child in bones(keypoints.convention):
        nearness = 1.0
        if not keypoints.is_3d:
            nearest = np.maximum(points[:, [parent, child], 2].min(1), 0.25 * view.depth[:, 0])
            nearness = view.depth[:, 0] / nearest
        lengths[parent, child] = np.linalg.norm(points[:, parent] - points[:, child], axis=-1) * nearness * ratio
    return lengths


def distrust_outliers(
    targets: Targets, points: Float[np.ndarray, "frames points 3"], frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Targets:
    """Down-weight detections that jump away from their neighbours in time.

    An estimator's error lasts for a while: target minus estimate changes slowly. A detection whose difference is far
    from its point's running median is an outlier, however confident.

    Args:
        targets: The observations.
        points: The estimate's keypoints, metres, in the targets' frame.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    residual = residuals(torch.as_tensor(points).float(), targets)[0].numpy()
    seen = targets.weights.numpy() > 0
    window = odd_window(_CONSISTENCY_SECONDS, fps)
    jump = np.zeros(seen.shape)
    for rows in segments(frame_ids):
        for k in range(seen.shape[1]):
            index = np.flatnonzero(seen[rows, k]) + rows.start
            track = residual[index, k]
            if len(index):
                jump[index, k] = np.linalg.norm(track - median_filter(track, size=(window, 1), mode="nearest"), axis=-1)
    trust = robust_weight((jump / _CONSISTENCY_RADIUS_M) ** 2)
    return Targets(targets.positions, targets.weights * torch.as_tensor(trust).float())
