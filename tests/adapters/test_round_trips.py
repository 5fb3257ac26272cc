"""Every format: read from the true layout, changed, written back; the rest of the file keeps its bytes."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.formats.pickles import write_object
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from tests.support import estimator_files as make

ROW = 2


def pickled(tree: Any, protocol: int = 4) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "result.pkl").write_bytes(pickle.dumps(tree, protocol=protocol))
        return folder / "result.pkl"

    return write


def archived(arrays: dict[str, Any], *, compressed: bool = False) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (np.savez_compressed if compressed else np.savez)(folder / "result.npz", **arrays)
        return folder / "result.npz"

    return write


def torch_saved(folder: Path) -> Path:
    torch.save({"params": {k: torch.from_numpy(v) for k, v in make.parts().items()}, "epoch": 3}, folder / "r.pt")
    return folder / "r.pt"


def as_json(folder: Path) -> Path:
    (folder / "r.json").write_text(json.dumps({k: v.tolist() for k, v in make.parts().items()}, indent=2))
    return folder / "r.json"


def full(joints: int, coding: str = "axis-angle", **more: Any) -> dict[str, Any]:
    arrays = {"poses": make.poses(joints, coding=coding), "trans": make.ahead(), "betas": make.values(make.FRAMES, 10)}
    return arrays | {"cam_K": make.parts()["K"]} | more


PARTS = ("global_orient", "body_pose", "transl")
FULL = ("poses", "trans")

#: name -> (writer, format with options or None, format found, the last keys of the values that change)
CASES: dict[str, tuple[Callable[[Path], Path], str | None, str, tuple[str, ...]]] = {
    "generic npz": (archived(make.parts()), None, "generic", PARTS),
    "generic smpl npz": (archived(make.parts("smpl"), compressed=True), None, "generic", PARTS),
    "generic pkl": (pickled(make.parts()), None, "generic", PARTS),
    "generic pkl, protocol 0": (pickled(make.parts(), 0), None, "generic", PARTS),
    "generic pt": (torch_saved, None, "generic", PARTS),
    "generic json": (as_json, None, "generic", PARTS),
    "generic people": (pickled({"a": make.parts(), "b": make.parts(frames=4)}), None, "generic", PARTS),
    "generic 24": (archived(full(24)), None, "generic", FULL),
    "generic 24 matrices": (archived(full(24, "matrix")), None, "generic", FULL),
    "generic 52": (archived(full(52)), None, "generic", FULL),
    "generic 55": (archived(full(55)), None, "generic", FULL),
    "generic 22": (archived(full(22)), "generic:family=smplh", "generic", FULL),
    "generic 22, stated": (archived(full(22, model_type=np.array("smplx"))), None, "generic", FULL),
    "generic 6D rows": (archived(full(24, "rows")), "generic:rot6d=rows", "generic", FULL),
    "generic 6D columns": (archived(full(24, "columns")), "generic:rot6d=columns", "generic", FULL),
    "generic 6D interleaved": (archived(full(55, "interleaved")), "generic:rot6d=interleaved", "generic", FULL),
    "amass smplh": (lambda folder: make.write_amass_smplh(folder / "01_01_poses.npz"), None, "amass", FULL),
    "amass smplx": (
        lambda folder: make.write_amass_stageii(folder / "walk_stageii.npz"),
        None,
        "amass",
        (*FULL, "root_orient", "pose_body"),
    ),
    "wham": (pickled(make.wham()), None, "wham", ("pose", "trans", "pose_world", "trans_world")),
    "wham, protocol 1": (pickled(make.wham(), 1), None, "wham", ("pose", "trans", "pose_world", "trans_world")),
    "vibe": (pickled(make.vibe()), None, "vibe", ("pose", "pred_cam", "orig_cam")),
    "pare": (pickled(make.vibe(matrices=True)), None, "vibe", ("pose", "pred_cam", "orig_cam")),
    "phalp": (pickled(make.phalp()), None, "phalp", (*PARTS[:2], "camera")),
    "smplerx": (lambda folder: make.write_smplerx(folder / "out"), None, "smplerx", PARTS),
    "prompthmr": (
        pickled(make.prompthmr()),
        None,
        "prompthmr",
        ("rotmat", "pose", "trans"),
    ),
    "tram": (lambda folder: make.write_tram(folder / "seq"), None, "tram", ("pred_rotmat", "pred_pose", "pred_trans")),
    "tram track": (
        lambda folder: make.write_tram(folder / "seq") / "hps" / "hps_track_2.npy",
        None,
        "tram",
        ("pred_rotmat", "pred_pose", "pred_trans"),
    ),
    "romp image": (
        archived({"results": make.romp_image()}),
        None,
        "romp",
        ("smpl_thetas", "global_orient", "body_pose", "cam_trans"),
    ),
    "romp video": (
        archived({"results": make.romp_video()}),
        None,
        "romp",
        ("smpl_thetas", "global_orient", "body_pose", "cam_trans"),
    ),
    "easymocap": (lambda folder: make.write_easymocap(folder / "out"), None, "easymocap", ("Rh", "Th", "poses")),
    "easymocap smplx": (
        lambda folder: make.write_easymocap(folder / "out", 87),
        None,
        "easymocap",
        ("Rh", "Th", "poses"),
    ),
    "smplcodec": (archived(make.smplcodec(), compressed=True), None, "smplcodec", ("bodyPose", "bodyTranslation")),
    "smplestx fork": (
        lambda folder: make.write_fork(folder / "out"),
        None,
        "smplestx",
        ("smplx_root_pose", "smplx_body_pose", "cam_trans"),
    ),
}  # fmt: skip


def refined(estimate: Estimate) -> Estimate:
    """One joint of one row and that row's roots changed."""
    row = min(ROW, len(estimate) - 1)
    pose, orient, transl = estimate.body_pose.copy(), estimate.global_orient.copy(), estimate.transl.copy()
    pose[row, 17] += 0.2
    orient[row] += 0.1
    transl[row] += 0.05
    world = estimate.world
    if world is not None and estimate.frame == "world":
        world = WorldRoot(orient.copy(), transl.copy(), world.up)
    elif world is not None:
        world = WorldRoot(world.global_orient.copy(), world.transl.copy(), world.up)
        world.global_orient[row] -= 0.1
        world.transl[row] += 0.02
    return estimate.replace(body_pose=pose, global_orient=orient, transl=transl, world=world)


