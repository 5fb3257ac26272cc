"""The shipped body is a valid body in SMPL's layout."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import smplx
import torch
import trimesh
from scipy.spatial.transform import Rotation

from lsmplify_refine.body import BodyModel
from lsmplify_refine.values.conventions import BODY25, COCO17, CONVENTIONS

#: The conventions with rows in the file; the others are composed of them.
BAKED = {convention.name: convention for convention in (COCO17, BODY25)}
_MIRROR = [0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22]


@pytest.fixture(scope="module")
def body() -> dict[str, np.ndarray]:
    with (
        resources.as_file(resources.files("lsmplify_refine.assets") / "open_body.npz") as path,
        np.load(path, allow_pickle=False) as data,
    ):
        assert path.stat().st_size < 1.5e6
        return dict(data)


def test_shapes_and_sums(body: dict[str, np.ndarray]) -> None:
    count = len(body["v_template"])
    assert body["shapedirs"].shape == (count, 3, 10)
    assert body["weights"].shape == (count, 24)
    assert body["kintree_table"].shape == (2, 24)
    assert np.allclose(body["weights"].sum(1), 1, atol=1e-5)
    assert (body["weights"] > 0).sum(1).max() <= 4
    for key in ("J_regressor", *(f"keypoints_{name}" for name in BAKED)):
        assert np.allclose(body[key].sum(1), 1, atol=1e-4) and body[key].min() >= 0
    for name, convention in BAKED.items():
        assert body[f"keypoints_{name}"].shape == (len(convention.points), count)


def test_the_surface_is_closed(body: dict[str, np.ndarray]) -> None:
    mesh = trimesh.Trimesh(body["v_template"], body["f"], process=False)
    assert mesh.is_watertight
    assert 0.04 < mesh.volume < 0.12


def test_left_is_right_mirrored_and_the_size_is_a_persons(body: dict[str, np.ndarray]) -> None:
    joints = body["J_regressor"] @ body["v_template"]
    assert np.abs(joints[_MIRROR] * [-1, 1, 1] - joints).max() < 0.01
    for convention in BAKED.values():
        points = body[f"keypoints_{convention.name}"] @ body["v_template"]
        assert np.abs(points[list(convention.mirror)] * [-1, 1, 1] - points).max() < 0.015
        left = [i for i, name in enumerate(convention.points) if name.startswith("left")]
        assert (points[left, 0] > 0).all()
    assert 1.5 < np.ptp(body["v_template"][:, 1]) < 1.9


def test_the_first_beta_is_height(body: dict[str, np.ndarray]) -> None:
    taller = body["v_template"] + 2 * body["shapedirs"][..., 0]
    assert np.ptp(taller[:, 1]) > np.ptp(body["v_template"][:, 1]) + 0.05


def test_smplx_takes_it(body: dict[str, np.ndarray]) -> None:
    count = len(body["v_template"])
    data = smplx.utils.Struct(**body, posedirs=np.zeros((count, 3, 207), np.float32))
    ids = dict(zip(body["vertex_names"].tolist(), body["vertex_ids"].tolist()))
    model = smplx.SMPL(model_path="", data_struct=data, vertex_ids=ids, batch_size=2)
    with torch.no_grad():
        posed = model(body_pose=0.3 * torch.randn(2, 69))
    assert posed.joints.shape == (2, 45, 3)
    assert torch.isfinite(posed.joints).all()


def test_face_and_feet_point_forwards(body: dict[str, np.ndarray]) -> None:
    points = dict(zip(CONVENTIONS["body25"].points, body["keypoints_body25"] @ body["v_template"]))
    assert points["nose"][2] > points["left_ear"][2]
    assert points["left_big_toe"][2] > points["left_heel"][2]
    assert points["left_big_toe"][0] < points["left_small_toe"][0]


@pytest.mark.parametrize("convention, within_m", [("body25", 0.012), ("coco17", 0.017)])
@pytest.mark.parametrize(
    "limb, index, turn_deg",
    [
        ("shoulder", 16, (0, 0, -75)),
        ("shoulder", 16, (0, -90, 0)),
        ("elbow", 18, (0, -120, 0)),
        ("wrist", 20, (0, 0, -70)),
        ("hip", 1, (-90, 0, 0)),
        ("hip", 1, (0, 0, 45)),
        ("knee", 4, (90, 0, 0)),
        ("ankle", 7, (45, 0, 0)),
    ],
)
def test_limb_points_stay_with_their_joint_in_a_bent_limb(
    convention: str, within_m: float, limb: str, index: int, turn_deg: tuple[float, float, float]
) -> None:
    """A point beside the joint turns by half the angle, as skin does; linear blending must not pull it away."""
    body = BodyModel.open()
    turn = Rotation.from_rotvec(turn_deg, degrees=True)
    rotations = np.tile(np.eye(3), (2, 24, 1, 1))
    rotations[1, index] = turn.as_matrix()
    origin = np.zeros((2, 3))
    point = CONVENTIONS[convention].points.index(f"left_{limb}")
    points = body.keypoints(convention, rotations, origin, np.zeros(10))[:, point]
    joint = body.joints(rotations, origin, np.zeros(10))[0, index]
    half_way = Rotation.from_rotvec(turn.as_rotvec() / 2).apply(points[0] - joint)
    assert np.linalg.norm(points[1] - joint - half_way) < within_m
