"""The published network: the release's layout and numbers, its frame, equivariance, training, unusable checkpoints."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roma
import torch
from torch import Tensor

from lsmplify_refine import InputError
from lsmplify_refine.regressor.published import PublishedNetwork, load_published, ntu_adjacency
from tests.support.published_files import random_network, write_published

N = 8
NOSE, NECK, MID_HIP, RIGHT_HIP, LEFT_HIP = 0, 1, 8, 9, 12
BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def inputs(count: int = N) -> Inputs:
    """Points of about a person's size, targets near them, any pose and shape; float64."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(count, *shape, generator=generator, dtype=torch.float64)

    start = 0.4 * draw(25, 3)
    return start, start + 0.1 * draw(25, 3), roma.rotvec_to_rotmat(0.5 * draw(22, 3)), draw(10)


def release_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes in the released state dict, without its keypoint regressor."""
    layout: dict[str, tuple[int, ...]] = {}

    def add_norm(prefix: str, channels: int) -> None:
        layout.update({f"{prefix}.{name}": (channels,) for name in BATCH_NORM[:4]})
        layout[f"{prefix}.num_batches_tracked"] = ()

    def add_graph(prefix: str, before: int, after: int) -> None:
        layout[f"{prefix}.mask"] = (3, 25, 25)
        for i in range(3):
            layout[f"{prefix}.conv_list.{i}.weight"] = (after, before, 1, 1)
            layout[f"{prefix}.conv_list.{i}.bias"] = (after,)
        add_norm(f"{prefix}.bn", after)

    def add_temporal(prefix: str, before: int, after: int, kernel: int) -> None:
        layout[f"{prefix}.conv.weight"] = (after, before, kernel, 1)
        layout[f"{prefix}.conv.bias"] = (after,)
        add_norm(f"{prefix}.bn", after)

    add_norm("backbone.data_bn", 75)
    add_graph("backbone.gcn0", 3, 64)
    add_temporal("backbone.tcn0", 64, 64, 9)
    channels = (64, 64, 64, 64, 128, 128, 128, 256, 256, 256)
    for unit, (before, after) in enumerate(pairwise(channels)):
        add_graph(f"backbone.backbone.{unit}.gcn1", before, after)
        add_temporal(f"backbone.backbone.{unit}.tcn1", after, after, 9)
        if before != after:
            add_temporal(f"backbone.backbone.{unit}.down1", before, after, 1)
    layout |= {"linear.0.weight": (256, 335), "linear.0.bias": (256,)}
    layout |= {"linear.2.weight": (22 * 256, 256), "linear.2.bias": (22 * 256,)}
    layout |= {"regressor.layers.0.0.weight": (22, 256, 256), "regressor.layers.0.0.bias": (22, 256)}
    layout |= {"regressor.layers.1.weight": (22, 6, 256), "regressor.layers.1.bias": (22, 6)}
    return layout


def test_state_dict_has_the_layout_of_the_release() -> None:
    ours = {name: tuple(value.shape) for name, value in PublishedNetwork().state_dict().items()}
    assert ours == release_layout()


@pytest.mark.shared
def test_it_gives_the_rotations_of_the_published_code(shared_data: Path) -> None:
    folder = shared_data / "reference"
    network = load_published(folder / "checkpoint.pth.tar")
    with np.load(folder / "expected.npz") as file:
        given = {name: torch.tensor(file[name]) for name in file.files}
    start = roma.rotvec_to_rotmat(torch.unflatten(given["start_pose"], 1, (52, 3))[:, :22])
    expected = roma.rotvec_to_rotmat(torch.cat([given["pred_root_orient"], given["pred_body_pose"][:, :21]], 1))
    ours = network(
        given["start_joints"] + given["start_trans"][:, None],
        given["end_joints"] + given["end_trans"][:, None],
        start,
        given["betas"],
    )
    assert roma.rotmat_geodesic_distance(start, expected).mean() > 0.1
    assert roma.rotmat_geodesic_distance(ours, expected).max() < 1e-4


def test_adjacency_is_column_normalised() -> None:
    identity, inward, outward = ntu_adjacency()
    assert torch.equal(identity, torch.eye(25))
    # NTU's joint 21 lies between 2, 3, 5 and 9, all of them outer
    assert inward[20].nonzero()[:, 0].tolist() == [1, 2, 4, 8] and (inward[20, [1, 2, 4, 8]] == 1).all()
    assert outward[:, 20].nonzero()[:, 0].tolist() == [1, 2, 4, 8] and (outward[[1, 2, 4, 8], 20] == 0.25).all()
    for direction in (inward, outward):
        assert set(direction.sum(0).tolist()) == {0.0, 1.0}


def test_both_point_sets_are_seen_in_the_left_handed_frame_of_the_start() -> None:
    # a person at (1, 2, 3) with x forward, y to the left, z up
    start = torch.zeros(1, 25, 3)
    named = [NOSE, NECK, MID_HIP, RIGHT_HIP, LEFT_HIP]
    start[0, named] = torch.tensor([[0.1, 0, 0.6], [0, 0, 0.5], [0, 0, 0], [0, -0.1, 0], [0, 0.1, 0]])
    start = start + torch.tensor([1.0, 2.0, 3.0])
    forward = torch.tensor([0.2, 0.0, 0.0])
    seen: list[Tensor] = []
    network = PublishedNetwork().eval()
    network.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(start, start + forward, torch.eye(3).expand(1, 22, 3, 3), torch.zeros(1, 10))
    by_time = seen[0][0].permute(1, 2, 0)
    expected = torch.tensor([[-0.1, 0, 0.6], [0, 0, 0.5], [0, 0, 0], [0, -0.1, 0], [0, 0.1, 0]])
    assert torch.allclose(by_time[0, named], expected, atol=1e-6)
    assert torch.allclose(by_time[1] - by_time[0], -forward, atol=1e-6)


def test_turning_and_moving_the_scene_turns_the_root_only() -> None:
    start, target, rotations, betas = inputs()
    network = random_network()
    turn = roma.rotvec_to_rotmat(torch.tensor([0.4, -1.1, 0.7], dtype=torch.float64))
    move = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    turned_start = torch.cat([turn @ rotations[:, :1], rotations[:, 1:]], 1)
    with torch.no_grad():
        here = network(start, target, rotations, betas)
        there = network(start @ turn.T + move, target @ turn.T + move, turned_start, betas)
        elsewhere = network(start, target + move, rotations, betas)
    assert torch.allclose(there[:, 0], turn @ here[:, 0], atol=1e-9)
    assert torch.allclose(there[:, 1:], here[:, 1:], atol=1e-9)
    assert (elsewhere - here).abs().max() > 1e-3


def test_untrained_it_hardly_moves_the_start() -> None:
    start, target, rotations, betas = inputs()
    torch.manual_seed(0)
    with torch.no_grad():
        said = PublishedNetwork().double()(start, target, rotations, betas)
    angles = roma.rotmat_geodesic_distance(said, rotations)
    assert 0 < angles.mean() < 0.1
    assert torch.allclose(torch.linalg.det(said), torch.ones(N, 22, dtype=torch.float64))


def test_every_weight_learns_and_rest_poses_have_gradients() -> None:
    start, target, rotations, betas = inputs()
    # rotation vectors at the identity are a classic place for NaN
    rotations[0] = torch.eye(3)
    rotations.requires_grad_(True)
    network = random_network().train()
    network(start, target, rotations, betas).square().cos().sum().backward()
    assert rotations.grad is not None and rotations.grad.isfinite().all()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name
        # a bias before a batch norm is cancelled by it
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 0, name


def test_it_can_be_trained_from_scratch() -> None:
    start, target, rotations, betas = (value.float() for value in inputs(16))
    wanted = rotations @ roma.rotvec_to_rotmat(0.3 * (target - start)[:, :22] / 0.1)
    torch.manual_seed(0)
    network = PublishedNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = (network(start, target, rotations, betas) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert network.backbone.data_bn.num_batches_tracked == 20


def test_a_checkpoint_loads_ready_to_use(tmp_path: Path) -> None:
    saved = write_published(tmp_path / "best_ckpt.pth.tar")
    loaded = load_published(tmp_path / "best_ckpt.pth.tar")
    start, target, rotations, betas = (value.float() for value in inputs())
    assert torch.allclose(loaded(start, target, rotations, betas), saved(start, target, rotations, betas), atol=1e-5)
    assert not loaded.training and not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda w: w.pop("linear.0.bias"), r"linear\.0\.bias is missing"),
        (lambda w: w.update({"linear.2.weight": torch.zeros(9)}), r"linear\.2\.weight has shape \(9,\), not \(5632"),
        (lambda w: w["backbone.gcn0.mask"].fill_(torch.nan), r"backbone\.gcn0\.mask has values that are not finite"),
        (lambda w: w.update({"linear.0.weight": [1.0]}), r"linear\.0\.weight is not a tensor"),
        (lambda w: w.update({"decoder.weight": torch.zeros(1)}), r"decoder\.weight is unknown"),
        (lambda w: w.clear(), r"\S+ is missing"),
    ],
)  # fmt: skip
def test_another_network_is_refused_by_its_first_wrong_key(tmp_path: Path, edit: Any, message: str) -> None:
    path = tmp_path / "other.pth.tar"
    write_published(path, edit)
    with pytest.raises(InputError, match=rf"^\S+other\.pth\.tar: model: {message}") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{}, {"model": [1]}, [torch.zeros(3)], {"state_dict": {}}])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(InputError, match=r"other\.pt: model: no such state dict"):
        load_published(tmp_path / "other.pt")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_checkpoint_gets_one_line(tmp_path: Path, share: float) -> None:
    path = tmp_path / "best_ckpt.pth.tar"
    write_published(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"best_ckpt\.pth\.tar: not a readable torch file") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_is_not_there_gets_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.pth\.tar: cannot be read"):
        load_published(tmp_path / "gone.pth.tar")
