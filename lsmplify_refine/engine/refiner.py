"""`Refiner`: runs the stages for one person's track."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Int, Real

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.bias_rate import bias_hz_of
from lsmplify_refine.engine.follow import Follower, in_batches, shaped_solver
from lsmplify_refine.engine.from_keypoints import first_estimate
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.engine.room import Room, room_of
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.engine.stages import refine_shaped, shape_track
from lsmplify_refine.engine.stream import Stream
from lsmplify_refine.engine.track import check_confidence
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import DEFAULT_FPS, Align, Family, Mode, Units, Up
from lsmplify_refine.regressor.body25 import body25_targets
from lsmplify_refine.regressor.weights import open_network
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.ranges import check_range


class Refiner:
    """Refines tracks on one body model; prepare once, call for many tracks.

    Args:
        body: The body model; the open one if not given.
        device: "cpu", "cuda", "mps", ...
        smooth_seconds: How long an estimate's bias stays: the standard deviation of a Gaussian that follows it as fast.
            0 fits each frame on its own. By default the motion model decides; this override will go.
        align: How to align 3D keypoints with the estimate (see `engine.align.align`).
        weights: Regressor weights: "shipped", "none" for the projection alone, or a file. The file is from `train`, or
            the checkpoint that Learnable SMPLify's authors released.
        mode: "plug-in" starts every frame from the estimate. "sequential" starts from the last frame's result where
            that is nearer to the keypoints.
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
        smooth_seconds: float | None = None,
        align: Align = "auto",
        weights: Path | str = "shipped",
        mode: Mode = "plug-in",
        passes: int = 1,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if smooth_seconds is not None:
            check_range("smooth_seconds", smooth_seconds)
        check_range("passes", passes)
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
            estimate: With `keypoints`, for 2D ones `camera`, and, for rates other than 30, `fps`. If its file has no
                parameters, it is posed first (see `posed`).

        Raises:
            InputError: Keypoints or camera are missing, or do not fit the track.
        """
        own = estimate.points is not None and estimate.keypoints is estimate.points
        if not own or estimate.posed:
            return self._refine(self.posed(estimate), self.align)
        # the file's own points are in the estimate's frame
        return self._refine(self._first_pose(estimate), "camera", alone=True)

    def posed(self, estimate: Estimate) -> Estimate:
        """The estimate with parameters: itself, or fitted to its own `points` on this refiner's body.

        Raises:
            InputError: No point has any confidence.
        """
        if estimate.posed:
            return estimate
        first = self._first_pose(estimate)
        return self._refine(first.replace(keypoints=first.points), "camera", alone=True).refined.replace(
            points=estimate.points, keypoints=estimate.keypoints
        )

    def _first_pose(self, estimate: Estimate) -> Estimate:
        """The estimate, posed frame by frame from its own `points`."""
        assert estimate.points is not None  # `Estimate` has checked it
        found = self._from_keypoints(estimate.points, None, estimate.fps or DEFAULT_FPS, estimate.frame_ids)
        names = ("family", "gender", "global_orient", "body_pose", "betas", "transl")
        parameters = {name: getattr(found, name) for name in names}
        return estimate.replace(**parameters, posed=True, notes=(*estimate.notes, *found.notes))

    def fit(
        self,
        keypoints: Keypoints,
        *,
        camera: Camera | None = None,
        fps: float = DEFAULT_FPS,
        units: Units | None = None,
        up: Up | None = None,
        frame_ids: Int[np.ndarray, " frames"] | None = None,
    ) -> Refinement:
        """Pose a track from its keypoints alone, frame by frame, and refine it.

        Args:
            keypoints: In space, in any unit and axes (see `engine.room.room_of`); or in pixels.
            camera: Needed for keypoints in pixels.
            fps: Frames per second.
            units: Unit of keypoints in space; by default the size of the body tells.
            up: The axis that points up in their room; by default the way the body stands tells.
            frame_ids: Ascending frame number of each row; consecutive if not given.

        Returns:
            A refinement whose estimate is on this refiner's body, in the axes of the keypoints ("world" for 3D ones)
            and in metres. If y is not up there, its `world` has the root in a world with a known vertical axis.

        Raises:
            InputError: No keypoint has any confidence, there is no camera for pixels, or the body contradicts `units`.
        """
        if not keypoints.is_3d:
            return self._fit(keypoints, camera, fps, frame_ids)
        check_confidence("keypoints", keypoints.confidence)
        room = room_of([keypoints], self.body, units=units, up=up)
        found = self.fit_in(room, keypoints, fps=fps, frame_ids=frame_ids)
        return replace(found, notes=(*room.notes, *found.notes))

    def fit_in(
        self,
        room: Room,
        keypoints: Keypoints,
        *,
        fps: float = DEFAULT_FPS,
        frame_ids: Int[np.ndarray, " frames"] | None = None,
    ) -> Refinement:
        """As `fit`, for 3D keypoints in a known room, such as one with several people.

        Args:
            room: Unit and axes of the keypoints.
            keypoints: In the room's unit and axes.
            fps: Frames per second.
            frame_ids: Ascending frame number of each row; consecutive if not given.

        Raises:
            InputError: No keypoint has any confidence.
        """
        whole = keypoints.without_placeholders()
        return room.leave(self._fit(room.enter(whole), None, fps, frame_ids), whole, self.body)

    def _fit(
        self,
        keypoints: Keypoints,
        camera: Camera | None,
        fps: float,
        frame_ids: Int[np.ndarray, " frames"] | None,
    ) -> Refinement:
        """Fit keypoints in pixels, or in metres with y up."""
        if camera is None and not keypoints.is_3d:
            raise InputError("keypoints in pixels need camera intrinsics; give them as camera")
        ids = np.arange(len(keypoints.positions)) if frame_ids is None else frame_ids
        first = self._from_keypoints(keypoints, camera, fps, ids)
        return self._refine(first.replace(frame_ids=ids), "camera", alone=True)

    def _from_keypoints(
        self, keypoints: Keypoints, camera: Camera | None, fps: float, frame_ids: Int[np.ndarray, " frames"]
    ) -> Estimate:
        """A first estimate from keypoints alone."""

        def follower(shape: FittedShape, convention: str) -> Follower:
            return self.follower(convention, shape.betas, shape.scale)

        single = self._bias_hz is None
        return first_estimate(self.body, keypoints, camera, follower, frame_ids=frame_ids, fps=fps, single=single)

    def stream(
        self,
        convention: str,
        *,
        camera: Camera | None = None,
        fps: float = DEFAULT_FPS,
        lag_seconds: float = 0.0,
        family: Family | None = None,
    ) -> Stream:
        """A stream of frames for live use.

        Args:
            convention: The keypoints' convention.
            camera: Intrinsics (one K) for keypoints in pixels; without it they are in metres.
            fps: Frames per second.
            lag_seconds: How far results lie behind the newest frame, at most 1. A lag smooths better; 0 gives each
                frame at once.
            family: Body family of the estimates that go in and of the parameters that come out; this body's if not
                given.

        Raises:
            InputError: The convention is not known, the camera has several K, or the lag is out of range.
        """
        return Stream(
            self.body,
            self.network,
            convention,
            camera=camera,
            fps=fps,
            lag_seconds=lag_seconds,
            family=family,
            device=self.device,
            passes=self.passes,
        )

    def follower(self, convention: str, betas: Real[np.ndarray, " betas"], scale: float = 1.0) -> Follower:
        """Refines tracks of one person frame by frame, on a body of known shape.

        Args:
            convention: The keypoints' convention; `regressor.body25.body25_targets` converts them for the follower.
            betas: Shape on this refiner's body.
            scale: Uniform size of that shape.
        """
        shape = FittedShape(betas, scale, np.zeros(3))
        solver = shaped_solver(self.body, convention, [shape], self.network, device=self.device, passes=self.passes)
        return Follower(solver.skeleton, solver)

    def _refine(self, estimate: Estimate, align: Align, *, alone: bool = False) -> Refinement:
        """Refine a track; `alone` if it was itself fitted to its keypoints."""
        shaped = shape_track(estimate, self.body, align=align, device=self.device, bias_hz=self._bias_hz)
        regressor = self._regressor(shaped.shape, shaped.convention)
        return refine_shaped(shaped, regressor, alone=alone, progress=self.progress)

    @property
    def _bias_hz(self) -> float | None:
        """How fast an estimate's bias may change (see `correct`)."""
        return bias_hz_of(self.smooth_seconds)

    def _regressor(self, shape: FittedShape, convention: str) -> Callable[[Pose, Targets], Pose] | None:
        """A function that predicts a track's poses with the network, in this refiner's mode."""
        if self.network is None:
            return None

        def regressed(start: Pose, targets: Targets) -> Pose:
            follower = self.follower(convention, shape.betas, shape.scale)
            seen = body25_targets(targets, convention)
            return (
                follower.follow(start, seen) if self.mode == "sequential" else in_batches(follower.solver, start, seen)
            )

        return regressed
