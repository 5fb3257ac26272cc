"""The stages of one track: fit the body's shape, correct the motion, judge the correction, and write the result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.bias_rate import bias_seconds_of
from lsmplify_refine.engine.carried_points import carried
from lsmplify_refine.engine.correct import apply_correction, correct, correction_to, default_prior
from lsmplify_refine.engine.doubt import doubt_keypoints
from lsmplify_refine.engine.gate import FrameScores, gate, limit_joints
from lsmplify_refine.engine.hands import follow_hands
from lsmplify_refine.engine.held_feet import HeldFeet, hold_feet
from lsmplify_refine.engine.jitter_check import without_lost_motion
from lsmplify_refine.engine.motion import without_jitter
from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.engine.scoring import frame_scores, track_metrics
from lsmplify_refine.engine.shape import FittedShape, shape_of_track
from lsmplify_refine.engine.standing import Standing, keep_feet
from lsmplify_refine.engine.targets import betas_on_body
from lsmplify_refine.engine.track import Track, make_track
from lsmplify_refine.engine.unseen_legs import keep_unseen_legs
from lsmplify_refine.engine.write_back import write_back
from lsmplify_refine.options import DEFAULT_FPS, Align
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note


@dataclass(frozen=True)
class ShapedTrack:
    """A track on the body that was fitted to it: what the later stages work on.

    Attributes:
        estimate: The input.
        body: The body model.
        track: The input on that body, with its keypoints.
        shape: The fitted shape.
        skeleton: The shaped body with the keypoints' convention.
        start: The track's pose after the shape fit.
        fps: Frames per second.
        bias_hz: How fast the estimate's bias may change (see `correct`); None fits each frame on its own.
        notes: About the shape.
    """

    estimate: Estimate
    body: BodyModel
    track: Track
    shape: FittedShape
    skeleton: Skeleton
    start: Pose
    fps: float
    bias_hz: float | None
    notes: tuple[Note, ...]

    @property
    def convention(self) -> str:
        """The keypoints' convention."""
        return self.track.keypoints.convention

    @property
    def frame_ids(self) -> Int[np.ndarray, " frames"]:
        """Video frame of each row."""
        return self.estimate.frame_ids

    def scores(self, pose: Pose) -> FrameScores:
        """What the gate compares, for a pose of the shaped body."""
        return frame_scores(self.skeleton, pose, self.track, self.frame_ids, self.fps)

    def body_track(self, pose: Pose) -> BodyTrack:
        """A pose of the shaped body."""
        return _body_track(self.body, pose, self.shape)


def shape_track(
    estimate: Estimate, body: BodyModel, *, align: Align, device: str, bias_hz: float | None
) -> ShapedTrack:
    """Put an estimate on the engine's body, align its keypoints with it, and fit the shape.

    Args:
        estimate: With keypoints, and with a camera if they are 2D.
        body: The engine's body.
        align: How to align 3D keypoints with the estimate.
        device: Where to compute.
        bias_hz: See `ShapedTrack`.

    Raises:
        InputError: Keypoints or camera are missing, or do not fit the estimate.
    """
    fps = estimate.fps or DEFAULT_FPS
    track = make_track(estimate, body, fps=fps, align=align)
    shape, notes = shape_of_track(estimate, body, track)
    start = track.pose.shifted(shape.offset).to(device)
    skeleton = body.skeleton(track.keypoints.convention, shape.betas, shape.scale, device=device)
    return ShapedTrack(estimate, body, track, shape, skeleton, start, fps, bias_hz, notes)


