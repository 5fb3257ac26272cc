"""Several people in one block, blocks of camera and world, and cameras that lead from one to the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import estimator_files as make
from tests.support.adapter_cases import pickled
from tests.support.people_files import STANDING, in_a_cameras_world, in_rows, two_people
from tests.support.round_trips import ROW, refined


@pytest.mark.parametrize(("ids", "frames"), [("id", "frame_idx"), ("track_id", "frames"), ("track_ids", "frame_id")])
def test_rows_with_ids_are_split(ids: str, frames: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **in_rows(ids=ids, frames=frames))
    people = load_save.load(tmp_path / "r.npz")
    assert [person.track_id for person in people] == ["11", "22"]
    assert [person.frame_ids.tolist() for person in people] == [list(range(7)), list(range(2, 9))]
    for person, expected in zip(people, two_people()):
        assert np.array_equal(person.transl, expected["trans"]) and np.array_equal(person.betas, expected["betas"])
        assert np.array_equal(person.body_pose.reshape(7, -1), expected["poses"][:, 3:])


def test_rows_with_ids_are_written_to_their_places(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **in_rows())
    first, second = load_save.load(tmp_path / "r.npz")
    load_save.save([first, refined(second)], tmp_path / "out.npz")
    before, after = in_rows()["trans"], np.load(tmp_path / "out.npz")["trans"]
    changed = np.flatnonzero((before != after).any(1))
    assert changed.tolist() == [np.flatnonzero(in_rows()["id"] == 22)[ROW]]
    np.testing.assert_allclose(after[changed], before[changed] + 0.05, atol=1e-6)


def test_ids_without_frame_numbers_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **in_rows(frames=None))
    with pytest.raises(InputError, match="id: rows of 2 people without frame numbers; add frame_ids"):
        load_save.load(tmp_path / "r.npz")


def test_ids_of_another_number_than_the_rows_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", **in_rows() | {"id": np.arange(3)})
    with pytest.raises(InputError, match="id: 3 ids for 14 rows"):
        load_save.load(tmp_path / "r.npz")


@pytest.mark.parametrize("kind", ["array", "list", "tensor", "json"])
def test_people_on_the_first_axis(kind: str, tmp_path: Path) -> None:
    people = two_people()
    stacked: dict[str, Any] = {key: np.stack([person[key] for person in people]) for key in ("poses", "trans", "betas")}
    if kind == "list":
        stacked = {key: list(value) for key, value in stacked.items()}
    path = _written(stacked | {"genders": ["m", "f"], "cam_K": people[0]["cam_K"]}, kind, tmp_path)
    first, second = load_save.load(path)
    assert (first.track_id, first.gender, second.track_id, second.gender) == ("0", "male", "1", "female")
    for person, expected in zip((first, second), people):
        np.testing.assert_allclose(person.transl, expected["trans"], atol=1e-7)
    load_save.save([first, refined(second)], tmp_path / f"out{path.suffix}")
    again = load_save.load(tmp_path / f"out{path.suffix}")
    assert np.array_equal(again[0].transl, first.transl)
    np.testing.assert_allclose(again[1].transl, refined(second).transl, atol=1e-6)


def _written(tree: dict[str, Any], kind: str, folder: Path) -> Path:
    if kind == "json":
        (folder / "r.json").write_text(
            json.dumps({key: value if key == "genders" else np.asarray(value).tolist() for key, value in tree.items()})
        )
        return folder / "r.json"
    if kind == "tensor":
        torch.save({k: torch.as_tensor(v) if k != "genders" else v for k, v in tree.items()}, folder / "r.pt")
        return folder / "r.pt"
    return pickled(tree)(folder)


def test_people_on_the_second_axis_are_refused(tmp_path: Path) -> None:
    people = two_people()
    arrays = {key: np.stack([person[key] for person in people], axis=1) for key in ("poses", "trans", "betas")}
    np.savez(tmp_path / "r.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"trans: shape \(7, 2, 3\); several people must be on the first axis"):
        load_save.load(tmp_path / "r.npz")


@pytest.mark.parametrize("names", [("params_incam", "params_global"), ("smplx_cam", "smplx_world")])
def test_a_pair_of_blocks_is_one_person(names: tuple[str, str], tmp_path: Path) -> None:
    """As GEM-SMPL and its kin have them."""
    camera = {key: value for key, value in make.parts().items() if key in ("body_pose", "betas", "jaw_pose")}
    camera |= {"global_orient": np.tile(STANDING, (make.FRAMES, 1)), "transl": make.ahead()}
    world = camera | {"global_orient": make.values(make.FRAMES, 3, seed=9, scale=0.05), "transl": make.values(7, 3)}
    tree = {names[0]: camera, names[1]: world, "K_fullimg": np.tile(make.parts()["K"], (make.FRAMES, 1, 1))}
    path = pickled(tree)(tmp_path)
    (estimate,) = load_save.load(path)
    assert (estimate.frame, estimate.track_id) == ("camera", "0") and estimate.camera is not None
    assert estimate.world is not None and estimate.world.up == "y"
    assert np.array_equal(estimate.transl, camera["transl"])
    assert np.array_equal(estimate.world.transl, world["transl"])
    load_save.save([refined(estimate)], tmp_path / "out.pkl")
    after = make.load_plain(tmp_path / "out.pkl")
    assert np.array_equal(after[names[0]]["body_pose"], after[names[1]]["body_pose"])
    np.testing.assert_allclose(after[names[0]]["transl"][ROW], camera["transl"][ROW] + 0.05, atol=1e-6)
    np.testing.assert_allclose(after[names[1]]["transl"][ROW], world["transl"][ROW] + 0.02, atol=1e-6)


def test_a_known_camera_of_the_world_is_used(tmp_path: Path) -> None:
    tree = in_a_cameras_world()
    path = pickled(tree)(tmp_path)
    first, second = load_save.load(path)
    J0 = np.array(MEAN_REST_PELVIS["smpl"])
    for place, person in enumerate((first, second)):
        assert (person.frame, person.gender) == ("camera", ("male", "female")[place])
        assert person.camera is not None and person.camera.K[0, 1, 1] == 1969
        rows, poses = person.frame_ids, tree["cam_poses"]
        pelvis = np.einsum("tij,tj->ti", poses[rows, :3, :3], tree["trans"][place][rows] + J0) + poses[rows, :3, 3]
        np.testing.assert_allclose(person.transl + J0, pelvis, atol=1e-9)
        own = rotvec_to_rotmat(tree["poses"][place][rows, :3])
        np.testing.assert_allclose(rotvec_to_rotmat(person.global_orient), poses[rows, :3, :3] @ own, atol=1e-9)
        assert person.world is not None and person.world.up == "y"
        assert np.array_equal(person.world.transl, tree["trans"][place][rows])
    assert load_save.load(path, format="generic:frame=world")[0].frame == "world"


def test_the_world_gets_what_was_refined_before_the_camera(tmp_path: Path) -> None:
    tree = in_a_cameras_world()
    path = pickled(tree)(tmp_path)
    first, second = load_save.load(path)
    load_save.save([first, refined(second)], tmp_path / "out.pkl")
    after = make.load_plain(tmp_path / "out.pkl")
    assert np.array_equal(after["poses"][0], tree["poses"][0]) and np.array_equal(after["trans"][0], tree["trans"][0])
    again = load_save.load(tmp_path / "out.pkl")[1]
    np.testing.assert_allclose(again.transl, refined(second).transl, atol=1e-9)
    np.testing.assert_allclose(
        rotvec_to_rotmat(again.global_orient), rotvec_to_rotmat(refined(second).global_orient), atol=1e-9
    )
    moved = np.flatnonzero((after["trans"][1] != tree["trans"][1]).any(1))
    assert moved.tolist() == [ROW]
