"""ROMP and BEV: rows of people, a camera fitted to the file's own joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("romp"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("romp"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("romp"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_romp_people_and_camera(tmp_path: Path) -> None:
    np.savez(tmp_path / "video_results.npz", results=make.romp_video())  # type: ignore[arg-type]
    first, second = load_save.load(tmp_path / "video_results.npz")
    assert first.frame_ids.tolist() == second.frame_ids.tolist() == [0, 1, 2, 4, 5, 6]
    assert first.boxes is not None and second.boxes is not None and (first.boxes[:, 0] < second.boxes[:, 0]).all()
    assert first.camera is not None
    expected = [443.4 / 512 * make.WIDTH, make.WIDTH / 2, make.HEIGHT / 2]
    np.testing.assert_allclose(first.camera.K[0][(0, 0, 1), (0, 2, 2)], expected, rtol=1e-3)


def test_romp_joints_that_are_not_finite_give_no_camera(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = make.romp_image()
    result["joints"][0, 3] = np.nan
    np.savez(tmp_path / "image.npz", results=result)  # type: ignore[arg-type]
    assert [person.camera for person in load_save.load(tmp_path / "image.npz")] == [None, None]
    assert capfd.readouterr().out == ""  # LAPACK prints by itself
