"""The residual regressor: a small graph network from targets and a first solution to a residual pose and its prior.

It follows Learnable SMPLify (arXiv 2508.13562): human-centric normalisation by the initial joints, residual rotations
on the initial pose, a graph network over the skeleton. It differs on purpose:

* The graph is the real BODY_25 skeleton plus the body's joints, and joint identity survives to the heads.
* Confidence and missing points are inputs.
* The shape enters as the rest skeleton and rest keypoints in metres, so one set of weights serves every body.
* Besides a pose, the network predicts a Gaussian prior for the projection: a mean between start and solution, the
  weight of each joint, and ways in which joints turn together. It also predicts a factor on each keypoint's confidence.
"""

from __future__ import annotations

from dataclasses import dataclass

import roma
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.regressor.features import JOINT_FEATURES, POINT_FEATURES, features_of
from lsmplify_refine.solver.evidence import Scales
from lsmplify_refine.solver.gauss_newton import open_pelvis
from lsmplify_refine.solver.problem import Pose, Prior, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from lsmplify_refine.values.conventions import BODY25
from lsmplify_refine.values.smpl_joints import JOINTS, PARENTS, joint_index

_POINTS = len(BODY25.points)
#: The SMPL joint that carries a BODY_25 point, where that is not the joint of its name.
_CARRIED_BY = {
    "nose": "head", "mid_hip": "pelvis", "right_eye": "head", "left_eye": "head", "right_ear": "head",
    "left_ear": "head", "left_big_toe": "left_foot", "left_small_toe": "left_foot", "left_heel": "left_ankle",
    "right_big_toe": "right_foot", "right_small_toe": "right_foot", "right_heel": "right_ankle",
}  # fmt: skip
#: Prior weights stay in a range that single precision can solve for.
_LOG_WEIGHTS = (-9.0, 4.0)


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the network; `together` is the number of ways in which joints turn together in its prior."""

    width: int = 96
    depth: int = 3
    heads: int = 4
    together: int = 8


@dataclass(frozen=True)
class Regressed:
    """The network's output for N frames.

    Attributes:
        pose: The predicted pose.
        mean: Mean of the prior: what the keypoints do not decide stays there.
        prior: How strongly the projection is held to the mean.
        trust: Factor on each keypoint's confidence.
    """

    pose: Pose
    mean: Pose
    prior: Prior
    trust: Float[Tensor, "frames 25"]


def graph_adjacency() -> Float[Tensor, "25 25"]:
    """BODY_25's edges, symmetric, without self-loops."""
    adjacency = torch.zeros(_POINTS, _POINTS)
    for a, b in BODY25.edges:
        adjacency[a, b] = adjacency[b, a] = 1.0
    return adjacency


def joints_at_points() -> Float[Tensor, "25 22"]:
    """Share of each joint at each point: the joint that carries the point, and that joint's parent."""
    shares = torch.zeros(_POINTS, JOINTS)
    for row, name in enumerate(BODY25.points):
        joint = joint_index(_CARRIED_BY.get(name, name))
        shares[row, joint] = 1.0
        shares[row, max(PARENTS[joint], 0)] = 1.0
    return shares / shares.sum(1, keepdim=True)


