"""Hands and face: read where files have them, carried to formats that hold them, said where they are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import export
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate
from tests.support import estimator_files as make
from tests.support import figures
from tests.support.adapter_cases import CASES
from tests.support.bvh_reader import read_bvh
from tests.support.glb_reader import Glb
from tests.support.model_files import write_smplx

T = make.FRAMES


def with_hands(family: str = "smplx", **more: Any) -> Estimate:
    parts: dict[str, Any] = {
        "left_hand_pose": make.values(T, 15, 3, seed=11),
        "right_hand_pose": make.values(T, 15, 3, seed=12),
        "flat_hand_mean": True,
    }
    if family == "smplx":
        parts |= {name: make.values(T, 3, seed=13 + i) for i, name in enumerate(("jaw_pose", "leye_pose", "reye_pose"))}
        parts["expression"] = make.values(T, 10, seed=20)
    return figures.stander(T, family).replace(**(parts | more))


def check_same(found: Estimate, expected: Estimate, names: tuple[str, ...] = EXTREMITIES) -> None:
    for name in names:
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6, err_msg=name)


@pytest.mark.parametrize("format", ["smplx-npz", "amass"])
def test_smplx_formats_carry_hands_jaw_and_expression(format: Any, tmp_path: Path) -> None:
    estimate = with_hands()
    notes = export(estimate, tmp_path / "a.npz", format)
    (again,) = load_save.load(tmp_path / "a.npz")
    check_same(again, estimate)
    assert again.flat_hand_mean is True
    assert not {"hands-flat", "hands-dropped", "face-dropped"} & {note.code for note in notes}


def test_smplh_hands_become_smplxs(tmp_path: Path) -> None:
    estimate = with_hands("smplh")
    export(estimate, tmp_path / "a.npz", "smplx-npz")
    (again,) = load_save.load(tmp_path / "a.npz")
    assert again.family == "smplx"
    check_same(again, estimate, ("left_hand_pose", "right_hand_pose"))


@pytest.mark.parametrize("format", ["smpl-npz", "gvhmr", "bvh"])
def test_what_a_format_cannot_hold_is_said(format: Any, tmp_path: Path) -> None:
    suffix = {"smpl-npz": "npz", "gvhmr": "pt", "bvh": "bvh"}[format]
    estimate = with_hands()
    if format == "gvhmr":
        from lsmplify_refine.values.camera import Camera

        estimate = estimate.replace(frame="camera", camera=Camera(np.repeat(make.parts()["K"][None], T, axis=0)))
    notes = {note.code: note.text for note in export(estimate, tmp_path / f"a.{suffix}", format)}
    assert "hands-dropped" in notes and "the jaw and the eyes and the expression" in notes["face-dropped"]
    at_rest = export(estimate.replace(**dict.fromkeys(EXTREMITIES)), tmp_path / f"b.{suffix}", format)
    assert not {"hands-dropped", "face-dropped"} & {note.code for note in at_rest}


def test_hands_about_the_mean_hand_need_the_users_model(tmp_path: Path) -> None:
    """AMASS holds absolute rotations; SMPLest-X's are added to the mean hand of the model file."""
    body = BodyModel.load(write_smplx(tmp_path))
    assert body.arrays.hand_means is not None
    estimate = with_hands(flat_hand_mean=False)
    notes = export(estimate, tmp_path / "a.npz", "amass")
    assert any(note.code == "hands-dropped" and "--body-model" in note.text for note in notes)
    (without,) = load_save.load(tmp_path / "a.npz")
    assert without.left_hand_pose is not None and not without.left_hand_pose.any()
    export(estimate, tmp_path / "b.npz", "amass", body=body)
    (again,) = load_save.load(tmp_path / "b.npz")
    assert again.right_hand_pose is not None and estimate.right_hand_pose is not None
    np.testing.assert_allclose(again.right_hand_pose, estimate.right_hand_pose + body.arrays.hand_means[1], atol=1e-6)
    export(estimate, tmp_path / "c.npz", "smplx-npz")
    (kept,) = load_save.load(tmp_path / "c.npz")
    check_same(kept, estimate)
    assert kept.flat_hand_mean is False


def test_hands_of_an_unknown_mean_are_noted(tmp_path: Path) -> None:
    notes = export(with_hands(flat_hand_mean=None), tmp_path / "a.npz", "amass")
    assert "hand-mean-assumed" in {note.code for note in notes}