def refine_shaped(
    shaped: ShapedTrack,
    regressor: Callable[[Pose, Targets], Pose] | None,
    *,
    alone: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Refinement:
    """Run the stages that follow the shape fit.

    Args:
        shaped: The track.
        regressor: Predicts poses from starts and keypoints; None for the projection alone.
        alone: Whether the estimate was itself fitted to its keypoints.
        progress: Called with (steps done, steps in all).
    """
    seen = shaped.track.targets.to(shaped.start.pelvis.device)
    refined = correct(
        shaped.skeleton,
        shaped.start,
        seen,
        default_prior(shaped.skeleton, seen),
        frame_ids=shaped.frame_ids,
        fps=shaped.fps,
        bias_hz=shaped.bias_hz,
        regressor=regressor,
        alone=alone,
        progress=progress,
    )
    as_input = shaped.scores(shaped.start)
    correction = _correction(shaped, refined, as_input)
    held = _judge(shaped, correction, as_input)
    return _result(shaped, held)


@dataclass(frozen=True)
class _Correction:
    """The correction from the input without its jitter to the refined motion.

    Attributes:
        base: The input without its jitter, so that uncorrected frames lose it too.
        turn: Rotation of each joint, rotation vectors.
        shift: Of the pelvis, metres.
        limited: Per frame which joints were limited, or "".
    """

    base: Pose
    turn: Float[np.ndarray, "frames joints 3"]
    shift: Float[np.ndarray, "frames 3"]
    limited: list[str]

    def at(self, share: Float[np.ndarray, " frames"]) -> Pose:
        """The motion with a share of the correction."""
        return apply_correction(self.base, self.turn, self.shift, share)


def _correction(shaped: ShapedTrack, refined: Pose, as_input: FrameScores) -> _Correction:
    """The correction to a refined motion, without what unseen legs and joint limits forbid."""
    base = _freed_of_jitter(shaped, as_input)
    turn, shift = correction_to(refined, base)
    turn = keep_unseen_legs(turn, base, shaped.track.targets, shaped.convention, shaped.frame_ids, shaped.fps)
    joint_share, limited = limit_joints(
        lambda share: apply_correction(base, share * turn, shift).rotations.cpu().numpy(), shaped.frame_ids, shaped.fps
    )
    return _Correction(base, turn * joint_share[..., None], shift, limited)


def _freed_of_jitter(shaped: ShapedTrack, as_input: FrameScores) -> Pose:
    """The input, whose scores are `as_input`, without its jitter but with its motion."""
    start, frame_ids, fps, is_image = shaped.start, shaped.frame_ids, shaped.fps, shaped.track.targets.is_image
    smooth = without_jitter(start, frame_ids=frame_ids, fps=fps, is_image=is_image, bias_hz=shaped.bias_hz)
    error = shaped.scores(smooth).error
    return without_lost_motion(start, smooth, as_input.error, error, frame_ids, fps, is_image=is_image)


def _judge(shaped: ShapedTrack, correction: _Correction, as_input: FrameScores) -> HeldFeet:
    """How much of the correction each frame keeps, by its keypoints, its jerk and its feet."""
    before, calm = shaped.body_track(shaped.start), shaped.body_track(correction.base)

    def scores_at(share: np.ndarray) -> FrameScores:
        scores = shaped.scores(correction.at(share))
        # frames fitted on their own keep the keypoints' jitter, as the user asks
        return scores if shaped.bias_hz is not None else replace(scores, natural_jerk=scores.jerk)

    def stand(share: np.ndarray) -> Standing:
        after = shaped.body_track(correction.at(share))
        return keep_feet(
            *(shaped.estimate, shaped.track, before, calm, after, share), fps=shaped.fps, bias_hz=shaped.bias_hz
        )

    verdict = gate(scores_at, shaped.frame_ids, shaped.fps, correction.limited, as_input.jerk)
    return hold_feet(verdict, stand, lambda share: scores_at(share).error, shaped.frame_ids, shaped.fps)


def _result(shaped: ShapedTrack, held: HeldFeet) -> Refinement:
    """The refinement of a judged track: doubts, hands, metrics, and the estimate to write."""
    estimate, body, track, frame_ids, fps = shaped.estimate, shaped.body, shaped.track, shaped.frame_ids, shaped.fps
    before, standing = shaped.body_track(shaped.start), held.standing
    posed = (stage.keypoints(shaped.convention) for stage in (before, standing.after))
    doubt = doubt_keypoints(track, *posed, frame_ids=frame_ids, fps=fps)
    verdict = doubt.marked(held.verdict)
    hands = follow_hands(estimate, track, standing.after, fps=fps, bias_hz=shaped.bias_hz)
    after = hands.after
    as_read = _body_track(body, track.pose, FittedShape(betas_on_body(estimate, body), 1.0, np.zeros(3)))
    stages = {"input": as_read, "calibrated": before, "refined": after}
    refined = hands.written(write_back(estimate, before, after, standing.root), body.arrays.hand_means)
    return Refinement(
        estimate=estimate,
        refined=_with_points(refined, shaped, before, after),
        before=before,
        after=after,
        camera=track.camera,
        keypoints=track.keypoints,
        status=verdict.status,
        reasons=verdict.reasons,
        blend=verdict.share,
        metrics={
            name: track_metrics(stage, track.camera, track.keypoints, frame_ids, fps) | standing.metrics.get(name, {})
            for name, stage in stages.items()
        },
        notes=track.notes + shaped.notes + held.notes() + hands.notes + doubt.notes(),
        alignment=track.alignment,
        as_read=as_read,
        repairs=track.repairs,
        feet=standing.feet,
    )


def _with_points(refined: Estimate, shaped: ShapedTrack, before: BodyTrack, after: BodyTrack) -> Estimate:
    """The refined estimate; 3D points that its file holds move with the body."""
    points = shaped.estimate.points
    if points is None:
        return refined
    # a fit to the points themselves only removes their jitter
    fitted = after if shaped.estimate.keypoints is points else before
    seconds = bias_seconds_of(shaped.bias_hz)
    return refined.replace(points=carried(points, fitted, after, shaped.frame_ids, shaped.fps, seconds))


def _body_track(body: BodyModel, pose: Pose, shape: FittedShape) -> BodyTrack:
    return BodyTrack(body, pose.rotations.cpu().numpy(), pose.pelvis.cpu().numpy(), shape.betas, shape.scale)
