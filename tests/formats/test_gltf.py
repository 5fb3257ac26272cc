"""glTF: read by its nodes, skin and animation alone, it shows the fitted body, in motion and on the floor."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.bvh import bone_name
from lsmplify_refine.formats.export import export, export_people
from lsmplify_refine.formats.gltf import check_gltf, continuous_quaternions, strongest
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from tests.support import figures
from tests.support.glb_reader import Glb

BODY = BodyModel.open()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygltflib", None)
    with pytest.raises(InputError, match=r"pip install \"lsmplify-refine\[export\]\""):
        check_gltf()


@pytest.mark.parametrize("shape", figures.SHAPES)
def test_joints_and_skin_are_the_fitted_bodys(shape: BodyShape, tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    estimate = figures.acrobat()
    export(estimate, tmp_path / "a.glb", "glb", body=BODY, shape=shape)
    glb = Glb(tmp_path / "a.glb")
    expected = figures.true_joints(estimate, BODY, shape)
    rotvec = np.concatenate([estimate.global_orient[:, None], estimate.body_pose], 1)
    for frame in (0, 31, 89):
        found = glb.joints_at(frame / figures.FPS)
        for index in range(24):
            from_pelvis = found[bone_name(JOINT_NAMES[index])] - found["Pelvis"]
            np.testing.assert_allclose(from_pelvis, expected[frame, index], atol=1e-4)
        rotations = rotvec_to_rotmat(rotvec[frame : frame + 1]).astype(np.float32)
        skin = BODY.vertices(rotations, found["Pelvis"][None].astype(np.float32), shape.betas, shape.scale)[0]
        np.testing.assert_allclose(glb.vertices_at(frame / figures.FPS), skin, atol=1e-4)


@pytest.mark.parametrize("error", [-0.2, 0.06])
def test_a_standing_persons_soles_are_on_the_floor(error: float, tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    height = figures.height_on_floor(BODY, figures.SHAPES[0]) + error
    export(figures.stander(height=height), tmp_path / "a.glb", "glb", body=BODY, shape=figures.SHAPES[0])
    assert abs(Glb(tmp_path / "a.glb").vertices_at(0.1)[:, 1].min()) < 1e-4


def test_frames_between_are_right(tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    estimate = figures.acrobat()
    export(estimate, tmp_path / "a.glb", "glb")
    glb = Glb(tmp_path / "a.glb")
    rotvec = np.concatenate([estimate.global_orient[:, None], estimate.body_pose], 1)
    for frame in (10, 55, 70):
        first, second = (rotvec_to_rotmat(rotvec[frame + step]) for step in (0, 1))
        step = rotmat_to_rotvec(np.swapaxes(first, -1, -2) @ second)
        local = first @ rotvec_to_rotmat(step / 2)
        expected = [local[0]]
        for joint in range(1, 24):
            expected.append(expected[BODY.parents[joint]] @ local[joint])
        posed = glb.globals_at((frame + 0.5) / figures.FPS)
        for node, orientation in zip(glb.tree.skins[0].joints, expected):
            error = rotmat_to_rotvec(orientation.T @ posed[node][:3, :3])
            assert np.degrees(np.linalg.norm(error)) < 0.1


def test_several_people_share_a_clip_and_keep_their_times(tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    first = figures.stander(track_id="7")
    second = figures.acrobat(30).replace(track_id="9", frame_ids=np.arange(30) + 10)
    notes = export_people([first, second], tmp_path / "a.glb", "glb", body=BODY, shapes=figures.SHAPES)
    glb = Glb(tmp_path / "a.glb")
    assert [skin.name for skin in glb.tree.skins] == ["person_7", "person_9"] and len(glb.tree.animations) == 1
    expected = figures.true_joints(second, BODY, figures.SHAPES[1])
    found = glb.joints_at(15 / figures.FPS, skin=1)
    np.testing.assert_allclose(found["Head"] - found["Pelvis"], expected[5, 15], atol=1e-4)
    assert "gaps-bridged" in {note.code for note in notes}


def test_gaps_are_bridged(tmp_path: Path) -> None:
    pytest.importorskip("pygltflib")
    ids = np.concatenate([np.arange(10), np.arange(10) + 30])
    export(figures.stander(20).replace(frame_ids=ids), tmp_path / "a.glb", "glb")
    glb = Glb(tmp_path / "a.glb")
    assert glb.array(glb.tree.animations[0].samplers[0].input)[-1] == pytest.approx(39 / figures.FPS)


def test_a_level_camera_has_its_floor_under_the_lowest_person(tmp_path: Path) -> None:
    """Both stand on one floor, 1.5 m below the camera; each as far before it as it was."""
    pytest.importorskip("pygltflib")
    people = []
    for away in (3.0, 5.0):
        person = figures.stander(height=0.0)
        upside = np.tile([np.pi, 0.0, 0.0], (20, 1))
        place = np.tile([0.0, 0.5, away], (20, 1))
        people.append(person.replace(global_orient=upside, transl=place, frame="camera", world=None))
    notes = export_people(people, tmp_path / "a.glb", "glb")
    glb = Glb(tmp_path / "a.glb")
    assert [abs(glb.vertices_at(0.0, skin)[:, 1].min()) < 1e-3 for skin in (0, 1)] == [True, True]
    apart = glb.joints_at(0.0, 1)["Pelvis"] - glb.joints_at(0.0, 0)["Pelvis"]
    np.testing.assert_allclose(apart, [0, 0, -2], atol=1e-4)
    assert {"camera-as-world", "floor-placed"} <= {note.code for note in notes}


def test_other_formats_hold_one_person(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="one person, not 2"):
        export_people([figures.stander(), figures.stander()], tmp_path / "a.bvh", "bvh")


def test_weights_are_cut_to_the_strongest_and_sum_to_one() -> None:
    weights = np.array([[0.1, 0.4, 0.2, 0.05, 0.15, 0.1], [0, 1.0, 0, 0, 0, 0]])
    joints, kept = strongest(weights, 4)
    assert set(joints[0]) >= {1, 2, 4} and kept.sum(1) == pytest.approx(1) and kept[0, 0] == pytest.approx(0.4 / 0.85)
    assert joints[1].tolist() == [1, 0, 0, 0] and kept[1].tolist() == [1, 0, 0, 0]


def test_quaternions_keep_their_sign_over_turns() -> None:
    turns = rotvec_to_rotmat(np.stack([0 * np.arange(50), 0.3 * np.arange(50), 0 * np.arange(50)], 1))
    quats = continuous_quaternions(turns)
    assert ((quats[1:] * quats[:-1]).sum(1) > 0.9).all()
