"""Human3R: a file per frame, heads instead of pelvises, intrinsics of a crop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("human3r"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("human3r"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("human3r"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_people_and_camera(tmp_path: Path) -> None:
    first, second = load_save.load(newer.write_human3r(tmp_path / "out"))
    assert (first.track_id, second.track_id) == ("1", "2")
    assert first.frame_ids.tolist() == [0, 1, 2, 3, 5, 6] and second.frame_ids.tolist() == [0, 1, 3, 5, 6]
    assert first.camera is None and first.focal_sides == pytest.approx(450 / 512)
    assert first.left_hand_pose is not None and first.jaw_pose is not None and first.flat_hand_mean
    files = np.load(tmp_path / "out" / "smpl" / "000005.npz")
    assert np.array_equal(second.left_hand_pose[3], files["rotvec"][0, 22:37])  # type: ignore[index]


def test_the_head_is_where_the_file_has_it(tmp_path: Path) -> None:
    """Under the model's own translation, a straight body's head is 61 cm above its pelvis."""
    frame = newer.human3r_frame(0, ids=(4,))
    frame["rotvec"][:] = 0
    (tmp_path / "smpl").mkdir()
    np.savez(tmp_path / "smpl" / "000000.npz", **frame)
    (person,) = load_save.load(tmp_path)
    pelvis = person.transl[0] + np.array(MEAN_REST_PELVIS["smplx"])
    np.testing.assert_allclose(frame["transl"][0] - pelvis, [0, 0.61, -0.016], atol=2e-3)


def test_ids_that_repeat_in_a_frame_are_linked_by_place(tmp_path: Path) -> None:
    (tmp_path / "smpl").mkdir()
    for number in range(3):
        frame = newer.human3r_frame(0, ids=(1, 2))
        frame["smpl_id"][:] = 0
        np.savez(tmp_path / "smpl" / f"{number:06d}.npz", **frame)
    people = load_save.load(tmp_path)
    assert [len(person) for person in people] == [3, 3]
    assert "people-linked" in {note.code for note in people[0].notes}


def test_a_folder_without_people_says_so(tmp_path: Path) -> None:
    (tmp_path / "smpl").mkdir()
    np.savez(tmp_path / "smpl" / "000000.npz", **newer.human3r_frame(0, ids=()))
    with pytest.raises(InputError, match="no frame has people"):
        load_save.load(tmp_path)