def raw(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, torch.Tensor)):
        array = np.asarray(leaf)
        return type(leaf), array.shape, array.dtype, array.flags["F_CONTIGUOUS"], array.tobytes()
    return leaf


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    write, how, found, _ = CASES[case]
    source = write(tmp_path)
    estimates = load_save.load(source, format=how)
    assert {estimate.format for estimate in estimates} == {found}
    target = tmp_path / "copy" / source.name
    target.parent.mkdir()
    load_save.save(estimates, target)
    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    for key, value in before.items():
        assert raw(value) == raw(after[key]), key
    assert source.is_dir() or type(make._load(source)) is type(make._load(target))


@pytest.mark.parametrize("case", CASES)
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    write, how, _, changing = CASES[case]
    source = write(tmp_path)
    estimates = load_save.load(source, format=how)
    wanted = [*estimates[:-1], refined(estimates[-1])]
    target = tmp_path / "copy" / source.name
    target.parent.mkdir()
    load_save.save(wanted, target)

    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    differ = {key for key in before if raw(before[key]) != raw(after[key])}
    assert {_last_name(key) for key in differ} == set(changing)
    for key in differ:
        assert raw(before[key])[:4] == raw(after[key])[:4] if not isinstance(before[key], list) else True, key
    for again, estimate in zip(load_save.load(target, format=how), wanted, strict=True):
        assert (again.track_id, again.frame_ids.tolist()) == (estimate.track_id, estimate.frame_ids.tolist())
        for name in ("global_orient", "body_pose"):
            turned = rotvec_to_rotmat(getattr(again, name)) - rotvec_to_rotmat(getattr(estimate, name))
            assert np.abs(turned).max() < 1e-5, name
        scale = max(1.0, np.abs(estimate.transl).max())
        np.testing.assert_allclose(again.transl, estimate.transl, atol=2e-6 * scale)
        if estimate.world is not None and again.world is not None:
            np.testing.assert_allclose(again.world.transl, estimate.world.transl, atol=1e-5)
    # rows and joints that were not touched are as they were, to the bit
    again, estimate = load_save.load(target, format=how)[-1], estimates[-1]
    rows = np.arange(len(estimate)) != min(ROW, len(estimate) - 1)
    assert np.array_equal(again.transl[rows], estimate.transl[rows])
    assert np.array_equal(again.body_pose[rows], estimate.body_pose[rows])
    assert np.array_equal(np.delete(again.body_pose, 17, axis=1), np.delete(estimate.body_pose, 17, axis=1))


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize(("found", "tree"), [("wham", make.wham), ("vibe", make.vibe), ("phalp", make.phalp)])
def test_joblib_files_come_back_as_joblib_files(found: str, tree: Any, compress: int, tmp_path: Path) -> None:
    source, target = tmp_path / "result.pkl", tmp_path / "copy.pkl"
    joblib.dump(tree(), source, compress=compress)
    estimates = load_save.load(source)
    assert {estimate.format for estimate in estimates} == {found}
    load_save.save([*estimates[:-1], refined(estimates[-1])], target)
    assert source.read_bytes()[:1] == target.read_bytes()[:1]
    assert np.array_equal(load_save.load(target)[-1].transl, refined(estimates[-1]).transl) or found == "vibe"
    same = {key for key, leaf in _joblib_leaves(source).items() if raw(leaf) == raw(_joblib_leaves(target)[key])}
    assert {_last_name(key) for key in _joblib_leaves(source).keys() - same} == set(CASES[found][3])


