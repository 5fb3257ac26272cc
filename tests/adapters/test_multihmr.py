"""Multi-HMR: people of images, in a padded and resized square."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.head_roots import head_from_pelvis
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from tests.support import newer_files as newer
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("multihmr"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("multihmr"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("multihmr"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "real" / "multi_hmr.json"


def test_the_camera_is_the_full_images(tmp_path: Path) -> None:
    people = load_save.load(newer.write_multihmr_folder(tmp_path / "out"))
    assert [person.frame_ids.tolist() for person in people] == [[0, 1, 2, 4, 5, 6]] * 2
    camera = people[0].camera
    assert camera is not None and camera.image_size == (640, 480)
    focal = 320 / np.tan(np.radians(30))
    np.testing.assert_allclose(camera.K[0], [[focal, 0, 320], [0, focal, 240], [0, 0, 1]], atol=1e-4)
    assert people[1].transl[0, 0] - people[0].transl[0, 0] == pytest.approx(2.0, abs=1e-5)
    assert people[0].left_hand_pose is not None and people[0].expression is not None and people[0].flat_hand_mean


def test_dicts_in_memory_have_other_names(tmp_path: Path) -> None:
    image = newer.multihmr_image(0, (0,))["humans"][0]
    names = {"rotation_vector": "rotvec", "translation_pelvis": "transl_pelvis", "translation": "transl"}
    human = {names.get(key, key): np.array(value, np.float32) for key, value in image.items()}
    (tmp_path / "r.pkl").write_bytes(pickle.dumps([[human], [human]]))
    (person,) = load_save.load(tmp_path / "r.pkl")
    assert len(person) == 2 and person.camera is None and person.focal_sides == pytest.approx(0.866, abs=1e-3)


def test_a_pelvis_of_two_numbers_is_named(tmp_path: Path) -> None:
    image = newer.multihmr_image(0, (0,))
    image["humans"][0]["translation_pelvis"] = [1.0, 2.0]
    (tmp_path / "r.json").write_text(json.dumps(image))
    with pytest.raises(InputError, match="translation_pelvis"):
        load_save.load(tmp_path / "r.json")


@pytest.mark.shared
@pytest.mark.skipif(not REAL.is_file(), reason="the real file is not here")
def test_the_real_image() -> None:
    """The file's own joints: the pelvis is exact, the head is where the mean spine has it, within 2 cm."""
    (person,) = load_save.load(REAL)
    human = json.loads(REAL.read_text())["humans"][0]
    joints = np.array(human["joints_3d"])
    pelvis = person.transl[0] + np.array(MEAN_REST_PELVIS["smplx"])
    np.testing.assert_allclose(pelvis, joints[0], atol=1e-6)
    pose = np.concatenate([person.global_orient[:, None], person.body_pose], axis=1)
    assert np.linalg.norm(pelvis + head_from_pelvis(pose)[0] - joints[15]) < 0.03
    assert person.camera is not None and person.camera.image_size == (672, 672)
    pixels = joints[:, :2] / joints[:, 2:] * person.camera.K[0, 0, 0] + person.camera.K[0, :2, 2]
    assert np.abs(pixels - human["joints_2d"]).max() < 0.5
