"""CoMotion: flat rows of several people, and its own focal length."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.job.inputs import place
from lsmplify_refine.visual.video import VideoInfo
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("comotion"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("comotion"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("comotion"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_rows_become_people_and_the_focal_length_follows_the_image(tmp_path: Path) -> None:
    first, second = load_save.load(newer.write_comotion(tmp_path / "clip.pt"))
    assert (first.track_id, second.track_id) == ("3", "8")
    assert first.frame_ids.tolist() == list(range(7)) and second.frame_ids.tolist() == list(newer.SECOND)
    rows = torch.load(tmp_path / "clip.pt")
    assert np.array_equal(second.transl, rows["trans"][7:].numpy())
    assert first.camera is None
    video = VideoInfo(Path("v.mp4"), 480, 640, Fraction(30), 7, 0, 7 / 30, Fraction(1, 30))
    placed = place(first, video=video)
    assert placed.camera is not None
    assert placed.camera.K[0].tolist() == [[1280, 0, 240], [0, 1280, 320], [0, 0, 1]]
    assert {note.code: note.severity for note in placed.notes}["focal-length-assumed"] == "info"
    replaced = place(first, video=video, focal_px=500.0).camera
    assert replaced is not None and replaced.K[0, 0, 0] == 500


def test_a_person_who_is_twice_in_a_frame_is_refused(tmp_path: Path) -> None:
    rows = torch.load(newer.write_comotion(tmp_path / "clip.pt"))
    rows["frame_idx"][1] = 0
    torch.save(rows, tmp_path / "clip.pt")
    with pytest.raises(InputError, match=r"frame_idx of person 3: the frame ids do not ascend"):
        load_save.load(tmp_path / "clip.pt")
    torch.save(rows | {"id": rows["id"][:-1]}, tmp_path / "clip.pt")
    with pytest.raises(InputError, match="id, frame_idx: 10 and 11 rows"):
        load_save.load(tmp_path / "clip.pt")
