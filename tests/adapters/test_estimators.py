"""What each estimator's conventions mean: people, gaps, cameras, and whose translation it is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.crop_cameras import crop_to_full
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.recorder import Recorder
from tests.support import estimator_files as make


def pickled(tree: Any, folder: Path) -> Path:
    (folder / "r.pkl").write_bytes(pickle.dumps(tree))
    return folder / "r.pkl"


def test_wham_people_and_gaps(tmp_path: Path) -> None:
    first, second = load_save.load(pickled(make.wham(), tmp_path))
    assert (first.track_id, second.track_id) == ("0", "3")
    assert second.frame_ids.tolist() == [2, 3, 4, 20, 21]
    assert first.camera is None and first.world is not None and first.world.up == "y"


def test_wham_world_translation_is_the_models(tmp_path: Path) -> None:
    """The file's is the mid-hip: turning the body about it must not move the middle of the hips."""
    tree = make.wham()
    tree[0]["trans_world"][:] = [0.0, 1.0, 0.0]
    estimate = load_save.load(pickled(tree, tmp_path))[0]
    assert estimate.world is not None
    turned = rotvec_to_rotmat(estimate.world.global_orient) @ [0.0009, -0.0910, -0.0056]
    hips = estimate.world.transl + MEAN_REST_PELVIS["smpl"] + turned
    np.testing.assert_allclose(hips, np.tile([0.0, 1.0, 0.0], (len(estimate), 1)), atol=1e-6)


def test_phalp_people_leave_come_back_and_ghosts_are_no_measurement(tmp_path: Path) -> None:
    first, second = load_save.load(pickled(make.phalp(), tmp_path))
    assert (first.track_id, second.track_id) == ("1", "2")
    assert first.frame_ids.tolist() == [0, 1, 2, 5, 6]
    assert second.frame_ids.tolist() == [0, 1, 2, 3, 4, 6]
    assert first.camera is not None and first.camera.image_size == (make.WIDTH, make.HEIGHT)
    assert first.camera.K[0, 0, 0] == pytest.approx(5000 / 256 * make.WIDTH)
    assert first.boxes is not None and first.boxes[0].tolist() == [100, 50, 180, 250]


def test_vibe_translation_fits_the_crop_camera(tmp_path: Path) -> None:
    tree = make.vibe()
    estimate = load_save.load(pickled(tree, tmp_path))[0]
    person = tree[1]
    assert estimate.camera is not None and estimate.camera.image_size == (make.WIDTH, make.HEIGHT)
    centre, side = person["bboxes"][:, :2], person["bboxes"][:, 2]
    expected = crop_to_full(person["pred_cam"], centre, side, estimate.camera.K)
    np.testing.assert_allclose(estimate.transl, expected, rtol=1e-6)


def test_smplerx_people_are_told_by_their_boxes(tmp_path: Path) -> None:
    estimates = load_save.load(make.write_smplerx(tmp_path / "out"))
    assert [estimate.frame_ids.tolist() for estimate in estimates] == [[0, 1, 2, 3, 4, 5, 6], [0, 1, 4, 5, 6]]
    for person, estimate in enumerate(estimates):
        assert estimate.boxes is not None
        assert np.array_equal(estimate.boxes[:, 0], 100 + 250 * person + 3 * estimate.frame_ids)
        assert any("told by their boxes" in note.text for note in estimate.notes)


def test_smplerx_without_boxes_is_refused(tmp_path: Path) -> None:
    folder = make.write_smplerx(tmp_path / "out")
    (folder / "meta" / "00003_0.json").unlink()
    with pytest.raises(InputError, match=r"meta/00003_0\.json is missing; without the box's camera"):
        load_save.load(folder)


