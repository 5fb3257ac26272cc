"""Shape: one shape, size and translation offset per track; poses stay unchanged.

The open body has its own betas, so the estimate's shape cannot be used. The shape is fitted to the keypoints,
robustly, over the whole track. With fixed poses the keypoints are affine in betas, so a few Gauss-Newton steps on a
dozen unknowns suffice. One camera cannot tell size from distance: the estimate's distance is kept. Keypoints in space
show the lengths of limbs in any pose, so errors of the estimated pose and place do not change the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.engine.targets import betas_on_body
from lsmplify_refine.engine.track import Track
from lsmplify_refine.solver.gauss_newton import residuals, robust_weights
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

#: Standard deviations of the unknowns besides betas (unit normal by construction): log size, offset in metres.
_SIGMA_LOG_SCALE = 0.1
_SIGMA_OFFSET_M = (0.1, 0.1, 0.02)
#: Error of a keypoint on a body of the right shape, metres; weighs the data against those priors.
_SIGMA_POINT_M = 0.05
#: Robust radii of the first and the last step, metres: for keypoints in an image, and for lengths of limbs.
IMAGE_RADII_M, LIMB_RADII_M = (1.0, 0.15), (0.5, 0.1)
STEPS = 8
#: Frames of a track are correlated: together they weigh as much as this many independent ones.
WORTH = 10.0
#: Min length of the limbs that are used, metres: measured lengths of shorter ones are mostly noise.
_MIN_LIMB_M = 0.12
_MAX_FRAMES = 200


@dataclass(frozen=True)
class FittedShape:
    """A track's shape on the engine's body.

    Attributes:
        betas: Of the engine's body.
        scale: Uniform size.
        offset: Added to the pelvis in every frame, metres, in the frame of the targets.
    """

    betas: Real[np.ndarray, " betas"]
    scale: float
    offset: Float[np.ndarray, " 3"]


@dataclass(frozen=True)
class ShapeEvidence:
    """Posed frames with their keypoints: with fixed poses, keypoints are affine in betas.

    Attributes:
        mean: Keypoints of the mean shape relative to the pelvis, metres.
        directions: Their change per beta.
        pelvis: Where the pose has it, metres.
        targets: The observations.
    """

    mean: Float[Tensor, "frames points 3"]
    directions: Float[Tensor, "frames points 3 betas"]
    pelvis: Float[Tensor, "frames 3"]
    targets: Targets

    @classmethod
    def joined(cls, parts: Sequence[ShapeEvidence]) -> ShapeEvidence:
        """The frames of all parts."""
        targets = Targets(*(torch.cat([getattr(p.targets, name) for p in parts]) for name in ("positions", "weights")))
        mean, directions, pelvis = (
            torch.cat([getattr(part, name) for part in parts]) for name in ("mean", "directions", "pelvis")
        )
        return cls(mean, directions, pelvis, targets)


def fit_shape(
    body: BodyModel, convention: str, pose: Pose, targets: Targets, num_betas: int = 10, *, scaled: bool = True
) -> FittedShape:
    """Fit betas, scale and offset of a track to its keypoints.

    Args:
        body: The body model to fit.
        convention: The targets' convention.
        pose: Poses as estimated, on the body's skeleton.
        targets: The observations.
        num_betas: How many shape coefficients to fit.
        scaled: Whether to fit `scale` to 3D targets; if not, it is 1.
    """
    rows = _frames_with_most_evidence(targets)
    mean, directions = _affine_in_betas(body, convention, pose.rotations[rows], num_betas)
    evidence = ShapeEvidence(mean, directions, pose.pelvis[rows], targets[rows])
    if targets.is_image:
        unknowns = torch.zeros(num_betas + 4)
        for radius in np.geomspace(*IMAGE_RADII_M, STEPS):
            unknowns = step_in_image(evidence, unknowns, float(radius))
        return shape_of(unknowns)
    limbs = Limbs.of(evidence, convention)
    unknowns = torch.zeros(num_betas + 1)
    for radius in np.geomspace(*LIMB_RADII_M, STEPS):
        unknowns = step_by_limbs(evidence, limbs, unknowns, float(radius), scaled=scaled)
    return shape_of(torch.cat([unknowns, offset_left(evidence, unknowns)]))


def shape_of(unknowns: Float[Tensor, " betas_log_scale_and_offset"]) -> FittedShape:
    """The shape that unknowns stand for."""
    found = unknowns.double().numpy()
    return FittedShape(found[:-4], float(np.exp(found[-4])), found[-3:])


def step_in_image(
    evidence: ShapeEvidence,
    unknowns: Float[Tensor, " unknowns"],
    radius_m: float,
    worth: float = WORTH,
) -> Float[Tensor, " unknowns"]:
    """One Gauss-Newton step of betas, log scale and offset onto 2D keypoints.

    Args:
        evidence: The frames.
        unknowns: Where to step from.
        radius_m: Robust radius, metres.
        worth: Independent frames that the evidence weighs as much as.
    """
    num_betas = len(unknowns) - 4
    sigma = torch.tensor([1.0] * num_betas + [_SIGMA_LOG_SCALE, *_SIGMA_OFFSET_M])
    targets, directions = evidence.targets, evidence.directions
    per_row = worth / max(float(targets.weights.sum()), 1e-6) * targets.weights.shape[1] / _SIGMA_POINT_M**2
    relative = evidence.mean + directions @ unknowns[:num_betas]
    scale = unknowns[num_betas].exp()
    points = relative * scale + evidence.pelvis[:, None] + unknowns[-3:]
    residual, plane = residuals(points, targets)
    weight = targets.weights * robust_weights(residual, radius_m) * per_row
    jacobian = plane @ torch.cat(
        [directions * scale, (relative * scale)[..., None], torch.eye(3).expand(*points.shape[:2], 3, 3)], -1
    )
    normal = torch.einsum("nkdu,nkdv,nk->uv", jacobian, jacobian, weight) + torch.diag(sigma**-2)
    gradient = torch.einsum("nkdu,nkd,nk->u", jacobian, residual, weight) - unknowns / sigma**2
    stepped: Tensor = unknowns + torch.linalg.solve(normal, gradient)
    return stepped


def shape_of_track(estimate: Estimate, body: BodyModel, track: Track) -> tuple[FittedShape, tuple[Note, ...]]:
    """A track's shape on the engine's body, and what the user should know about it.

    The estimate's own shape is used if the engine's body is of its family. Otherwise it is fitted to the keypoints.
    """
    if not body.is_open and body.family == estimate.family:
        shape = FittedShape(betas_on_body(estimate, body), 1.0, np.zeros(3))
        notes: tuple[Note, ...] = ()
    else:
        shape = fit_shape(body, track.keypoints.convention, track.pose, track.targets)
        name = "open body" if body.is_open else f"{body.family} body"
        text = f"shape calibrated on the {name} from the keypoints; the file keeps its own betas"
        notes = (Note("shape-fitted", text),)
    if track.alignment is not None and track.alignment.mode == "camera":
        # the keypoints were not moved, so the offset is the estimate's error: the correction must remove it
        shape = replace(shape, offset=np.zeros(3))
    return shape, notes


@dataclass(frozen=True)
class Limbs:
    """Measured lengths of limbs.

    Attributes:
        a, b: Indices of their end points.
        length: Metres, without the mean effect of noise.
        seen: Confidence; 0 where an end is missing.
    """

    a: Int[Tensor, " limbs"]
    b: Int[Tensor, " limbs"]
    length: Float[Tensor, "frames limbs"]
    seen: Real[Tensor, "frames limbs"]

    @classmethod
    def of(cls, evidence: ShapeEvidence, convention: str) -> Limbs:
        """The limbs of 3D keypoints that are long enough."""
        mean, positions, weights = evidence.mean, evidence.targets.positions, evidence.targets.weights
        a, b = torch.tensor(CONVENTIONS[convention].edges).T
        limbs = (mean[:, a] - mean[:, b]).norm(dim=-1).mean(0) > _MIN_LIMB_M
        a, b = a[limbs], b[limbs]
        seen = torch.minimum(weights[:, a], weights[:, b])
        return cls(a, b, _without_noise((positions[:, a] - positions[:, b]).norm(dim=-1), seen), seen)


def step_by_limbs(
    evidence: ShapeEvidence,
    limbs: Limbs,
    unknowns: Float[Tensor, " betas_and_log_scale"],
    radius_m: float,
    worth: float = WORTH,
    *,
    scaled: bool,
    sigma_log_scale: float = _SIGMA_LOG_SCALE,
) -> Float[Tensor, " betas_and_log_scale"]:
    """One Gauss-Newton step of betas and log scale towards the measured lengths of limbs.

    Args:
        evidence: The body's points as functions of betas.
        limbs: Measured lengths, metres.
        unknowns: Betas and log scale.
        radius_m: Radius of the robust kernel, metres.
        worth: Independent frames that the lengths weigh as much as.
        scaled: Whether the scale is free.
        sigma_log_scale: Standard deviation of the log scale's prior.
    """
    a, b, seen, directions = limbs.a, limbs.b, limbs.seen, evidence.directions
    sigma = torch.tensor([1.0] * (len(unknowns) - 1) + [sigma_log_scale])
    per_row = worth / max(float(seen.sum()), 1e-6) * len(a) / _SIGMA_POINT_M**2
    relative, scale = evidence.mean + directions @ unknowns[:-1], unknowns[-1].exp()
    limb = (relative[:, a] - relative[:, b]) * scale
    along = limb / limb.norm(dim=-1, keepdim=True)
    residual = limbs.length - limb.norm(dim=-1)
    by_beta = torch.einsum("nec,necu->neu", along, (directions[:, a] - directions[:, b]) * scale)
    jacobian = torch.cat([by_beta, scaled * limb.norm(dim=-1, keepdim=True)], -1)
    weight = seen * robust_weights(residual[..., None], radius_m) * per_row
    normal = torch.einsum("neu,nev,ne->uv", jacobian, jacobian, weight) + torch.diag(sigma**-2)
    gradient = torch.einsum("neu,ne,ne->u", jacobian, residual, weight) - unknowns / sigma**2
    stepped: Tensor = unknowns + torch.linalg.solve(normal, gradient)
    return stepped


def offset_left(evidence: ShapeEvidence, unknowns: Float[Tensor, " betas_and_log_scale"]) -> Float[Tensor, " 3"]:
    """Median offset from the shaped body's points to 3D keypoints, metres."""
    targets = evidence.targets
    points = (evidence.mean + evidence.directions @ unknowns[:-1]) * unknowns[-1].exp() + evidence.pelvis[:, None]
    return (targets.positions - points)[targets.weights > 0].median(0).values


