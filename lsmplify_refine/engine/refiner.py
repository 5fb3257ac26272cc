"""`Refiner`: strings the stages together for one person's track."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.engine.align import Alignment
from lsmplify_refine.engine.correct import apply_correction, correct, default_prior
from lsmplify_refine.engine.from_keypoints import as_estimate, low_passed, shape_from_keypoints
from lsmplify_refine.engine.gate import gate, limit_joints
from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.engine.shape import Calibration, calibrate
from lsmplify_refine.engine.stream import Stream, in_batches
from lsmplify_refine.engine.targets import (
    distrust_outliers,
    given_targets,
    image_targets,
    pose_on_body,
    space_targets,
)
from lsmplify_refine.engine.write_back import write_back
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.camera_pose import recover_camera
from lsmplify_refine.geometry.metrics import (
    accel_mm_per_frame2,
    confidence_weighted_mean,
    keypoint_error_name,
    keypoint_errors,
    robust_rms,
)
from lsmplify_refine.options import DEFAULT_FPS, SMOOTH_SECONDS, Align, Mode
from lsmplify_refine.regressor.body25 import body25_skeleton, body25_targets
from lsmplify_refine.regressor.fusion import FrameSolver
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.initialise import robust_error_m
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import JOINTS

_MOST_SMOOTH_SECONDS = 10.0
#: Keypoint noise at which a motion from keypoints alone gets half of the low-pass that a correction gets, metres.
_SMOOTHED_NOISE_M = 0.02
#: Robust radius of the gate's keypoint error, metres on the body.
_GATE_RADIUS_M = 0.1


@dataclass(frozen=True)
class _Track:
    """What the stages hand on: the estimate on the engine's body, and targets in the same coordinates."""

    pose: Pose
    camera: Camera | None
    keypoints: Keypoints
    targets: Targets
    notes: tuple[Note, ...]
    alignment: Alignment | None = None