class _Tensor:
    """Stands for a torch tensor on a GPU: numpy cannot take it as it is."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def detach(self) -> _Tensor:
        return self

    def cpu(self) -> _Tensor:
        return self

    def numpy(self) -> np.ndarray:
        return self.array


def outputs(seed: int = 0) -> dict[str, Any]:
    """What SMPLest-X returns for one box in test mode."""
    widths = {
        "root_pose": 3,
        "body_pose": 63,
        "lhand_pose": 45,
        "rhand_pose": 45,
        "jaw_pose": 3,
        "shape": 10,
        "expr": 10,
    }
    result = {f"smplx_{key}": _Tensor(make.values(1, width, seed=seed)) for key, width in widths.items()}
    return result | {"cam_trans": _Tensor(make.ahead(1, 40.0, seed=seed)), "smplx_mesh_cam": None}


BOX = np.array([100.0, 50.0, 192.0, 256.0])


def test_the_recorder_counts_from_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frames count from 1"):
        Recorder(tmp_path / "run").add(0, outputs(0), BOX, (5000.0, 5000.0), (196.0, 178.0))


def test_recorder_writes_what_the_adapter_reads(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "run", fps=25)
    for frame in (1, 2, 4):
        recorder.add(frame, outputs(frame), BOX, (5000.0, 5000.0), (196.0, 178.0))
    recorder.add(4, outputs(9), BOX + 1, (5000.0, 5000.0), (196.0, 178.0), person=7)
    first, second = load_save.load(tmp_path / "run")
    assert first.frame_ids.tolist() == [0, 1, 3] and second.frame_ids.tolist() == [3]
    assert (first.track_id, second.track_id, first.fps, first.family) == ("0", "7", 25, "smplx")
    assert np.array_equal(first.transl[1], outputs(2)["cam_trans"].array[0])
    assert np.array_equal(first.body_pose[2].reshape(-1), outputs(4)["smplx_body_pose"].array[0])
    assert first.camera is not None
    assert first.camera.K[0].tolist() == [[5000, 0, 196], [0, 5000, 178], [0, 0, 1]]
    load_save.save([first, second], tmp_path / "run_refined")
    before, after = make.leaves(tmp_path / "run"), make.leaves(tmp_path / "run_refined")
    assert list(before) == list(after) and ("recording.json", "fps") in after


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cam_trans": None}, "cam_trans"),
        ({"smplx_shape": np.zeros((2, 10))}, "not of one box"),
        ({"smplx_body_pose": np.full((1, 63), np.nan)}, "NaN"),
    ],
)
def test_recorder_refuses_what_could_not_be_read(change: dict, message: str, tmp_path: Path) -> None:
    spoiled = {key: value for key, value in (outputs() | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        Recorder(tmp_path / "run").add(1, spoiled, BOX, (1.0, 1.0), (1.0, 1.0))


def test_recorder_keeps_an_earlier_recording(tmp_path: Path) -> None:
    Recorder(tmp_path / "run")
    with pytest.raises(FileExistsError, match="another folder"):
        Recorder(tmp_path / "run")


LHM = {key: [0.0] for key in ("root_pose", "body_pose", "lhand_pose", "trans", "focal", "princpt", "pad_ratio")}
EXAVATAR = {key: [0.0] for key in ("root_pose", "body_pose", "lhand_pose", "rhand_pose", "shape", "expr")}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("000001.json", json.dumps(LHM).encode(), "do not belong to its trans"),
        ("1.json", json.dumps(EXAVATAR).encode(), "has no translation"),
        ("r.pkl", pickle.dumps({"poses": np.zeros((3, 159)), "trans": np.zeros((3, 3))}), "zero throughout"),
    ],
)
def test_forks_that_do_not_place_the_person_are_refused(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(tmp_path / name)
    assert "lsmplify_refine.recorder" in str(caught.value)


def test_fork_of_bare_arrays_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "clip.npy", np.zeros((4, 315), np.float32))
    with pytest.raises(InputError, match="315 numbers a frame"):
        load_save.load(tmp_path / "clip.npy")


def test_tram_tracks_in_the_order_of_their_numbers_with_the_camera_beside(tmp_path: Path) -> None:
    folder = make.write_tram(tmp_path / "seq")
    for given in (folder, folder / "hps"):
        estimates = load_save.load(given)
        assert [estimate.track_id for estimate in estimates] == ["0", "2", "10"]
        assert estimates[2].frame_ids.tolist() == [30, 31, 32, 33]
        assert estimates[0].camera is not None and estimates[0].camera.K[0, 0, 0] == 700


def test_romp_people_and_camera(tmp_path: Path) -> None:
    np.savez(tmp_path / "video_results.npz", results=make.romp_video())  # type: ignore[arg-type]
    first, second = load_save.load(tmp_path / "video_results.npz")
    assert first.frame_ids.tolist() == second.frame_ids.tolist() == [0, 1, 2, 4, 5, 6]
    assert first.boxes is not None and second.boxes is not None and (first.boxes[:, 0] < second.boxes[:, 0]).all()
    assert first.camera is not None
    expected = [443.4 / 512 * make.WIDTH, make.WIDTH / 2, make.HEIGHT / 2]
    np.testing.assert_allclose(first.camera.K[0][(0, 0, 1), (0, 2, 2)], expected, rtol=1e-3)


def test_romp_joints_that_are_not_finite_give_no_camera(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = make.romp_image()
    result["joints"][0, 3] = np.nan
    np.savez(tmp_path / "image.npz", results=result)  # type: ignore[arg-type]
    assert [person.camera for person in load_save.load(tmp_path / "image.npz")] == [None, None]
    assert capfd.readouterr().out == ""  # LAPACK prints by itself


def test_easymocap_turns_about_the_origin(tmp_path: Path) -> None:
    first, second = load_save.load(make.write_easymocap(tmp_path / "out"))
    assert (first.track_id, second.track_id) == ("5", "8")
    assert first.frame_ids.tolist() == [1, 2, 3, 4, 5, 6] and second.frame_ids.tolist() == [1, 3, 4, 5, 6]
    Th = np.array(json.loads((tmp_path / "out/smpl/000001.json").read_text())[0]["Th"][0])
    J0 = np.array(MEAN_REST_PELVIS["smpl"])
    # the pelvis is where EasyMocap puts it: R(Rh) J0 + Th
    np.testing.assert_allclose(first.transl[0] + J0, rotvec_to_rotmat(first.global_orient[0]) @ J0 + Th, atol=1e-12)


def test_amass_is_z_up_with_its_rate(tmp_path: Path) -> None:
    (first,) = load_save.load(make.write_amass_smplh(tmp_path / "a_poses.npz"))
    (second,) = load_save.load(make.write_amass_stageii(tmp_path / "a_stageii.npz"))
    assert (first.family, first.gender, first.fps) == ("smplh", "male", 120)
    assert (second.family, second.gender, second.fps) == ("smplx", "neutral", 60)
    assert first.frame == "world" and first.world is not None and first.world.up == "z"


def test_detection_says_what_it_saw(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({"people": [], "version": 1.3}))
    with pytest.raises(InputError, match=r"a json file with the keys people, version is not in a known format \(gvhmr"):
        load_save.load(tmp_path / "x.json")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("")
    with pytest.raises(InputError, match=r"which holds notes\.txt"):
        load_save.load(tmp_path / "folder")


def test_people_of_two_files_are_not_mixed(tmp_path: Path) -> None:
    first = load_save.load(pickled(make.wham(), tmp_path))
    np.savez(tmp_path / "r.npz", **make.parts())
    second = load_save.load(tmp_path / "r.npz")
    with pytest.raises(InputError, match="read from one file"):
        load_save.save([first[0], second[0].replace(format="wham")], tmp_path / "out.pkl")