def _without_noise(
    length: Float[Tensor, "frames limbs"], seen: Real[Tensor, "frames limbs"]
) -> Float[Tensor, "frames limbs"]:
    """Lengths minus the mean effect of noise: sigma^2 / length, for a limb's sigma along any axis."""
    shown = torch.where(seen > 0, length, torch.nan)
    median = shown.nanmedian(0).values
    sigma = 1.48 * (shown - median).abs().nanmedian(0).values
    return length - (sigma**2 / median).nan_to_num(0.0)


def _affine_in_betas(
    body: BodyModel, convention: str, rotations: Float[Tensor, "frames joints 3 3"], num_betas: int
) -> tuple[Float[Tensor, "frames points 3"], Float[Tensor, "frames points 3 betas"]]:
    """Keypoints of the mean shape relative to the pelvis, and their change per beta."""
    posed = [
        skinning.keypoints(body.skeleton(convention, betas), rotations)
        for betas in np.vstack([np.zeros(num_betas), np.eye(num_betas)])
    ]
    return posed[0], torch.stack([points - posed[0] for points in posed[1:]], -1)


def _frames_with_most_evidence(targets: Targets) -> Int[Tensor, " rows"]:
    """At most `_MAX_FRAMES` rows spread over the track, without frames of few confident keypoints."""
    evidence = targets.weights.sum(1)
    median = evidence[evidence > 0].median()
    usable = torch.nonzero(evidence >= 0.5 * median)[:, 0]
    if len(usable) <= _MAX_FRAMES:
        return usable
    return usable[torch.linspace(0, len(usable) - 1, _MAX_FRAMES).long()]
