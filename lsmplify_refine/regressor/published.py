"""The network published with Learnable SMPLify (arXiv 2508.13562), in the layout of its released checkpoint.

A spatio-temporal graph network (ST-GCN, arXiv 1801.07455) over start and target keypoints, then one small head per
body joint. It serves to run the authors' weights (`load_published`) and to train a baseline for our own regressor. The
released weights depend on two oddities. The graph has the edges of NTU RGB+D's 25 joints, although the nodes are
BODY_25 points. The human-centric frame is left-handed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import roma
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.errors import InputError
from lsmplify_refine.regressor.features import human_frame
from lsmplify_refine.safe_load import load_torch
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.values.smpl_joints import BODY_JOINTS, JOINTS

_POINTS = 25
#: A larger number than any that training ends with.
_MAX_WEIGHT = 1e6
#: SMPL has two more body joints than SMPL-H: the hands. They are at rest in the input.
_BODY_JOINTS = BODY_JOINTS["smpl"]
_BETAS = 10
_KERNEL = 9
#: Input and output channels and temporal stride of the nine units.
_UNITS = (
    (64, 64, 1), (64, 64, 1), (64, 64, 1),
    (64, 128, 2), (128, 128, 1), (128, 128, 1),
    (128, 256, 2), (256, 256, 1), (256, 256, 1),
)  # fmt: skip
_FEATURES = 256
#: NTU RGB+D's bones as (outer, inner), counted from 1 as its authors do.
_NTU_BONES = (
    (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11),
    (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12),
)  # fmt: skip
#: In the released file, but not part of the network: the release's own keypoint regressor.
_UNUSED_KEYS = frozenset({"openpose_regressor"})


def ntu_adjacency() -> Float[Tensor, "3 25 25"]:
    """Identity, inward and outward edges, each column's sum 1 (or 0 where nothing arrives).

    Entry (v, w) is the share of node v in what arrives at node w. Inward edges carry an inner joint to its outer
    neighbours, outward ones the reverse.
    """
    outer, inner = (torch.tensor(ends) - 1 for ends in zip(*_NTU_BONES))
    inward = torch.zeros(_POINTS, _POINTS)
    inward[inner, outer] = 1.0
    directions = torch.stack([torch.eye(_POINTS), inward, inward.T])
    return directions / directions.sum(1, keepdim=True).clamp(min=1.0)


class GraphConvolution(nn.Module):
    """Sum over the three adjacencies, each times a learned mask, of a 1x1 convolution; batch norm; ReLU."""

    adjacency: Tensor

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.register_buffer("adjacency", ntu_adjacency(), persistent=False)
        self.mask = nn.Parameter(torch.ones_like(self.adjacency))
        self.conv_list = nn.ModuleList([nn.Conv2d(inputs, outputs, 1) for _ in self.adjacency])
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Float[Tensor, "frames inputs times 25"]) -> Float[Tensor, "frames outputs times 25"]:
        """Features to features of the same size in time."""
        mixing = self.adjacency * self.mask
        mixed = torch.stack([conv(x @ share) for conv, share in zip(self.conv_list, mixing)])
        out: Tensor = nn.functional.relu(self.bn(mixed.sum(0)))
        return out


class TemporalConvolution(nn.Module):
    """Convolution over time; batch norm; ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = _KERNEL, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (kernel, 1), (stride, 1), (kernel // 2, 0))
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Float[Tensor, "frames inputs times 25"]) -> Float[Tensor, "frames outputs strided 25"]:
        """Features to features, every `stride`-th time step."""
        # there are at most two time steps (start, target), so all taps but the middle ones would meet padding
        half = self.conv.kernel_size[0] // 2
        reach = min(half, x.shape[2] - 1)
        weight = self.conv.weight[:, :, half - reach : half + reach + 1]
        x = nn.functional.conv2d(x, weight, self.conv.bias, self.conv.stride, (reach, 0))
        out: Tensor = nn.functional.relu(self.bn(x))
        return out


class GraphUnit(nn.Module):
    """Graph, then temporal convolution, around a shortcut; nothing after the sum."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.gcn1 = GraphConvolution(inputs, outputs)
        self.tcn1 = TemporalConvolution(outputs, outputs, stride=stride)
        changes = inputs != outputs or stride != 1
        self.down1 = TemporalConvolution(inputs, outputs, kernel=1, stride=stride) if changes else nn.Identity()

    def forward(self, x: Float[Tensor, "frames inputs times 25"]) -> Float[Tensor, "frames outputs strided 25"]:
        """Features to features, every `stride`-th time step."""
        out: Tensor = self.tcn1(self.gcn1(x)) + self.down1(x)
        return out


class Backbone(nn.Module):
    """ST-GCN of nine units, averaged over time and nodes."""

    def __init__(self) -> None:
        super().__init__()
        first = _UNITS[0][0]
        self.data_bn = nn.BatchNorm1d(_POINTS * 3)
        self.gcn0 = GraphConvolution(3, first)
        self.tcn0 = TemporalConvolution(first, first)
        self.backbone = nn.Sequential(*[GraphUnit(*unit) for unit in _UNITS])

    def forward(self, x: Float[Tensor, "frames 3 times 25"]) -> Float[Tensor, "frames 256"]:
        """Positions to features."""
        by_point = self.data_bn(x.permute(0, 3, 1, 2).flatten(1, 2))
        x = torch.unflatten(by_point, 1, (_POINTS, 3)).permute(0, 2, 3, 1)
        features: Tensor = self.backbone(self.tcn0(self.gcn0(x)))
        return features.mean((2, 3))


class JointwiseLinear(nn.Module):
    """A separate linear layer for each joint."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = inputs**-0.5
        self.weight = nn.Parameter(torch.empty(JOINTS, outputs, inputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(JOINTS, outputs).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "frames 22 inputs"]) -> Float[Tensor, "frames 22 outputs"]:
        """Features of each joint to features of the same joint."""
        return torch.einsum("nji,joi->njo", x, self.weight) + self.bias


