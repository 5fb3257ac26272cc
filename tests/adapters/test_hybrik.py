"""HybrIK: a pelvis before a camera of each box, and two copies that follow it."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("hybrik"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("hybrik"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("hybrik"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_camera_frames_and_pelvis(tmp_path: Path) -> None:
    tree = newer.hybrik()
    (tmp_path / "res.pk").write_bytes(pickle.dumps(tree))
    (person,) = load_save.load(tmp_path / "res.pk")
    assert person.frame_ids.tolist() == list(range(2, 9))  # images count from 1
    np.testing.assert_allclose(person.transl + np.array(MEAN_REST_PELVIS["smpl"]), tree["pred_cam_root"], atol=1e-5)
    assert person.camera is not None and person.camera.image_size == (640, 480)
    np.testing.assert_allclose(person.camera.K[:, 0, 0], 1000 / 256 * 240)
    assert person.camera.K[0, :2, 2].tolist() == [320, 240]


def test_the_copies_move_with_the_pelvis(tmp_path: Path) -> None:
    tree = newer.hybrik()
    (tmp_path / "res.pk").write_bytes(pickle.dumps(tree))
    (person,) = load_save.load(tmp_path / "res.pk")
    shifted = person.transl.copy()
    shifted[2] += [0.1, 0.2, 0.3]
    load_save.save([person.replace(transl=shifted)], tmp_path / "copy.pk")
    again = pickle.loads((tmp_path / "copy.pk").read_bytes())
    for key, factor in (("pred_cam_root", 1.0), ("transl", 1.0), ("transl_camsys", 256 / 240)):
        np.testing.assert_allclose(again[key][2] - tree[key][2], factor * np.array([0.1, 0.2, 0.3]), atol=1e-5)
        assert np.array_equal(np.delete(again[key], 2, 0), np.delete(tree[key], 2, 0))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": np.tile([200.0, 0, 100, 0], (7, 1))}, "bbox, width, height: expected boxes"),
        ({"width": np.ones(3)}, "width: missing, or not 1 finite numbers for each of 7 rows"),
        ({"img_path": np.array(["a-000004.png"] * 7)}, "img_path: the image numbers must ascend"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    (tmp_path / "res.pk").write_bytes(pickle.dumps(newer.hybrik() | change))
    with pytest.raises(InputError, match=message):
        load_save.load(tmp_path / "res.pk")
