"""Training the residual regressor through the projection, with Lightning Fabric."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.errors import InputError
from lsmplify_refine.learn.motion import Split
from lsmplify_refine.learn.pairs import PairConfig, Pairs, PairSampler
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.fusion import fuse
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork, published_pose
from lsmplify_refine.regressor.weights import load_weights, save_weights, weights_record
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.smpl_joints import JOINTS

#: Vertices that stand for the mesh in the loss.
_PROBES = 48
#: Loss of a pair that counts as easy. The logarithm above it weighs a millimetre of an exact pair as much as several of
#: a noisy one; without it the noise decides nearly all of the gradient.
_EASY = 0.1
_CHECKPOINT_EVERY = 1000
_CHECKPOINT, _WEIGHTS = "checkpoint.ckpt", "weights.safetensors"


#: From network and pairs to the refined pose and the network's own, on both of which the loss is taken.
Forward = Callable[[nn.Module, Pairs], tuple[Pose, Pose]]


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what training gives.

    Attributes:
        steps: Optimiser steps.
        batch_size: Pairs per step and device.
        learning_rate: Peak of AdamW's cosine schedule.
        weight_decay: AdamW's.
        warm_up: Steps of linear warm-up.
        clip_norm: Gradient clipping.
        mean_over: Steps that the moving mean of the weights goes over, a tenth of all at most. It is what is written:
            the weights of any one step are worse, by a percent in most rows and a tenth in sequences.
        seed: Of the network and of the pairs.
        direct_loss: Weight of the loss on the regressor's own pose, before the last projection. Small: the network has
            other things to learn for the last projection than for a pose of its own.
        architecture: "ours", or "published": the network of Learnable SMPLify's release, as a peer to measure against.
        network: Size of our network.
        pairs: How training pairs are made.
    """

    steps: int = 16_000
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    warm_up: int = 100
    clip_norm: float = 1.0
    mean_over: int = 1000
    seed: int = 0
    direct_loss: float = 0.02
    architecture: Literal["ours", "published"] = "ours"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    pairs: PairConfig = field(default_factory=PairConfig)


@dataclass(frozen=True)
class Progress:
    """One report of the training loop: step, and means since the last report in millimetres."""

    step: int
    pve_mm_pelvis: float
    direct_pve_mm_pelvis: float


class PoseLoss:
    """Loss on joints, rotations and vertices (some of them), as in Learnable SMPLify; vertices pelvis-aligned.

    What is worse than doing nothing costs twice: where noise hides which start is good, hold it.
    """

    def __init__(self, body: BodyModel) -> None:
        vertices = np.linspace(0, int(body.faces.max()), _PROBES).astype(int)
        self._probes = ShapeSampler(body.with_vertices_as_keypoints(vertices), "vertices")

    def __call__(self, pairs: Pairs, *poses: Pose) -> list[tuple[Tensor, Tensor]]:
        """For each pose the loss, and the mean vertex error in metres."""
        probes = self._probes.skeleton(pairs.betas.cpu()).to(pairs.betas.device)
        with torch.no_grad():
            true_points, true_vertices = (
                skinning.keypoints(s, pairs.truth.rotations) for s in (pairs.skeleton, probes)
            )
            nothing = (skinning.keypoints(probes, pairs.start.rotations) - true_vertices).norm(dim=-1).mean(-1)
        results = []
        for pose in poses:
            difference = (pose.rotations[:, :JOINTS] - pairs.truth.rotations[:, :JOINTS]).square().sum((-1, -2))
            angle = (difference + 1e-8).sqrt().mean(-1)
            shift = (pose.pelvis - pairs.truth.pelvis)[:, None]
            points = (skinning.keypoints(pairs.skeleton, pose.rotations) - true_points + shift).norm(dim=-1).mean(-1)
            vertices = (skinning.keypoints(probes, pose.rotations) - true_vertices).norm(dim=-1).mean(-1)
            worse = (vertices - nothing).clamp(min=0.0)
            loss = (_EASY + 0.3 * angle + 2.0 * points + 8.0 * (vertices + worse)).log().mean()
            results.append((loss, vertices.mean()))
        return results


