"""`--image-size` where nothing else says how large the images are."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from tests.support import clips
from tests.support.keypoint_json import mediapipe, written
from tests.support.scenes import SIZE, scene

FRAMES = 12


def write_wham(folder: Path) -> Path:
    """WHAM's files hold neither intrinsics nor the image size."""
    estimate = scene(FRAMES)
    pose = np.concatenate([estimate.global_orient, estimate.body_pose.reshape(FRAMES, 63), np.zeros((FRAMES, 6))], 1)
    mine = {
        "pose": pose.astype(np.float32),
        "trans": estimate.transl,
        "pose_world": pose.astype(np.float32),
        "trans_world": np.zeros((FRAMES, 3), np.float32),
        "betas": estimate.betas,
        "frame_ids": np.arange(FRAMES),
    }
    (folder / "wham_output.pkl").write_bytes(pickle.dumps({0: mine}))
    return folder / "wham_output.pkl"


def write_coco(folder: Path) -> Path:
    keypoints = scene(FRAMES).keypoints
    assert keypoints is not None
    points = np.concatenate([keypoints.positions, keypoints.confidence[..., None]], axis=-1)
    np.save(folder / "coco.npy", points)
    return folder / "coco.npy"


def test_a_result_without_camera_gets_it_from_the_image_size(tmp_path: Path) -> None:
    source, keypoints = write_wham(tmp_path), write_coco(tmp_path)
    job = Job(source, keypoints=keypoints, keypoint_convention="coco17", output=tmp_path / "out", write_video=False)
    with pytest.raises(InputError, match="no camera in it; give --video, whose image size is needed, or --image-size"):
        run(job)
    (refinement,) = run(replace(job, image_size=SIZE)).refinements
    assert refinement.camera is not None and refinement.camera.image_size == SIZE
    assert np.array_equal(refinement.camera.K, default_intrinsics(*SIZE, FRAMES))


def test_normalised_keypoints_get_their_pixels_from_the_image_size(tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(0.3, 0.7, (FRAMES, 33, 4))
    value = mediapipe(points, world=False)
    del value["image_size"]
    keypoints = written(tmp_path / "k.json", value)
    job = Job(write_wham(tmp_path), keypoints=keypoints, output=tmp_path / "out", write_video=False)
    with pytest.raises(InputError, match="normalised image coordinates; give --video or --image-size WxH"):
        run(job)
    (refinement,) = run(replace(job, image_size=SIZE)).refinements
    used = refinement.estimate.keypoints
    assert used is not None
    np.testing.assert_allclose(used.positions, points[..., :2] * SIZE, atol=1e-2)


def test_a_size_that_contradicts_the_video_is_refused(tmp_path: Path) -> None:
    folder = clips.write_folder(tmp_path / "clip")
    with pytest.raises(InputError, match=r"--image-size 100x50: .* is 640x360; leave the option out"):
        run(Job(folder, image_size=(100, 50), output=tmp_path / "out", write_video=False))
