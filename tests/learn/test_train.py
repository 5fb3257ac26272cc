"""Training: the same seed gives the same curve, a resumed run equals an unbroken one, the loss falls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from lsmplify_refine import InputError
from lsmplify_refine.body import _core
from lsmplify_refine.learn.motion import Split, Take
from lsmplify_refine.learn.pairs import PairConfig, PairSampler, ShapeSampler
from lsmplify_refine.learn.train import Progress, TrainConfig, train
from lsmplify_refine.regressor.network import NetworkConfig
from lsmplify_refine.regressor.published import PublishedNetwork
from lsmplify_refine.regressor.weights import load_weights
from tests.engine.scenes import open_body, true_motion

SMALL = TrainConfig(steps=4, batch_size=16, network=NetworkConfig(width=16, depth=1))


@pytest.fixture(scope="module")
def split() -> Split:
    pose, pelvis = true_motion(90)
    take = Take("take", "05", pose[:, :22].astype(np.float32), pelvis.astype(np.float32), 30.0)
    return Split((take,), (), ())


def curve(split: Split, folder: Path, config: TrainConfig, *, resume: bool = False) -> list[Progress]:
    reports: list[Progress] = []
    fabric = Fabric(accelerator="cpu", devices=1)
    train(split, open_body(), config, folder, fabric=fabric, resume=resume, report_every=1, on_progress=reports.append)
    return reports


def test_the_same_seed_gives_the_same_curve_and_weights(split: Split, tmp_path: Path) -> None:
    first, second = (curve(split, tmp_path / name, SMALL) for name in "ab")
    assert first == second and len(first) == 4
    ours, theirs = (load_weights(tmp_path / name / "weights.safetensors").state_dict() for name in "ab")
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_the_published_network_trains_on_the_same_pairs(split: Split, tmp_path: Path) -> None:
    config = replace(SMALL, steps=2, architecture="published", pairs=PairConfig(image_batches=0.0))
    reports = curve(split, tmp_path, config)
    assert all(0 < report.pve_mm_pelvis == report.direct_pve_mm_pelvis < 1000 for report in reports)
    network = load_weights(tmp_path / "weights.safetensors")
    assert isinstance(network, PublishedNetwork) and not network.training


def test_a_resumed_run_goes_on_where_it_stopped(split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = curve(split, tmp_path / "whole", SMALL)
    monkeypatch.setattr("lsmplify_refine.learn.train._CHECKPOINT_EVERY", 2)

    class Stop(Exception):
        pass

    def stop_after_two(report: Progress) -> None:
        if report.step == 3:
            raise Stop

    fabric = Fabric(accelerator="cpu", devices=1)
    with pytest.raises(Stop):
        train(split, open_body(), SMALL, tmp_path / "cut", fabric=fabric, report_every=1, on_progress=stop_after_two)
    assert curve(split, tmp_path / "cut", SMALL, resume=True) == whole[2:]


def test_what_cannot_be_resumed_is_said(split: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        curve(split, tmp_path, SMALL, resume=True)
    curve(split, tmp_path, SMALL)
    with pytest.raises(InputError, match="another configuration"):
        other = TrainConfig(steps=8, batch_size=16, network=SMALL.network)
        curve(split, tmp_path, other, resume=True)


@pytest.mark.parametrize("image", [0.0, 1.0])
def test_pairs_fit_together(split: Split, image: float) -> None:
    """Without noise, errors or wrong shapes the targets are the true pose's keypoints, and strides move a little."""
    clean = PairConfig(
        estimator_error=0, wrong_shape=0, noise_free=1, dropout=0, hidden_limb=0, outliers=0, no_feet=0,
        image_batches=image,
    )  # fmt: skip
    pairs = PairSampler(split.train, open_body(), clean, seed=1).draw(64)
    points = _core.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
    assert pairs.targets.is_image == bool(image)
    assert (pairs.targets.weights == 1).all()
    wanted = points[..., :2] / points[..., 2:] if image else points
    assert torch.allclose(pairs.targets.positions, wanted, atol=1e-5)
    assert not image or points[..., 2].min() > 1
    assert 0.005 < (pairs.start.rotations - pairs.truth.rotations).norm(dim=(-1, -2)).mean() < 0.6


def test_pairs_have_everything_that_goes_wrong(split: Split) -> None:
    sampler = PairSampler(split.train, open_body(), PairConfig(image_batches=0), seed=2)
    pairs = sampler.draw(400)
    true = _core.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
    error = (pairs.targets.positions - true).norm(dim=-1)
    weights = pairs.targets.weights
    assert 0.05 < (weights == 0).float().mean() < 0.5
    assert (error > 0.3).float().mean() > 0.002  # outliers, at full confidence
    assert (error.median(1).values < 0.002).float().mean() > 0.1  # and clean ones
    assert torch.isfinite(pairs.start.rotations).all() and torch.isfinite(pairs.targets.positions).all()


def test_shapes_are_the_bodys(split: Split) -> None:
    betas = np.random.default_rng(0).normal(0, 1, 10)
    batched = ShapeSampler(open_body()).skeleton(torch.tensor(betas).float()[None])
    single = open_body().skeleton("body25", betas)
    assert torch.allclose(batched.rest_joints[0], single.rest_joints, atol=1e-5)
    assert torch.allclose(batched.points[0], single.points, atol=1e-5)
