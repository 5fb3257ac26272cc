"""Every convention's points lie where they should on every body, and follow its limbs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.conventions import BODY25, COCO17, CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.model_files import write_smpl, write_smplx


def rest(body: BodyModel, convention: str) -> dict[str, np.ndarray]:
    rotations = np.tile(np.eye(3), (1, body.joint_count, 1, 1))
    points = body.keypoints(convention, rotations, np.zeros((1, 3)), np.zeros(10))[0]
    return dict(zip(CONVENTIONS[convention].points, points))


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_the_open_body_is_symmetric_and_faces_forward(convention: str) -> None:
    points = rest(BodyModel.open(), convention)
    array = np.stack(list(points.values()))
    assert np.abs(array[list(CONVENTIONS[convention].mirror)] * [-1, 1, 1] - array).max() < 0.015
    # Human3.6M's collars both lie on the thorax
    beside = {name for name in points if not (convention == "h36m32" and name.endswith("collar"))}
    assert all(points[name][0] > 0 for name in beside if name.startswith("left"))
    assert all(abs(point[0]) < 0.01 for name, point in points.items() if not name.startswith(("left", "right")))
    heights = [points[name][1] for name in ("left_ankle", "left_knee", "left_hip", "left_shoulder")]
    assert heights == sorted(heights)
    head = next(name for name in ("nose", "head", "head_top") if name in points)
    assert points[head][1] > heights[-1]


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_a_name_shared_with_body25_is_about_the_same_place(convention: str) -> None:
    points, others = rest(BodyModel.open(), convention), rest(BodyModel.open(), "body25")
    shared = points.keys() & others.keys()
    assert {"left_shoulder", "right_knee", "left_wrist"} <= shared
    assert max(np.linalg.norm(points[name] - others[name]) for name in shared) < 0.07


def test_mediapipes_hands_and_mouth() -> None:
    points = rest(BodyModel.open(), "mediapipe33")
    wrist = points["left_wrist"]
    for finger in ("pinky", "index", "thumb"):
        assert 0.04 < np.linalg.norm(points[f"left_{finger}"] - wrist) < 0.13
    assert points["left_thumb"][2] > points["left_index"][2] > points["left_pinky"][2]
    assert points["left_mouth"][1] < points["nose"][1] < points["left_eye"][1]
    assert points["left_eye_inner"][0] < points["left_eye"][0] < points["left_eye_outer"][0]


def test_mhrs_fingers_go_from_wrist_to_tip() -> None:
    points = rest(BodyModel.open(), "mhr70")
    for finger in ("thumb", "index", "middle", "ring", "pinky"):
        chain = [points[f"left_{finger}{part}"] for part in ("1", "2", "3", "_tip")]
        away = [np.linalg.norm(point - points["left_wrist"]) for point in chain]
        assert away == sorted(away) and 0.02 < away[0] < 0.13
    assert points["left_thumb1"][2] > points["left_index1"][2] > points["left_pinky1"][2]


def test_points_of_a_limb_turn_with_it() -> None:
    body = BodyModel.open()
    rotvec = np.zeros((1, 24, 3))
    rotvec[0, 18] = [0, 0, np.pi / 2]
    before = rest(body, "mediapipe33")
    after = body.keypoints("mediapipe33", rotvec_to_rotmat(rotvec), np.zeros((1, 3)), np.zeros(10))[0]
    moved = dict(
        zip(CONVENTIONS["mediapipe33"].points, np.linalg.norm(after - np.stack(list(before.values())), axis=1))
    )
    assert min(moved[f"left_{name}"] for name in ("wrist", "index", "pinky", "thumb")) > 0.2
    assert max(moved[name] for name in ("nose", "left_shoulder", "right_index", "left_knee")) < 1e-5


@pytest.mark.parametrize("family", ["smpl", "smplx"])
def test_licensed_meshes_have_every_convention(family: str, tmp_path: Path) -> None:
    body = BodyModel.load(write_smpl(tmp_path) if family == "smpl" else write_smplx(tmp_path))
    for name, convention in CONVENTIONS.items():
        assert len(rest(body, name)) == len(convention.points)
        for regressor in body.arrays.keypoint_regressors[name]:
            assert np.isclose(regressor.sum(), 1, atol=1e-4)
    joints = body.joints(np.tile(np.eye(3), (1, body.joint_count, 1, 1)), np.zeros((1, 3)), np.zeros(10))[0]
    smpl24 = np.stack(list(rest(body, "smpl24").values()))
    assert np.abs(smpl24[: body.joint_count] - joints[:24]).max() < 1e-5
    assert np.array_equal(np.stack(list(rest(body, "smpl22").values())), smpl24[:22])


def test_origins() -> None:
    origins = {name: BodyModel.open().point_origins(name) for name in CONVENTIONS}
    assert set(origins["coco17"].values()) == set(origins["body25"].values()) == {"own"}
    assert origins["halpe26"]["left_hip"] == "as coco17" and origins["halpe26"]["neck"] == "as body25"
    assert origins["halpe26"]["head_top"] == origins["mediapipe33"]["right_index"] == "synthesised"
    assert set(origins["smpl24"].values()) == set(origins["smpl22"].values()) == {"own"}
    assert {name for name, origin in origins["h36m17"].items() if origin == "synthesised"} == {
        "spine", "jaw", "head_top",
    }  # fmt: skip
    assert len(COCO17.points) + len(BODY25.points) == 42


def test_mhrs_hands_hang_on_smpls_wrists() -> None:
    """Its own wrist lies 2 cm ahead; the hand that it starts is moved back."""
    body = BodyModel.open()
    rotations = np.tile(np.eye(3), (1, body.joint_count, 1, 1))
    points = body.keypoints("mhr70", rotations, np.zeros((1, 3)), np.zeros(10))
    joints = body.joints(rotations, np.zeros((1, 3)), np.zeros(10))[0]
    sides: tuple[tuple[Literal["left", "right"], int], ...] = (("left", 20), ("right", 21))
    for side, joint in sides:
        hand = Keypoints("mhr70", points, np.ones((1, 70))).hand(side)
        assert hand is not None
        own = points[0, CONVENTIONS["mhr70"].points.index(f"{side}_wrist")]
        assert 0.015 < np.linalg.norm(own - joints[joint]) < 0.03
        assert np.linalg.norm(hand[0][0, 0] - joints[joint]) < 0.003
