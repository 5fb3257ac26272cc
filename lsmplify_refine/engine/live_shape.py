"""Live shape: one person's shape, size and offset, found while frames come in.

It is the fit of `shape`, on a sample of the frames so far. The sample is bounded, and it always covers the whole time.
The fit takes one step per frame, so that no frame takes long. Changes are eased in, so that the body does not pop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.engine.shape import (
    IMAGE_RADII_M,
    LIMB_RADII_M,
    STEPS,
    WORTH,
    FittedShape,
    Limbs,
    ShapeEvidence,
    offset_left,
    shape_of,
    step_by_limbs,
    step_in_image,
)
from lsmplify_refine.solver.problem import Pose, Targets

#: Frames in the sample, and the time between the first of them, seconds. If the sample is full, every second frame of
#: it goes, and the time between frames doubles.
_SAMPLE, _APART_SECONDS = 64, 1 / 30
#: Time in which the shape goes most of the way (1 - 1/e) to a new fit, seconds.
_EASE_SECONDS = 0.25
#: A frame with less than this share of the sample's median confidence does not count.
_MIN_SHARE = 0.5
#: The next fit waits until this share of the sample is new: a few frames more change nothing.
_MIN_NEW = 0.25
#: A smaller change of any unknown is not made, so that a body that has settled is not prepared again.
_STILL = 1e-5
#: A limb in space hardly changes its length with the pose: a frame of limbs is worth as much as this many in an image.
_LIMB_WORTH = 10.0
#: Standard deviation of the log size of people, children included, where limbs in space show it.
_SIGMA_LOG_SCALE = 0.3
_BETAS = 10


class LiveShape:
    """One person's shape, fitted to more and more frames in constant memory.

    Attributes:
        shape: The shape so far; the same object as long as it does not change. Its offset leads from the estimator's
            pelvis to the keypoints' one.

    Args:
        body: The body model to fit.
        convention: The keypoints' convention.
        fps: Frames per second.
        scaled: Whether to fit the size to 3D keypoints.
    """

    def __init__(self, body: BodyModel, convention: str, *, fps: float, scaled: bool) -> None:
        self._convention = convention
        self._scaled = scaled
        self._fps = fps
        shapes = np.vstack([np.zeros(_BETAS), np.eye(_BETAS)])
        self._bodies = Skeleton.stacked([body.skeleton(convention, betas) for betas in shapes])
        self._sample: list[ShapeEvidence] = []
        self._apart = max(1, round(_APART_SECONDS * fps))
        self._wait = self._known = self._new = 0
        self._fit: _Fit | None = None
        self._fitted: Float[Tensor, " unknowns"] | None = None
        self._unknowns = torch.zeros(_BETAS + 4)
        self.shape = shape_of(self._unknowns)

    def see(self, pose: Pose, targets: Targets) -> None:
        """Take one frame into account.

        Args:
            pose: One row: about how the person holds the joints, and where the estimator has the pelvis.
            targets: One row, in this convention.
        """
        if self._known:
            return
        self._add(pose, targets)
        for _ in range(1 if self._fitted is not None else STEPS + 1):
            self._advance()
        if self._fitted is not None:
            self._ease()

    def know(self, betas: Float[np.ndarray, " betas"]) -> None:
        """Use the estimator's betas instead, on a body of its family: the mean of all so far."""
        self._known += 1
        mean = betas if self._known == 1 else self.shape.betas + (betas - self.shape.betas) / self._known
        self.shape = FittedShape(mean, 1.0, np.zeros(3))

    def _ease(self) -> None:
        """Move the shape towards the fitted one, all the way if it is the first."""
        assert self._fitted is not None
        first = not self._unknowns.any()
        way = 1.0 if first else 1 - float(np.exp(-1 / (_EASE_SECONDS * self._fps)))
        change = way * (self._fitted - self._unknowns)
        if change.abs().max() > _STILL:
            self._unknowns = self._unknowns + change
            self.shape = shape_of(self._unknowns)

    def _add(self, pose: Pose, targets: Targets) -> None:
        """Add a frame to the sample, if its time has come."""
        self._wait -= 1
        evidence = float(targets.weights.sum())
        if self._wait > 0 or evidence <= 0:
            return
        if self._sample and evidence < _MIN_SHARE * np.median([float(f.targets.weights.sum()) for f in self._sample]):
            return
        posed = skinning.keypoints(self._bodies, pose.rotations.expand(_BETAS + 1, -1, -1, -1))
        directions = (posed[1:] - posed[0]).permute(1, 2, 0)
        self._sample.append(ShapeEvidence(posed[:1], directions[None], pose.pelvis, targets))
        self._wait, self._new = self._apart, self._new + 1
        if len(self._sample) > _SAMPLE:
            self._sample, self._apart = self._sample[::2], 2 * self._apart

    def _advance(self) -> None:
        """Take one step of the fit; start another fit if the sample has grown since."""
        if self._fit is None and self._new and self._new >= _MIN_NEW * len(self._sample):
            self._fit, self._new = _Fit(self._sample, self._convention, scaled=self._scaled), 0
        if self._fit is not None and self._fit.step():
            self._fitted, self._fit = self._fit.unknowns, None


class _Fit:
    """One fit to a sample of frames, step by step; the same as `fit_shape`."""

    def __init__(self, sample: Sequence[ShapeEvidence], convention: str, *, scaled: bool) -> None:
        self.unknowns = torch.zeros(_BETAS + 4)
        self._evidence = ShapeEvidence.joined(sample)
        self._limbs = None if self._evidence.targets.is_image else Limbs.of(self._evidence, convention)
        self._scaled = scaled
        self._worth = min(WORTH, float(len(sample)))
        radii = IMAGE_RADII_M
        if self._limbs is not None:
            self._worth, radii = _LIMB_WORTH * self._worth, LIMB_RADII_M
        self._radii = iter(np.geomspace(*radii, STEPS))

    def step(self) -> bool:
        """Take the next step; True if the fit is done."""
        radius = next(self._radii, None)
        if radius is None:
            return True
        if self._limbs is None:
            self.unknowns = step_in_image(self._evidence, self.unknowns, float(radius), self._worth)
        else:
            found = step_by_limbs(
                self._evidence,
                self._limbs,
                self.unknowns[:-3],
                float(radius),
                self._worth,
                scaled=self._scaled,
                sigma_log_scale=_SIGMA_LOG_SCALE,
            )
            self.unknowns = torch.cat([found, offset_left(self._evidence, found)])
        return False
