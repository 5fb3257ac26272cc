"""Who is tested: doing nothing, the projection, the regressor, both, the published network, and SMPLify."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import nn

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.evaluate.smplify import PosePrior, SmplifyConfig, smplify
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.regressor.fusion import fuse
from lsmplify_refine.regressor.published import PublishedNetwork, published_pose
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.gauss_newton import project
from lsmplify_refine.solver.initialise import mean_offset
from lsmplify_refine.solver.problem import Pose, Prior, Schedule
from lsmplify_refine.values.smpl_joints import JOINTS

Solver = Callable[[Pairs], Pose]

#: Prior weights of the projection alone, m^2/rad^2; the best is chosen in hindsight.
DAMPINGS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
#: The one that it has without hindsight: the engine's.
DEFAULT_DAMPING = 1e-2
#: Strengths of SMPLify's pull to the start; the best is chosen in hindsight.
SMPLIFY_STARTS = (30.0, 80.0)
_ANNEALED = Schedule((30, 10, 5, 3, 2, 1, 1, 1), (9.0,) * 8)
_PELVIS_PRIOR = 1e-5
_BATCH = 256

#: Columns; "both" is the regressor, then the projection.
NOTHING, PROJECTION, HINDSIGHT = "do nothing", "projection", "best damping"
REGRESSOR, BOTH, PUBLISHED, SMPLIFY = "regressor", "both", "published", "SMPLify"


@dataclass(frozen=True)
class Column:
    """A method as the table shows it.

    Attributes:
        name: Its heading.
        solvers: Names of the solvers of which the best counts, chosen in hindsight for each row.
    """

    name: str
    solvers: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """Everybody who is tested.

    Attributes:
        solvers: By name; each is run once a row.
        columns: What is shown.
        most: Solvers that are too slow for more than so many frames.
        network: Our regressor, for what works on whole takes.
        plain: The solver that stands for the projection without the regressor.
    """

    solvers: dict[str, Solver]
    columns: tuple[Column, ...]
    most: dict[str, int]
    network: Network
    plain: str


def make_panel(
    network: Network,
    published: PublishedNetwork | None = None,
    *,
    dampings: Sequence[float] = DAMPINGS,
    smplify_solvers: dict[str, Solver] | None = None,
    smplify_frames: int = 0,
) -> Panel:
    """The methods, do-nothing first.

    Args:
        network: Our regressor.
        published: The published network, on the same body.
        dampings: Of the projection; must hold `DEFAULT_DAMPING`.
        smplify_solvers: As `smplify_solvers` gives them.
        smplify_frames: Frames of each row that SMPLify gets; 0 leaves it out.
    """
    solvers: dict[str, Solver] = {NOTHING: _nothing}
    projections = {f"damping {damping:g}": damping for damping in dampings}
    solvers |= {name: partial(_projected, damping) for name, damping in projections.items()}
    solvers |= {REGRESSOR: partial(_regressed, network), BOTH: partial(_fused, network)}
    plain = f"damping {DEFAULT_DAMPING:g}"
    columns = [
        Column(NOTHING, (NOTHING,)),
        Column(PROJECTION, (plain,)),
        Column(HINDSIGHT, tuple(projections)),
        Column(REGRESSOR, (REGRESSOR,)),
        Column(BOTH, (BOTH,)),
    ]
    if published is not None:
        solvers[PUBLISHED] = partial(_published, published)
        columns.append(Column(PUBLISHED, (PUBLISHED,)))
    slow = smplify_solvers if smplify_solvers and smplify_frames else {}
    if slow:
        columns.append(Column(f"{SMPLIFY} (n={smplify_frames})", tuple(slow)))
    return Panel(solvers | slow, tuple(columns), dict.fromkeys(slow, smplify_frames), network, plain)


def smplify_solvers(body: BodyModel, prior: PosePrior | None, config: SmplifyConfig | None = None) -> dict[str, Solver]:
    """SMPLify with each strength of its pull to the start."""
    points = point_body(body, "body25")
    return {
        f"{SMPLIFY} start {start:g}": partial(
            _smplified, points, prior, replace(config or SmplifyConfig(), start=start)
        )
        for start in SMPLIFY_STARTS
    }


def in_batches(solve: Solver, pairs: Pairs) -> Pose:
    """Solve any number of pairs, so many at a time that they fit the caches."""
    count = len(pairs.betas)
    if count <= _BATCH:
        return solve(pairs)
    return Pose.joined([solve(pairs[begin : begin + _BATCH]) for begin in range(0, count, _BATCH)])


def point_body(body: BodyModel, convention: str) -> BodyModel:
    """A body whose mesh is a convention's virtual points: exactly the same keypoints, from a hundredth of the vertices.

    SMPLify through the whole mesh takes minutes for each row; how long it takes is measured elsewhere. Keypoint k is
    the sum over bones b of G_b (a_kb - c_kb j_b) + c_kb p_b (see `body.skinning`): the vertex a_kb + (1 - c_kb) j_b on
    bone b, plus c_kb - 1 times the posed joint.
    """
    joints, directions = (value.numpy() for value in body.rest_joints)
    virtual = body.virtual_points(convention)
    shares = virtual.shares.numpy()
    point, bone = np.nonzero(np.abs(shares) > 1e-9)
    rest = (1 - shares[point, bone])[:, None]
    template = virtual.template.numpy()[point, bone] + rest * joints[bone]
    shape = virtual.shape.numpy()[point, bone] + rest[..., None] * directions[bone]
    count, joint_count = len(point), len(joints)
    regressor = np.zeros((len(shares), count + 2 * joint_count), np.float32)
    regressor[point, np.arange(count)] = 1.0
    # the mesh ends with the rest joints, for the joint regressor; then come the posed joints
    regressor[point, count + joint_count + bone] = shares[point, bone] - 1
    posedirs = None
    if virtual.pose is not None:
        posedirs = np.concatenate(
            [virtual.pose.numpy()[point, bone], np.zeros((joint_count, *virtual.pose.shape[2:]), np.float32)]
        )
    one_hot = np.eye(joint_count, dtype=np.float32)
    arrays = replace(
        body.arrays,
        v_template=np.concatenate([template, joints]),
        shapedirs=np.concatenate([shape, directions]),
        posedirs=posedirs,
        weights=one_hot[np.concatenate([bone, np.arange(joint_count)])],
        J_regressor=np.concatenate([np.zeros((joint_count, count), np.float32), one_hot], 1),
        parents=body.parents,
        keypoint_regressors={convention: regressor},
    )
    return BodyModel(arrays)


def _nothing(pairs: Pairs) -> Pose:
    return pairs.start


@torch.no_grad()
def _projected(damping: float, pairs: Pairs) -> Pose:
    rotation = torch.full(pairs.start.rotations.shape[:2], damping)
    rotation[:, JOINTS:] = torch.inf
    prior = Prior(rotation, torch.full_like(pairs.start.pelvis, _PELVIS_PRIOR))
    return project(pairs.skeleton, pairs.start, pairs.targets, prior, _ANNEALED)


@torch.no_grad()
def _regressed(network: nn.Module, pairs: Pairs) -> Pose:
    return fuse(network, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)[1].pose


@torch.no_grad()
def _fused(network: nn.Module, pairs: Pairs) -> Pose:
    return fuse(network, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)[0]


@torch.no_grad()
def _published(network: nn.Module, pairs: Pairs) -> Pose:
    """The published network leaves the pelvis where it was; the mean of the keypoints says where it is now."""
    targets = pairs.targets
    pose = published_pose(network, pairs.skeleton, pairs.start, targets, pairs.betas)
    points = skinning.keypoints(pairs.skeleton, pose.rotations) + pose.pelvis[:, None]
    return Pose(pose.rotations, pose.pelvis + mean_offset(points, targets))


def _smplified(body: BodyModel, prior: PosePrior | None, config: SmplifyConfig, pairs: Pairs) -> Pose:
    start, targets = pairs.start, pairs.targets
    rotations, pelvis = smplify(
        body,
        "body25",
        targets.positions,
        targets.weights,
        start.rotations,
        start.pelvis,
        pairs.betas,
        prior=prior,
        config=config,
    )
    return Pose(rotations, pelvis).detach()
