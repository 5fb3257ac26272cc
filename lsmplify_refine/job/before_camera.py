"""Check that a body is before the camera that filmed it: a file of a world, taken as the camera's, is refused."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.registry import AdapterWithOptions, adapters
from lsmplify_refine.formats.world_axes import not_before_camera
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints

#: Length of the trunk from the pelvis up, metres; its direction in the image is what counts.
_TRUNK_M = 0.4
#: Trunks that point towards the camera or away from it by more than this have no direction in the image.
_MAX_ALONG_SIGHT = 0.8
#: The trunk is upside down if its direction in the image is more than 120 degrees from that of the keypoints.
_OPPOSITE = -0.5


def check_before_camera(estimate: Estimate) -> None:
    """Check an estimate in the camera's frame against its 2D keypoints.

    Raises:
        InputError: In most frames, the body is not before the camera, or is upside down against its keypoints.
    """
    keypoints, camera = estimate.keypoints, estimate.camera
    if keypoints is None or keypoints.is_3d or camera is None or estimate.frame == "world" or not estimate.posed:
        return
    pelvis = estimate.transl.astype(np.float64) + np.array(MEAN_REST_PELVIS[estimate.family])
    wrong = not_before_camera(pelvis) or _upside_down(estimate, pelvis, keypoints, camera.K)
    if wrong is None:
        return
    adapter = adapters().get(estimate.format)
    options = adapter.OPTIONS if isinstance(adapter, AdapterWithOptions) else {}
    cure = (
        f"if its coordinates are a world's, give --format {estimate.format}:frame=world"
        if "world" in options.get("frame", ())
        else "give the keypoints of this result, or a result in camera coordinates"
    )
    raise InputError(f"{estimate.source or 'estimate'}: person {estimate.track_id} is {wrong}; {cure}")


def _upside_down(estimate: Estimate, pelvis: np.ndarray, keypoints: Keypoints, K: np.ndarray) -> str | None:
    """Whether most trunks point the other way than in the keypoints, in words."""
    upward = rotvec_to_rotmat(estimate.global_orient.astype(np.float64))[..., 1]
    sight = pelvis / np.linalg.norm(pelvis, axis=1, keepdims=True)
    ends = project_to_image(np.stack([pelvis, pelvis + _TRUNK_M * upward], axis=1), K)
    own, seen = ends[:, 1] - ends[:, 0], _trunk(keypoints)
    lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(seen, axis=1)
    known = np.isfinite(lengths) & (lengths > 0) & (np.abs((sight * upward).sum(axis=1)) < _MAX_ALONG_SIGHT)
    if not known.any():
        return None
    cosine = (own[known] * seen[known]).sum(axis=1) / lengths[known]
    wrong = int((cosine < _OPPOSITE).sum())
    return f"upside down against its keypoints in {wrong} of {known.sum()} frames" if 2 * wrong > known.sum() else None


def _trunk(keypoints: Keypoints) -> np.ndarray:
    """(T, 2) from the middle of the hips to that of the shoulders, pixels; NaN where a side is missing."""
    names = CONVENTIONS[keypoints.convention].points
    points = np.where(keypoints.confidence[..., None] > 0, keypoints.positions, np.nan).astype(np.float64)
    ends = []
    for part in ("hip", "shoulder"):
        sides = [f"{side}_{part}" for side in ("left", "right")]
        if not set(sides) <= set(names):
            return np.full((len(points), 2), np.nan)
        ends.append(points[:, [names.index(side) for side in sides]].mean(axis=1))
    trunk: np.ndarray = ends[1] - ends[0]
    return trunk
