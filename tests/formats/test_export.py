"""Other output formats: the posed body stays where it was, and every loss is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import export
from lsmplify_refine.formats.families import to_family
from lsmplify_refine.formats.world_root import root_in_world
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from tests.support import estimator_files as make
from tests.support.model_files import write_smpl


def an_estimate(family: str = "smplx", **more: Any) -> Estimate:
    frames = make.FRAMES
    fields: dict[str, Any] = {
        "global_orient": make.values(frames, 3, seed=1, scale=1.0),
        "body_pose": make.values(frames, 23 if family == "smpl" else 21, 3, seed=2),
        "betas": np.repeat(make.values(1, 10, seed=3), frames, axis=0),
        "transl": make.ahead(),
        "camera": Camera(np.repeat(make.parts()["K"][None], frames, axis=0)),
        "fps": 25.0,
        "source": Path("clip.pkl"),
    }
    return Estimate(family=family, gender="neutral", **(fields | more))  # type: ignore[arg-type]


def pelvis(estimate: Estimate) -> np.ndarray:
    return estimate.transl + MEAN_REST_PELVIS[estimate.family]


@pytest.mark.parametrize(("source", "target"), [("smpl", "smplx"), ("smplx", "smpl"), ("smplh", "smpl")])
def test_family_changes_keep_the_pelvis_and_the_body_joints(source: str, target: Any) -> None:
    world = WorldRoot(make.values(make.FRAMES, 3), make.values(make.FRAMES, 3), "y")
    before = an_estimate(source, world=world)
    after, notes = to_family(before, target)
    np.testing.assert_allclose(pelvis(after), pelvis(before), atol=1e-6)
    assert np.array_equal(after.body_pose[:, :21], before.body_pose[:, :21]) and after.family == target
    assert after.world is not None
    np.testing.assert_allclose(after.world.transl - after.transl, world.transl - before.transl, atol=1e-5)
    shares_shape = {source, target} == {"smpl", "smplh"}
    assert np.array_equal(after.betas, before.betas if shares_shape else 0 * before.betas)
    assert any("mean shape" in note.text for note in notes) != shares_shape
    assert any("hand joints" in note.text for note in notes) == (source == "smpl")


def test_the_same_family_is_left_alone() -> None:
    estimate = an_estimate()
    assert to_family(estimate, "smplx") == (estimate, [])


@pytest.mark.parametrize("up", ["y", "z"])
def test_a_level_camera_becomes_a_world(up: Any) -> None:
    """A person upright before the camera stands upright in the world, at the height above the camera's."""
    upright = np.tile([np.pi, 0.0, 0.0], (make.FRAMES, 1))  # the model is y up, the camera y down
    estimate = an_estimate(global_orient=upright, transl=np.tile([0.5, 1.0, 4.0], (make.FRAMES, 1)))
    orient, transl, notes = root_in_world(estimate, up)
    axis = {"y": 1, "z": 2}[up]
    assert np.allclose(rotvec_to_rotmat(orient)[:, axis, 1], 1) and any("level" in note.text for note in notes)
    J0 = np.array(MEAN_REST_PELVIS["smplx"])
    below = -(np.array([0.5, 1.0, 4.0]) + J0)[1]
    np.testing.assert_allclose((transl + J0)[:, axis], below, atol=1e-9)


def test_amass_opens_as_amass(tmp_path: Path) -> None:
    """The keys that Blender's SMPL-X add-on takes: trans, poses (T, 165), betas, gender, mocap_frame_rate."""
    estimate = an_estimate("smpl")
    notes = export(estimate, tmp_path / "a.npz", "amass")
    with np.load(tmp_path / "a.npz") as arrays:  # without pickles
        assert arrays["poses"].shape == (make.FRAMES, 165) and arrays["trans"].shape == (make.FRAMES, 3)
        assert str(arrays["gender"]) == "neutral" and float(arrays["mocap_frame_rate"]) == 25
        assert arrays["betas"].shape == (10,)
    (again,) = load_save.load(tmp_path / "a.npz")
    assert (again.format, again.family, again.fps) == ("amass", "smplx", 25)
    np.testing.assert_allclose(again.body_pose, estimate.body_pose[:, :21], atol=1e-6)
    for word in ("mean shape", "level", "flat", "hand joints", "rejects less than 30 fps (25 here)"):
        assert any(word in note.text for note in notes), word


