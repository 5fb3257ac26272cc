"""Augmentation: mirroring inverts itself, limbs stay whole, chains keep their ends, style is constant, sway is slow."""

from __future__ import annotations

import functools

import roma
import torch

from lsmplify_refine.learn.augment import contortions, handed_on, mirrored, recombined, style_offsets, swaying, unbent

_LEFT_ELBOW, _RIGHT_ELBOW, _LEFT_ARM = 18, 19, [13, 16, 18, 20]


def test_mirroring_swaps_sides_and_undoes_itself() -> None:
    rotvec, pelvis = torch.randn(3, 2, 22, 3), torch.randn(3, 2, 3)
    other = mirrored(rotvec, pelvis)
    expected = rotvec[..., _RIGHT_ELBOW, :] * torch.tensor([1.0, -1.0, -1.0])
    assert torch.equal(other[0][..., _LEFT_ELBOW, :], expected)
    again = mirrored(*other)
    assert torch.equal(again[0], rotvec) and torch.equal(again[1], pelvis)


def test_limbs_come_whole_from_the_same_other_sample() -> None:
    rotvec, others = torch.zeros(200, 2, 22, 3), torch.ones(200, 2, 22, 3)
    taken = recombined(rotvec, others, 0.3, torch.Generator().manual_seed(0)).mean((1, 3))
    assert (taken[:, _LEFT_ARM] == taken[:, _LEFT_ARM[:1]]).all()
    assert 0.15 < taken[:, _LEFT_ELBOW].mean() < 0.45
    assert (taken[:, 0] == 0).all()  # the root belongs to no limb
    assert (rotvec == 0).all()


def test_scaled_to_rest_all_joints_keep_their_axes_and_the_root_its_rotation() -> None:
    before = torch.randn(400, 3, 22, 3, generator=torch.Generator().manual_seed(0))
    after = unbent(before, 0.5, torch.Generator().manual_seed(1))
    share = (after / before)[:, :, 1:]
    assert torch.equal(after[:, :, 0], before[:, :, 0])
    assert (share.flatten(1).std(1) < 1e-4).all()  # one share for all joints and frames
    assert 150 < int((share.flatten(1)[:, 0] == 1).sum()) < 250
    assert 0 <= share.min() < 0.02 and share.max() <= 1


def test_some_samples_are_contorted_in_all_joints_but_the_root() -> None:
    turns = roma.rotmat_to_rotvec(contortions(400, 0.5, torch.Generator().manual_seed(0))).norm(dim=-1)
    contorted = turns.amax(1) > 0
    assert 150 < int(contorted.sum()) < 250
    assert (turns[contorted, 1:] > 0).all() and (turns[:, 0] == 0).all()
    assert turns[contorted, 1:].square().mean() > 0.2**2


def test_sharing_rotations_differently_keeps_the_ends_of_chains() -> None:
    generator = torch.Generator().manual_seed(0)
    before = roma.rotvec_to_rotmat(0.4 * torch.randn(200, 2, 22, 3, generator=generator))
    after = handed_on(before, 0.6, generator)
    spine, neck = [3, 6, 9], [12, 15]
    for chain in (spine, neck, [13, 16], [14, 17]):
        ends = [functools.reduce(torch.matmul, poses[:, :, chain].unbind(2)) for poses in (before, after)]
        assert torch.allclose(ends[0], ends[1], atol=1e-5)
    others = [joint for joint in range(22) if joint not in (*spine, *neck, 13, 14, 16, 17)]
    assert torch.equal(before[:, :, others], after[:, :, others])
    turned = roma.rotmat_geodesic_distance(before[:, :, 13], after[:, :, 13])
    changed = (turned > 1e-3).float()
    assert torch.equal(changed[:, 0], changed[:, 1])  # a sample keeps its style
    assert 0.45 < changed.mean() < 0.75 and turned.max() < 0.3 * 2.5


def test_style_offsets_have_the_given_size() -> None:
    offsets = style_offsets(torch.tensor([0.0, 1.0]).repeat_interleave(300), torch.Generator().manual_seed(0))
    angle = torch.arccos(((offsets.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2).clamp(-1, 1))
    assert angle[:300].max() < 1e-3
    assert 0.35 < angle[300:, 20].mean() < 0.6  # wrists: 0.30 radians per axis
    assert (angle[:, 0] < 1e-3).all()


def test_sway_is_slow_and_zero_without_size() -> None:
    size = torch.tensor([0.0, 1.0]).repeat_interleave(300)
    motion = swaying(size, torch.arange(60.0).expand(600, 60), torch.Generator().manual_seed(0))
    steps = roma.rotmat_geodesic_distance(motion[:, 1:], motion[:, :-1])
    far = roma.rotmat_geodesic_distance(motion[:, 30], motion[:, 0])
    assert steps[:300].max() < 1e-3 and steps[300:, :, 0].max() < 1e-3  # the root has no style
    assert 0.01 < steps[300:, :, 20].mean() < 0.06  # wrists: 0.30 radians per axis, a turn in a second or more
    assert far[300:, 20].mean() > 5 * steps[300:, :, 20].mean()
    knee = roma.rotmat_to_rotvec(motion[300:, :, 4]).std((0, 1))
    assert (knee > 0.04).all()  # about every axis, though knees are hinges
