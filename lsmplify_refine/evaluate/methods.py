"""The methods under test: do nothing, the projection, the regressor, both, the published network, and SMPLify."""

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

#: Prior weights of the projection alone, m^2/rad^2; the table shows the best in hindsight.
DAMPINGS = (1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
#: The engine's prior weight, for the projection without hindsight.
DEFAULT_DAMPING = 1e-2
#: Weights of SMPLify's pull to the start; the table shows the best in hindsight.
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
        solvers: Names of its solvers; the best of them counts, chosen in hindsight for each row.
    """

    name: str
    solvers: tuple[str, ...]


@dataclass(frozen=True)
class Panel:
    """All methods under test.

    Attributes:
        solvers: Solvers by name; each runs once per row.
        columns: The columns of the table.
        max_frames: Max frames of each row for the slow solvers.
        network: Our regressor, for methods that refine whole takes.
        plain: Name of the solver for the projection without the regressor.
    """

    solvers: dict[str, Solver]
    columns: tuple[Column, ...]
    max_frames: dict[str, int]
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
    """List the methods, do-nothing first.

    Args:
        network: Our regressor.
        published: The published network, on the same body.
        dampings: Prior weights of the projection; `DEFAULT_DAMPING` must be one of them.
        smplify_solvers: The result of `smplify_solvers`.
        smplify_frames: Frames of each row that SMPLify gets; 0 omits SMPLify.
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
    """SMPLify with each weight of its pull to the start."""
    points = point_body(body, "body25")
    return {
        f"{SMPLIFY} start {start:g}": partial(
            _smplified, points, prior, replace(config or SmplifyConfig(), start=start)
        )
        for start in SMPLIFY_STARTS
    }


def in_batches(solve: Solver, pairs: Pairs) -> Pose:
    """Solve any number of pairs, in batches that fit the CPU's caches."""
    count = len(pairs.betas)
    if count <= _BATCH:
        return solve(pairs)
    return Pose.joined([solve(pairs[begin : begin + _BATCH]) for begin in range(0, count, _BATCH)])


def point_body(body: BodyModel, convention: str) -> BodyModel:
    """Make a body whose mesh is a convention's virtual points: the same keypoints from a hundredth of the vertices.

    SMPLify through the whole mesh takes minutes per row; `scripts/benchmark_regressor.py` measures its speed. Keypoint
    k is the sum over bones b of G_b (a_kb - c_kb j_b) + c_kb p_b (see `body.skinning`). That is the vertex
    a_kb + (1 - c_kb) j_b on bone b, plus c_kb - 1 times the posed joint.
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
    # columns: the points, the rest joints (which end the mesh, for the joint regressor), then the posed joints
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
    """Move the pelvis by the mean keypoint offset, since the published network does not predict it."""
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
