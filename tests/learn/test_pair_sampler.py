"""Every way in which the sampler varies its motion shows in the pairs that it draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.learn.pair_sampler import PairSampler
from lsmplify_refine.learn.pairs import PairConfig, Pairs
from tests.support.scenes import open_body, true_motion

_LEFT_COLLAR, _LEFT_WRIST = 13, 20
_SPINE, _KNEES, _ELBOWS = [3, 6, 9], [4, 5], [18, 19]
#: Frames a fixed stride apart, exact keypoints in space, and motion as it was recorded, but for the side.
AS_RECORDED = PairConfig(
    most_stride=12, estimator_error=0, from_rest=0, in_sequence=0, recombined=0, unbent=0, contorted=0, handed_on=0,
    as_recorded=1, sway=0, wrong_shape=0, image_batches=0, clean=1,
)  # fmt: skip


def takes() -> list[Take]:
    """One person who moves arms and legs, bends the back by a fixed angle and keeps collars and wrists at rest."""
    pose, pelvis = true_motion(90)
    pose[:, _SPINE[0], 0] = 0.4
    return [Take("take", "05", pose[:, :22].astype(np.float32), pelvis.astype(np.float32), 30.0)]


def drawn(count: int = 200, **changes: Any) -> Pairs:
    return PairSampler(takes(), open_body(), replace(AS_RECORDED, **changes), seed=3).draw(count)


def angles(rotations: torch.Tensor) -> torch.Tensor:
    """Angles of rotations (..., 3, 3), radians."""
    trace = rotations.diagonal(dim1=-2, dim2=-1).sum(-1)
    return torch.arccos(((trace - 1) / 2).clamp(-1, 1))


def test_as_recorded_what_rests_rests() -> None:
    pairs = drawn()
    assert angles(pairs.truth.rotations[:, [_LEFT_COLLAR, _LEFT_WRIST]]).max() < 1e-3
    assert torch.allclose(angles(pairs.truth.rotations[:, _SPINE[0]]), torch.tensor(0.4), atol=1e-3)


def test_a_style_offset_is_the_same_in_start_and_truth() -> None:
    """Collars and wrists that rest in the recording are turned, as others hold them; the network is to keep that."""
    pairs = drawn(as_recorded=0.2)
    start, truth = (pose.rotations[:, [_LEFT_COLLAR, _LEFT_WRIST]] for pose in (pairs.start, pairs.truth))
    turned = angles(truth)
    assert turned.mean() > 0.2 and torch.allclose(start, truth, atol=1e-5)
    # some are as recorded, so that the corpus' own style is the likeliest
    assert 0.1 < (turned.amax(1) < 1e-3).float().mean() < 0.3
    assert drawn(as_recorded=0.2, style_factor=0.0).truth.rotations[:, _LEFT_WRIST].diagonal(0, 1, 2).min() > 0.999


def test_sway_differs_between_start_and_truth() -> None:
    pairs = drawn(as_recorded=0.0, sway=0.5)
    start, truth = (pose.rotations[:, _LEFT_WRIST] for pose in (pairs.start, pairs.truth))
    assert 0.01 < angles(truth @ start.mT).mean() < 0.3


def test_contorted_people_are_bent_where_the_recording_is_not() -> None:
    turned = angles(drawn(contorted=0.5).truth.rotations[:, _LEFT_COLLAR])
    assert 0.35 < (turned > 1e-3).float().mean() < 0.65 and turned.max() > 0.8


def test_a_back_hands_its_bend_on_from_joint_to_joint() -> None:
    bend = angles(drawn(handed_on=0.5).truth.rotations[:, _SPINE])
    assert torch.allclose(bend.sum(1), torch.tensor(0.4), atol=2e-3)
    assert 0.35 < (bend[:, 1] > 1e-3).float().mean() < 0.65


def test_some_people_are_drawn_to_the_rest_pose() -> None:
    bend = angles(drawn(unbent=0.5).truth.rotations[:, _SPINE[0]])
    assert 0.35 < (bend < 0.399).float().mean() < 0.65 and bend.max() < 0.401


def test_some_limbs_come_from_other_frames() -> None:
    """In the recording both knees are bent alike."""
    alike, recombined = (angles(drawn(recombined=share).truth.rotations[:, _KNEES]) for share in (0.0, 0.5))
    assert torch.allclose(alike[:, 0], alike[:, 1], atol=1e-3)
    assert 0.3 < ((recombined[:, 0] - recombined[:, 1]).abs() > 1e-3).float().mean() < 0.65


def test_every_second_person_is_mirrored() -> None:
    """In the recording the right elbow is ahead of the left one; in a mirror it is behind."""
    recorded = torch.as_tensor(takes()[0].rotvec[:, _ELBOWS]).norm(dim=-1)
    bend = angles(drawn(400).truth.rotations[:, _ELBOWS])
    as_recorded, mirrored = (torch.cdist(bend, some).amin(1) < 1e-3 for some in (recorded, recorded.flip(1)))
    assert 0.4 < as_recorded.float().mean() < 0.6 and 0.4 < mirrored.float().mean() < 0.6


def test_an_estimators_error_is_in_the_start_alone() -> None:
    wrong = drawn(estimator_error=1.0, same_frame=1.0)
    assert angles(wrong.truth.rotations[:, _LEFT_COLLAR]).max() < 1e-3
    assert angles(wrong.start.rotations[:, _LEFT_COLLAR]).mean() > 0.05
    assert 0.03 < (wrong.start.pelvis - wrong.truth.pelvis).norm(dim=1).mean() < 0.15
    strides = drawn(estimator_error=0.0)
    moved = (strides.start.pelvis - strides.truth.pelvis).norm(dim=1) > 1e-4
    assert moved.float().mean() > 0.8  # of another frame, but at the ends of takes


def test_a_wrong_shape_is_what_the_network_gets_not_what_the_keypoints_are_of() -> None:
    pairs = drawn(clean=0.0, noise_free=1.0, dropout=0.0, outliers=0.0, hidden_limb=0.0, no_feet=0.0, wrong_shape=0.5)
    own = skinning.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
    off = (pairs.targets.positions - own).norm(dim=-1).mean(1)
    assert 0.3 < (off > 0.003).float().mean() < 0.7


def test_image_batches_come_as_often_as_asked_for() -> None:
    sampler = PairSampler(takes(), open_body(), replace(AS_RECORDED, image_batches=0.5), seed=0)
    in_image = [sampler.draw(2).targets.is_image for _ in range(30)]
    assert 8 < sum(in_image) < 22