def train(
    split: Split,
    body: BodyModel,
    config: TrainConfig,
    folder: Path,
    *,
    fabric: Fabric,
    resume: bool = False,
    report_every: int = 100,
    on_progress: Callable[[Progress], None] | None = None,
    forward: Forward | None = None,
    begin_with: Path | None = None,
) -> nn.Module:
    """Train, write `weights.safetensors` and a resumable `checkpoint.ckpt` to a folder, and give that network back.

    Both are written every thousand steps and at the end, so that a run may be stopped early.

    Args:
        split: Takes by subject; only `split.train` is used.
        body: The body model of the pairs.
        config: What decides the result.
        folder: Where to write; TensorBoard scalars go there too if the Fabric has a logger.
        fabric: Devices, precision and loggers.
        resume: Go on from the folder's checkpoint.
        report_every: Steps between reports.
        on_progress: Called with each report.
        forward: Another way from network and pairs to the poses that the loss is taken on.
        begin_with: Weights to begin with instead of random ones; they decide the network's size.

    Raises:
        InputError: There is a checkpoint and it is not to be resumed from, or none to resume from, or it belongs to
            another configuration; `begin_with` is no weights file, or another architecture's.
    """
    _check(config, folder / _CHECKPOINT, resume)
    fabric.seed_everything(config.seed + fabric.global_rank)
    network = _network(config, begin_with)
    if isinstance(network, ResidualRegressor):
        config = replace(config, network=network.config)
    forward = forward or (_fused_and_direct if isinstance(network, ResidualRegressor) else _published)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_learning_rate_factor, config))
    model, optimizer = fabric.setup(network, optimizer)
    decay = 1 - 1 / max(1.0, min(config.mean_over, config.steps / 10))
    mean = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))
    sampler = PairSampler(split.train, body, config.pairs, seed=config.seed + 1000 * fabric.global_rank)
    loss_of = PoseLoss(body)
    state = {"model": model, "mean": mean, "optimizer": optimizer, "schedule": schedule}
    state |= {"step": 0, "draws": sampler.state_dict()}
    if resume:
        _resume(fabric, folder, config, state)
        # the other devices' draws are not in the checkpoint; they begin anew
        if fabric.is_global_zero:
            sampler.load_state_dict(state["draws"])
    folder.mkdir(parents=True, exist_ok=True)
    record = {"training": asdict(config), "data": split.describe()}
    if begin_with is not None:
        record["began_with"] = weights_record(begin_with)
    errors: list[tuple[float, float]] = []
    for step in range(state["step"] + 1, config.steps + 1):
        pairs = sampler.draw(config.batch_size).to(fabric.device)
        poses = forward(model, pairs)
        sampler.follow(poses[0].to("cpu"))
        (loss, pve), (direct_loss, direct_pve) = loss_of(pairs, *poses)
        optimizer.zero_grad()
        fabric.backward(loss + config.direct_loss * direct_loss)
        fabric.clip_gradients(model, optimizer, max_norm=config.clip_norm)
        optimizer.step()
        schedule.step()
        mean.update_parameters(network)
        errors.append((1000 * pve.item(), 1000 * direct_pve.item()))
        if step % report_every == 0 or step == config.steps:
            report = Progress(step, *np.mean(errors, axis=0).tolist())
            errors.clear()
            fabric.log_dict({k: v for k, v in asdict(report).items() if k != "step"}, step=step)
            if on_progress and fabric.is_global_zero:
                on_progress(report)
        if step % _CHECKPOINT_EVERY == 0 or step == config.steps:
            state |= {"step": step, "draws": sampler.state_dict()}
            _save(fabric, folder, config, state)
            if fabric.is_global_zero:
                save_weights(mean.module, folder / _WEIGHTS, {**record, "step": step})
    return mean.module


def _check(config: TrainConfig, checkpoint: Path, resume: bool) -> None:
    if config.architecture == "published" and config.pairs.image_batches:
        raise InputError("the published network takes keypoints in space only: image_batches must be 0")
    if not resume and checkpoint.exists():
        raise InputError(f"{checkpoint}: exists; go on from it with --resume, or write to another folder")


def _network(config: TrainConfig, begin_with: Path | None) -> nn.Module:
    if begin_with is None:
        return ResidualRegressor(config.network) if config.architecture == "ours" else PublishedNetwork()
    network = load_weights(begin_with)
    if isinstance(network, PublishedNetwork) != (config.architecture == "published"):
        raise InputError(f"{begin_with}: not a network of architecture {config.architecture}; see --architecture")
    return network.train().requires_grad_()


def _fused_and_direct(model: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
    fused, regressed = fuse(model, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)
    return fused, regressed.pose


def _published(model: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
    """The published network's pose, twice: there is no fusion. It leaves the pelvis to others."""
    pose = published_pose(model, pairs.skeleton, pairs.start, pairs.targets, pairs.betas)
    pose = Pose(pose.rotations, pairs.truth.pelvis)
    return pose, pose


def _learning_rate_factor(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine to nearly nothing."""
    return min(1.0, (step + 1) / config.warm_up) * 0.5 * (1 + math.cos(math.pi * step / config.steps)) + 1e-3


def _save(fabric: Fabric, folder: Path, config: TrainConfig, state: dict) -> None:
    fabric.save(folder / _CHECKPOINT, {**state, "config": json.dumps(asdict(config))})


def _resume(fabric: Fabric, folder: Path, config: TrainConfig, state: dict) -> None:
    checkpoint = folder / _CHECKPOINT
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint}: no checkpoint to resume from; train without --resume first")
    try:
        rest = fabric.load(checkpoint, state, weights_only=True)
    except (KeyError, RuntimeError, UnpicklingError, EOFError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{checkpoint}: not a checkpoint of this training, or cut short: {reason}") from error
    if json.loads(rest["config"]) != json.loads(json.dumps(asdict(config))):
        raise InputError(f"{checkpoint}: belongs to another configuration; give the same options, or train anew")
