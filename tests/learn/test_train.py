"""Training: the same seed gives the same curve, a resumed run equals an unbroken one, the loss falls."""

from __future__ import annotations

import itertools
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from lsmplify_refine import InputError
from lsmplify_refine.cli import main
from lsmplify_refine.learn.motion import Split, Take
from lsmplify_refine.learn.pair_sampler import PairSampler
from lsmplify_refine.learn.pairs import PairConfig, Pairs
from lsmplify_refine.learn.train import Progress, TrainConfig, train
from lsmplify_refine.regressor.fusion import fuse
from lsmplify_refine.regressor.network import NetworkConfig
from lsmplify_refine.regressor.published import PublishedNetwork
from lsmplify_refine.regressor.weights import load_weights, weights_record
from lsmplify_refine.solver.problem import Pose
from tests.support.scenes import open_body, true_motion

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


def test_a_resumed_run_continues_where_it_stopped(
    split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(SMALL, steps=20)  # enough for a moving mean
    whole = curve(split, tmp_path / "whole", config)
    monkeypatch.setattr("lsmplify_refine.learn.train._CHECKPOINT_EVERY", 8)

    class Stop(Exception):
        pass

    def stop_after_eight(report: Progress) -> None:
        if report.step == 9:
            raise Stop

    fabric = Fabric(accelerator="cpu", devices=1)
    with pytest.raises(Stop):
        train(split, open_body(), config, tmp_path / "cut", fabric=fabric, report_every=1, on_progress=stop_after_eight)
    assert weights_record(tmp_path / "cut" / "weights.safetensors")["step"] == 8
    with pytest.raises(InputError, match=r"checkpoint\.ckpt: exists; continue from it with --resume"):
        curve(split, tmp_path / "cut", config)
    assert curve(split, tmp_path / "cut", config, resume=True) == whole[8:]
    ours, theirs = (load_weights(tmp_path / name / "weights.safetensors").state_dict() for name in ("cut", "whole"))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_a_moving_mean_of_the_weights_is_written(split: Split, tmp_path: Path) -> None:
    passed: list[torch.Tensor] = []

    def watched(model: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
        passed.append(torch.cat([p.detach().flatten().clone() for p in model.parameters()]))
        fused, regressed = fuse(model, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)
        return fused, regressed.pose

    fabric = Fabric(accelerator="cpu", devices=1)
    config = replace(SMALL, steps=30, learning_rate=0.01, mean_over=2)
    result = train(split, open_body(), config, tmp_path, fabric=fabric, forward=watched)
    mean = passed[1]
    for weights in passed[2:]:
        mean = 0.5 * (mean + weights)
    written = torch.cat([p.flatten() for p in load_weights(tmp_path / "weights.safetensors").parameters()])
    assert torch.equal(written, torch.cat([p.detach().flatten() for p in result.parameters()]))
    # the last step is not among the watched ones
    last = 2 * written - mean
    step = (passed[-1] - passed[-2]).abs().max()
    assert (last - passed[-1]).abs().max() < 2 * step < (mean - passed[1]).abs().max()


def test_training_begins_with_given_weights(split: Split, tmp_path: Path) -> None:
    curve(split, tmp_path / "first", SMALL)
    begun = tmp_path / "first" / "weights.safetensors"
    fabric = Fabric(accelerator="cpu", devices=1)
    still = replace(SMALL, steps=1, learning_rate=0.0, network=NetworkConfig(width=64))  # the file determines the size
    train(split, open_body(), still, tmp_path / "second", fabric=fabric, begin_with=begun)
    result = tmp_path / "second" / "weights.safetensors"
    ours, theirs = (load_weights(path).state_dict() for path in (begun, result))
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)
    record = weights_record(result)
    assert record["began_with"]["training"]["steps"] == SMALL.steps
    assert record["training"]["network"] == record["began_with"]["training"]["network"]
    published = replace(still, architecture="published", pairs=PairConfig(image_batches=0))
    with pytest.raises(InputError, match=r"weights\.safetensors: not a network of architecture published"):
        train(split, open_body(), published, tmp_path / "third", fabric=fabric, begin_with=begun)


def test_unusable_checkpoints_get_one_line(split: Split, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint"):
        curve(split, tmp_path, SMALL, resume=True)
    curve(split, tmp_path, SMALL)
    checkpoint = tmp_path / "checkpoint.ckpt"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a checkpoint of this training, or cut short"):
        curve(split, tmp_path, SMALL, resume=True)
    checkpoint.write_bytes(whole)
    with pytest.raises(InputError, match="another configuration"):
        other = TrainConfig(steps=8, batch_size=16, network=SMALL.network)
        curve(split, tmp_path, other, resume=True)


@pytest.mark.parametrize("image", [0, 1])
def test_all_tensors_of_pairs_move_to_a_device(split: Split, image: int) -> None:
    def devices(value: object) -> set[str]:
        if isinstance(value, torch.Tensor):
            return {value.device.type}
        return set().union(*(devices(getattr(value, f.name)) for f in fields(value))) if is_dataclass(value) else set()

    pairs = PairSampler(split.train, open_body(), PairConfig(image_batches=image)).draw(8)
    assert devices(pairs) == {"cpu"} and devices(pairs.to(torch.device("meta"))) == {"meta"}


@pytest.mark.parametrize(
    "options",
    [("--accelerator", "abacus"), ("--precision", "8"), ("--architecture=published", "--pair=image_batches=1")],
)
def test_impossible_options_get_one_line(
    options: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "05"
    data.mkdir()
    pose, pelvis = true_motion(90)
    poses = np.pad(pose.reshape(90, -1), ((0, 0), (0, 84)))
    np.savez(
        data / "take_poses.npz",
        poses=poses,
        trans=pelvis,
        mocap_framerate=np.array(30.0),
        betas=np.zeros(10),
        gender=np.array("neutral"),
    )
    command = ["train", "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--steps", "1"]
    assert main([*command, *options]) == 2 and not (tmp_path / "out" / "weights.safetensors").exists()
    assert capsys.readouterr().err.strip().count("\n") == 0


@pytest.mark.parametrize("option", ["--steps", "--batch-size", "--devices", "--learning-rate"])
def test_zero_steps_or_devices_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--data", "x", "--output", "y", option, "0"])
    assert stopped.value.code == 2 and option in capsys.readouterr().err


@pytest.mark.parametrize(
    "setting",
    ["hope=1", "as_recorded", "as_recorded=often", "most_stride=1.5", "in_sequence=2", "sequence_frames=0", "sway=nan"],
)
def test_unknown_or_invalid_pair_settings_get_one_line(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["train", "--data", str(tmp_path), "--output", str(tmp_path / "out"), "--pair", setting])
    assert code == 2 and not (tmp_path / "out").exists()
    message = capsys.readouterr().err
    assert f"--pair {setting}: " in message and message.count("\n") == 1


def weights_after(split: Split, folder: Path, config: TrainConfig) -> torch.Tensor:
    curve(split, folder, config)
    return torch.cat([p.flatten() for p in load_weights(folder / "weights.safetensors").parameters()])


@pytest.mark.parametrize(
    "change", [{"direct_loss": 2.0}, {"warm_up": 3}, {"clip_norm": 1e-3}, {"weight_decay": 0.9}, {"learning_rate": 0.1}]
)
def test_every_setting_of_the_optimiser_shows_in_the_weights(
    split: Split, tmp_path: Path, change: dict[str, Any]
) -> None:
    config = replace(SMALL, steps=3, learning_rate=0.01)
    plain, changed = (
        weights_after(split, tmp_path / name, replace(config, **other)) for name, other in (("a", {}), ("b", change))
    )
    assert (plain - changed).abs().max() > 1e-5


def test_the_learning_rate_falls_to_nothing(split: Split, tmp_path: Path) -> None:
    passed: list[torch.Tensor] = []

    def watched(model: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
        passed.append(torch.cat([p.detach().flatten().clone() for p in model.parameters()]))
        fused, regressed = fuse(model, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)
        return fused, regressed.pose

    config = replace(SMALL, steps=12, warm_up=1, learning_rate=0.01)
    train(split, open_body(), config, tmp_path, fabric=Fabric(accelerator="cpu", devices=1), forward=watched)
    moves = [(after - before).abs().mean() for before, after in itertools.pairwise(passed)]
    assert moves[-1] < 0.2 * max(moves)


def test_rollouts_continue_from_the_results_of_the_network(split: Split, tmp_path: Path) -> None:
    starts: list[torch.Tensor] = []
    results: list[torch.Tensor] = []

    def watched(model: nn.Module, pairs: Pairs) -> tuple[Pose, Pose]:
        fused, regressed = fuse(model, pairs.skeleton, pairs.start, pairs.targets, pairs.earlier)
        starts.append(pairs.start.pelvis)
        results.append(fused.pelvis.detach())
        return fused, regressed.pose

    config = replace(SMALL, steps=3, pairs=PairConfig(image_batches=0, in_sequence=0.5))
    train(split, open_body(), config, tmp_path, fabric=Fabric(accelerator="cpu", devices=1), forward=watched)
    for before, after in zip(results, starts[1:]):
        assert torch.equal(before[-8:], after[-8:])
