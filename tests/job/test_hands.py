"""Hands through a whole job: from a keypoint file into the fingers of a SMPL-X file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lsmplify_refine import load, save
from lsmplify_refine.body import BodyModel
from lsmplify_refine.body.hand import Hand
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.camera import Camera
from tests.support.hands import SIDES, as_estimate, gesture

FRAMES = 40


def test_the_command_writes_fingers_into_a_file_that_has_them(tmp_path: Path) -> None:
    """A whole job: SMPL-X file with hands, COCO-WholeBody keypoints of a detector; the hands in the file change."""
    true = gesture(BodyModel.open(), FRAMES, before_camera=True)
    K = np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]])
    camera = Camera(np.repeat(K[None], FRAMES, axis=0), (1000, 1000))
    bent = {side: 0.3 * Hand.of(true.track.body, side, true.track.betas).flexion() for side in SIDES}
    given = {f"{side}_hand_pose": true.fingers[side] + bent[side] for side in SIDES}
    save([as_estimate(true, camera=camera).replace(flat_hand_mean=True, **given)], tmp_path / "in.npz")
    keypoints = true.keypoints("coco65", camera=camera)
    rows = np.concatenate([keypoints.positions, keypoints.confidence[..., None]], axis=-1)
    np.save(tmp_path / "points.npy", rows)
    job = Job(
        tmp_path / "in.npz",
        keypoints=tmp_path / "points.npy",
        keypoint_convention="coco65",
        write_video=False,
        weights="none",
    )
    outcome = run(job)
    (refined,) = load(outcome.outputs.results)
    for side in SIDES:
        written = getattr(refined, f"{side}_hand_pose")
        before, after = (
            np.abs(pose[:, :12] - true.fingers[side][:, :12]).mean() for pose in (given[f"{side}_hand_pose"], written)
        )
        assert after < 0.6 * before
