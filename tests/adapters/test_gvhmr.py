from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine.adapters import gvhmr
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from tests.support import gvhmr_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined

#: The official dict in other containers, whose names stay.
_SAME_NAMES = [case for case in cases_of("gvhmr") if "people" in case or "nested" in case or "joined" in case]

WRITERS = {
    "pt": lambda folder: make.write_pt(folder / "r.pt", make.official()),
    "pt_bare": lambda folder: make.write_pt(folder / "r.pt", make.official(net_outputs=False)),
    "pkl": lambda folder: make.write_pkl(folder / "r.pt.pkl", make.official()),
    "pkl_copied": lambda folder: make.write_pkl(folder / "r.pkl", make.official(), copied=True, protocol=4),
    "amass_like": lambda folder: make.write_amass_like(folder / "r.npz", make.official()),
    "package": lambda folder: make.write_package_npz(folder / "r.npz", make.official()),
}
KINDS = list(WRITERS)


def leaves(path: Path) -> dict[str, Any]:
    """Every array of a file by its joined key, in file order."""
    if path.suffix == ".npz":
        return dict(np.load(path))
    tree = torch.load(path) if path.suffix == ".pt" else pickle.loads(path.read_bytes())

    def flat(node: dict[str, Any], prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.items():
            found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
        return found

    return flat(tree, "")


def layout(leaf: Any) -> tuple[Any, ...]:
    strides = leaf.stride() if isinstance(leaf, torch.Tensor) else leaf.strides
    return type(leaf), tuple(leaf.shape), leaf.dtype, strides


def raw(leaf: Any) -> bytes:
    return np.asarray(leaf).tobytes()


def assert_same_file(first: Path, second: Path, except_keys: Set[str] = frozenset()) -> None:
    before, after = leaves(first), leaves(second)
    assert list(before) == list(after)
    for key, value in before.items():
        assert layout(value) == layout(after[key]), key
        assert (raw(value) == raw(after[key])) == (key not in except_keys), key


def refined(estimate: Estimate, row: int = 5) -> Estimate:
    """One joint of one row and that row's roots changed."""
    pose, orient, transl = estimate.body_pose.copy(), estimate.global_orient.copy(), estimate.transl.copy()
    pose[row, 17] += 0.2
    orient[row] += 0.1
    transl[row] += 0.05
    world = estimate.world
    assert world is not None
    world_orient, world_transl = world.global_orient.copy(), world.transl.copy()
    world_orient[row] -= 0.1
    world_transl[row] += 0.02
    return estimate.replace(
        body_pose=pose, global_orient=orient, transl=transl, world=WorldRoot(world_orient, world_transl)
    )


@pytest.mark.parametrize("case", _SAME_NAMES)
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", _SAME_NAMES)
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("gvhmr"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_unrefined_round_trip_keeps_every_byte(kind: str, tmp_path: Path) -> None:
    source = WRITERS[kind](tmp_path)
    target = tmp_path / f"out{source.suffix}"
    load_save.save(load_save.load(source), target)
    assert_same_file(source, target)


REFINED_KEYS = {
    "pt_bare": {f"smpl_params_{b}.{p}" for b in ("incam", "global") for p in ("body_pose", "global_orient", "transl")},
    "package": {f"{b}_{p}" for b in ("camera", "world") for p in ("body_pose", "global_orient", "transl")},
}
MIRROR_KEYS = {
    *(f"net_outputs.pred_{key}" for key in REFINED_KEYS["pt_bare"]),
    "net_outputs.decode_dict.body_pose",
    "net_outputs.decode_dict.global_orient",
}  # fmt: skip
REFINED_KEYS["pkl"] = REFINED_KEYS["pkl_copied"] = REFINED_KEYS["pt_bare"]
REFINED_KEYS["pt"] = REFINED_KEYS["pt_bare"] | MIRROR_KEYS
REFINED_KEYS["amass_like"] = {
    "poses",
    "trans",
    *(key.replace(".", "_") for key in REFINED_KEYS["pt"] if not key.startswith("smpl_params_global")),
}


@pytest.mark.parametrize("kind", KINDS)
def test_refined_values_go_to_every_copy_and_nowhere_else(kind: str, tmp_path: Path) -> None:
    source = WRITERS[kind](tmp_path)
    target = tmp_path / f"out{source.suffix}"
    wanted = refined(load_save.load(source)[0])
    load_save.save([wanted], target)

    assert_same_file(source, target, REFINED_KEYS[kind])
    again = load_save.load(target)[0]
    assert np.array_equal(again.body_pose, wanted.body_pose)
    assert again.world is not None and wanted.world is not None
    np.testing.assert_allclose(again.world.transl, wanted.world.transl, atol=1e-6)
    np.testing.assert_allclose(again.world.global_orient, wanted.world.global_orient, atol=1e-5)
    if kind == "pkl_copied":
        assert np.array_equal(again.transl, again.world.transl) and again.frame == "world"
    else:
        assert np.array_equal(again.transl, wanted.transl)
    before, after = leaves(source), leaves(target)
    for key in REFINED_KEYS[kind]:
        same = np.asarray(before[key]) == np.asarray(after[key])
        rows = same.reshape(-1, make.FRAMES, same.shape[-1]).all(axis=(0, 2))
        assert not rows[5] and rows.sum() == make.FRAMES - 1, key


def test_all_kinds_give_the_same_estimate(tmp_path: Path) -> None:
    first = load_save.load(WRITERS["pt"](tmp_path))[0]
    for kind in ("pt_bare", "pkl", "amass_like", "package"):
        other = load_save.load(WRITERS[kind](tmp_path))[0]
        for name in ("body_pose", "betas", "global_orient", "transl"):
            assert np.array_equal(getattr(first, name), getattr(other, name)), (kind, name)
        assert first.world is not None and other.world is not None
        assert np.array_equal(first.world.transl, other.world.transl)
        assert np.array_equal(first.world.global_orient, other.world.global_orient)
        assert first.camera is not None and other.camera is not None
        assert np.array_equal(first.camera.K, other.camera.K)
        assert other.camera.image_size == (make.WIDTH, make.HEIGHT)


def test_amass_like_without_network_outputs_undoes_the_plain_rotation(tmp_path: Path) -> None:
    results = make.official(net_outputs=False)
    estimate = load_save.load(make.write_amass_like(tmp_path / "r.npz", results))[0]
    world = make.as_numpy(results["smpl_params_global"])
    assert estimate.world is not None and estimate.fps == 30
    assert np.array_equal(estimate.world.transl, world["transl"])
    difference = rotvec_to_rotmat(estimate.world.global_orient) - rotvec_to_rotmat(world["global_orient"])
    assert np.abs(difference).max() < 1e-6
    load_save.save([estimate], tmp_path / "out.npz")
    assert_same_file(tmp_path / "r.npz", tmp_path / "out.npz")


def test_refined_amass_like_with_raw_record_is_read_back_refined(tmp_path: Path) -> None:
    estimate = load_save.load(WRITERS["amass_like"](tmp_path))[0]
    load_save.save([refined(gvhmr.keep_raw_record(estimate))], tmp_path / "out.npz")
    again = load_save.load(tmp_path / "out.npz")[0]
    assert again.world is not None and estimate.world is not None
    moved = np.abs(again.world.transl - estimate.world.transl).max(axis=1)
    assert moved[5] == pytest.approx(0.02, abs=1e-6) and np.delete(moved, 5).max() == 0


def test_raw_record_is_kept_by_choice_and_said(tmp_path: Path) -> None:
    source = WRITERS["pt"](tmp_path)
    estimate = load_save.load(source)[0]
    assert any("get the refined values" in note.text for note in estimate.notes)
    raw_record = gvhmr.keep_raw_record(estimate)
    assert any("without the refined values" in note.text for note in raw_record.notes)
    load_save.save([refined(raw_record)], tmp_path / "out.pt")
    assert_same_file(source, tmp_path / "out.pt", REFINED_KEYS["pt_bare"])


def test_changed_betas_reach_both_blocks(tmp_path: Path) -> None:
    estimate = load_save.load(WRITERS["amass_like"](tmp_path))[0]
    load_save.save([estimate.replace(betas=estimate.betas + 1)], tmp_path / "out.npz")
    arrays = leaves(tmp_path / "out.npz")
    for key in ("smpl_params_incam_betas", "net_outputs_decode_dict_betas", "betas"):
        assert np.array_equal(arrays[key].reshape(-1, 10)[0], (estimate.betas + 1)[0]), key


def test_copied_block_is_noticed(tmp_path: Path) -> None:
    estimate = load_save.load(WRITERS["pkl_copied"](tmp_path))[0]
    assert estimate.frame == "world" and estimate.camera is None and estimate.world is not None
    assert any("Blender snippet" in note.text for note in estimate.notes)


def test_pickle_without_intrinsics_stays_in_the_camera_frame(tmp_path: Path) -> None:
    results = make.official()
    arrays = make.as_numpy({key: results[key] for key in ("smpl_params_global", "smpl_params_incam")})
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(arrays))
    estimate = load_save.load(tmp_path / "r.pkl")[0]
    assert estimate.frame == "camera" and estimate.camera is None


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_pickles_keep_their_protocol_and_get_numpy_1s_names(protocol: int, tmp_path: Path) -> None:
    source = make.write_pkl(tmp_path / "r.pkl", make.official(), protocol=protocol)
    data = source.read_bytes()
    if protocol == 2:  # as NumPy 1 spells it; only protocol 2 names are not length-prefixed
        source.write_bytes(data.replace(b"numpy._core.", b"numpy.core."))
    load_save.save([refined(load_save.load(source)[0])], tmp_path / "out.pkl")
    written = (tmp_path / "out.pkl").read_bytes()
    assert written[1] == min(protocol, 4)
    assert b"numpy.core" in written and b"numpy._core" not in written
    pickletools.dis(written, out=io.StringIO())  # raises where the stream is not well formed
    assert_same_file(source, tmp_path / "out.pkl", REFINED_KEYS["pkl"])


def test_folder_brings_keypoints_boxes_and_video(tmp_path: Path) -> None:
    folder = make.write_folder(tmp_path / "demo", make.official())
    estimate = load_save.load(folder)[0]
    assert estimate.source == folder / "hmr4d_results.pt"
    assert estimate.keypoints is not None and estimate.keypoints.convention == "coco17"
    assert estimate.keypoints.source == "preprocess/vitpose.pt (ViTPose)"
    assert estimate.keypoints.confidence.max() == 1.0
    assert estimate.boxes is not None and estimate.boxes.shape == (make.FRAMES, 4)
    assert estimate.video == folder / "0_input_video.mp4"


def test_side_files_of_another_length_are_ignored_with_a_note(tmp_path: Path) -> None:
    estimate = load_save.load(make.write_folder(tmp_path / "demo", make.official(), side_frames=9))[0]
    assert estimate.keypoints is None and estimate.boxes is None
    assert sum("9 frames, the result has 12" in note.text for note in estimate.notes) == 2


def test_package_npz_carries_keypoints_boxes_and_rate(tmp_path: Path) -> None:
    estimate = load_save.load(WRITERS["package"](tmp_path))[0]
    assert estimate.fps == 30 and estimate.keypoints is not None and estimate.boxes is not None
    assert estimate.boxes[0].tolist() == [110, 390, 610, 890]


def _without(results: dict[str, Any], block: str, key: str) -> None:
    del results[block][key]


def _with(results: dict[str, Any], block: str, key: str, value: torch.Tensor) -> None:
    results[block][key] = value


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda r: r.pop("smpl_params_global"), "smpl_params_global.body_pose: missing"),
        (lambda r: _without(r, "smpl_params_incam", "betas"), "smpl_params_incam.betas: missing"),
        (lambda r: _with(r, "smpl_params_incam", "body_pose", torch.zeros(12, 69)), r"shape \(12, 69\)"),
        (lambda r: _with(r, "smpl_params_global", "transl", torch.zeros(11, 3)), r"transl: shape \(11, 3\)"),
        (lambda r: r["smpl_params_incam"]["transl"][3].fill_(torch.nan), r"incam.transl: NaN .* row 3"),
        (lambda r: _with(r, "smpl_params_incam", "body_pose", torch.zeros(0, 63)), "holds no frames"),
        (lambda r: r.update(K_fullimg=torch.zeros(12, 3, 4)), r"K_fullimg: shape \(12, 3, 4\)"),
        (lambda r: r.update(K_fullimg=torch.zeros(12, 3, 3)), "focal length"),
    ],
)  # fmt: skip
def test_bad_content_names_file_and_key(spoil: Any, message: str, tmp_path: Path) -> None:
    results = make.official(net_outputs=False)
    spoil(results)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(make.write_pt(tmp_path / "r.pt", results))
    assert "r.pt" in str(caught.value) and "\n" not in str(caught.value)