class Refiner:
    """Refines tracks on one body model; prepare once, call for many tracks.

    Args:
        body: The body model; the open one if not given.
        device: "cpu", "cuda", "mps", ...
        smooth_seconds: Standard deviation of the low-pass on the correction; 0 fits each frame on its own.
        align: How 3D keypoints come into the estimate's frame (see `engine.align.align`).
        weights: Of the regressor: "shipped", "none" for the projection alone, or a file: trained by `train`, or the
            checkpoint that Learnable SMPLify's authors released.
        mode: "plug-in": every frame starts from the estimate; "sequential": from the last frame's result where that is
            nearer to the keypoints.
        passes: How often the regressor is applied.
        progress: Called with (steps done, steps in all) while refining.

    Raises:
        InputError: `smooth_seconds` is out of range, or the weights cannot be used.
    """

    def __init__(
        self,
        body: BodyModel | None = None,
        *,
        device: str = "cpu",
        smooth_seconds: float = SMOOTH_SECONDS,
        align: Align = "auto",
        weights: Path | str = "shipped",
        mode: Mode = "plug-in",
        passes: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if not 0 <= smooth_seconds <= _MOST_SMOOTH_SECONDS:
            raise InputError(f"smooth_seconds is {smooth_seconds:g}; give 0 to {_MOST_SMOOTH_SECONDS:g}")
        self.body = body or BodyModel.open()
        self.device = device
        self.smooth_seconds = smooth_seconds
        self.align = align
        self.network = open_network(weights, device)
        self.mode = mode
        self.passes = passes
        self.progress = progress

    def refine(self, estimate: Estimate) -> Refinement:
        """Refine one track onto its keypoints.

        Args:
            estimate: With `keypoints`, for 2D ones `camera`, and, for rates other than 30, `fps`.

        Raises:
            InputError: Keypoints or camera are missing, or do not fit the track.
        """
        fps = estimate.fps or DEFAULT_FPS
        track = self._see(estimate, fps)
        calibration, start, notes = self._calibrate(estimate, track)
        skeleton = self.body.skeleton(
            track.keypoints.convention, calibration.betas, calibration.scale, device=self.device
        )
        seen = track.targets.to(self.device)
        turn, shift = correct(
            skeleton,
            start,
            seen,
            default_prior(skeleton, seen),
            frame_ids=estimate.frame_ids,
            fps=fps,
            smooth_seconds=self.smooth_seconds,
            regressor=self._regressor(calibration, track.keypoints.convention),
            progress=self.progress,
        )
        joint_share, limited = limit_joints(
            lambda share: apply_correction(start, share * turn, shift).rotations.cpu().numpy(), estimate.frame_ids, fps
        )
        turn = turn * joint_share[..., None]

        def error_at(share: np.ndarray) -> np.ndarray:
            pose = apply_correction(start, turn, shift, share)
            points = skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
            return gate_error(points.cpu().numpy(), track.camera, track.keypoints, track.targets)

        verdict = gate(error_at, estimate.frame_ids, fps, limited)
        before = self._body_track(start, calibration)
        after = self._body_track(apply_correction(start, turn, shift, verdict.share), calibration)
        as_read = self._body_track(track.pose, Calibration(self._shape_as_given(estimate), 1.0, np.zeros(3)))
        stages = {"input": as_read, "calibrated": before, "refined": after}
        return Refinement(
            estimate=estimate,
            refined=write_back(estimate, before, after),
            before=before,
            after=after,
            camera=track.camera,
            keypoints=track.keypoints,
            status=verdict.status,
            reasons=verdict.reasons,
            blend=verdict.share,
            metrics={
                name: track_metrics(stage, track.camera, track.keypoints, estimate.frame_ids)
                for name, stage in stages.items()
            },
            notes=track.notes + notes,
            alignment=track.alignment,
        )

    def fit(self, keypoints: Keypoints, *, camera: Camera | None = None, fps: float = DEFAULT_FPS) -> Refinement:
        """Pose a track from its keypoints alone, frame by frame, and refine what comes out.

        Args:
            keypoints: (T, K) in metres, in any frame with the shape of a room; or in pixels.
            camera: Needed for keypoints in pixels.
            fps: Frames per second.

        Returns:
            A refinement whose estimate is of this refiner's body, in the frame of the keypoints ("world" for 3D ones).

        Raises:
            InputError: No keypoint has any confidence, or there is no camera for pixels.
        """
        if camera is None and not keypoints.is_3d:
            raise InputError("keypoints in pixels need camera intrinsics; give them as camera")
        targets = image_targets(keypoints, camera) if camera and not keypoints.is_3d else given_targets(keypoints)
        _check_confidence("keypoints", targets.weights.numpy())
        shape = shape_from_keypoints(self.body, keypoints.convention, targets)
        stream = self.stream(keypoints.convention, shape.betas, shape.scale)
        seen = body25_targets(targets.to(self.device), keypoints.convention)
        pose = stream.follow(None, seen)
        # the correction of an estimate is smoothed, never its motion; but this motion has the keypoints' noise in it
        noise_m = float(robust_error_m(stream.skeleton, pose, seen).median())
        pose = low_passed(pose, fps, self.smooth_seconds * noise_m / (noise_m + _SMOOTHED_NOISE_M))
        estimate = as_estimate(self.body, pose, shape, keypoints, camera, fps)
        in_place = copy(self)
        in_place.align = "camera"
        return in_place.refine(estimate)

    def _see(self, estimate: Estimate, fps: float) -> _Track:
        """Put the estimate on the engine's body, and the keypoints into one frame with it."""
        keypoints = estimate.keypoints
        where = estimate.source or "estimate"
        if keypoints is None:
            raise InputError(f"{where}: no keypoints; give them as Estimate.keypoints")
        if len(keypoints.positions) != len(estimate):
            raise InputError(f"{where}: {len(keypoints.positions)} rows of keypoints for {len(estimate)} frames")
        pose = pose_on_body(estimate, self.body)
        betas = self._shape_as_given(estimate)
        points = self.body.keypoints(keypoints.convention, pose.rotations.numpy(), pose.pelvis.numpy(), betas)
        see = self._see_in_space if keypoints.is_3d else self._see_in_image
        track, points = see(estimate, keypoints, pose, points, fps)
        return replace(track, targets=distrust_outliers(track.targets, points, estimate.frame_ids, fps))

    def _see_in_space(
        self, estimate: Estimate, keypoints: Keypoints, pose: Pose, points: np.ndarray, fps: float
    ) -> tuple[_Track, np.ndarray]:
        """The track among its 3D keypoints, moved to where the estimate lives; its keypoints (T, K, 3)."""
        _check_confidence(estimate.source or "estimate", keypoints.confidence)
        still = estimate.frame == "world"
        targets, moved, alignment = space_targets(keypoints, points, estimate.frame_ids, fps, self.align, still=still)
        # intrinsics say nothing about bodies in the world
        camera = estimate.camera if estimate.frame == "camera" else None
        return _Track(pose, camera, moved, targets, alignment.notes(), alignment), points

    def _see_in_image(
        self, estimate: Estimate, keypoints: Keypoints, pose: Pose, points: np.ndarray, fps: float
    ) -> tuple[_Track, np.ndarray]:
        """The track before its camera, recovered where the file lost it; its keypoints (T, K, 3), camera frame."""
        camera = estimate.camera
        if camera is None:
            raise InputError(f"{estimate.source or 'estimate'}: no camera intrinsics; give them as Estimate.camera")
        targets = image_targets(keypoints, camera)
        _check_confidence(estimate.source or "estimate", targets.weights.numpy())
        notes: tuple[Note, ...] = ()
        if estimate.frame == "world":
            rotation, translation = recover_camera(points, keypoints, camera.K, fps)
            pose = _seen_from(pose, rotation, translation)
            points = np.einsum("tij,tkj->tki", rotation, points) + translation[:, None]
            notes = (Note("camera-recovered", "the camera was recovered from posed joints and keypoints"),)
        return _Track(pose, camera, keypoints, targets, notes), points

    def _shape_as_given(self, estimate: Estimate) -> np.ndarray:
        """The estimate's betas where they mean something on the engine's body, else the mean shape."""
        if self.body.is_open or self.body.family != estimate.family:
            return np.zeros(1)
        return np.median(estimate.betas, axis=0)

    def _calibrate(self, estimate: Estimate, track: _Track) -> tuple[Calibration, Pose, tuple[Note, ...]]:
        """Shape, size and offset of the track on the engine's body; the pose with the offset, on the device; notes."""
        if not self.body.is_open and self.body.family == estimate.family:
            calibration = Calibration(self._shape_as_given(estimate), 1.0, np.zeros(3))
            notes: tuple[Note, ...] = ()
        else:
            calibration = calibrate(self.body, track.keypoints.convention, track.pose, track.targets)
            name = "open body" if self.body.is_open else f"{self.body.family} body"
            text = f"shape calibrated on the {name} from the keypoints; the file keeps its own betas"
            notes = (Note("shape-fitted", text),)
        if track.alignment is not None and track.alignment.mode == "camera":
            # nothing was moved, so what the offset bridges is the estimate's error, to be corrected and written
            calibration = replace(calibration, offset=np.zeros(3))
        pelvis = track.pose.pelvis + torch.as_tensor(calibration.offset).float()
        return calibration, Pose(track.pose.rotations, pelvis).to(self.device), notes

    def _regressor(self, calibration: Calibration, convention: str) -> Callable[[Pose, Targets], Pose] | None:
        """What the network makes of a track's poses, in this refiner's mode."""
        if self.network is None:
            return None

        def regressed(start: Pose, targets: Targets) -> Pose:
            stream = self.stream(convention, calibration.betas, calibration.scale)
            seen = body25_targets(targets, convention)
            return stream.follow(start, seen) if self.mode == "sequential" else in_batches(stream.solver, start, seen)

        return regressed

    def stream(self, convention: str, betas: np.ndarray | None = None, scale: float = 1.0) -> Stream:
        """A stream of frames on this body, for live use.

        Args:
            convention: Of the keypoints; give them to `Stream.step` through `regressor.slots.body25_targets`.
            betas: (B,) shape on this refiner's body; the mean shape if not given.
            scale: Size on top of it.
        """
        shape = np.zeros(1) if betas is None else betas
        own, body25 = (self.body.skeleton(name, shape, scale, device=self.device) for name in (convention, "body25"))
        skeleton = body25_skeleton(own, body25, convention)
        betas25 = torch.as_tensor(shape).float().to(self.device)
        return Stream(skeleton, FrameSolver(self.network, skeleton, betas25, passes=self.passes))

    def _body_track(self, pose: Pose, calibration: Calibration) -> BodyTrack:
        return BodyTrack(
            self.body, pose.rotations.cpu().numpy(), pose.pelvis.cpu().numpy(), calibration.betas, calibration.scale
        )


def _seen_from(pose: Pose, rotation: np.ndarray, translation: np.ndarray) -> Pose:
    """A world pose in camera coordinates, for R_camera_world (T, 3, 3) and t_camera_world (T, 3)."""
    turn, move = torch.as_tensor(rotation).float(), torch.as_tensor(translation).float()
    rotations = pose.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    return Pose(rotations, (turn @ pose.pelvis[..., None])[..., 0] + move)


def _check_confidence(where: Path | str, confidence: np.ndarray) -> None:
    if not (confidence > 0).any():
        raise InputError(f"{where}: no keypoint has any confidence; nothing to refine onto")


def gate_error(points: np.ndarray, camera: Camera | None, keypoints: Keypoints, targets: Targets) -> np.ndarray:
    """Robust, confidence-weighted keypoint error (T,) in pixels, or mm for 3D ones, of posed keypoints (T, K, 3)."""
    errors = keypoint_errors(points, camera, keypoints)
    radius = np.full(len(points), 1000 * _GATE_RADIUS_M)
    if camera is not None and not keypoints.is_3d:
        radius = _GATE_RADIUS_M * camera.K[:, 0, 0] / points[..., 2].mean(1)
    return robust_rms(errors, targets.weights.cpu().numpy(), radius[:, None])


def track_metrics(
    track: BodyTrack, camera: Camera | None, keypoints: Keypoints, frame_ids: np.ndarray
) -> dict[str, float]:
    """Keypoint error and jitter of a track, each under a name with unit and joint set."""
    errors = keypoint_errors(track.keypoints(keypoints.convention), camera, keypoints)
    return {
        keypoint_error_name(keypoints): confidence_weighted_mean(errors, keypoints.confidence),
        "accel_mm_per_frame2": accel_mm_per_frame2(track.joints()[:, :JOINTS], frame_ids),
    }
