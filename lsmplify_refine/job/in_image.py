"""Where an estimate's own keypoints are in the image, also if its camera's pose is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.camera_pose import recover_camera
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.detections import Detections
from lsmplify_refine.job.matching import distances
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints

#: Maximum number of tracks that a camera is tried on, if the result does not say where its people are in the image.
_MAX_CAMERA_TRIALS = 4
#: Tracks with less than this share of the longest one's evidence are not tried: a few frames fit anybody.
_MIN_EVIDENCE = 0.2
#: Two tracks joined fit as well as one if the distance grows by less than this factor.
_JOINED_RATIO = 1.3


def points_in_image(person: Estimate, detections: Detections, at: np.ndarray, body: BodyModel) -> np.ndarray:
    """(T, K, 2) pixels of an estimate's own keypoints; NaN if they are unknown.

    Args:
        person: With camera and frame rate, see `job.inputs.place`.
        detections: They tell where people in world coordinates are in the image.
        at: (T,) the person's frames among those of the detections.
        body: The body model.
    """
    assert person.camera is not None and person.fps is not None  # see `place`
    points, K = _own_points(person, detections.keypoints.convention, body), person.camera.K
    if person.frame == "camera":
        return np.where(points[..., 2:] > 0, project_to_image(points, K), np.nan)
    here = np.isin(detections.at, at)
    evidence = np.bincount(detections.tracks[here], detections.keypoints.confidence[here].sum(axis=1))
    order = np.argsort(-evidence, kind="stable")[:_MAX_CAMERA_TRIALS]
    tried = [int(track) for track in order if evidence[track] > _MIN_EVIDENCE * evidence[order[0]]]
    tracks = [_rows(detections.track(track), at) for track in tried]
    return _through_found_camera(points, tracks, K, person.fps) if tracks else np.full((*points.shape[:2], 2), np.nan)


def _through_found_camera(points: np.ndarray, tracks: Sequence[Keypoints], K: np.ndarray, fps: float) -> np.ndarray:
    """(T, K, 2) pixels of world points (T, K, 3), whose place in the image is unknown.

    The person's track is the one that fits best under some camera. The detector may have lost the person for a while:
    other tracks that fit as well in the missing frames belong to the same person.

    The refiner also recovers a camera, but from other inputs: the person's matched and resampled keypoints, and the
    person's own shape. Here whole candidate tracks are tried on the mean shape.
    """
    views = [_view(points, track, K, fps) for track in tracks]
    best = min(views, key=lambda view: view.apart)
    for view in views:
        missing = best.track.confidence.max(axis=1, keepdims=True) <= 0
        joined = replace(
            best.track,
            positions=np.where(missing[..., None], view.track.positions, best.track.positions),
            confidence=np.where(missing, view.track.confidence, best.track.confidence),
        )
        both = _view(points, joined, K, fps) if missing.any() and view is not best else best
        best = both if both.apart < _JOINED_RATIO * best.apart else best
    return best.pixels


@dataclass(frozen=True)
class _View:
    """World points seen by the camera under which they fit a track.

    Attributes:
        track: The track.
        pixels: (T, K, 2).
        apart: Mean distance between them.
    """

    track: Keypoints
    pixels: np.ndarray
    apart: float


def _view(points: np.ndarray, track: Keypoints, K: np.ndarray, fps: float) -> _View:
    try:
        rotation, translation = recover_camera(points, track, K, fps)
    except InputError:  # too few keypoints
        return _View(track, np.full((*points.shape[:2], 2), np.nan), np.inf)
    pixels = project_to_image(np.einsum("tij,tkj->tki", rotation, points) + translation[:, None], K)
    apart = distances(track.positions, track.confidence, pixels)
    return _View(track, pixels, float(apart[np.isfinite(apart)].mean()))


def _own_points(estimate: Estimate, convention: str, body: BodyModel) -> np.ndarray:
    """(T, K, 3) the estimate's own keypoints on the mean shape, metres."""
    pose = pose_on_body(estimate, body)
    return body.keypoints(convention, pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(body.num_betas))


def _rows(keypoints: Keypoints, rows: np.ndarray) -> Keypoints:
    return replace(keypoints, positions=keypoints.positions[rows], confidence=keypoints.confidence[rows])
