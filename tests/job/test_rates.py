"""Frame rates that contradict each other are asked about, and then used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, load, save
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.rates import tracks_in_time
from lsmplify_refine.job.run import run
from lsmplify_refine.keypoint_files import load_tracks
from tests.support.keypoint_json import written
from tests.support.scenes import scene

FRAMES = 24


def write_result(folder: Path, **changes: Any) -> Path:
    """A result of 24 frames; the file states its rate unless it is None."""
    estimate = scene(FRAMES).replace(keypoints=None, **changes)
    save([estimate], folder / "result.npz")
    return folder / "result.npz"


def write_openpose(folder: Path, count: int, rate: float = 30.0, first: int = 0) -> Path:
    """COCO-17 as OpenPose would write it, from the true motion at any rate."""
    keypoints = scene(round(count * 30 / rate) + 2).keypoints
    assert keypoints is not None
    at = np.arange(count) * 30 / rate
    low = np.floor(at).astype(int)
    points = keypoints.positions[low] + (at - low)[:, None, None] * (
        keypoints.positions[low + 1] - keypoints.positions[low]
    )
    for frame, row in enumerate(points):
        values = np.concatenate([row, np.ones((17, 1))], axis=1).ravel().tolist()
        person = {"person_id": [-1], "pose_keypoints_2d": values}
        written(folder / "op" / f"clip_{first + frame:012d}_keypoints.json", {"people": [person]})
    return folder / "op"


def used(folder: Path, result: Path, keypoints: Path, **options: Any) -> Estimate:
    """The completed estimate of a run."""
    job = Job(
        result, keypoints=keypoints, keypoint_convention="coco17", output=folder / "out", write_video=False, **options
    )
    (refinement,) = run(job).refinements
    return refinement.estimate


@pytest.mark.parametrize(("count", "rate"), [(48, 60.0), (20, 25.0), (20, 24.0), (96, 120.0)])
@pytest.mark.parametrize("first", [0, 1])
def test_another_number_of_frames_at_a_usual_ratio_is_asked_about(
    count: int, rate: float, first: int, tmp_path: Path
) -> None:
    keypoints = write_openpose(tmp_path, count, rate, first)
    with pytest.raises(InputError, match=f"op/: {count} frames, but .* has 24: .*--keypoint-fps 60"):
        used(tmp_path, write_result(tmp_path), keypoints)


def test_the_rate_of_the_keypoints_is_used(tmp_path: Path) -> None:
    estimate = used(tmp_path, write_result(tmp_path), write_openpose(tmp_path, 48, 60.0), keypoint_fps=60.0)
    true = scene(FRAMES).keypoints
    assert estimate.keypoints is not None and true is not None
    np.testing.assert_allclose(estimate.keypoints.positions, true.positions, atol=1e-3)
    assert "60 fps, interpolated to 30" in estimate.keypoints.source


def test_the_results_rate_as_the_keypoints_takes_frame_by_frame(tmp_path: Path) -> None:
    keypoints = write_openpose(tmp_path, 48)
    estimate = used(tmp_path, write_result(tmp_path), keypoints, keypoint_fps=30.0)
    (track,) = load_tracks(keypoints, convention="coco17")
    assert estimate.keypoints is not None
    assert np.array_equal(estimate.keypoints.positions, track.keypoints.positions[:FRAMES])


@pytest.mark.parametrize("count", [22, 24, 33])
def test_other_numbers_of_frames_are_not_asked_about(count: int, tmp_path: Path) -> None:
    """People leave, and detectors lose them."""
    estimate = used(tmp_path, write_result(tmp_path), write_openpose(tmp_path, count))
    assert estimate.keypoints is not None and len(estimate.keypoints.positions) == FRAMES


def test_a_result_within_a_longer_video_is_not_asked_about(tmp_path: Path) -> None:
    result = write_result(tmp_path, frame_ids=np.arange(4, 4 + FRAMES))
    estimate = used(tmp_path, result, write_openpose(tmp_path, 48))
    assert estimate.keypoints is not None and (estimate.keypoints.confidence > 0).all()


def test_the_video_says_how_long_the_take_is(tmp_path: Path) -> None:
    """A person may leave in the middle of it."""
    result, keypoints = write_result(tmp_path, frame_ids=np.arange(FRAMES)), write_openpose(tmp_path, 2 * FRAMES)
    (track,) = load_tracks(keypoints, convention="coco17")
    (person,) = load(result)
    assert tracks_in_time([track], [person], 30.0, None, 2 * FRAMES) == [track]
    with pytest.raises(InputError, match=r"48 frames, but .* has 24"):
        tracks_in_time([track], [person], 30.0, None, FRAMES)


def write_space(folder: Path, count: int, rate: float) -> Path:
    """A TRC file of BODY_25 names that states its rate."""
    from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
    from tests.support.scenes import open_body, true_motion

    pose, pelvis = true_motion(count)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    names = [
        "Nose",
        "Neck",
        "RShoulder",
        "RElbow",
        "RWrist",
        "LShoulder",
        "LElbow",
        "LWrist",
        "midHip",
        "RHip",
        "RKnee",
    ]
    names += ["RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel"]
    names += ["RBigToe", "RSmallToe", "RHeel"]
    head = [
        "PathFileType\t4\t(X/Y/Z)\tk.trc",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits",
        f"{rate}\t{rate}\t{count}\t25\tm",
        "Frame#\tTime\t" + "\t\t\t".join(names),
        "\t\t" + "\t".join(f"{axis}{i + 1}" for i in range(25) for axis in "XYZ"),
    ]
    rows = [f"{i + 1}\t{i / rate:.6f}\t" + "\t".join(f"{v:.6f}" for v in row.ravel()) for i, row in enumerate(points)]
    (folder / "k.trc").write_text("\n".join([*head, *rows]) + "\n")
    return folder / "k.trc"


def test_a_stated_rate_beside_a_result_without_one_is_asked_about(tmp_path: Path) -> None:
    result, keypoints = write_result(tmp_path, fps=None), write_space(tmp_path, 20, 53.0)
    with pytest.raises(
        InputError, match=r"k\.trc: 53 fps and 20 frames, but .* has 24 frames .*: --fps 53 if both show"
    ):
        run(Job(result, keypoints=keypoints, output=tmp_path / "out", write_video=False))
    job = Job(result, keypoints=keypoints, fps=53.0, output=tmp_path / "out", write_video=False)
    (refinement,) = run(job).refinements
    assert refinement.estimate.fps == 53 and refinement.estimate.keypoints is not None
    seen = refinement.estimate.keypoints.confidence.max(axis=1) > 0
    assert seen[:20].all() and not seen[20:].any()


def test_keypoints_of_the_same_frames_give_their_rate(tmp_path: Path) -> None:
    result, keypoints = write_result(tmp_path, fps=None), write_space(tmp_path, FRAMES, 53.0)
    (refinement,) = run(Job(result, keypoints=keypoints, output=tmp_path / "out", write_video=False)).refinements
    assert refinement.estimate.fps == 53
    codes = [note.code for note in refinement.estimate.notes]
    assert "fps-from-keypoints" in codes and "fps-assumed" not in codes


@pytest.mark.parametrize("fps", [None, 50.0])
def test_the_users_rate_replaces_the_files(fps: float | None, tmp_path: Path) -> None:
    estimate = used(tmp_path, write_result(tmp_path), write_openpose(tmp_path, FRAMES), fps=fps)
    assert estimate.fps == (fps or 30)


@pytest.mark.shared
def test_a_real_take_of_opencap_is_asked_about(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "real"
    job = Job(real / "opencap_monocular_gvhmr.pt", keypoints=real / "opencap_monocular.trc", output=tmp_path)
    with pytest.raises(
        InputError, match=r"opencap_monocular\.trc: 53 fps and 202 frames, but .* has 264 frames .*--fps 53"
    ):
        run(job)
