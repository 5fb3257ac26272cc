"""WHAM: people by id with gaps, and the model's translation in the world."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("wham"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("wham"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("wham"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_wham_people_and_gaps(tmp_path: Path) -> None:
    first, second = load_save.load(pickled(make.wham())(tmp_path))
    assert (first.track_id, second.track_id) == ("0", "3")
    assert second.frame_ids.tolist() == [2, 3, 4, 20, 21]
    assert first.camera is None and first.world is not None and first.world.up == "y"


def test_wham_world_translation_is_the_models(tmp_path: Path) -> None:
    """The file's is the mid-hip: turning the body about it must not move the middle of the hips."""
    tree = make.wham()
    tree[0]["trans_world"][:] = [0.0, 1.0, 0.0]
    estimate = load_save.load(pickled(tree)(tmp_path))[0]
    assert estimate.world is not None
    turned = rotvec_to_rotmat(estimate.world.global_orient) @ [0.0009, -0.0910, -0.0056]
    hips = estimate.world.transl + MEAN_REST_PELVIS["smpl"] + turned
    np.testing.assert_allclose(hips, np.tile([0.0, 1.0, 0.0], (len(estimate), 1)), atol=1e-6)
