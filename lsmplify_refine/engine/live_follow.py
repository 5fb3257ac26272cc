"""Live following: a `Follower` of N people that fits their shapes while it runs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.skinning import joint_positions
from lsmplify_refine.engine.correct import decided_share
from lsmplify_refine.engine.follow import Follower, Step, shaped_solver
from lsmplify_refine.engine.live_shape import LiveShape
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.regressor.body25 import body25_targets
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.problem import Pose, Targets


class LiveFollower:
    """Follows N people frame by frame, each on a body of the shape that the frames so far show.

    Args:
        body: The body model.
        network: The regressor, if any.
        convention: The keypoints' convention.
        people: N.
        fps: Frames per second.
        scaled: Whether 3D keypoints may change the size of the body, not only its betas.
        device: Where to compute.
        passes: How often the regressor is applied.
    """

    def __init__(
        self,
        body: BodyModel,
        network: Network | None,
        convention: str,
        people: int,
        *,
        fps: float,
        scaled: bool,
        device: str,
        passes: int,
    ) -> None:
        self._body, self._network, self._convention = body, network, convention
        self._device, self._passes = device, passes
        self._people = [LiveShape(body, convention, fps=fps, scaled=scaled) for _ in range(people)]
        self._used = self.shapes
        self._follower = self._make(self._used)
        at_rest = torch.eye(3).expand(people, body.joint_count, 3, 3)
        self._last = Pose(at_rest, torch.zeros(people, 3))
        #: people who have had a result
        self._posed = torch.zeros(people, dtype=torch.bool)

    @property
    def shapes(self) -> list[FittedShape]:
        """Each person's shape."""
        return [person.shape for person in self._people]

    def begin(self, pose: Pose) -> None:
        """Start from a known pose of all people."""
        self._last, self._posed = pose, torch.ones_like(self._posed)
        self._follower.begin(pose.to(self._device))

    def know(self, betas: Float[np.ndarray, "people betas"], known: Bool[np.ndarray, " people"]) -> None:
        """Use the estimator's betas of people who have them; they must be betas of this body."""
        for person in np.flatnonzero(known):
            self._people[person].know(betas[person])

    def step(
        self, targets: Targets, estimate: Pose | None = None
    ) -> tuple[Step, Float[np.ndarray, "people joints_and_pelvis"]]:
        """Refine the next frame of all people.

        Args:
            targets: One row per person, in the convention.
            estimate: The estimator's poses, if any; rows of NaN for people without one.

        Returns:
            The step, and the share of each joint's rotation, and last of the pelvis, that the keypoints decide.
        """
        self._calibrate(targets, estimate)
        if estimate is not None:
            estimate = estimate.shifted(np.stack([shape.offset for shape in self._used]))
        skeleton = self._follower.skeleton
        seen = body25_targets(targets, self._convention).to(skeleton.points)
        found = self._follower.step(seen, estimate)
        self._last, self._posed = found.pose.to("cpu"), self._posed | found.accepted.cpu()
        return found, decided_share(skeleton, found.pose, seen)

    def joints(self, pose: Pose) -> Float[np.ndarray, "people joints 3"]:
        """Joints of each person's body, metres."""
        skeleton = self._follower.skeleton
        return (joint_positions(skeleton, pose.rotations) + pose.pelvis[:, None]).cpu().numpy()

    def _calibrate(self, targets: Targets, estimate: Pose | None) -> None:
        """Take the frame into account for the shapes. Without an estimate, an image does not show the size."""
        if estimate is None and targets.is_image:
            return
        poses = self._last
        if estimate is not None:
            # pose errors bend straight limbs, and the fit would lengthen the body to compensate
            poses = Pose(self._last.where(self._posed, estimate).rotations, estimate.pelvis)
        known = poses.pelvis.isfinite().all(1)
        for row, person in enumerate(self._people):
            if known[row]:
                person.see(poses[row : row + 1], targets[row : row + 1])
        if any(now is not used for now, used in zip(self.shapes, self._used)):
            self._used = self.shapes
            shaped = self._make(self._used)
            self._follower.skeleton, self._follower.solver = shaped.skeleton, shaped.solver

    def _make(self, shapes: list[FittedShape]) -> Follower:
        """A follower on bodies of these shapes."""
        solver = shaped_solver(
            self._body, self._convention, shapes, self._network, device=self._device, passes=self._passes
        )
        return Follower(solver.skeleton, solver)
