"""The regressor's laws: no residual at first, equivariance, finite gradients with missing keypoints, weights files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import roma
import torch
from safetensors.torch import save_file

from lsmplify_refine import InputError
from lsmplify_refine.body import skinning
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.regressor.features import human_frame
from lsmplify_refine.regressor.fusion import FIRST, first_solution, fuse, in_space
from lsmplify_refine.regressor.network import (
    NetworkConfig,
    ResidualRegressor,
    graph_adjacency,
    joints_at_points,
    regress,
)
from lsmplify_refine.regressor.weights import load_weights, save_weights, weights_record
from lsmplify_refine.solver.problem import Pose, Targets
from lsmplify_refine.solver.running_mean import RunningMean
from tests.support.scenes import open_body, true_motion

FRAMES = 6
Case = tuple[Skeleton, Pose, Targets]


def case(*, image: bool = False) -> Case:
    """A wrong start, and the keypoints of the truth, some of them missing."""
    pose, pelvis = true_motion(FRAMES)
    skeleton = open_body().skeleton("body25", np.zeros(10))
    truth = Pose(torch.tensor(rotvec_to_rotmat(pose)).float(), torch.tensor(pelvis).float())
    points = skinning.keypoints(skeleton, truth.rotations) + truth.pelvis[:, None]
    generator = torch.Generator().manual_seed(0)
    wrong = truth.rotations @ roma.rotvec_to_rotmat(0.1 * torch.randn(FRAMES, 24, 3, generator=generator))
    wrong[:, 22:] = torch.eye(3)
    weights = torch.ones(FRAMES, 25)
    weights[:, [3, 4, 19]] = 0
    positions = points[..., :2] / points[..., 2:] if image else points
    return skeleton, Pose(wrong, truth.pelvis + 0.03), Targets(positions, weights)


def random_network() -> ResidualRegressor:
    """A network whose heads give non-zero outputs."""
    torch.manual_seed(0)
    network = ResidualRegressor(NetworkConfig(width=32, depth=2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


@pytest.mark.parametrize("shared", [True, False])
def test_far_frames_take_more_steps_and_near_ones_do_not(shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    skeleton, start, targets = case()
    if not shared:
        batch = (skeleton.rest_joints.expand(FRAMES, -1, -1), skeleton.points.expand(FRAMES, -1, -1, -1))
        skeleton = replace(skeleton, rest_joints=batch[0], points=batch[1])
    far = torch.arange(FRAMES) % 2 == 0
    bent = start.rotations.clone()
    bent[:, [16, 18]] = bent[:, [16, 18]] @ roma.rotvec_to_rotmat(torch.tensor([0.0, 1.5, 1.0]))
    start = Pose(bent, start.pelvis).where(far, start)
    error = {}
    for radians in (0.5, 9.0):
        monkeypatch.setattr("lsmplify_refine.regressor.fusion.FIRST", replace(FIRST, enough_rad=radians))
        _, solution, _ = first_solution(skeleton, start, targets)
        points = skinning.keypoints(skeleton, solution.rotations) + solution.pelvis[:, None]
        error[radians] = ((points - targets.positions).norm(dim=-1) * targets.weights).mean(1)
    assert (error[0.5][far] < 0.85 * error[9.0][far]).all()
    assert torch.allclose(error[0.5][~far], error[9.0][~far], atol=1e-6)


def test_untrained_it_stands_half_way_to_the_first_solution_with_the_evidences_prior() -> None:
    skeleton, start, targets = case()
    network = ResidualRegressor(NetworkConfig(width=32, depth=2))
    _, solution, scales = first_solution(skeleton, start, targets)
    said = regress(network, skeleton, start, solution, scales, targets, in_space(skeleton, solution, targets))
    whole = roma.rotmat_geodesic_distance(start.rotations, solution.rotations)
    for end in (start, solution):
        assert torch.allclose(roma.rotmat_geodesic_distance(end.rotations, said.pose.rotations), whole / 2, atol=2e-3)
    assert torch.allclose(said.pose.pelvis, solution.pelvis)
    assert torch.allclose(said.trust, torch.ones(FRAMES, 25))
    assert torch.isinf(said.prior.rotation[:, 22:]).all()
    assert torch.allclose(said.prior.rotation[:, :22], scales.strength[:, None].expand(-1, 22))


def test_turning_the_scene_turns_the_result() -> None:
    skeleton, start, targets = case()
    noise = 0.01 * torch.randn(targets.positions.shape, generator=torch.Generator().manual_seed(1))
    targets = Targets(targets.positions + noise, targets.weights)
    network = random_network()
    turn, move = torch.tensor(rotvec_to_rotmat([0.4, -1.1, 0.7])).float(), torch.tensor([1.0, -2.0, 0.5])
    moved_rotations = start.rotations.clone()
    moved_rotations[:, 0] = turn @ start.rotations[:, 0]
    moved_start = Pose(moved_rotations, start.pelvis @ turn.T + move)
    with torch.no_grad():
        here, _ = fuse(network, skeleton, start, targets)
        there, _ = fuse(network, skeleton, moved_start, Targets(targets.positions @ turn.T + move, targets.weights))
    assert torch.allclose(there.rotations[:, 1:], here.rotations[:, 1:], atol=5e-3)
    assert torch.allclose(there.rotations[:, 0], turn @ here.rotations[:, 0], atol=5e-3)
    assert torch.allclose(there.pelvis, here.pelvis @ turn.T + move, atol=5e-3)


def test_it_hears_of_earlier_results_only_where_there_are_some() -> None:
    skeleton, start, targets = case()
    bent = Pose(start.rotations @ roma.rotvec_to_rotmat(torch.full((FRAMES, 24, 3), 0.1)), start.pelvis)
    earlier = RunningMean.of(bent, torch.arange(FRAMES) % 2 == 0)
    with torch.no_grad():
        plain, _ = fuse(random_network(), skeleton, start, targets)
        with_memory, _ = fuse(random_network(), skeleton, start, targets, earlier)
    change = (plain.rotations - with_memory.rotations).abs().amax((1, 2, 3))
    assert (change[::2] > 1e-4).all() and (change[1::2] < 1e-5).all()


def test_starts_from_keypoints_are_an_input() -> None:
    skeleton, start, targets = case()
    with torch.no_grad():
        plain, estimated, made = (
            fuse(random_network(), skeleton, start, targets, earlier)[0].rotations
            for earlier in (None, RunningMean.of(start, 0), RunningMean.of_start_from_keypoints(start))
        )
    assert torch.allclose(plain, estimated, atol=1e-5)
    assert ((made - plain).abs().amax((1, 2, 3)) > 1e-4).all()


@pytest.mark.parametrize("image", [False, True])
def test_gradients_are_finite_with_missing_keypoints(image: bool) -> None:
    skeleton, start, targets = case(image=image)
    network = random_network().train()
    fused, said = fuse(network, skeleton, start, targets)
    outputs = (fused.rotations, said.pose.rotations, said.pose.pelvis, said.trust)
    loss = torch.stack([x.square().sum() for x in outputs]).sum()
    torch.autograd.backward(loss)
    gradients = [p.grad for p in network.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert any(g is not None and g.abs().max() > 0 for g in gradients)


@pytest.mark.parametrize("image", [False, True])
def test_even_untrained_the_fusion_comes_closer_to_the_keypoints(image: bool) -> None:
    skeleton, start, targets = case(image=image)
    network = ResidualRegressor(NetworkConfig(width=32, depth=2))
    with torch.no_grad():
        fused, _ = fuse(network, skeleton, start, targets)
    errors = []
    for pose in (start, fused):
        points = skinning.keypoints(skeleton, pose.rotations) + pose.pelvis[:, None]
        seen = points[..., :2] / points[..., 2:] * 4 if image else points
        wanted = targets.positions * 4 if image else targets.positions
        errors.append(((seen - wanted).norm(dim=-1) * targets.weights).mean())
    assert errors[1] < 0.3 * errors[0]


def test_human_frame_is_a_rotation_at_the_hips() -> None:
    points = torch.randn(10, 25, 3, generator=torch.Generator().manual_seed(1))
    axes, origin = human_frame(points)
    assert torch.allclose(axes.transpose(1, 2) @ axes, torch.eye(3).expand(10, 3, 3), atol=1e-5)
    assert torch.allclose(torch.linalg.det(axes), torch.ones(10), atol=1e-5)
    assert torch.equal(origin, points[:, 8])


def test_the_graph_is_one_tree_and_every_joint_touches_a_point() -> None:
    adjacency = graph_adjacency()
    assert torch.equal(adjacency, adjacency.T) and adjacency.sum() == 2 * 24
    reach = torch.linalg.matrix_power(adjacency + torch.eye(25), 24)
    assert (reach > 0).all()
    # spine joints lie between points; all others are at or above one
    assert set(torch.nonzero(joints_at_points().sum(0) == 0)[:, 0].tolist()) <= {3, 6}


def test_weights_survive_the_file(tmp_path: Path) -> None:
    network = random_network()
    save_weights(network, tmp_path / "w.safetensors", {"why": "test"})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.config == network.config
    for (name, ours), (_, theirs) in zip(network.state_dict().items(), loaded.state_dict().items()):
        assert torch.equal(ours, theirs), name
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_foreign_and_cut_weights_get_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(random_network(), path, {})
    whole = path.read_bytes()
    for content in (b"", b"not weights at all", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"w\.safetensors: not this regressor's weights"):
            load_weights(path)
    with pytest.raises(InputError, match="gone"):
        load_weights(tmp_path / "gone.safetensors")


def test_weights_that_are_not_finite_or_not_of_their_header_get_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    network = random_network()
    network.joint_identity.data[3, 4] = torch.nan
    save_weights(network, path, {})
    with pytest.raises(InputError, match="joint_identity is not finite"):
        load_weights(path)
    network = random_network()
    network.config = replace(network.config, heads=200_000)
    save_weights(network, path, {})
    with pytest.raises(InputError, match="the tensors are not those of a network of"):
        load_weights(path)
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(InputError, match="does not say how it was trained"):
        weights_record(path)


def test_where_nothing_is_observed_the_result_is_the_regressors_mean() -> None:
    skeleton, start, targets = case()
    with torch.no_grad():
        blind = Targets(targets.positions, torch.zeros_like(targets.weights))
        fused, regressed = fuse(random_network(), skeleton, start, blind)
    assert torch.allclose(fused.rotations, regressed.mean.rotations, atol=1e-5)
    for other in (start, regressed.pose):
        assert (fused.rotations - other.rotations).abs().amax() > 1e-3


def test_weights_without_measure_get_one_line(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    network = random_network()
    network.joint_identity.data[3, 4] = 1e30
    save_weights(network, path, {})
    with pytest.raises(InputError, match=r"joint_identity holds 1e\+30"):
        load_weights(path)
    save_file({f"t{number}": torch.zeros(0) for number in range(30_000)}, path, {"network": '"published"'})
    with pytest.raises(InputError, match="30000 tensors"):
        load_weights(path)
