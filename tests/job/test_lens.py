"""`--focal-px`: what is written shows the same, read again with it, as the report says."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.slots import holds_camera
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.crop_cameras import hmr2_intrinsics
from lsmplify_refine.geometry.lens import change_lens
from lsmplify_refine.geometry.projection import default_intrinsics, intrinsics, project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.inputs import complete
from lsmplify_refine.job.job import Job, Outcome
from lsmplify_refine.job.lens import Lens
from lsmplify_refine.job.run import run
from tests.support import clips
from tests.support.adapter_cases import CASES
from tests.support.scenes import open_body, true_motion

FRAMES = clips.FRAMES
WIDTH, HEIGHT = clips.SIZE
#: The lens that filmed the person.
TRUE = 700.0
#: Where the person stands from the middle of the image, metres.
PLACE = np.array([0.8, 0.0, 0.0])
J0 = np.array(MEAN_REST_PELVIS["smpl"])


def lens(focal: float) -> np.ndarray:
    return np.tile(intrinsics(focal, np.array([WIDTH / 2, HEIGHT / 2])), (FRAMES, 1, 1))


def person(K: np.ndarray) -> dict[str, Any]:
    """SMPL parameters that an estimator with these intrinsics may give: the elbows bend too little."""
    pose, pelvis = true_motion(FRAMES)
    pose[:, 18:20] *= 0.7
    orient, transl = change_lens(pose[:, 0], pelvis - J0 + PLACE, J0, lens(TRUE), K)
    poses = np.concatenate([orient[:, None], pose[:, 1:]], axis=1).astype(np.float32)
    betas = np.zeros((FRAMES, 10), np.float32)
    return {"poses": poses, "trans": transl.astype(np.float32), "betas": betas, "model_type": np.array("smpl")}


def write_keypoints(folder: Path) -> Path:
    pose, pelvis = true_motion(FRAMES)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis + PLACE, np.zeros(10))
    pixels = project_to_image(points, lens(TRUE))
    np.savez(folder / "keypoints.npz", convention="body25", positions=pixels, confidence=np.ones(pixels.shape[:2]))
    return folder / "keypoints.npz"


def with_matrix(folder: Path) -> Path:
    np.savez(folder / "r.npz", K=lens(1100)[0], **person(lens(1100)))
    return folder / "r.npz"


def with_focal_length(folder: Path) -> Path:
    """The file has no place for a matrix."""
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    np.savez(folder / "r.npz", focal=np.float64(1100), princpt=centre, **person(lens(1100)))
    return folder / "r.npz"


def of_its_lens(folder: Path) -> Path:
    """The translation belongs to the true lens, although the matrix does not."""
    np.savez(folder / "r.npz", K=lens(1100)[0], **person(lens(TRUE)))
    return folder / "r.npz"


def phalp(folder: Path) -> Path:
    values = person(hmr2_intrinsics(WIDTH, HEIGHT, FRAMES))
    matrices = rotvec_to_rotmat(values["poses"]).astype(np.float32)
    result = {
        f"img/{frame:06d}.jpg": {
            "tid": [1],
            "smpl": [{"global_orient": m[:1], "body_pose": m[1:], "betas": np.zeros(10, np.float32)}],
            "camera": [values["trans"][frame]],
            "size": np.array([HEIGHT, WIDTH]),
        }
        for frame, m in enumerate(matrices)
    }
    (folder / "r.pkl").write_bytes(pickle.dumps(result))
    return folder / "r.pkl"


def wham(K: np.ndarray) -> Callable[[Path], Path]:
    """WHAM's files have no intrinsics."""

    def write(folder: Path) -> Path:
        values = person(K)
        pose = values["poses"].reshape(FRAMES, 72)
        world = {"pose_world": pose.copy(), "trans_world": np.zeros((FRAMES, 3), np.float32)}
        mine = {"pose": pose, "trans": values["trans"], "betas": values["betas"], "frame_ids": np.arange(FRAMES)}
        (folder / "r.pkl").write_bytes(pickle.dumps({0: mine | world}))
        return folder / "r.pkl"

    return write


def reprojection(outcome: Outcome, stage: str) -> float:
    (refinement,) = outcome.refinements
    return refinement.metrics[stage]["reprojection_px_body25"]


def shown_anew(outcome: Outcome, estimate: Estimate) -> float:
    """Reprojection of an estimate on the body that a run has fitted, pixels."""
    (refinement,) = outcome.refinements
    offset = refinement.before.pelvis - (refinement.estimate.transl + J0)
    pose = pose_on_body(estimate, refinement.after.body)
    body = replace(refinement.after, rotations=pose.rotations.numpy(), pelvis=pose.pelvis.numpy() + offset)
    assert estimate.camera is not None
    apart = project_to_image(body.keypoints("body25"), estimate.camera.K) - refinement.keypoints.positions
    return float(np.linalg.norm(apart, axis=-1).mean())