class Heads(nn.Module):
    """Two layers per joint, to the first two columns of its residual rotation."""

    def __init__(self) -> None:
        super().__init__()
        last = JointwiseLinear(_FEATURES, 6)
        # near no residual at first, as every residual network should start
        nn.init.uniform_(last.weight, -0.01, 0.01)
        with torch.no_grad():
            last.bias.copy_(torch.eye(3)[:, :2].flatten())
        hidden = nn.Sequential(JointwiseLinear(_FEATURES, _FEATURES), nn.ReLU())
        self.layers = nn.Sequential(hidden, last)

    def forward(self, x: Float[Tensor, "frames 22 256"]) -> Float[Tensor, "frames 22 3 3"]:
        """Features of each joint to its residual rotation."""
        rotations: Tensor = roma.special_gramschmidt(torch.unflatten(self.layers(x), -1, (3, 2)))
        return rotations


class PublishedNetwork(nn.Module):
    """F(start, target keypoints, start pose, betas) -> the pose at the target, as published.

    Randomly initialised and in training mode; for the authors' weights see `load_published`. It has no input for
    confidence or missing keypoints: give a missing target its start position, as if it did not move.
    """

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.linear = nn.Sequential(
            nn.Linear(_FEATURES + 3 * _BODY_JOINTS + _BETAS, _FEATURES),
            nn.ReLU(),
            nn.Linear(_FEATURES, JOINTS * _FEATURES),
        )
        self.regressor = Heads()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(
        self,
        start_points: Float[Tensor, "frames 25 3"],
        target_points: Float[Tensor, "frames 25 3"],
        start_rotations: Float[Tensor, "frames 22 3 3"],
        betas: Float[Tensor, "frames 10"],
    ) -> Float[Tensor, "frames 22 3 3"]:
        """The pose that moves the start's keypoints to the targets.

        Args:
            start_points: BODY_25 keypoints of the start pose, metres.
            target_points: Keypoints to reach, same frame.
            start_rotations: Parent-relative rotations of root and body joints; the root's in the same frame.
            betas: Shape coefficients of SMPL-H (or of the body that it was trained on).

        Returns:
            Rotations in the frames of `start_rotations`.
        """
        axes, origin = human_frame(start_points)
        # x = z cross y: left-handed
        axes = axes * axes.new_tensor([-1.0, 1.0, 1.0])
        both = (torch.stack([start_points, target_points], 1) - origin[:, None, None]) @ axes[:, None]
        body_pose = roma.rotmat_to_rotvec(start_rotations[:, 1:]).flatten(1)
        body_pose = nn.functional.pad(body_pose, (0, 3 * _BODY_JOINTS - body_pose.shape[1]))
        features = self.linear(torch.cat([self.backbone(both.permute(0, 3, 1, 2)), body_pose, betas], 1))
        rotations: Tensor = start_rotations @ self.regressor(torch.unflatten(features, 1, (JOINTS, _FEATURES)))
        return rotations


def published_pose(
    network: nn.Module, skeleton: Skeleton, start: Pose, targets: Targets, betas: Float[Tensor, "frames 10"]
) -> Pose:
    """Run the published network on N frames; the pelvis stays where it is.

    Args:
        network: A `PublishedNetwork`, possibly wrapped by a trainer.
        skeleton: The shaped body with BODY_25 points.
        start: The initial pose.
        targets: Keypoints in space; one without confidence counts as not moved.
        betas: Shape coefficients of the body that the network was trained on.
    """
    points = skinning.keypoints(skeleton, start.rotations) + start.pelvis[:, None]
    seen = targets.weights[..., None] > 0
    rotations = network(points, torch.where(seen, targets.positions, points), start.rotations[:, :JOINTS], betas)
    return Pose(torch.cat([rotations, start.rotations[:, JOINTS:]], 1), start.pelvis)


def load_published(path: Path) -> PublishedNetwork:
    """The network with the weights of a released checkpoint (`best_ckpt.pth.tar`), ready to use.

    Args:
        path: A torch file whose key `model` holds the state dict. No code in the file is run.

    Raises:
        InputError: It cannot be read, is damaged, or holds another network. The message names the first key that is
            missing, of a wrong shape, not finite or unknown.
    """
    content = load_torch(path)
    weights = content.get("model") if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise InputError(f"{path}: model: no such state dict; expected the checkpoint released with Learnable SMPLify")
    network = PublishedNetwork()
    wanted = network.state_dict()
    wrong = _first_mismatch(weights, wanted)
    if wrong:
        raise InputError(f"{path}: model: {wrong}; expected the network of the released Learnable SMPLify checkpoint")
    network.load_state_dict({name: weights[name] for name in wanted})
    return network.eval().requires_grad_(False)


def _first_mismatch(weights: dict[Any, Any], wanted: dict[str, Tensor]) -> str | None:
    """What is wrong with the first key that does not fit, if any."""
    for name, value in wanted.items():
        given = weights.get(name)
        if not isinstance(given, Tensor):
            return f"{name} is missing" if given is None else f"{name} is not a tensor"
        if given.shape != value.shape:
            return f"{name} has shape {tuple(given.shape)}, not {tuple(value.shape)}"
        if not given.isfinite().all():
            return f"{name} has values that are not finite"
        if given.numel() and given.abs().max() > _MAX_WEIGHT:
            return f"{name} has a value of {given.abs().max():.3g}"
    return next((f"{name} is unknown" for name in weights if name not in wanted and name not in _UNUSED_KEYS), None)
