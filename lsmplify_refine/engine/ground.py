"""Ground: the input in the estimate's world, which of its feet stand there, and how the feet of a motion do on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import uniform_filter1d

from lsmplify_refine.engine.contact import contact_probability
from lsmplify_refine.engine.motion import without_jitter
from lsmplify_refine.engine.refinement import BodyTrack, StandingFeet
from lsmplify_refine.engine.targets import betas_on_body, rest_pelvis
from lsmplify_refine.geometry.metrics import (
    floor_spread_cm,
    foot_slide_cm_per_s,
    jitter_10m_per_s3,
    slides_cm_per_s,
)
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.geometry.smoothing import odd_window, segments
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.smpl_joints import FEET, JOINTS

_AXIS = {"y": 1, "z": 2}
#: Slides are compared over windows of this length, seconds.
_SLIDE_SECONDS = 2.0
#: How much faster than in the input standing feet may slide: a factor, and an invisible cm/s.
_SLIDE_SLACK, _SLIDE_SLACK_CM_PER_S = 1.2, 0.5
#: Feet that stand for less than this in a window, seconds of one foot, show little of how they slide.
_MIN_STANDING_SECONDS = 0.5


@dataclass(frozen=True)
class Ground:
    """The input in its world: what the feet of the refined motion are compared with.

    It is on the body that the file itself has, or a mean one: a size that was fitted to the image absorbs the camera's
    error, and the file keeps its own.

    Attributes:
        root: The world root, as read.
        up: Index of the vertical axis.
        track: The input in the world.
        calm: The same without its jitter.
        still: Probability that each foot stands on the ground from one frame to the next.
    """

    root: WorldRoot
    up: int
    track: BodyTrack
    calm: BodyTrack
    still: Float[np.ndarray, "frames 4"]


def ground_of(
    estimate: Estimate, before: BodyTrack, calm: BodyTrack, fps: float, bias_hz: float | None
) -> Ground | None:
    """The input in its world; None without a world, or if its 3D keypoints are in that world.

    Args:
        estimate: The input.
        before: The input on the engine's body.
        calm: The same without its jitter.
        fps: Frames per second.
        bias_hz: See `engine.motion.without_jitter`.
    """
    in_space = estimate.keypoints is not None and estimate.keypoints.is_3d
    root = estimate.world
    if estimate.frame == "world":
        root = root or WorldRoot(estimate.global_orient, estimate.transl)
        # keypoints in the world show the feet themselves
        root = None if in_space else root
    if root is None:
        return None
    rotations = before.rotations.astype(np.float64)
    rotations[:, 0] = rotvec_to_rotmat(root.global_orient)
    pelvis = root.transl.astype(np.float64) + rest_pelvis(estimate, before.body)
    track = BodyTrack(before.body, rotations, pelvis, betas_on_body(estimate, before.body))
    quiet = _without_jitter(track, calm, estimate.frame_ids, fps, bias_hz)
    up = _AXIS[root.up]
    still = estimate.contacts
    if still is None:
        rest = rest_joints_of(track)[list(FEET), 1]
        still = contact_probability(quiet.joints()[:, FEET], rest, up=up, frame_ids=estimate.frame_ids, fps=fps)
    return Ground(root, up, track, quiet, still)


def _without_jitter(
    track: BodyTrack, calm: BodyTrack, frame_ids: Int[np.ndarray, " frames"], fps: float, bias_hz: float | None
) -> BodyTrack:
    """A track in the world without its jitter: the joints' is gone in `calm`, root and path have their own."""
    root = Pose(torch.as_tensor(track.rotations[:, :1]), torch.as_tensor(track.pelvis))
    quiet = without_jitter(root, frame_ids=frame_ids, fps=fps, is_image=False, bias_hz=bias_hz)
    rotations = np.concatenate([quiet.rotations.numpy(), calm.rotations[:, 1:]], 1)
    return replace(track, rotations=rotations, pelvis=quiet.pelvis.numpy())


def world_metrics(
    world: BodyTrack, ground: Ground, frame_ids: Int[np.ndarray, " frames"], fps: float
) -> dict[str, float]:
    """Slide of the feet, spread of the floor, and jitter of a track in the world, by name with unit.

    Args:
        world: The track in the world.
        ground: The input there, and which feet stand.
        frame_ids: Video frame of each row.
        fps: Frames per second.
    """
    joints = world.joints()[:, :JOINTS]
    feet = joints[:, FEET]
    return {
        "foot_slide_cm_per_s": foot_slide_cm_per_s(feet, ground.still, frame_ids, fps, up=ground.up),
        "floor_spread_cm": floor_spread_cm(feet, up=ground.up),
        "jitter_10m_per_s3_world": jitter_10m_per_s3(joints, frame_ids, fps),
    }


def standing_feet(world: BodyTrack, ground: Ground, frame_ids: Int[np.ndarray, " frames"], fps: float) -> StandingFeet:
    """Which feet stand from each frame to the next, and how fast they slide in the input and in a refined track."""
    before, after = (_slides(track, ground, frame_ids, fps) for track in (ground.track, world))
    # the last frame has no next one
    slides = [np.pad(each, ((0, 1), (0, 0)), constant_values=np.nan) for each in (before, after)]
    return StandingFeet(np.isfinite(slides[0]), *slides)


def slides_more(
    world: BodyTrack, ground: Ground, frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Bool[np.ndarray, " frames"]:
    """Frames about which standing feet slide faster than in the input."""
    now, before = (_mean_slide(track, ground, frame_ids, fps) for track in (world, ground.track))
    return now > _SLIDE_SLACK * before + _SLIDE_SLACK_CM_PER_S


def _slides(
    track: BodyTrack, ground: Ground, frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, "steps 4"]:
    """Speed along the ground of each foot that stands from a frame to the next, cm/s; NaN for others."""
    return slides_cm_per_s(track.joints()[:, FEET], ground.still, frame_ids, fps, up=ground.up)


def _mean_slide(
    track: BodyTrack, ground: Ground, frame_ids: Int[np.ndarray, " frames"], fps: float
) -> Float[np.ndarray, " frames"]:
    """Mean speed of standing feet over a window about each frame, cm/s; not across gaps."""
    speeds = _slides(track, ground, frame_ids, fps)
    stands = np.isfinite(speeds)
    means = np.zeros(len(track))
    width = odd_window(_SLIDE_SECONDS, fps)
    for rows in segments(frame_ids):
        steps = slice(rows.start, rows.stop - 1)
        total, count = (
            width * uniform_filter1d(np.append(values[steps].sum(1), 0.0), width, mode="constant")
            for values in (np.where(stands, speeds, 0.0), stands.astype(np.float64))
        )
        means[rows] = total / np.maximum(count, _MIN_STANDING_SECONDS * fps)
    return means


def rest_joints_of(track: BodyTrack) -> Float[np.ndarray, "joints 3"]:
    """Rest joints relative to the pelvis, metres."""
    joints: np.ndarray = track.body.skeleton(None, track.betas, track.scale).rest_joints.double().numpy()
    return joints