def test_writing_refuses_what_does_not_fit(tmp_path: Path) -> None:
    estimate = load_save.load(WRITERS["pt"](tmp_path))[0]
    with pytest.raises(InputError, match="one person"):
        gvhmr.write([estimate, estimate], tmp_path / "out.pt")
    with pytest.raises(InputError, match="only estimates"):
        gvhmr.write([estimate.replace(passthrough=None)], tmp_path / "out.pt")
    with pytest.raises(InputError, match="betas"):
        gvhmr.write([estimate.replace(betas=estimate.betas[:, :5])], tmp_path / "out.pt")


@pytest.mark.parametrize(("kind", "ids"), [("by id", ["1", "4"]), ("list", ["0", "1"]), ("under a name", ["1", "4"])])
def test_results_of_several_people(kind: str, ids: list[str], tmp_path: Path) -> None:
    source = make.write_pt(tmp_path / "hmr4d_results.pt", make.several(kind))
    people = load_save.load(source)
    assert [person.track_id for person in people] == ids
    assert [len(person) for person in people] == [make.FRAMES, make.FRAMES - 2]
    assert all(person.world is not None and person.camera is not None for person in people)
    with pytest.raises(InputError, match="holds 2 people, not 1; save as many"):
        load_save.save(people[:1], tmp_path / "one.pt")


