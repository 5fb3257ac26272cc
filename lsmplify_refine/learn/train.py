"""Train the residual regressor through the projection, with Lightning Fabric."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.learn.loss import PoseLoss
from lsmplify_refine.learn.motion import Split
from lsmplify_refine.learn.pair_sampler import PairSampler
from lsmplify_refine.learn.pairs import PairConfig, Pairs
from lsmplify_refine.options import Architecture
from lsmplify_refine.regressor.fusion import fuse
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork, published_pose
from lsmplify_refine.regressor.weights import load_weights, save_weights, weights_record
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.stopping import check

_CHECKPOINT_EVERY = 1000
_CHECKPOINT, _WEIGHTS = "checkpoint.ckpt", "weights.safetensors"


#: From network and pairs to two poses: the refined one, and the network's own. The loss is taken on both.
Forward = Callable[[nn.Module, Pairs], tuple[Pose, Pose]]


@dataclass(frozen=True)
class TrainConfig:
    """Everything that determines the result of training.

    Attributes:
        steps: Optimiser steps.
        batch_size: Pairs per step and device.
        learning_rate: Peak of AdamW's cosine schedule.
        weight_decay: Weight decay of AdamW.
        warm_up: Steps of linear warm-up.
        clip_norm: Gradient clipping.
        mean_over: Steps that the moving mean of the weights covers, at most a tenth of all. The mean is written: the
            weights of a single step are worse, by a percent in most rows and by a tenth in sequences.
        seed: Seed of the network and of the pairs.
        direct_loss: Weight of the loss on the regressor's own pose, before the last projection. It is small: what
            helps the last projection differs from what makes a good pose by itself.
        architecture: "ours", or "published": the network of Learnable SMPLify's release, for comparison.
        network: Size of our network.
        pairs: How to make training pairs.
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
    architecture: Architecture = "ours"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    pairs: PairConfig = field(default_factory=PairConfig)


@dataclass(frozen=True)
class Progress:
    """One report of the training loop: the step, and mean errors since the last report in millimetres."""

    step: int
    pve_mm_pelvis: float
    direct_pve_mm_pelvis: float


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
    """Train, write `weights.safetensors` and a resumable `checkpoint.ckpt` to a folder, and return the network.

    Both files are written every thousand steps and at the end, so that a run may be stopped early.

    Args:
        split: Takes by subject; only `split.train` is used.
        body: The body model of the pairs.
        config: Everything that determines the result.
        folder: Where to write; TensorBoard scalars go there too if the Fabric has a logger.
        fabric: Devices, precision and loggers.
        resume: Continue from the folder's checkpoint.
        report_every: Steps between reports.
        on_progress: Called with each report.
        forward: Replaces the way from network and pairs to the two poses of the loss.
        begin_with: Weights to begin with instead of random ones; they determine the network's size.

    Raises:
        InputError: A checkpoint exists but `resume` is not set, or there is none to resume from, or it belongs to
            another configuration; `begin_with` is not a weights file, or is of another architecture.
    """
    _check(config, folder / _CHECKPOINT, resume)
    run = _Run(split, body, config, fabric, begin_with)
    if resume:
        run.resume(folder / _CHECKPOINT)
    folder.mkdir(parents=True, exist_ok=True)
    record = {"training": asdict(run.config), "data": split.describe()}
    if begin_with is not None:
        record["began_with"] = weights_record(begin_with)
    forward = forward or (_fused_and_direct if isinstance(run.network, ResidualRegressor) else _published)
    loss_of = PoseLoss(body)
    errors: list[tuple[float, float]] = []
    for step in range(run.state["step"] + 1, config.steps + 1):
        check()
        errors.append(run.step(forward, loss_of))
        last = step == config.steps
        if step % report_every == 0 or last:
            report = Progress(step, *np.mean(errors, axis=0).tolist())
            errors.clear()
            fabric.log_dict({k: v for k, v in asdict(report).items() if k != "step"}, step=step)
            if on_progress and fabric.is_global_zero:
                on_progress(report)
        if step % _CHECKPOINT_EVERY == 0 or last:
            run.save(folder / _CHECKPOINT, step)
            if fabric.is_global_zero:
                save_weights(run.mean.module, folder / _WEIGHTS, {**record, "step": step})
    return run.mean.module


