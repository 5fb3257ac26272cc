"""VIBE and PARE: a crop camera becomes a translation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.crop_cameras import crop_to_full
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("vibe"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("vibe"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("vibe"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_vibe_translation_fits_the_crop_camera(tmp_path: Path) -> None:
    tree = make.vibe()
    estimate = load_save.load(pickled(tree)(tmp_path))[0]
    person = tree[1]
    assert estimate.camera is not None and estimate.camera.image_size == (make.WIDTH, make.HEIGHT)
    centre, side = person["bboxes"][:, :2], person["bboxes"][:, 2]
    expected = crop_to_full(person["pred_cam"], centre, side, estimate.camera.K)
    np.testing.assert_allclose(estimate.transl, expected, rtol=1e-6)
