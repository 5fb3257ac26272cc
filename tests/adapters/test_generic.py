"""What the generic adapter tells from keys and shapes, and what it asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.pose_layouts import pose_layout
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_sixd, rotvec_to_rotmat, sixd_to_rotmat
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.people_files import standing
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("generic"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("generic"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("generic"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def full(joints: int, **more: Any) -> dict[str, Any]:
    return {"poses": make.poses(joints), "trans": make.ahead(), "betas": make.values(10)} | more


def padded() -> np.ndarray:
    poses = make.poses(24)
    poses[:, 66:] = 0
    return poses


def without(arrays: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in arrays.items() if key not in keys}


@pytest.mark.parametrize("joints", [21, 23])
@pytest.mark.parametrize(("kind", "width"), [("axis-angle", 3), ("6d-rows", 6), ("matrix", 9)])
def test_body_layouts_are_told_by_their_width(joints: int, kind: str, width: int) -> None:
    shapes = [(7, joints * width), (7, joints, width), (1, 7, joints * width)]
    for shape in [*shapes, (7, joints, 3, 3)] if kind == "matrix" else shapes:
        layout = pose_layout(shape, 7, "f", full=False, rot6d="rows")
        assert (layout.joints, layout.kind) == (joints, kind)


@pytest.mark.parametrize("joints", [22, 24, 52, 55])
@pytest.mark.parametrize(("kind", "width"), [("axis-angle", 3), ("6d-columns", 6), ("matrix", 9)])
def test_full_layouts_are_told_by_their_width(joints: int, kind: str, width: int) -> None:
    layout = pose_layout((7, joints * width), 7, "f", full=True, rot6d="columns")
    assert (layout.joints, layout.kind) == (joints, kind)


@pytest.mark.parametrize("kind", ["6d-interleaved", "6d-columns", "6d-rows"])
def test_6d_is_inverted(kind: Any) -> None:
    matrices = rotvec_to_rotmat(make.values(50, 3, scale=1.5))
    np.testing.assert_allclose(sixd_to_rotmat(rotmat_to_sixd(matrices, kind), kind), matrices, atol=1e-12)


def test_6d_layouts_are_those_of_their_users() -> None:
    matrix = rotvec_to_rotmat(np.array([0.3, -0.7, 1.1]))
    assert np.array_equal(rotmat_to_sixd(matrix, "6d-interleaved"), matrix[:, :2].reshape(6))  # view(-1, 3, 2)
    assert np.array_equal(rotmat_to_sixd(matrix, "6d-columns"), [*matrix[:, 0], *matrix[:, 1]])
    assert np.array_equal(rotmat_to_sixd(matrix, "6d-rows"), [*matrix[0], *matrix[1]])


@pytest.mark.parametrize(
    ("arrays", "how", "message"),
    [
        (full(22), "generic", "22 joints fit SMPL-X and SMPL-H.*--format generic:family="),
        (full(24, poses=padded()), "generic", "last two are at rest.*--format generic:family="),
        (full(24, poses=make.poses(24, coding="6d-rows")), "generic", "three incompatible.*generic:rot6d="),
        (full(22), "generic:family=smpl", "22 joints are not a smpl pose; they fit smplh or smplx"),
        (full(52, model_type=np.array("smplx")), "generic", "52 joints are not a smplx pose"),
        (full(22), "generic:family=skel", "family must be one of smpl, smplh, smplx"),
        (full(22), "generic:joints=22", "no such option; it has: family, rot6d, frame, up"),
        (full(24), "wham:family=smpl", "format wham has no such option; it has: none"),
        (
            full(24, poses=make.values(make.FRAMES, 46)),
            "generic",
            r"shape \(7, 46\) with 7 frames is not a pose",
        ),
        (full(24, trans=make.values(5, 3)), "generic", "poses: shape"),
        (full(24, betas=make.values(3, 10)), "generic", "betas: shape.*expected 7 rows"),
        (full(24, poses=make.values(make.FRAMES, 24, 3, 3)), "generic", "not rotation matrices"),
        (full(24, K=np.eye(4)), "generic", r"K: shape \(4, 4\)"),
        (full(24, frame_ids=np.zeros(make.FRAMES)), "generic", "frame_ids: the frame ids do not ascend"),
        (full(24, gender=np.array("x")), "generic", "gender: gender 'x' is not known"),
        (without(full(24), "trans"), "generic", "no pose with a translation"),
        (without(make.parts(), "jaw_pose"), "generic", "21 joints fit SMPL-X and SMPL-H"),
    ],
)
def test_what_cannot_be_told_is_asked_for(arrays: dict[str, Any], how: str, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(tmp_path / "r.npz", format=how)
    assert "\n" not in str(caught.value)


def test_padded_smplx_and_smpl_are_told_apart_by_option(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **full(24, poses=padded()))
    for family, joints in (("smpl", 23), ("smplx", 21)):
        (estimate,) = load_save.load(tmp_path / "r.npz", format=f"generic:family={family},frame=camera")
        assert (estimate.family, estimate.body_pose.shape[1]) == (family, joints)


@pytest.mark.parametrize(
    ("arrays", "how", "frame", "up", "note"),
    [
        (standing(), "generic", "camera", None, "frame-assumed"),
        (standing(), "generic:frame=world,up=y", "world", "y", None),
        (standing("z", mocap_framerate=30), "generic", "world", "z", "up-assumed"),
        (standing("y", mocap_framerate=30), "generic", "world", "y", "up-assumed"),
        (standing("z", mocap_framerate=30), "generic:up=y", "world", "y", None),
        (standing("y"), "generic:frame=world", "world", "y", "up-assumed"),
        (standing("-z"), "generic:frame=world", "world", "z", "up-assumed"),
        (standing("y"), "generic:frame=camera", "camera", None, None),
        (standing(cam_K=np.eye(3), mocap_framerate=30), "generic", "camera", None, None),
    ],
)
def test_the_frame_is_told_or_noted(
    arrays: dict[str, Any], how: str, frame: str, up: str | None, note: str | None, tmp_path: Path
) -> None:
    np.savez(tmp_path / "r.npz", **arrays)
    (estimate,) = load_save.load(tmp_path / "r.npz", format=how)
    assert estimate.frame == frame and (estimate.world.up if estimate.world else None) == up
    assert [each.code for each in estimate.notes] == ([] if note is None else [note])
    assert all("--format generic:" in each.text for each in estimate.notes)


@pytest.mark.parametrize(
    ("arrays", "wrong"),
    [
        (standing("y"), "upside down before the camera in 7 of 7 frames"),
        (standing(trans=-make.ahead()), "behind the camera in 7 of 7 frames"),
        (standing(trans=np.zeros((make.FRAMES, 3), np.float32)), "where the camera is in 7 of 7 frames"),
    ],
)
def test_what_cannot_be_before_a_camera_is_asked_about(arrays: dict[str, Any], wrong: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **arrays)
    with pytest.raises(InputError, match=f"trans: as camera coordinates.*{wrong}; give --format generic:frame=world"):
        load_save.load(tmp_path / "r.npz")
    assert load_save.load(tmp_path / "r.npz", format="generic:frame=world")[0].frame == "world"
    assert load_save.load(tmp_path / "r.npz", format="generic:frame=camera")[0].frame == "camera"


@pytest.mark.parametrize("down", ["-y", "-z"])
def test_a_world_that_points_down_is_turned_and_written_back(down: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **standing(down))
    (estimate,) = load_save.load(tmp_path / "r.npz", format=f"generic:up={down}")
    upward = rotvec_to_rotmat(estimate.global_orient)[:, :, 1]
    axis = "xyz".index(down[1])
    assert estimate.world is not None and estimate.world.up == down[1]
    np.testing.assert_allclose(upward[:, axis], 1, atol=1e-6)
    J0 = MEAN_REST_PELVIS["smpl"]
    np.testing.assert_allclose(estimate.transl + J0, (standing()["trans"] + J0) * [1, -1, -1], atol=1e-6)
    moved = estimate.replace(transl=estimate.transl + np.array([0, 0, 0.5], np.float32))
    load_save.save([moved], tmp_path / "out.npz")
    np.testing.assert_allclose(np.load(tmp_path / "out.npz")["trans"], standing()["trans"] - [0, 0, 0.5], atol=1e-6)


def test_one_frame_without_leading_axis(tmp_path: Path) -> None:
    arrays = {"global_orient": (3,), "body_pose": (21, 3), "betas": (10,), "transl": (3,), "jaw_pose": (3,)}
    values: dict[str, Any] = {key: make.values(*shape) for key, shape in arrays.items()}
    np.savez(tmp_path / "r.npz", **values)
    (estimate,) = load_save.load(tmp_path / "r.npz", format="generic:frame=camera")
    assert len(estimate) == 1 and estimate.body_pose.shape == (1, 21, 3)


def test_a_rate_and_a_camera_in_parts_are_read(tmp_path: Path) -> None:
    camera = {"focal_length": np.array([700.0, 710.0]), "principal_point": np.array([300.0, 200.0])}
    np.savez(tmp_path / "r.npz", **full(24, fps=np.array(50.0), **camera))
    (estimate,) = load_save.load(tmp_path / "r.npz")
    assert estimate.fps == 50 and estimate.frame == "camera" and estimate.camera is not None
    assert estimate.camera.K[-1].tolist() == [[700, 0, 300], [0, 710, 200], [0, 0, 1]]


def test_a_file_without_betas_has_the_mean_shape_and_gets_no_other(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **without(full(24), "betas"))
    (person,) = load_save.load(tmp_path / "r.npz", format="generic:frame=camera")
    assert person.betas.shape == (make.FRAMES, 10) and not person.betas.any()
    assert any(note.code == "shape-assumed" for note in person.notes)
    with pytest.raises(InputError, match="the file has no shape, so betas other than the mean"):
        load_save.save([person.replace(betas=person.betas + 0.5)], tmp_path / "out.npz")
