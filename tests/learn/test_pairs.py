"""Pairs are consistent and contain every kind of noise; rollouts continue from the given results."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from lsmplify_refine.body import skinning
from lsmplify_refine.learn.motion import Split, Take
from lsmplify_refine.learn.pair_sampler import PairSampler
from lsmplify_refine.learn.pairs import PairConfig
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.solver.initialise import from_rest
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.solver.running_mean import RunningMean
from tests.support.scenes import open_body, true_motion


@pytest.fixture(scope="module")
def split() -> Split:
    pose, pelvis = true_motion(90)
    take = Take("take", "05", pose[:, :22].astype(np.float32), pelvis.astype(np.float32), 30.0)
    return Split((take,), (), ())


@pytest.mark.parametrize("image", [0.0, 1.0])
def test_pairs_fit_together(split: Split, image: float) -> None:
    """Without noise, errors or wrong shapes the targets are the true pose's keypoints, and strides move a little."""
    clean = PairConfig(
        estimator_error=0, wrong_shape=0, noise_free=1, dropout=0, hidden_limb=0, outliers=0, no_feet=0,
        point_offset_m=0.02, image_batches=image,
    )  # fmt: skip
    pairs = PairSampler(split.train, open_body(), clean, seed=1).draw(64)
    points = skinning.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
    assert pairs.targets.is_image == bool(image)
    assert (pairs.targets.weights == 1).all()
    wanted = points[..., :2] / points[..., 2:] if image else points
    assert torch.allclose(pairs.targets.positions, wanted, atol=1e-5)
    assert not image or points[..., 2].min() > 1
    assert 0.005 < (pairs.start.rotations - pairs.truth.rotations).norm(dim=(-1, -2)).mean() < 0.6


def test_pairs_have_every_kind_of_noise(split: Split) -> None:
    sampler = PairSampler(split.train, open_body(), PairConfig(image_batches=0), seed=2)
    pairs = sampler.draw(400)
    true = skinning.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
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


def test_clean_pairs_are_exact_despite_all_other_noise(split: Split) -> None:
    pairs = PairSampler(split.train, open_body(), PairConfig(image_batches=0, clean=1.0), seed=3).draw(64)
    true = skinning.keypoints(pairs.skeleton, pairs.truth.rotations) + pairs.truth.pelvis[:, None]
    assert (pairs.targets.weights == 1).all()
    assert torch.allclose(pairs.targets.positions, true, atol=1e-5)


def test_starts_at_rest_are_made_from_the_keypoints(split: Split) -> None:
    config = PairConfig(image_batches=0, in_sequence=0, from_rest=1.0, clean=1.0)
    pairs = PairSampler(split.train, open_body(), config, seed=5).draw(16)
    assert torch.allclose(pairs.start.rotations, from_rest(pairs.skeleton, pairs.targets).rotations, atol=1e-4)
    assert pairs.earlier is not None and pairs.earlier.from_keypoints.all()


def test_the_network_is_told_which_starts_were_made_from_keypoints(split: Split) -> None:
    config = PairConfig(image_batches=0, in_sequence=0.25, from_rest=0.5, clean=1.0)
    sampler = PairSampler(split.train, open_body(), config, seed=5)
    sampler.follow(sampler.draw(32).truth)
    pairs = sampler.draw(32)
    made = from_rest(pairs.skeleton, pairs.targets).rotations
    alike = (pairs.start.rotations - made).abs().amax((1, 2, 3)) < 1e-4
    assert pairs.earlier is not None and torch.equal(pairs.earlier.from_keypoints, alike)
    assert 5 < int(alike.sum()) < 20 and (pairs.earlier.count[-8:] == 1).all()