@pytest.mark.parametrize("format", ["bvh", "glb"])
def test_skeletons_with_fingers_move_them(format: Any, tmp_path: Path) -> None:
    """On the user's SMPL-X, finger joints are where smplx's forward kinematics has them."""
    if format == "glb":
        pytest.importorskip("pygltflib")
    body = BodyModel.load(write_smplx(tmp_path))
    estimate = with_hands()
    export(estimate, tmp_path / f"a.{format}", format, body=body)
    assert estimate.world is not None
    given = estimate.extremities()
    pose = [estimate.world.global_orient[:, None], estimate.body_pose]
    pose += [given[name].reshape(T, -1, 3) for name in EXTREMITIES[2:5]] + [given[name] for name in EXTREMITIES[:2]]
    expected = smplx_joints(body, np.concatenate(pose, 1))
    names = {"L_Index3": 27, "R_Thumb3": 54, "Jaw": 22}
    for row in (0, T - 1):
        if format == "bvh":
            found = {name: place[row] / 100 for name, place in read_bvh(tmp_path / "a.bvh").positions.items()}
        else:
            found = Glb(tmp_path / "a.glb").joints_at(row / figures.FPS)
        for name, index in names.items():
            np.testing.assert_allclose(found[name] - found["Pelvis"], expected[row, index], atol=1e-4)


def smplx_joints(body: BodyModel, pose: np.ndarray) -> np.ndarray:
    """All 55 joints from the pelvis, by smplx's own forward kinematics."""
    import torch
    from smplx.lbs import batch_rigid_transform, batch_rodrigues

    rest = torch.tensor(body.rest_mesh(np.zeros(10))[1], dtype=torch.float64)
    matrices = batch_rodrigues(torch.tensor(pose, dtype=torch.float64).reshape(-1, 3)).reshape(len(pose), 55, 3, 3)
    joints, _ = batch_rigid_transform(
        matrices, rest[None].expand(len(pose), -1, -1), torch.tensor(body.arrays.parents), dtype=torch.float64
    )
    found: np.ndarray = (joints - joints[:, :1]).numpy()
    return found


#: Files whose true layout holds hands as rotations, and whether they are from the flat hand.
_WITH_HANDS = {"amass": True, "prompthmr": True, "smplerx": False, "smplestx": False, "smplcodec": None}


@pytest.mark.parametrize("name", _WITH_HANDS)
def test_adapters_read_hands_and_write_them_back(name: str, tmp_path: Path) -> None:
    case = next(case for case_name, case in CASES.items() if case_name.startswith(name) and has_hands(case, tmp_path))
    folder = tmp_path / "file"
    folder.mkdir(exist_ok=True)
    people = load_save.load(case.write(folder), format=case.how)
    for person in people:
        assert person.left_hand_pose is not None and person.right_hand_pose is not None
        assert person.flat_hand_mean is _WITH_HANDS[name]
    changed = [
        person.replace(
            left_hand_pose=person.left_hand_pose + np.float32(0.1), right_hand_pose=person.right_hand_pose * 0 + 0.2
        )
        for person in people
        if person.left_hand_pose is not None and person.right_hand_pose is not None
    ]
    source = people[0].source
    assert source is not None
    target = tmp_path / f"out{source.suffix}"
    load_save.save(changed, target)
    for before, after in zip(changed, load_save.load(target, format=people[0].format), strict=True):
        check_same(after, before, ("left_hand_pose", "right_hand_pose"))
        assert np.array_equal(after.body_pose, before.body_pose)


def has_hands(case: Any, tmp_path: Path) -> bool:
    folder = tmp_path / f"look{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    return load_save.load(case.write(folder), format=case.how)[0].left_hand_pose is not None


def test_pca_hands_stay_in_the_file_and_are_said(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {"global_orient": np.zeros((T, 3)), "body_pose": np.zeros((T, 63)), "betas": np.zeros(10)}
    arrays |= {"transl": make.ahead(), "left_hand_pose": make.values(T, 12), "expression": np.full((T, 10), np.nan)}
    np.savez(tmp_path / "a.npz", model_type="smplx", **arrays)
    (person,) = load_save.load(tmp_path / "a.npz", format="generic:frame=world")
    assert person.left_hand_pose is None and person.expression is None
    (note,) = (note for note in person.notes if note.code == "hands-unread")
    assert "left_hand_pose, expression" in note.text
