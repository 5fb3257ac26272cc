"""The keypoint-only forward pass equals smplx's own; its Jacobian equals autograd's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roma
import smplx
import torch

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.body.io import load_open_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.model_files import POINTS_ON_SMPLX, write_smpl, write_smplx

FRAMES = 6


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[BodyModel, torch.nn.Module]]:
    """Each family as ours and as smplx's, from the same file; random non-zero pose blend shapes."""
    folder = tmp_path_factory.mktemp("models")
    smpl, smplx_file = write_smpl(folder), write_smplx(folder)
    options = {"batch_size": FRAMES, "num_betas": 10}
    return {
        "smpl": (BodyModel.load(smpl), smplx.SMPL(str(smpl), **options)),
        "smplx": (
            BodyModel.load(smplx_file),
            smplx.SMPLX(str(smplx_file), use_pca=False, flat_hand_mean=True, ext="npz", **options),
        ),
    }


def random_pose(joints: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    rotvec = generator.normal(0, 0.5, (FRAMES, joints, 3))
    return rotvec, generator.normal(0, 1, (FRAMES, 3)), generator.normal(0, 1.5, 10)


@pytest.mark.parametrize("family", ["smpl", "smplx"])
def test_equals_smplx_forward(models: dict[str, tuple[BodyModel, Any]], family: str) -> None:
    ours, theirs = models[family]
    rotvec, transl, betas = random_pose(ours.joint_count)
    pelvis = transl + ours.rest_pelvis(betas)
    rotations = rotvec_to_rotmat(rotvec)
    with torch.no_grad():
        expected = theirs(
            global_orient=torch.tensor(rotvec[:, 0]).float(),
            body_pose=torch.tensor(rotvec[:, 1:]).float().flatten(1),
            betas=torch.tensor(np.tile(betas, (FRAMES, 1))).float(),
            transl=torch.tensor(transl).float(),
        )
    assert np.abs(ours.vertices(rotations, pelvis, betas) - expected.vertices.numpy()).max() < 1e-5
    joints = expected.joints.numpy()
    assert np.abs(ours.joints(rotations, pelvis, betas) - joints[:, : ours.joint_count]).max() < 1e-5
    body25 = ours.keypoints("body25", rotations, pelvis, betas)
    assert np.abs(body25 - joints[:, POINTS_ON_SMPLX[family]]).max() < 1e-5


@pytest.mark.parametrize("convention", ["coco17", "body25"])
def test_keypoints_equal_the_regressor_on_the_mesh(convention: str) -> None:
    body = BodyModel.open()
    rotvec, _, betas = random_pose(24)
    rotations, pelvis = rotvec_to_rotmat(rotvec), np.zeros((FRAMES, 3))
    mesh = body.vertices(rotations, pelvis, betas, 1.1)
    expected = np.einsum("kv,nvc->nkc", load_open_body().keypoint_regressors[convention][:, : mesh.shape[1]], mesh)
    assert np.abs(body.keypoints(convention, rotations, pelvis, betas, 1.1) - expected).max() < 1e-5


@pytest.mark.parametrize("family", ["smpl", "smplx", "open"])
def test_jacobian_equals_autograd(models: dict[str, tuple[BodyModel, Any]], family: str) -> None:
    body = BodyModel.open() if family == "open" else models[family][0]
    rotvec, _, betas = random_pose(body.joint_count, seed=1)
    skeleton = body.skeleton("body25", betas)
    skeleton = skinning.Skeleton(
        skeleton.parents,
        skeleton.rest_joints.double(),
        skeleton.points.double(),
        skeleton.shares.double(),
        None if skeleton.pose_points is None else skeleton.pose_points.double(),
    )
    rotations = torch.as_tensor(rotvec_to_rotmat(rotvec))
    posed = skinning.pose_keypoints(skeleton, rotations)
    rows = torch.eye(3).double()[..., None].expand(FRAMES, 3, 3, 25)
    jacobian = skinning.jacobian(skeleton, posed, rows, torch.arange(body.joint_count))

    def moved(delta: torch.Tensor) -> torch.Tensor:
        return skinning.keypoints(skeleton, (roma.rotvec_to_rotmat(delta) @ rotations[0])[None])[0]

    expected = torch.func.jacrev(moved)(torch.zeros(body.joint_count, 3).double())
    assert torch.allclose(posed.positions[0], moved(torch.zeros(body.joint_count, 3).double()))
    above = skinning.parent_orientations(skeleton, posed)
    in_parent = torch.einsum("xmdk,mxe->kdme", torch.unflatten(jacobian[0, :-3], 0, (3, -1)), above[0])
    assert torch.allclose(in_parent, expected, atol=1e-9)
    assert torch.equal(jacobian[0, -3:], rows[0].transpose(0, 1))


def test_old_chumpy_pickle_gives_the_same_model(tmp_path: Path) -> None:
    plain, old = write_smpl(tmp_path), write_smpl(tmp_path, chumpy=True)
    rotvec, pelvis, betas = random_pose(24)
    rotations = rotvec_to_rotmat(rotvec)
    first, second = (BodyModel.load(p).vertices(rotations, pelvis, betas) for p in (plain, old))
    assert np.array_equal(first, second)


def test_a_users_body25_regressor_is_used(tmp_path: Path) -> None:
    path = write_smplx(tmp_path)
    vertices = len(
        BodyModel.load(path).vertices(np.eye(3)[None, None].repeat(22, 1), np.zeros((1, 3)), np.zeros(10))[0]
    )
    regressor = np.zeros((25, vertices), np.float32)
    regressor[:, 7] = 1
    np.save(tmp_path / "J_regressor_body25.npy", regressor)
    body = BodyModel.load(path)
    rotvec, pelvis, betas = random_pose(22)
    rotations = rotvec_to_rotmat(rotvec)
    mesh = body.vertices(rotations, pelvis, betas)
    points = body.keypoints("body25", rotations, pelvis, betas)
    assert np.abs(points - mesh[:, 7:8]).max() < 1e-5


def test_a_folder_prefers_smplx_and_the_gender(tmp_path: Path) -> None:
    write_smpl(tmp_path)
    write_smplx(tmp_path)
    assert BodyModel.load(tmp_path).family == "smplx"
    with pytest.raises(InputError, match="FEMALE"):
        BodyModel.load(tmp_path, gender="female")


def test_scale_keeps_the_pelvis() -> None:
    body = BodyModel.open()
    rotvec, pelvis, betas = random_pose(24)
    rotations = rotvec_to_rotmat(rotvec)
    small, large = (body.joints(rotations, pelvis, betas, scale) for scale in (1.0, 2.0))
    assert np.allclose(large - pelvis[:, None], 2 * (small - pelvis[:, None]), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("gone.npz", None, "no such body model"),
        ("text.npz", b"not a zip", "damaged"),
        ("model.txt", b"", "a .npz or .pkl"),
    ],
)
def test_bad_model_files_get_one_line(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        BodyModel.load(path)


@pytest.mark.parametrize("family", ["smpl", "open"])
def test_stacked_skeletons_pose_each_row_with_its_own_shape(
    models: dict[str, tuple[BodyModel, Any]], family: str
) -> None:
    body = BodyModel.open() if family == "open" else models[family][0]
    shapes = [(np.zeros(10), 1.0), (np.linspace(-1, 1, 10), 0.8)]
    single = [body.skeleton("body25", betas, scale) for betas, scale in shapes]
    both = skinning.Skeleton.stacked(single)
    rotations = torch.as_tensor(rotvec_to_rotmat(random_pose(body.joint_count)[0][:2])).float()
    rows = torch.eye(3)[..., None].expand(2, 3, 3, 25)
    joints = torch.arange(body.joint_count)
    posed = skinning.pose_keypoints(both, rotations)
    jacobian = skinning.jacobian(both, posed, rows, joints)
    for row, skeleton in enumerate(single):
        alone = skinning.pose_keypoints(skeleton, rotations[row : row + 1])
        assert torch.allclose(posed.positions[row], alone.positions[0], atol=1e-6)
        assert torch.allclose(jacobian[row], skinning.jacobian(skeleton, alone, rows[:1], joints)[0], atol=1e-5)
        picked = skinning.keypoints(both[row : row + 1], rotations[row : row + 1])
        assert torch.allclose(picked[0], alone.positions[0], atol=1e-6)
