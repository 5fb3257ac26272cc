"""Carried points: move 3D points with the bones of the body that they lie on.

A file that holds keypoints instead of parameters gets its own points back, moved as the body was. So what the body does
not have (the bend of a finger, a rounder shoulder) stays as the estimator saw it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int

from lsmplify_refine.body import skinning
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.smoothing import smooth
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints

#: Bones that move a point by less than this share do not count.
_MIN_SHARE = 0.01
#: Points that move by less than this keep their bits, metres.
_SAME_M = 1e-5


def carried(
    points: Keypoints,
    fitted: BodyTrack,
    after: BodyTrack,
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    seconds: float,
) -> Keypoints:
    """3D points, each moved with the bones that carry the body's point of that name.

    A point's place on its bone is the estimator's bias, and changes slowly; what changes fast is jitter. Points that
    the body cannot follow, such as finger tips, keep their own motion.

    Args:
        points: In the tracks' coordinates, metres.
        fitted: The body that was fitted to them.
        after: The same body, refined.
        frame_ids: (T,) video frame of each row.
        fps: Frames per second.
        seconds: How long a bias stays: standard deviation of the low-pass of a point's place on its bone.
    """
    convention = CONVENTIONS[points.convention]
    free = np.array([name in convention.unfollowed for name in convention.points])
    shares = fitted.body.skeleton(convention.name, fitted.betas, fitted.scale).shares.double().numpy()
    shares = np.where(shares < _MIN_SHARE, 0.0, shares)
    shares /= shares.sum(axis=1, keepdims=True)
    moved = np.zeros(points.positions.shape)
    for bone, old, new in zip(shares.T, _bones(fitted), _bones(after), strict=True):
        here = bone > 0
        if not here.any():
            continue
        offset = points.positions[:, here] - old[:, None, :3, 3]
        place = np.einsum("tji,tkj->tki", old[:, :3, :3], offset)
        place = np.where(free[here, None], place, smooth(place, frame_ids, fps, seconds))
        turned = np.einsum("tij,tkj->tki", new[:, :3, :3], place) + new[:, None, :3, 3]
        moved[:, here] += bone[here, None] * turned
    keeps = (points.confidence <= 0) | (np.abs(moved - points.positions).max(axis=-1) < _SAME_M)
    return replace(points, positions=np.where(keeps[..., None], points.positions, moved))


def _bones(track: BodyTrack) -> Float[np.ndarray, "joints frames 4 4"]:
    """Transforms of the bones, from each bone's axes to the track's coordinates."""
    skeleton = track.body.skeleton(None, track.betas, track.scale)
    bones = skinning.pose_bones(skeleton, torch.as_tensor(track.rotations).float()).double().numpy()
    bones[..., :3, 3] += track.pelvis[:, None]
    placed: np.ndarray = bones.swapaxes(0, 1)
    return placed
