"""ROMP and BEV: rows of people, a camera fitted to the file's own joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import export
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
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


def test_bev_places_the_middle_of_the_hips(tmp_path: Path) -> None:
    results = make.bev_image()
    np.savez(tmp_path / "image.npz", results=results)  # type: ignore[arg-type]
    for person, estimate in enumerate(load_save.load(tmp_path / "image.npz")):
        pelvis = estimate.transl[0] + MEAN_REST_PELVIS["smpl"]
        expected = results["cam_trans"][person] + results["joints"][person, 0]
        np.testing.assert_allclose(pelvis, expected, atol=1e-6)


def test_bev_without_joints_is_told_by_its_age_blend(tmp_path: Path) -> None:
    results = make.bev_image()
    expected = results["cam_trans"] + results.pop("joints")[:, 0]
    np.savez(tmp_path / "image.npz", results=results)  # type: ignore[arg-type]
    pelvis = [estimate.transl[0] + MEAN_REST_PELVIS["smpl"] for estimate in load_save.load(tmp_path / "image.npz")]
    np.testing.assert_allclose(pelvis, expected, atol=0.04)  # today's error would be 0.23


def test_romp_places_the_model(tmp_path: Path) -> None:
    results = make.romp_image()
    np.savez(tmp_path / "image.npz", results=results)  # type: ignore[arg-type]
    found = [estimate.transl[0] for estimate in load_save.load(tmp_path / "image.npz")]
    assert np.array_equal(found, results["cam_trans"])


def test_track_ids_that_repeat_in_a_frame_identify_nobody(tmp_path: Path) -> None:
    plain, repeated = make.romp_video(), make.romp_video()
    for frame in filter(None, repeated.values()):
        frame["track_ids"] = np.zeros(2, np.int64)
    np.savez(tmp_path / "plain.npz", results=plain)  # type: ignore[arg-type]
    np.savez(tmp_path / "repeated.npz", results=repeated)  # type: ignore[arg-type]
    for one, other in zip(
        load_save.load(tmp_path / "plain.npz"), load_save.load(tmp_path / "repeated.npz"), strict=True
    ):
        assert np.array_equal(one.transl, other.transl) and one.frame_ids.tolist() == other.frame_ids.tolist()
        assert any(note.code == "people-linked" and "same track id" in note.text for note in other.notes)


@pytest.mark.shared
def test_five_real_people_of_bev(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "real" / "bev_five_people.npz"
    results = np.load(path, allow_pickle=True)["results"].item()
    people = load_save.load(path)
    expected = results["cam_trans"] + results["joints"][:, 0]
    for person, (estimate, pelvis) in enumerate(zip(people, expected, strict=True)):
        assert np.linalg.norm(estimate.transl[0] + MEAN_REST_PELVIS["smpl"] - pelvis) < 1e-4
        export(estimate, tmp_path / f"{person}.npz", "smpl-npz")
        (again,) = load_save.load(tmp_path / f"{person}.npz", format="generic:frame=camera")
        assert np.linalg.norm(again.transl[0] + MEAN_REST_PELVIS["smpl"] - pelvis) < 1e-4


@pytest.mark.shared
def test_a_real_person_of_romp(shared_data: Path) -> None:
    path = shared_data / "real" / "romp_output.npz"
    results = np.load(path, allow_pickle=True)["results"].item()
    (estimate,) = load_save.load(path)
    assert np.array_equal(estimate.transl, results["cam_trans"])