def _joblib_leaves(path: Path) -> dict[tuple, Any]:
    return dict(make._flat(joblib.load(path), ()))


@pytest.mark.parametrize(("protocol", "head"), [(0, b"("), (1, b"}"), (2, b"\x80\x02"), (5, b"\x80\x05")])
def test_pickles_keep_their_protocol(protocol: int, head: bytes, tmp_path: Path) -> None:
    (estimate,) = load_save.load(pickled(make.parts(), protocol)(tmp_path))
    load_save.save([refined(estimate)], tmp_path / "copy.pkl")
    assert (tmp_path / "copy.pkl").read_bytes().startswith(head)


def _one_by_one(folder: Path, kind: Callable[[np.ndarray], Any]) -> Path:
    parts = make.parts() | {"transl": [kind(row) for row in make.parts()["transl"]]}
    return pickled(parts)(folder)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, tuple], ids=["arrays", "tensors", "tuples"])
def test_lists_of_rows_come_back_as_they_were(kind: Callable[[np.ndarray], Any], tmp_path: Path) -> None:
    path = _one_by_one(tmp_path, kind)
    (estimate,) = load_save.load(path)
    moved = estimate.transl.copy()
    moved[ROW] += 0.5
    load_save.save([estimate.replace(transl=moved)], tmp_path / "out.pkl")
    before, after = (pickle.loads(p.read_bytes())["transl"] for p in (path, tmp_path / "out.pkl"))
    assert {type(row) for row in after} == {type(before[0])}
    assert [np.array_equal(a, b) for a, b in zip(before, after)].count(False) == 1
    assert np.allclose(np.asarray(list(after[ROW]), dtype=float), moved[ROW], atol=1e-6)


def test_whole_numbers_are_written_as_floats(tmp_path: Path) -> None:
    path = archived(make.parts() | {"transl": np.rint(make.parts()["transl"]).astype(int)})(tmp_path)
    (estimate,) = load_save.load(path)
    load_save.save([estimate.replace(transl=estimate.transl + np.float32(0.25))], tmp_path / "out.npz")
    written = np.load(tmp_path / "out.npz")["transl"]
    assert written.dtype == np.float32 and np.allclose(written, estimate.transl + 0.25)


@pytest.mark.parametrize("codec", [gzip, bz2, lzma])
def test_compressed_pickles_come_back_as_such(codec: Any, tmp_path: Path) -> None:
    path = tmp_path / "result.pkl"
    path.write_bytes(codec.compress(pickle.dumps(make.parts(), 4)))
    (estimate,) = load_save.load(path)
    load_save.save([refined(estimate)], tmp_path / "out.pkl")
    after = pickle.loads(codec.decompress((tmp_path / "out.pkl").read_bytes()))
    assert after.keys() == make.parts().keys()


def test_objects_of_an_npz_keep_numpy_1s_names(tmp_path: Path) -> None:
    """Who reads ROMP's results with NumPy 1 still can."""
    path = tmp_path / "video_results.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("results.npy", "w") as member:
        write_object(make.romp_video(), member, numpy1_names=True)
    estimates = load_save.load(path)
    load_save.save([refined(estimate) for estimate in estimates], tmp_path / "out.npz")
    with zipfile.ZipFile(tmp_path / "out.npz") as archive:
        written = b"".join(archive.read(name) for name in archive.namelist())
    assert b"numpy.core" in written and b"numpy._core" not in written


@pytest.mark.parametrize("compressor", ["", "zlib", "gzip", "xz"])
def test_joblib_containers_are_written_as_they_were(compressor: str, tmp_path: Path) -> None:
    tree = make.wham()
    write_container(Container("joblib", tree, compressor=compressor), tree, tmp_path / "r.pkl")
    magic = {"": b"\x80", "zlib": b"\x78", "gzip": b"\x1f\x8b", "xz": b"\xfd7z"}[compressor]
    assert (tmp_path / "r.pkl").read_bytes().startswith(magic)
    assert np.array_equal(joblib.load(tmp_path / "r.pkl")[3]["pose"], tree[3]["pose"])


def test_every_adapter_is_tried_here_and_stands_in_the_table() -> None:
    tried = {found for _, _, found, _ in CASES.values()} | {"gvhmr"}
    assert tried == set(load_save.adapters())
    table = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")
    assert all(f"\n| `{name}` |" in table for name in tried)


def _last_name(key: tuple) -> str:
    return next(part for part in reversed(key) if isinstance(part, str))
