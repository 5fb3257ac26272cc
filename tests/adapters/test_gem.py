"""GEM-SMPL: GVHMR's layout under other names; what was made from text stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", ["gem, text"])
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", ["gem, text"])
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", ["gem, text"])
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_the_demos_folder_gives_keypoints_and_boxes(tmp_path: Path) -> None:
    assert cases_of("gem") == ["gem", "gem, text"]
    (person,) = load_save.load(make.write_gem(tmp_path / "out"))
    assert person.source == tmp_path / "out" / "smpl_params.pt" and len(person) == make.FRAMES
    assert person.keypoints is not None and person.keypoints.convention == "coco17"
    assert person.boxes is not None and person.boxes[0].tolist() == [60, 80, 140, 160]
    assert person.camera is not None and person.camera.image_size == (make.WIDTH, make.HEIGHT)
    assert person.world is not None and person.world.up == "y"
    tree = make.gem()
    assert np.array_equal(person.world.transl, tree["body_params_global"]["transl"].numpy())
    assert np.array_equal(person.transl, tree["body_params_incam"]["transl"].numpy())


def test_frames_made_from_text_are_no_part_of_the_estimate(tmp_path: Path) -> None:
    (person,) = load_save.load(make.write_gem(tmp_path / "out", text=(2, 4)))
    assert person.frame_ids.tolist() == [0, 1, 4, 5, 6]
    assert person.keypoints is not None and (person.keypoints.confidence > 0.5).all()
    assert "2 of 7 frames were made from text" in {n.code: n.text for n in person.notes}["frames-without-video"]
    tree = make.gem()
    tree["segment_info"] = [{"start": 0, "end": make.FRAMES, "type": "text"}]
    torch.save(tree, tmp_path / "r.pt")
    with pytest.raises(InputError, match="the whole motion was made from text"):
        load_save.load(tmp_path / "r.pt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"segment_info": [{"type": "text"}]}, "segment_info: expected a list of dicts"),
        ({"body_params_global": {"transl": torch.zeros(3, 3)}}, "body_params_global.body_pose: missing, or not 7 rows"),
        ({"body_params_incam": {"body_pose": torch.zeros(7, 60)}}, r"body_pose: missing, or not \(L, 63\)"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    torch.save(make.gem() | change, tmp_path / "r.pt")
    with pytest.raises(InputError, match=message):
        load_save.load(tmp_path / "r.pt")


def test_gem_x_is_refused_by_name(tmp_path: Path) -> None:
    tree = make.gem()
    for block in ("body_params_incam", "body_params_global"):
        tree[block]["body_pose"] = torch.zeros(make.FRAMES, 231)
        tree[block]["identity_coeffs"] = torch.zeros(make.FRAMES, 45)
    torch.save(tree, tmp_path / "r.pt")
    with pytest.raises(InputError, match="a GEM-X result: its body is SOMA"):
        load_save.load(tmp_path / "r.pt")
