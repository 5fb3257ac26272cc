"""Standing: the refined motion in the estimate's world, with feet that stand as they stood in the input.

An image does not show how a person moves over the ground, and an estimator's world root is not rigidly tied to its
camera root (0.6-2.9 degrees of drift for a still camera in real files). So the world root gets the camera root's
*change*, in the body's own frame, and the pelvis keeps its path, until its feet show that it cannot: a foot that stood
in the input keeps the input's motion along the ground, and its height. The root's path gives way first, then the legs
(see `solver.feet`). Nothing is locked that the input did not lock: a foot that slid goes on sliding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from lsmplify_refine.engine.contact import steadied
from lsmplify_refine.engine.gate import EASE_SECONDS, ease
from lsmplify_refine.engine.ground import (
    Ground,
    ground_of,
    rest_joints_of,
    slides_more,
    standing_feet,
    world_metrics,
)
from lsmplify_refine.engine.joint_limits import beyond_range
from lsmplify_refine.engine.refinement import BodyTrack, StandingFeet
from lsmplify_refine.engine.scoring import gate_error
from lsmplify_refine.engine.track import Track
from lsmplify_refine.geometry.metrics import (
    confidence_weighted_mean,
    keypoint_errors,
)
from lsmplify_refine.geometry.rotations import nearest_rotvec
from lsmplify_refine.geometry.smoothing import segments
from lsmplify_refine.solver.feet import ACROSS_VIEW_M, ALONG_VIEW_M, FootGoals, follow_ground
from lsmplify_refine.solver.legs import LEG_JOINTS, pose_legs
from lsmplify_refine.values.estimate import Estimate, WorldRoot

#: How much the mean keypoint error may rise for the feet, as a factor.
_MAX_RISE = 1.05
#: How much further a leg's joint may be bent beyond its range, radians.
_ANGLE_SLACK = np.radians(1.0)
#: How much more stiffly they are, if the mean error rises too much.
_STIFFER = 8.0
#: How often the legs are solved again, more stiffly, if a frame or the track gets worse.
_TRIES = 6


@dataclass(frozen=True)
class Standing:
    """A refined motion whose feet stand as the input's.

    Attributes:
        after: The refined track, its legs turned.
        root: The refined root in the estimate's world; None if it has no world but the track's own.
        metrics: Stage -> metrics of the motion in the world; empty without one.
        slides: Frames about which standing feet slide faster than in the input; None without a world.
        feet: How the feet stand; None without a world.
    """

    after: BodyTrack
    root: WorldRoot | None = None
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    slides: Bool[np.ndarray, " frames"] | None = None
    feet: StandingFeet | None = None


def keep_feet(
    estimate: Estimate,
    track: Track,
    before: BodyTrack,
    calm: BodyTrack,
    after: BodyTrack,
    may_turn: Float[np.ndarray, " frames"],
    *,
    fps: float,
    bias_hz: float | None,
) -> Standing:
    """Let feet that stood in the input stand in the refined motion too.

    Args:
        estimate: The input.
        track: Its keypoints, and their camera.
        before: The input on the engine's body.
        calm: The same without its jitter.
        after: The refined track on the same body.
        may_turn: Share of a turn that each frame's legs may get.
        fps: Frames per second.
        bias_hz: See `engine.motion.without_jitter`.
    """
    ground = ground_of(estimate, before, calm, fps, bias_hz)
    if ground is None:
        return Standing(after)
    changed = _changed_runs(before, after, estimate.frame_ids)
    world = _carried(ground, calm, after, changed)
    if changed.any():
        still = np.where(changed[:, None], ground.still, 0.0)
        after, world = _stand(estimate, track, replace(ground, still=still), before, after, world, may_turn, fps)
    stages = {"input": ground.track, "calibrated": ground.track, "refined": world}
    metrics = {name: world_metrics(stage, ground, estimate.frame_ids, fps) for name, stage in stages.items()}
    slides = slides_more(world, ground, estimate.frame_ids, fps)
    feet = standing_feet(world, ground, estimate.frame_ids, fps)
    return Standing(after, _root(ground, world), metrics, slides, feet)


def _stand(
    estimate: Estimate,
    track: Track,
    ground: Ground,
    before: BodyTrack,
    after: BodyTrack,
    world: BodyTrack,
    may_turn: Float[np.ndarray, " frames"],
    fps: float,
) -> tuple[BodyTrack, BodyTrack]:
    """Solve for root path and legs, more stiffly where a frame or the whole track would get worse."""
    rest = rest_joints_of(ground.track)
    feet = pose_legs(rest, ground.track.rotations).feet + ground.track.pelvis[:, None]
    feet = steadied(feet, ground.still, up=ground.up, frame_ids=estimate.frame_ids, fps=fps)
    sight = _sight(after, world, is_image=not track.keypoints.is_3d)
    goals = FootGoals(feet, ground.still, ground.up, sight, may_turn)
    was, mean = _errors(after, track)
    limit = np.maximum(_errors(before, track)[0], was)
    ranges = (beyond_range(stage.rotations)[:, LEG_JOINTS] for stage in (before, after))
    bent = np.maximum(*ranges) + _ANGLE_SLACK
    allowed, frame_ids = may_turn, estimate.frame_ids
    for left in reversed(range(_TRIES)):
        shift, turned = follow_ground(rest, world.rotations, world.pelvis, goals, frame_ids=frame_ids, fps=fps)
        legs = after.rotations.copy()
        legs[:, LEG_JOINTS] = turned[:, LEG_JOINTS]
        found = replace(after, rotations=legs)
        error, found_mean = _errors(found, track)
        worse = (error > limit) | (beyond_range(legs)[:, LEG_JOINTS] > bent).any(1)
        rises = found_mean > _MAX_RISE * mean
        if not (worse & (goals.give > 0)).any() and not rises:
            break
        # half a turn first, then none; at last only the root's path gives way
        kept = 0.5 if left > _TRIES - 3 else 0.0
        allowed = np.where(worse, kept * allowed, allowed) if left > 1 else np.zeros(len(allowed))
        sight = goals.sight * (_STIFFER if rises else 1.0)
        goals = replace(goals, give=ease(allowed, frame_ids, fps, EASE_SECONDS), sight=sight)
    return found, replace(world, rotations=turned, pelvis=world.pelvis + shift)


def _errors(posed: BodyTrack, track: Track) -> tuple[Float[np.ndarray, " frames"], float]:
    """Keypoint error of each frame, as the gate compares it, and their plain mean, as the user sees it."""
    points, keypoints = posed.keypoints(track.keypoints.convention), track.keypoints
    mean = confidence_weighted_mean(keypoint_errors(points, track.camera, keypoints), keypoints.confidence)
    return gate_error(points, track.camera, keypoints, track.targets), mean


def _root(ground: Ground, world: BodyTrack) -> WorldRoot:
    """The world root of a refined track in the world; unchanged frames keep the input's bits."""
    old = ground.root
    turned = nearest_rotvec(world.rotations[:, 0], old.global_orient).astype(old.global_orient.dtype)
    same = (world.rotations[:, 0] == ground.track.rotations[:, 0]).all((1, 2))
    transl = old.transl.copy(order="K")
    transl += (world.pelvis - ground.track.pelvis).astype(transl.dtype)
    return WorldRoot(np.where(same[:, None], old.global_orient, turned), transl, old.up)


