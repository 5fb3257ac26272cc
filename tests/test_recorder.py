"""The recorder writes what the adapter of SMPLer-X reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from lsmplify_refine.recorder import Recorder, Sam3dRecorder
from tests.support import estimator_files as make
from tests.support import sam3d_files as sam3d


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
        ({"smplx_shape": np.zeros((2, 10))}, "not of one person"),
        ({"smplx_body_pose": np.full((1, 63), np.nan)}, "NaN"),
    ],
)
def test_recorder_refuses_what_could_not_be_read(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    spoiled = {key: value for key, value in (outputs() | change).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        Recorder(tmp_path / "run").add(1, spoiled, BOX, (1.0, 1.0), (1.0, 1.0))


def test_recorder_keeps_an_earlier_recording(tmp_path: Path) -> None:
    Recorder(tmp_path / "run")
    with pytest.raises(FileExistsError, match="another folder"):
        Recorder(tmp_path / "run")


def test_sam3d_recorder_takes_tensors_and_leaves_the_mesh_out(tmp_path: Path) -> None:
    recorder = Sam3dRecorder(tmp_path / "run", fps=25, first_frame=1)
    person = sam3d.person_of(0, 0)
    tensors = {key: value if value is None else _Tensor(np.asarray(value)) for key, value in person.items()}
    recorder.add(1, [tensors])
    recorder.add(2, [])
    recorder.add(3, [tensors])
    (found,) = load_save.load(tmp_path / "run")
    assert found.frame_ids.tolist() == [0, 2] and found.fps == 25
    saved = np.load(tmp_path / "run" / "people" / "000001_0.npz")
    assert "mhr_model_params" in saved.files and "pred_vertices" not in saved.files and "mask" not in saved.files


@pytest.mark.parametrize(
    ("change", "ids", "message"),
    [
        ({"pred_cam_t": np.zeros(2)}, None, "not of one person; expected"),
        ({"pred_keypoints_3d": np.full((70, 3), np.nan)}, None, "NaN or infinite values"),
        ({}, [1, 2], "1 people need as many different ids"),
    ],
)
def test_sam3d_recorder_refuses_what_cannot_be_read(
    change: dict[str, Any], ids: list[int] | None, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        Sam3dRecorder(tmp_path / "run").add(0, [sam3d.person_of(0, 0) | change], ids=ids)


def test_sam3d_recorder_needs_an_empty_folder_and_frames_from_the_first(tmp_path: Path) -> None:
    recorder = Sam3dRecorder(tmp_path / "run")
    with pytest.raises(ValueError, match="frames count from 0"):
        recorder.add(-1, [])
    with pytest.raises(FileExistsError, match="holds a recording already"):
        Sam3dRecorder(tmp_path / "run")