class GraphBlock(nn.Module):
    """Graph convolution with a learned adjacency per head, then a two-layer perceptron per node; both residual."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        adjacency = graph_adjacency()
        near = adjacency / adjacency.sum(1, keepdim=True)
        identity = torch.eye(len(near))
        # heads start with the node itself, its neighbours, their neighbours, and all nodes
        starts = [identity, near, near @ near, torch.full_like(near, 1 / len(near))]
        self.adjacency = nn.Parameter(torch.stack([starts[h % len(starts)] for h in range(config.heads)]))
        self.heads = config.heads
        self.norm_mix, self.norm_node = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.mix = nn.Linear(config.width, config.width)
        self.node = nn.Sequential(
            nn.Linear(config.width, 2 * config.width), nn.GELU(), nn.Linear(2 * config.width, config.width)
        )

    def forward(self, x: Float[Tensor, "frames nodes width"]) -> Float[Tensor, "frames nodes width"]:
        """Node features to node features."""
        spread = torch.einsum("hvw,nwhd->nvhd", self.adjacency, torch.unflatten(self.norm_mix(x), -1, (self.heads, -1)))
        x = x + self.mix(nn.functional.gelu(spread.flatten(-2)))
        out: Tensor = x + self.node(self.norm_node(x))
        return out


class ResidualRegressor(nn.Module):
    """F(start, targets, first solution, rest skeleton) -> residual rotations, a prior, keypoint trust."""

    def __init__(self, config: NetworkConfig = NetworkConfig()) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.embed_point, self.embed_joint = nn.Linear(POINT_FEATURES, width), nn.Linear(JOINT_FEATURES, width)
        self.point_identity = nn.Parameter(0.1 * torch.randn(_POINTS, width))
        self.joint_identity = nn.Parameter(0.1 * torch.randn(JOINTS, width))
        shares = joints_at_points()
        self.joints_to_points = nn.Parameter(shares)
        self.points_to_joints = nn.Parameter(shares.T / shares.sum(0)[:, None].clamp(min=0.5))
        self.blocks = nn.Sequential(*[GraphBlock(config) for _ in range(config.depth)])
        self.pose_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 7))
        self.prior_head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, 8 + 3 * config.together)
        )
        self.point_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))
        self._start_at_no_residual()

    def _start_at_no_residual(self) -> None:
        pose, prior, point = self.pose_head[-1], self.prior_head[-1], self.point_head[-1]
        assert isinstance(pose, nn.Linear) and isinstance(prior, nn.Linear) and isinstance(point, nn.Linear)
        for layer in (pose, prior, point):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        # two columns of the identity, and half the way to the first solution
        pose.bias.data[[0, 4]] = 1.0
        # the same, a mean near the start, and the most likely weight
        prior.bias.data[[0, 4]] = 1.0
        prior.bias.data[6] = -2.0
        # products of zeros with zeros would never learn
        nn.init.normal_(prior.weight[8:], std=0.02)

    def forward(
        self, points: Float[Tensor, "frames 25 point_features"], joints: Float[Tensor, "frames 22 joint_features"]
    ) -> tuple[Float[Tensor, "frames 22 7"], Float[Tensor, "frames 22 prior"], Float[Tensor, "frames 25"]]:
        """Plain tensors in and out (so that any trainer can wrap it).

        Returns:
            Three outputs. For each joint, the residual rotation as two columns, and the logit of the share of the first
            solution. For each joint, the same of the prior's mean, the log weight, and R turns in standard deviations
            (8 + 3 R numbers). For each point, the log trust.
        """
        by_joint = self.embed_joint(joints) + self.joint_identity
        nodes = self.embed_point(points) + self.point_identity + self.joints_to_points @ by_joint
        nodes = self.blocks(nodes)
        by_joint = by_joint + self.points_to_joints @ nodes
        return self.pose_head(by_joint), self.prior_head(by_joint), self.point_head(nodes)[..., 0]


def regress(
    network: nn.Module,
    skeleton: Skeleton,
    start: Pose,
    solution: Pose,
    scales: Scales,
    targets: Targets,
    target_points: Float[Tensor, "frames 25 3"],
    earlier: RunningMean | None = None,
) -> Regressed:
    """Run the network on N frames.

    Args:
        network: A `ResidualRegressor`, possibly wrapped by a trainer.
        skeleton: The shaped body with BODY_25 points (batched or shared).
        start: The initial pose.
        solution: A first projection from the start. Each joint's residual is applied between the two: near the solution
            for good keypoints, near the start for noisy ones.
        scales: The noise of the observations and the weight of the prior.
        targets: The observations; only their weights are used.
        target_points: The targets in space (2D ones lifted), same frame as the poses, metres.
        earlier: The mean of the earlier results that the start follows, if any. Results have other errors than an
            estimate, and a start made from keypoints has their noise.
    """
    with torch.no_grad():
        axes, points, joints = features_of(skeleton, start, solution, scales, targets, target_points, earlier)
        way = roma.rotmat_to_rotvec(start.rotations[:, :JOINTS].transpose(-1, -2) @ solution.rotations[:, :JOINTS])
    residual, prior, log_trust = network(points, joints)
    poses = _moved(start.rotations, way, torch.stack([residual, prior[..., :7]]))
    pose, mean = (Pose(rotations, solution.pelvis) for rotations in poses)
    weight = (scales.strength.log()[:, None] + prior[..., 7]).clamp(*_LOG_WEIGHTS).exp()
    together = weight.rsqrt()[..., None, None] * torch.unflatten(prior[..., 8:], -1, (3, -1))
    together = torch.cat([axes[:, None] @ together[:, :1], together[:, 1:]], 1)
    hands = start.rotations.shape[1] - JOINTS
    held = Prior(
        nn.functional.pad(weight, (0, hands), value=torch.inf),
        open_pelvis(scales.strength, is_image=targets.is_image),
        nn.functional.pad(together, (0, 0, 0, 0, 0, hands)),
    )
    return Regressed(pose, mean, held, log_trust.clamp(-3.0, 1.0).exp())


def _moved(
    rotations: Float[Tensor, "frames joints 3 3"],
    way: Float[Tensor, "frames 22 3"],
    outputs: Float[Tensor, "outputs frames 22 7"],
) -> Float[Tensor, "outputs frames joints 3 3"]:
    """Rotations after a share of the way and a residual, for each of several outputs."""
    residual = roma.special_gramschmidt(torch.unflatten(outputs[..., :6], -1, (2, 3)).transpose(-1, -2))
    part = roma.rotvec_to_rotmat(outputs[..., 6:].sigmoid() * way)
    hands = rotations[:, JOINTS:].expand(len(outputs), -1, -1, -1, -1)
    return torch.cat([rotations[:, :JOINTS] @ part @ residual, hands], 2)
