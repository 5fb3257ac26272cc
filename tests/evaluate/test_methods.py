"""The methods on generated pairs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs
from lsmplify_refine.evaluate.methods import (
    BOTH,
    NOTHING,
    PROJECTION,
    PUBLISHED,
    REGRESSOR,
    SMPLIFY,
    Panel,
    in_batches,
    make_panel,
    point_body,
    smplify_solvers,
)
from lsmplify_refine.evaluate.scores import PVE, Scorer
from lsmplify_refine.evaluate.smplify import SmplifyConfig
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork
from tests.support.motion_sets import take_set
from tests.support.scenes import open_body

SHORT = SmplifyConfig(stages=tuple(replace(stage, iterations=20) for stage in SmplifyConfig().stages))


def pairs(case: Case, count: int = 12) -> Pairs:
    return draw_pairs(case, take_set().takes, ShapeSampler(open_body()), count, seed=0, protocol=Protocol())


@pytest.fixture(scope="module")
def panel() -> Panel:
    torch.manual_seed(0)
    network, peer = ResidualRegressor(NetworkConfig(width=16, depth=1)).eval(), PublishedNetwork().eval()
    slow = smplify_solvers(open_body(), None, SHORT)
    return make_panel(network, peer, smplify_solvers=slow, smplify_frames=5)


def test_columns_and_their_order(panel: Panel) -> None:
    names = [column.name for column in panel.columns]
    assert names == [NOTHING, PROJECTION, "best damping", REGRESSOR, BOTH, PUBLISHED, "SMPLify (n=5)"]
    assert {name for column in panel.columns for name in column.solvers} == set(panel.solvers)
    assert panel.max_frames == {"SMPLify start 30": 5, "SMPLify start 80": 5}
    plain = make_panel(ResidualRegressor(NetworkConfig(width=16, depth=1)))
    assert [column.name for column in plain.columns] == names[:5] and not plain.max_frames


@pytest.mark.parametrize("case", [Case(5), Case(estimator=True)], ids=lambda case: case.name)
def test_projection_and_smplify_beat_doing_nothing_on_exact_keypoints(panel: Panel, case: Case) -> None:
    given = pairs(case)
    poses = {name: in_batches(solve, given) for name, solve in panel.solvers.items()}
    errors = {
        name: float(values[PVE].mean())
        for name, values in Scorer(open_body()).scores(given.betas, given.truth, poses).items()
    }
    assert errors["damping 0.01"] < 0.3 * errors[NOTHING]
    assert errors[f"{SMPLIFY} start 30"] < 0.7 * errors[NOTHING]
    assert errors[BOTH] < 0.3 * errors[NOTHING]
    assert poses[NOTHING] is given.start


def test_published_places_the_pelvis_by_the_keypoints(panel: Panel) -> None:
    given = pairs(Case(estimator=True))
    before = (given.start.pelvis - given.truth.pelvis).norm(dim=-1).mean()
    after = (panel.solvers[PUBLISHED](given).pelvis - given.truth.pelvis).norm(dim=-1).mean()
    assert after < 0.5 * before


def test_batches_are_independent(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    given = pairs(Case(estimator=True))
    monkeypatch.setattr("lsmplify_refine.evaluate.methods._BATCH", 5)
    for name in ("damping 0.01", BOTH, PUBLISHED):
        whole, parts = panel.solvers[name](given), in_batches(panel.solvers[name], given)
        # the weak pelvis prior amplifies the rounding of single precision to a tenth of a millimetre and more
        assert torch.allclose(whole.rotations, parts.rotations, atol=5e-3), name
        assert torch.allclose(whole.pelvis, parts.pelvis, atol=2e-3), name


def test_the_point_body_has_the_keypoints_of_the_mesh() -> None:
    given = pairs(Case(noise_m=0.02), 6)
    body = point_body(open_body(), "body25")
    assert (
        len(body.vertices(given.truth.rotations[:1].numpy(), given.truth.pelvis[:1].numpy(), given.betas[0].numpy())[0])
        < 200
    )
    for row in range(6):
        args = (given.truth.rotations[[row]].numpy(), given.truth.pelvis[[row]].numpy(), given.betas[row].numpy())
        assert abs(body.keypoints("body25", *args) - open_body().keypoints("body25", *args)).max() < 1e-5
    # through smplx's linear blend skinning, as SMPLify goes
    from lsmplify_refine.evaluate.smplify import _MeshKeypoints

    few, mesh = (
        _MeshKeypoints(one, "body25", given.betas, 6)(given.truth.rotations, given.truth.pelvis)
        for one in (body, open_body())
    )
    assert torch.allclose(few, mesh, atol=1e-5)