class TestRollouts:
    CONFIG = PairConfig(image_batches=0, in_sequence=0.25, sequence_frames=3, from_rest=0, known_first=0)

    def drawn(self, split: Split, *, seed: int = 4) -> PairSampler:
        return PairSampler(split.train, open_body(), self.CONFIG, seed=seed)

    def test_the_next_frame_starts_from_the_result_drawn_to_the_mean(self, split: Split) -> None:
        sampler = self.drawn(split)
        first = sampler.draw(8)
        result = Pose(first.truth.rotations, first.truth.pelvis + 1.0)
        sampler.follow(result)
        second = sampler.draw(8)
        assert torch.equal(second.start.pelvis[-2:], result.pelvis[-2:])
        drawn = RunningMean.of(first.start[-2:], 0).after(result[-2:]).draw(result[-2:])
        assert torch.equal(second.start.rotations[-2:], drawn.rotations)
        assert second.earlier is not None and second.earlier.count.tolist() == [0] * 6 + [1, 1]
        assert torch.allclose(second.earlier.rotations[-2:], result.rotations[-2:], atol=1e-5)
        step = (second.truth.pelvis - first.truth.pelvis)[-2:].norm(dim=-1)
        assert (step < 0.2).all()  # the same motion, a moment later

    def test_some_begin_from_a_pose_that_is_known_to_be_true(self, split: Split) -> None:
        config = replace(self.CONFIG, in_sequence=1.0, known_first=0.5)
        pairs = PairSampler(split.train, open_body(), config, seed=4).draw(64)
        assert pairs.earlier is not None
        known = pairs.earlier.count > 0
        assert 0 < int(known.sum()) < 64 and torch.equal(
            pairs.earlier.count[known], RunningMean.of_known(pairs.start[known]).count
        )
        assert torch.equal(pairs.earlier.rotations[known], pairs.start.rotations[known])
        sampler = PairSampler(split.train, open_body(), replace(config, known_first=1.0, estimator_error=1.0), seed=4)
        earlier = sampler.draw(64).earlier
        assert earlier is not None and (earlier.count == 0).all()  # a wrong pose is never known

    def test_keypoint_noise_persists(self, split: Split) -> None:
        """A hidden limb stays hidden, exact keypoints stay exact, noise is drawn again."""
        config = replace(self.CONFIG, in_sequence=1.0, dropout=0, outliers=0, hidden_limb=1.0, clean=0.5, wrong_shape=0)
        config = replace(config, noise_free=0, slow_noise=0)
        sampler = PairSampler(split.train, open_body(), config, seed=6)
        first = sampler.draw(40)
        sampler.follow(first.truth)
        second = sampler.draw(40)
        assert torch.equal(first.targets.weights, second.targets.weights)
        assert 0 < (first.targets.weights == 0).float().mean() < 1
        noise = [
            p.targets.positions - skinning.keypoints(p.skeleton, p.truth.rotations) - p.truth.pelvis[:, None]
            for p in (first, second)
        ]
        sizes = [n.square().mean((1, 2)).sqrt() for n in noise]
        exact = sizes[0] < 1e-5
        assert 0 < int(exact.sum()) < 40 and torch.equal(exact, sizes[1] < 1e-5)
        assert torch.allclose(sizes[0][~exact], sizes[1][~exact], rtol=0.4)
        assert torch.corrcoef(torch.stack([n[~exact].flatten() for n in noise]))[0, 1].abs() < 0.1

    def test_new_motions_begin_after_the_last_frame(self, split: Split) -> None:
        sampler = self.drawn(split)
        for _ in range(self.CONFIG.sequence_frames - 1):
            sampler.follow(sampler.draw(8).truth)
        lost = Pose(torch.eye(3).expand(8, 24, 3, 3), torch.full((8, 3), 100.0))
        sampler.follow(lost)
        assert sampler.draw(8).start.pelvis[-2:].abs().max() < 10

    @pytest.mark.parametrize("release", ["0.1.0", "this one"])
    def test_draws_continue_from_a_saved_state(self, split: Split, release: str) -> None:
        sampler = self.drawn(split)
        sampler.follow(sampler.draw(8).truth)
        state = sampler.state_dict()
        # names in checkpoints stay
        assert {"told", "flaws"} < state["sequences"]["motions"].keys()
        if release == "0.1.0":
            del state["sequences"]["mean"]["from_keypoints"]
        other = self.drawn(split, seed=99)
        other.load_state_dict(state)
        one, two = sampler.draw(8), other.draw(8)
        assert torch.equal(one.start.rotations, two.start.rotations)
        assert torch.equal(one.targets.positions, two.targets.positions)
