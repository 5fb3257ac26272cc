"""Missing keypoints: what stands for "not found", whatever confidence is written beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lsmplify_refine.engine.image_border import image_size, inset_px
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints

#: A point further outside the image than this share of its longer side is missing. No detector sees that far.
_FAR_OUTSIDE = 0.5


def without_missing(keypoints: Keypoints, camera: Camera | None = None) -> Keypoints:
    """Keypoints with missing points at the origin and confidence 0.

    Missing are placeholders (see `Keypoints.without_placeholders`), points far outside the image, and points that the
    body cannot follow.

    Args:
        keypoints: In pixels or in any 3D unit.
        camera: Tells the image size of 2D keypoints.
    """
    convention = CONVENTIONS[keypoints.convention]
    followed = np.array([point not in convention.unfollowed for point in convention.points])
    followed = np.broadcast_to(followed, keypoints.confidence.shape)
    found = _at_origin_if_missing(keypoints.without_placeholders().only(followed))
    size = image_size(camera, found) if camera is not None and not found.is_3d else None
    if size is None:
        return found
    return _at_origin_if_missing(found.only(inset_px(found.positions, size) >= -_FAR_OUTSIDE * max(size)))


def _at_origin_if_missing(keypoints: Keypoints) -> Keypoints:
    there = keypoints.confidence[..., None] > 0
    return replace(keypoints, positions=np.where(there, keypoints.positions, 0.0).astype(keypoints.positions.dtype))