@pytest.mark.parametrize(
    "write",
    [
        with_matrix,
        with_focal_length,
        of_its_lens,
        phalp,
        wham(default_intrinsics(WIDTH, HEIGHT, FRAMES)),
        wham(lens(TRUE)),
    ],
    ids=["matrix", "focal length", "of its lens", "phalp", "wham, diagonal", "wham, calibrated"],
)
def test_what_is_written_shows_what_the_report_says(write: Callable[[Path], Path], tmp_path: Path) -> None:
    source, keypoints = write(tmp_path), write_keypoints(tmp_path)
    video = clips.write_video(tmp_path / "v.mp4", FRAMES)

    def refined(path: Path, folder: str) -> Outcome:
        return run(
            Job(path, keypoints=keypoints, video=video, focal_px=TRUE, write_video=False, output=tmp_path / folder)
        )

    first = refined(source, "first")
    again = refined(first.outputs.results, "again")
    assert reprojection(first, "input") < 3 and reprojection(first, "refined") < 0.5
    assert abs(shown_anew(first, again.refinements[0].estimate) - reprojection(first, "refined")) < 0.05
    (one,), (other,) = load_save.load(source), load_save.load(first.outputs.results)
    assert _fields(one) == _fields(other)


def _fields(estimate: Estimate) -> set[str]:
    return {slot.name for slot in estimate.passthrough.slots}


def test_the_matrix_of_the_file_becomes_the_lens(tmp_path: Path) -> None:
    source, keypoints = with_matrix(tmp_path), write_keypoints(tmp_path)
    outcome = run(Job(source, keypoints=keypoints, focal_px=TRUE, write_video=False, output=tmp_path / "out"))
    (refined,) = load_save.load(outcome.outputs.results)
    assert refined.camera is not None and np.array_equal(refined.camera.K, lens(TRUE))
    assert abs(np.median(refined.transl[:, 2] + J0[2]) - 4.0) < 0.1  # 6.3 m under the file's lens
    assert abs(shown_anew(outcome, refined) - reprojection(outcome, "refined")) < 0.05


def test_who_is_not_refined_moves_with_the_lens(tmp_path: Path) -> None:
    """All people of a file share its matrix."""
    values = person(lens(1100))
    (tmp_path / "r.pkl").write_bytes(pickle.dumps({"a": values, "b": values, "K": lens(1100)[0]}))
    keypoints = write_keypoints(tmp_path)
    job = Job(tmp_path / "r.pkl", keypoints=keypoints, person="a", focal_px=TRUE, write_video=False, output=tmp_path)
    people = load_save.load(run(job).outputs.results)
    expected = change_lens(values["poses"][:, 0], values["trans"], J0, lens(1100), lens(TRUE))
    np.testing.assert_allclose(people[1].transl, expected[1], atol=1e-5)
    assert np.array_equal(people[1].body_pose.reshape(FRAMES, -1), values["poses"][:, 1:].reshape(FRAMES, -1))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("focal", [900.0, 2400.0])
def test_a_real_clip_under_another_lens(focal: float, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "gvhmr" / "clip1"
    outcome = run(Job(source, focal_px=focal, write_video=False, output=tmp_path))
    (refinement,) = outcome.refinements
    (again,) = load_save.load(outcome.outputs.results)
    again = complete(again.replace(keypoints=refinement.keypoints), video=None, focal_px=focal)
    assert again.camera is not None and (again.camera.K[:, 0, 0] == focal).all()
    offset = refinement.before.pelvis - (refinement.estimate.transl + np.array(MEAN_REST_PELVIS["smplx"]))
    pose = pose_on_body(again, refinement.after.body)
    body = replace(refinement.after, rotations=pose.rotations.numpy(), pelvis=pose.pelvis.numpy() + offset)
    apart = project_to_image(body.keypoints("coco17"), again.camera.K) - refinement.keypoints.positions
    weight = refinement.keypoints.confidence
    error = (np.linalg.norm(apart, axis=-1) * weight).sum() / weight.sum()
    assert abs(error - refinement.metrics["refined"]["reprojection_px_coco17"]) < 0.5


@pytest.mark.parametrize("case", CASES)
def test_every_format_gets_the_values_of_its_own_lens_back(case: str, tmp_path: Path) -> None:
    source = CASES[case].write(tmp_path)
    glass = Lens(TRUE, clips.SIZE)
    for read in load_save.load(source, format=CASES[case].how):
        seen = glass.put_on(read)
        if read.frame == "world" or not read.posed:
            assert np.array_equal(seen.transl, read.transl)
            continue
        assert seen.camera is not None and (seen.camera.K[:, (0, 1), (0, 1)] == TRUE).all()
        assert np.ptp(seen.camera.K[:, :2, 2], axis=0).max() < 1  # one camera, not one for each box
        back = glass.take_off(seen, read)
        expected = seen if holds_camera(read) else read
        np.testing.assert_allclose(back.transl, expected.transl, atol=1e-5 * max(1.0, np.abs(read.transl).max()))
        turned = rotvec_to_rotmat(back.global_orient) - rotvec_to_rotmat(expected.global_orient)
        assert np.abs(turned).max() < 1e-5