def _carried(ground: Ground, calm: BodyTrack, after: BodyTrack, changed: Bool[np.ndarray, " frames"]) -> BodyTrack:
    """The refined track in the world: its root gets the change of the camera root, its pelvis keeps its path.

    Frames of runs that nothing changed stay as they were read.
    """
    change = np.swapaxes(calm.rotations[:, 0], -1, -2).astype(np.float64) @ after.rotations[:, 0]
    old = ground.calm.rotations[:, 0]
    root = np.where(_moved(calm, after)[:, None, None], old @ change, old)
    rotations = after.rotations.astype(np.float64)
    rotations[:, 0] = np.where(changed[:, None, None], root, ground.track.rotations[:, 0])
    pelvis = np.where(changed[:, None], ground.calm.pelvis, ground.track.pelvis)
    return replace(ground.track, rotations=rotations, pelvis=pelvis)


def _moved(before: BodyTrack, after: BodyTrack) -> Bool[np.ndarray, " frames"]:
    """Which frames differ."""
    moved: np.ndarray = (after.rotations != before.rotations).any((1, 2, 3))
    return moved


def _changed_runs(
    before: BodyTrack, after: BodyTrack, frame_ids: Int[np.ndarray, " frames"]
) -> Bool[np.ndarray, " frames"]:
    """Frames of the gapless runs in which something changed; feet in other runs stay unchanged."""
    moved, changed = _moved(before, after), np.zeros(len(after), dtype=bool)
    for rows in segments(frame_ids):
        changed[rows] = moved[rows].any()
    return changed


def _sight(after: BodyTrack, world: BodyTrack, *, is_image: bool) -> Float[np.ndarray, "frames 3 3"]:
    """Inverse covariance of how far legs may move, in the world: less across the view, which the image shows."""
    across = np.broadcast_to(np.eye(3) / ACROSS_VIEW_M**2, (len(after), 3, 3))
    if not is_image:
        return across
    to_world = world.rotations[:, 0] @ np.swapaxes(after.rotations[:, 0], -1, -2)
    ray = (to_world @ (after.pelvis / np.linalg.norm(after.pelvis, axis=1, keepdims=True))[..., None])[..., 0]
    along = ray[:, :, None] * ray[:, None, :]
    sight: np.ndarray = across + along * (1 / ALONG_VIEW_M**2 - 1 / ACROSS_VIEW_M**2)
    return sight