class _Run:
    """Everything that changes during training: network, mean of the weights, optimiser, schedule and pairs."""

    def __init__(
        self, split: Split, body: BodyModel, config: TrainConfig, fabric: Fabric, begin_with: Path | None
    ) -> None:
        fabric.seed_everything(config.seed + fabric.global_rank)
        self.fabric = fabric
        self.network = _network(config, begin_with)
        if isinstance(self.network, ResidualRegressor):
            config = replace(config, network=self.network.config)
        self.config = config
        weights = self.network.parameters()
        optimizer = torch.optim.AdamW(weights, lr=config.learning_rate, weight_decay=config.weight_decay)
        self._schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, partial(_learning_rate_factor, config))
        self._model, self._optimizer = fabric.setup(self.network, optimizer)
        decay = 1 - 1 / max(1.0, min(config.mean_over, config.steps / 10))
        # torch has no types here
        moving_mean: Callable[..., None] = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self.mean = AveragedModel(self.network, multi_avg_fn=moving_mean)
        self._sampler = PairSampler(split.train, body, config.pairs, seed=config.seed + 1000 * fabric.global_rank)
        self.state: dict[str, Any] = {
            "model": self._model,
            "mean": self.mean,
            "optimizer": self._optimizer,
            "schedule": self._schedule,
            "step": 0,
            "draws": self._sampler.state_dict(),
        }

    def step(self, forward: Forward, loss_of: PoseLoss) -> tuple[float, float]:
        """Train on one batch; returns the PVE of the refined pose and of the network's own, mm."""
        pairs = self._sampler.draw(self.config.batch_size).to(self.fabric.device)
        poses = forward(self._model, pairs)
        self._sampler.follow(poses[0].to("cpu"))
        (loss, pve), (direct_loss, direct_pve) = loss_of(pairs, *poses)
        self._optimizer.zero_grad()
        self.fabric.backward(loss + self.config.direct_loss * direct_loss)
        self.fabric.clip_gradients(self._model, self._optimizer, max_norm=self.config.clip_norm)
        self._optimizer.step()
        self._schedule.step()
        self.mean.update_parameters(self.network)
        return 1000 * pve.item(), 1000 * direct_pve.item()

    def save(self, checkpoint: Path, step: int) -> None:
        """Write a checkpoint."""
        self.state |= {"step": step, "draws": self._sampler.state_dict()}
        self.fabric.save(checkpoint, {**self.state, "config": json.dumps(asdict(self.config))})

    def resume(self, checkpoint: Path) -> None:
        """Continue from a checkpoint."""
        if not checkpoint.is_file():
            raise InputError(f"{checkpoint}: no checkpoint to resume from; train without --resume first")
        try:
            rest = self.fabric.load(checkpoint, self.state, weights_only=True)
        except (KeyError, RuntimeError, UnpicklingError, EOFError) as error:
            reason = " ".join(str(error).split())[:150]
            raise InputError(f"{checkpoint}: not a checkpoint of this training, or cut short: {reason}") from error
        if json.loads(rest["config"]) != json.loads(json.dumps(asdict(self.config))):
            raise InputError(
                f"{checkpoint}: belongs to another configuration; give the same options, or train into a new folder"
            )
        # other devices begin with new draws: the checkpoint holds those of the first device alone
        if self.fabric.is_global_zero:
            self._sampler.load_state_dict(self.state["draws"])


def _check(config: TrainConfig, checkpoint: Path, resume: bool) -> None:
    if config.architecture == "published" and config.pairs.image_batches:
        raise InputError("the published network takes only 3D keypoints: image_batches must be 0")
    if not resume and checkpoint.exists():
        raise InputError(f"{checkpoint}: exists; continue from it with --resume, or write to another folder")


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
    """The published network's pose, twice: there is no fusion, and the network does not predict the pelvis."""
    pose = published_pose(model, pairs.skeleton, pairs.start, pairs.targets, pairs.betas)
    pose = Pose(pose.rotations, pairs.truth.pelvis)
    return pose, pose


def _learning_rate_factor(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then half a cosine down to a thousandth."""
    return min(1.0, (step + 1) / config.warm_up) * 0.5 * (1 + math.cos(math.pi * step / config.steps)) + 1e-3
