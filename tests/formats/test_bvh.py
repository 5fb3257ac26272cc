"""BVH: read by an independent reader, it shows the person's own skeleton, without jumps and on the floor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats.bvh import bone_name, preferred_order
from lsmplify_refine.formats.export import export
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from tests.support import figures
from tests.support.bvh_reader import read_bvh
from tests.support.model_files import write_smpl

BODY = BodyModel.open()


@pytest.mark.parametrize("family", ["smpl", "smplx"])
@pytest.mark.parametrize("shape", figures.SHAPES)
def test_joints_are_the_fitted_bodys(family: str, shape: BodyShape, tmp_path: Path) -> None:
    estimate = figures.acrobat(family=family)
    notes = export(estimate, tmp_path / "a.bvh", "bvh", body=BODY, shape=shape)
    bvh = read_bvh(tmp_path / "a.bvh")
    expected = figures.true_joints(estimate, BODY, shape) * 100
    for index in range(24 if family == "smpl" else 22):
        found = bvh.positions[bone_name(JOINT_NAMES[index])] - bvh.positions["Pelvis"]
        np.testing.assert_allclose(found, expected[:, index], atol=0.01)
    assert bvh.frame_time == pytest.approx(1 / figures.FPS)
    assert ("L_Hand" in bvh.positions) == (family == "smpl")
    assert any("fitted to the person" in note.text for note in notes)


def test_no_channel_jumps_and_frames_between_are_right(tmp_path: Path) -> None:
    estimate = figures.acrobat()
    export(estimate, tmp_path / "a.bvh", "bvh")
    bvh, halfway = read_bvh(tmp_path / "a.bvh"), read_bvh(tmp_path / "a.bvh", halfway=True)
    assert max(np.abs(np.diff(angles, axis=0)).max() for angles in bvh.angles.values()) < 60
    for name, between in halfway.rotations.items():
        rotations = bvh.rotations[name]
        step = rotmat_to_rotvec(np.swapaxes(rotations[:-1], -1, -2) @ rotations[1:])
        error = np.swapaxes(rotations[:-1] @ rotvec_to_rotmat(step / 2), -1, -2) @ between
        assert np.degrees(np.linalg.norm(rotmat_to_rotvec(error), axis=-1)).max() < 1, name


def test_knees_and_elbows_bend_about_an_outer_axis(tmp_path: Path) -> None:
    export(figures.acrobat(), tmp_path / "a.bvh", "bvh")
    orders = read_bvh(tmp_path / "a.bvh").orders
    assert "X" not in (orders["L_Knee"][1], orders["R_Knee"][1])
    assert "Y" not in (orders["L_Elbow"][1], orders["R_Elbow"][1], orders["Pelvis"][1])
    assert preferred_order("left_index2") == "ZYX"


@pytest.mark.parametrize("shape", figures.SHAPES)
@pytest.mark.parametrize("error", [-0.2, 0.06])
def test_a_standing_person_stands_on_the_floor(shape: BodyShape, error: float, tmp_path: Path) -> None:
    height = figures.height_on_floor(BODY, shape) + error
    notes = export(figures.stander(height=height), tmp_path / "a.bvh", "bvh", body=BODY, shape=shape)
    ankle = read_bvh(tmp_path / "a.bvh").positions["L_Ankle"][:, 1]
    rest = BODY.rest_mesh(shape.betas, shape.scale)
    above_sole = (rest[1][7] - rest[0].min(0))[1]
    np.testing.assert_allclose(ankle / 100, above_sole, atol=0.01)
    assert "floor-placed" in {note.code for note in notes}


def test_somebody_far_from_the_floor_stays_there(tmp_path: Path) -> None:
    notes = export(figures.stander(height=2.5), tmp_path / "a.bvh", "bvh", body=BODY, shape=figures.SHAPES[0])
    assert read_bvh(tmp_path / "a.bvh").positions["Pelvis"][0, 1] == pytest.approx(250)
    assert "floor-elsewhere" in {note.code for note in notes}


def test_bvh_has_the_bones_of_the_users_own_model_and_betas(tmp_path: Path) -> None:
    own = BodyModel.load(write_smpl(tmp_path))
    estimate = figures.acrobat(frames=5)
    estimate = estimate.replace(betas=np.tile(np.array([3.0, -2.0] + [0.0] * 8), (5, 1)))
    notes = export(estimate, tmp_path / "a.bvh", "bvh", body=own)
    assert "skeleton-open" not in {note.code for note in notes}
    joints = 100 * figures.true_joints(estimate, own, BodyShape(estimate.betas[0]))
    positions = read_bvh(tmp_path / "a.bvh").positions
    for child, parent, names in ((8, 5, ("R_Ankle", "R_Knee")), (15, 12, ("Head", "Neck"))):
        bone = np.linalg.norm(positions[names[0]] - positions[names[1]], axis=-1)
        np.testing.assert_allclose(bone, np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1), rtol=1e-3)


def test_without_a_shape_the_open_bodys_bones_are_said(tmp_path: Path) -> None:
    notes = export(figures.acrobat(frames=5), tmp_path / "a.bvh", "bvh")
    assert any("not the person's" in note.text for note in notes)
