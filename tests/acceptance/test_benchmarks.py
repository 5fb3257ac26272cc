"""From a data set's folder to its scores: every shipped layout on a miniature, refined clip by clip."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.batch.layouts import rows
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.scores import TruthScores, score
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.estimate import Estimate
from tests.support import dataset_files as datasets
from tests.support import sports_files as sports
from tests.support.dataset_motion import Recording, record
from tests.support.scenes import open_body

MPJPE = "mpjpe_mm_smpl24_hips"


def refined_scores(row: Row, output: Path) -> dict[str, TruthScores]:
    """Refine a row's clip, and score what was read and what was written."""
    assert row.truth is not None
    job = Job(
        row.input,
        keypoints=row.keypoints,
        output=output / row.name,
        write_video=False,
        **row.job_options(),
    )
    (output / row.name).parent.mkdir(parents=True, exist_ok=True)
    (refinement,) = run(job).refinements
    return score({"input": refinement.estimate, "refined": refinement.refined}, read_truth(row.truth))


def predictions(root: Path, clip: Recording, *names: str) -> None:
    """An estimator's result of a clip under several names below `predictions/PyHMR`."""
    for name in names:
        path = root / "predictions" / "PyHMR" / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(
            path,
            model_type=np.array("smpl"),
            global_orient=clip.wrong[:, 0],
            body_pose=clip.wrong[:, 1:].reshape(len(clip), -1),
            betas=np.zeros(10),
            transl=clip.transl(),
            K=clip.K,
            # as GVHMR, which states this rate for every video
            fps=np.array(30.0),
        )


def independent_mpjpe(found: Estimate, clip: Recording) -> float:
    """MPJPE of SMPL's 24 joints on the open body, aligned at the hips, by NumPy alone."""
    body = open_body()
    regressor, template = body.arrays.J_regressor[:24], body.arrays.v_template
    rest = regressor.astype(np.float64) @ template

    def joints(rotvec: np.ndarray) -> np.ndarray:
        local, where, turned = rotvec_to_rotmat(rotvec), np.zeros((24, 3)), np.zeros((24, 3, 3))
        for joint, parent in enumerate(body.parents):
            turned[joint] = local[joint] if parent < 0 else turned[parent] @ local[joint]
            where[joint] = 0 if parent < 0 else where[parent] + turned[parent] @ (rest[joint] - rest[parent])
        at_hips: np.ndarray = where - where[[1, 2]].mean(0)
        return at_hips

    errors = []
    for row, frame in enumerate(found.frame_ids):
        if clip.valid[frame]:
            pose = np.concatenate([found.global_orient[row, None], found.body_pose[row]])
            errors.append(np.linalg.norm(joints(pose) - joints(clip.pose[frame]), axis=-1).mean())
    return 1000 * float(np.mean(errors))


@pytest.mark.parametrize("dataset", ["EMDB", "RICH", "3DPW"])
def test_the_bundles_of_gvhmr(dataset: str, tmp_path: Path) -> None:
    inputs = datasets.write_hmr4d_support(tmp_path / "inputs")
    found = [row for row in rows("hmr4d_support", inputs) if f"/{dataset}/" in row.name]
    assert len(found) == 2
    for row in found:
        scores = refined_scores(row, tmp_path / "out")
        for name in scores["input"].metrics:
            assert scores["refined"].metrics[name] < scores["input"].metrics[name], name


def test_the_refined_scores_equal_an_independent_computation(tmp_path: Path) -> None:
    inputs = datasets.write_hmr4d_support(tmp_path / "inputs")
    clip = datasets.bundle_clips()[datasets.EMDB_CLIPS[0]]
    row = next(row for row in rows("hmr4d_support", inputs) if datasets.EMDB_CLIPS[0] in row.name)
    assert row.truth is not None
    (refinement,) = run(Job(row.input, write_video=False, output=tmp_path / "out", **row.job_options())).refinements
    versions = {"input": refinement.estimate, "refined": refinement.refined}
    for name, scores in score(versions, read_truth(row.truth)).items():
        assert scores.metrics[MPJPE] == pytest.approx(independent_mpjpe(versions[name], clip), abs=0.1)


def test_lucidaction_onto_3d_keypoints(tmp_path: Path) -> None:
    root = sports.write_lucidaction(tmp_path / "set")
    sports.write_lucidaction(root, jitter_deg=2.0, estimator="SMPLest-X")
    found = rows("lucidaction", root)
    assert [row.groups["estimator"] for row in found] == ["GVHMR", "GVHMR", "SMPLest-X", "SMPLest-X"]
    for row in found:
        scores = refined_scores(row, tmp_path / "out")
        for name in (MPJPE, "pve_mm_hips", "accel_m_per_s2_smpl24"):
            assert scores["refined"].metrics[name] < scores["input"].metrics[name], (row.name, name)


def test_aistpp_onto_the_nine_cameras_keypoints(tmp_path: Path) -> None:
    clip = record(still=True, size=(1920, 1080))
    sports.write_aistpp(tmp_path, clip)
    predictions(tmp_path, clip, "gWA_sFM_c02_d27_mWA2_ch21")
    (row,) = rows("aistpp", tmp_path)
    scores = refined_scores(row, tmp_path / "out")
    assert scores["refined"].frames == 24
    assert scores["refined"].metrics[MPJPE] < 0.7 * scores["input"].metrics[MPJPE]


def test_athletepose3d_onto_its_own_points(tmp_path: Path) -> None:
    clip = record(still=True, size=(1920, 1080))
    sports.write_athletepose3d(tmp_path, clip)
    predictions(tmp_path, clip, f"test_set/S1/{sports.ATHLETE_CLIP}")
    (row,) = rows("athletepose3d", tmp_path, targets="3d")
    scores = refined_scores(row, tmp_path / "out")
    assert scores["refined"].metrics["mpjpe_mm_h36m17_hips"] < 0.7 * scores["input"].metrics["mpjpe_mm_h36m17_hips"]


def test_raw_emdb_and_3dpw_with_the_keypoints_of_their_files(tmp_path: Path) -> None:
    """The data sets' own sequences stand for an estimator's result: what is true stays true."""
    for name, path in (("emdb", datasets.write_emdb(tmp_path)), ("threedpw", datasets.write_threedpw(tmp_path))):
        layout = {"emdb": "emdb", "threedpw": "3dpw"}[name]
        shutil.copy(path, tmp_path / "copy.pkl")
        place = tmp_path / "predictions" / "Truth" / f"{path.stem.removesuffix('_data')}.pkl"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(tmp_path / "copy.pkl", place)
        row = next(row for row in rows(layout, tmp_path) if row.input == place)
        assert row.truth is not None
        outcome = run(Job(row.input, output=tmp_path / "out" / name, write_video=False))
        for refinement in outcome.refinements:
            scores = score({"refined": refinement.refined}, read_truth(row.truth))["refined"]
            assert scores.person == refinement.estimate.track_id
            assert scores.metrics[MPJPE] < 15