@pytest.mark.parametrize(("format", "family"), [("smpl-npz", "smpl"), ("smplx-npz", "smplx")])
@pytest.mark.parametrize("source", ["smpl", "smplx"])
def test_plain_npz_is_read_back(format: Any, family: str, source: str, tmp_path: Path) -> None:
    estimate = an_estimate(source, frame_ids=np.array([0, 1, 2, 5, 6, 7, 9]))
    export(estimate, tmp_path / "a.npz", format)
    (again,) = load_save.load(tmp_path / "a.npz")
    assert (again.format, again.family, again.frame, again.fps) == ("generic", family, "camera", 25)
    assert np.array_equal(again.frame_ids, estimate.frame_ids)
    np.testing.assert_allclose(pelvis(again), pelvis(estimate), atol=1e-5)


def test_gvhmr_is_read_back(tmp_path: Path) -> None:
    estimate = an_estimate("smpl")
    export(estimate, tmp_path / "a.pt", "gvhmr")
    (again,) = load_save.load(tmp_path / "a.pt")
    assert again.format == "gvhmr" and again.world is not None and again.camera is not None
    np.testing.assert_allclose(pelvis(again), pelvis(estimate), atol=1e-5)
    np.testing.assert_allclose(again.global_orient, estimate.global_orient, atol=1e-6)


def test_gvhmr_needs_a_camera(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs camera coordinates and intrinsics"):
        export(an_estimate(camera=None), tmp_path / "a.pt", "gvhmr")
    assert not (tmp_path / "a.pt").exists()


def test_gaps_are_said(tmp_path: Path) -> None:
    notes = export(an_estimate(frame_ids=np.arange(make.FRAMES) * 2), tmp_path / "a.npz", "amass")
    assert any("gaps" in note.text for note in notes)


def test_changing_shapes_become_one(tmp_path: Path) -> None:
    notes = export(an_estimate(betas=make.values(make.FRAMES, 10)), tmp_path / "a.npz", "amass")
    assert any("median" in note.text for note in notes)


@pytest.mark.parametrize("format", ["amass", "smplx-npz"])
def test_gender_camera_and_frames_are_read_back(format: Any, tmp_path: Path) -> None:
    estimate = an_estimate().replace(gender="female")
    export(estimate, tmp_path / "a.npz", format)
    (again,) = load_save.load(tmp_path / "a.npz")
    assert again.gender == "female"
    if format == "smplx-npz":
        assert again.camera is not None and estimate.camera is not None
        assert np.array_equal(again.camera.K, estimate.camera.K)


def test_who_stands_upright_before_the_camera_stands_upright_in_amass(tmp_path: Path) -> None:
    """Three metres away and half a metre below the camera: y ahead and z up."""
    transl = np.array([0.2, 0.5, 3.0]) - MEAN_REST_PELVIS["smplx"]
    standing: dict[str, Any] = {
        "global_orient": np.tile([np.pi, 0.0, 0.0], (make.FRAMES, 1)),
        "transl": np.tile(transl, (7, 1)),
    }
    export(an_estimate(**standing), tmp_path / "a.npz", "amass")
    (again,) = load_save.load(tmp_path / "a.npz")
    assert again.world is not None and again.world.up == "z"
    assert np.allclose(rotvec_to_rotmat(again.world.global_orient)[:, :, 1], [0, 0, 1])
    assert pelvis(again)[:, 2] == pytest.approx(-0.5)


def test_gvhmr_gets_the_world_of_the_input(tmp_path: Path) -> None:
    world = WorldRoot(make.values(make.FRAMES, 3, seed=5), make.values(make.FRAMES, 3, seed=6), "y")
    export(an_estimate(world=world), tmp_path / "a.pt", "gvhmr")
    (again,) = load_save.load(tmp_path / "a.pt")
    assert again.world is not None and np.allclose(again.world.transl, world.transl)
    assert np.allclose(again.world.global_orient, world.global_orient, atol=1e-6)


def test_betas_that_do_not_fit_are_said(tmp_path: Path) -> None:
    notes = export(an_estimate(betas=make.values(make.FRAMES, 16)), tmp_path / "a.pt", "gvhmr")
    assert "betas-cut" in {note.code for note in notes}
    (again,) = load_save.load(tmp_path / "a.pt")
    assert np.array_equal(again.betas, make.values(make.FRAMES, 16)[:, :10])


@pytest.fixture(scope="module")
def own_smpl(tmp_path_factory: pytest.TempPathFactory) -> BodyModel:
    return BodyModel.load(write_smpl(tmp_path_factory.mktemp("model")))


def test_the_pelvis_is_where_the_users_own_model_has_it(own_smpl: BodyModel) -> None:
    before = an_estimate("smpl")
    after, _ = to_family(before, "smplx", own_smpl)
    own_pelvis = before.transl + own_smpl.rest_pelvis(before.betas)
    assert np.abs(own_pelvis - pelvis(before)).max() > 0.01  # the mean's is elsewhere
    np.testing.assert_allclose(pelvis(after), own_pelvis, atol=1e-6)