def test_the_demos_side_files_are_one_persons(tmp_path: Path) -> None:
    folder = make.write_folder(tmp_path / "out", make.official())
    make.write_pt(folder / "hmr4d_results.pt", make.several("by id"))
    people = load_save.load(folder)
    assert len(people) == 2 and all(person.keypoints is None and person.boxes is None for person in people)
    assert all(person.video is not None for person in people)


def test_a_list_of_other_dicts_is_refused_in_one_line(tmp_path: Path) -> None:
    torch.save([{"a": torch.zeros(2)}, {"b": 1}], tmp_path / "r.pt")
    with pytest.raises(InputError, match="not in a known format"):
        load_save.load(tmp_path / "r.pt")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["clip1/hmr4d_results.pt", "tennis/hmr4d_results.pt", "tennis/hmr4d_results.npz"])
def test_real_files_round_trip(name: str, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "gvhmr" / name
    estimate = load_save.load(source)[0]
    assert estimate.keypoints is not None and estimate.boxes is not None and estimate.video is not None
    load_save.save([estimate], tmp_path / source.name)
    assert_same_file(source, tmp_path / source.name)
    again = refined(estimate)
    load_save.save([again], tmp_path / source.name, overwrite=True)
    assert np.array_equal(load_save.load(tmp_path / source.name)[0].body_pose, again.body_pose)


@pytest.mark.shared
def test_real_npz_and_pt_agree(shared_data: Path) -> None:
    first = load_save.load(shared_data / "gvhmr" / "tennis" / "hmr4d_results.pt")[0]
    second = load_save.load(shared_data / "gvhmr" / "tennis" / "hmr4d_results.npz")[0]
    assert first.world is not None and second.world is not None
    for a, b in (
        (first.transl, second.transl),
        (first.body_pose, second.body_pose),
        (first.world.transl, second.world.transl),
        (first.world.global_orient, second.world.global_orient),
    ):
        assert np.array_equal(a, b)
