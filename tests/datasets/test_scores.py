"""Scores against the truth equal an independent computation with smplx and NumPy, on the three bundles."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import smplx
import torch

from lsmplify_refine.batch.layouts import rows
from lsmplify_refine.datasets.bodies import Bodies
from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.scores import score
from lsmplify_refine.datasets.truth import Truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from tests.support import dataset_files as datasets
from tests.support.dataset_motion import Recording
from tests.support.model_files import random_arrays, write_smplx

GENDERS = ("neutral", "female", "male")


class Expected(NamedTuple):
    mpjpe: float
    pa_mpjpe: float
    pve: float
    accel: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SMPL body of each gender; they differ in size and in shape directions."""
    folder = tmp_path_factory.mktemp("bodies")
    for index, gender in enumerate(GENDERS):
        arrays = random_arrays("smpl", 10)
        arrays["v_template"] = arrays["v_template"] * (1 + 0.1 * index)
        arrays["shapedirs"] = arrays["shapedirs"] * (1 + index)
        (folder / f"SMPL_{gender.upper()}.pkl").write_bytes(pickle.dumps(arrays))
    return folder


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return datasets.write_hmr4d_support(tmp_path_factory.mktemp("gvhmr") / "inputs")


def posed(model: Any, rotvec: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """smplx's joints and vertices; SMPL's hands at rest if the pose has 22 joints."""
    full = np.zeros((len(rotvec), 24, 3))
    full[:, : rotvec.shape[1]] = rotvec
    out = model(
        global_orient=torch.tensor(full[:, 0]).float(),
        body_pose=torch.tensor(full[:, 1:].reshape(len(full), -1)).float(),
        betas=torch.tensor(np.tile(betas, (len(full), 1))).float(),
    )
    return out.joints[:, :24].detach().double().numpy(), out.vertices.detach().double().numpy()


def procrustes(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """One frame's best similarity transform, by Umeyama's formula."""
    mean_found, mean_true = found.mean(0), true.mean(0)
    a, b = found - mean_found, true - mean_true
    u, s, vt = np.linalg.svd(b.T @ a)
    d = np.diag([1, 1, np.sign(np.linalg.det(u @ vt))])
    aligned: np.ndarray = np.trace(np.diag(s) @ d) / (a**2).sum() * a @ (u @ d @ vt).T + mean_true
    return aligned


def expected(models: dict[str, Any], clip: Recording, dataset: str, gender: str) -> Expected:
    """The scores of VIMO's estimate of a clip, from the recording itself."""
    rich = dataset == "RICH"
    rows = np.arange(len(clip)) if rich else np.flatnonzero(clip.valid)
    count = 22 if rich else 24
    # a SMPL body cannot take SMPL-X's shape
    true, true_mesh = posed(models[gender], clip.pose[rows, :count], np.zeros(10) if rich else clip.betas)
    found, mesh = posed(models["neutral"], clip.wrong[rows], np.zeros(10))
    hips, true_hips = found[:, [1, 2]].mean(1, keepdims=True), true[:, [1, 2]].mean(1, keepdims=True)
    true, true_mesh, found, mesh = true - true_hips, true_mesh - true_hips, found - hips, mesh - hips
    accels = [
        np.linalg.norm((found - true)[i - 1] - 2 * (found - true)[i] + (found - true)[i + 1], axis=-1).mean()
        for i in range(1, len(rows) - 1)
        if rows[i + 1] - rows[i - 1] == 2
    ]
    assert len(accels) < len(rows) - 2 or rich
    aligned = np.stack([procrustes(a, b) for a, b in zip(found, true)])
    return Expected(
        1000 * float(np.linalg.norm(found - true, axis=-1).mean()),
        1000 * float(np.linalg.norm(aligned - true, axis=-1).mean()),
        1000 * float(np.linalg.norm(mesh - true_mesh, axis=-1).mean()),
        900 * float(np.mean(accels)),
    )


@pytest.mark.parametrize("dataset", ["EMDB", "RICH", "3DPW"])
def test_scores_of_the_bundles_equal_an_independent_computation(dataset: str, inputs: Path, folder: Path) -> None:
    clips = datasets.bundle_clips()
    models = {gender: smplx.SMPL(str(folder / f"SMPL_{gender.upper()}.pkl")) for gender in GENDERS}
    genders = {"EMDB": "female", "RICH": "male", datasets.DPW_CLIPS[0]: "male", datasets.DPW_CLIPS[1]: "female"}
    found = [row for row in rows("hmr4d_support", inputs) if f"/{dataset}/" in row.name]
    assert len(found) == 2
    for row in found:
        assert row.truth is not None
        name = row.name.split(f"/{dataset}/")[1]
        (estimate,) = load_save.load(row.input, format=row.options["format"])
        scores = score({"input": estimate}, read_truth(row.truth), Bodies(folder))["input"]
        wanted = expected(models, clips[name], dataset, genders.get(dataset) or genders[name])
        joints = "smpl24"
        assert scores.frames == (24 if dataset == "RICH" else int(clips[name].valid.sum()))
        got = [scores.metrics[key] for key in (f"mpjpe_mm_{joints}_hips", f"pa_mpjpe_mm_{joints}", "pve_mm_hips")]
        np.testing.assert_allclose(got, wanted[:3], atol=0.1)
        np.testing.assert_allclose(scores.metrics[f"accel_m_per_s2_{joints}"], wanted.accel, rtol=1e-3)


def truth_and_estimate(folder: Path) -> tuple[tuple[Truth, ...], Estimate]:
    inputs = datasets.write_hmr4d_support(folder / "inputs")
    clip = datasets.EMDB_CLIPS[0]
    truths = read_truth(f"hmr4d,clip={clip}:{inputs}/EMDB/hmr4d_support/emdb_vit_v4.pt")
    (estimate,) = load_save.load(inputs / "EMDB/hmr4d_support/emdb_vimo.pt", format=f"hmr4d:clip={clip}")
    return truths, estimate


def test_the_truth_itself_has_no_error(tmp_path: Path) -> None:
    truths, _ = truth_and_estimate(tmp_path)
    assert truths[0].body is not None
    metrics = score({"input": truths[0].body}, truths)["input"].metrics
    assert set(metrics) == {"mpjpe_mm_smpl24_hips", "pa_mpjpe_mm_smpl24", "pve_mm_hips", "accel_m_per_s2_smpl24"}
    assert max(metrics.values()) < 1e-3


def test_a_wrong_frame_that_does_not_count_changes_nothing(tmp_path: Path) -> None:
    truths, estimate = truth_and_estimate(tmp_path)
    pose = estimate.body_pose.copy()
    pose[3] += 1.0
    spoiled = estimate.replace(body_pose=pose)
    scores = score({"input": estimate, "refined": spoiled}, truths)
    assert scores["input"] == scores["refined"]
    pose[5] += 1.0
    worse = score({"input": estimate, "refined": spoiled}, truths)
    assert worse["refined"].metrics["mpjpe_mm_smpl24_hips"] > worse["input"].metrics["mpjpe_mm_smpl24_hips"] + 1


def test_other_axes_are_taken_out_once_for_the_clip(tmp_path: Path) -> None:
    truths, estimate = truth_and_estimate(tmp_path)
    assert truths[0].body is not None
    turn = rotvec_to_rotmat([0.4, -1.1, 0.3])

    def turned(body: Estimate) -> Estimate:
        return body.replace(global_orient=rotmat_to_rotvec(turn @ rotvec_to_rotmat(body.global_orient)), frame="world")

    exact = score({"input": turned(truths[0].body)}, truths)["input"].metrics
    assert exact["mpjpe_mm_smpl24_turned_hips"] < 1e-2 and exact["pve_mm_turned_hips"] < 1e-2
    assert exact["accel_m_per_s2_smpl24"] < 1e-2
    straight = score({"input": estimate}, truths)["input"].metrics
    metrics = score({"input": turned(estimate)}, truths)["input"].metrics
    assert "mpjpe_mm_smpl24_hips" not in metrics
    np.testing.assert_allclose(metrics["mpjpe_mm_smpl24_turned_hips"], straight["mpjpe_mm_smpl24_hips"], rtol=0.1)
    np.testing.assert_allclose(metrics["pa_mpjpe_mm_smpl24"], straight["pa_mpjpe_mm_smpl24"], atol=1e-3)


def test_points_are_compared_in_their_convention_and_where_they_are_seen(tmp_path: Path) -> None:
    clip = datasets.bundle_clips()[datasets.EMDB_CLIPS[0]]
    _, estimate = truth_and_estimate(tmp_path)
    points = clip.points("h36m17").astype(np.float32)
    confidence = np.ones(points.shape[:2], np.float32)
    frames = np.arange(len(clip))
    exact = Truth(frames, len(clip), "camera", points=Keypoints("h36m17", points, confidence))
    scores = score({"input": estimate}, [exact])["input"]
    spoiled, seen = points.copy(), confidence.copy()
    spoiled[2:9, 13] += 3.0
    seen[2:9, 13] = 0.0
    hidden = Truth(frames, len(clip), "camera", points=Keypoints("h36m17", spoiled, seen))
    partly = score({"input": estimate}, [hidden])["input"]
    assert set(scores.metrics) == {"mpjpe_mm_h36m17_hips", "pa_mpjpe_mm_h36m17", "accel_m_per_s2_h36m17"}
    for name, value in scores.metrics.items():
        assert abs(partly.metrics[name] / value - 1) < 0.1, name


def test_a_gender_without_a_body_is_refused(tmp_path: Path, folder: Path) -> None:
    truths, estimate = truth_and_estimate(tmp_path)
    one = tmp_path / "one"
    one.mkdir()
    (one / "SMPL_NEUTRAL.pkl").write_bytes((folder / "SMPL_NEUTRAL.pkl").read_bytes())
    with pytest.raises(InputError, match=r"no SMPL\*_FEMALE"):
        score({"input": estimate}, truths, Bodies(one))
    # a single file has no gender of its own
    with pytest.raises(InputError, match=r"different genders \(female, neutral\); give the folder of your models"):
        score({"input": estimate}, truths, Bodies(one / "SMPL_NEUTRAL.pkl"))


def test_each_is_posed_on_its_own_family(tmp_path: Path, folder: Path) -> None:
    truths, estimate = truth_and_estimate(tmp_path)
    both = tmp_path / "both"
    shutil.copytree(folder, both / "smpl")
    (both / "smplx").mkdir()
    write_smplx(both / "smplx")
    # SMPL-X comes first where nothing asks for another family
    assert Bodies(both).of("neutral").family == "smplx"
    wanted = score({"input": estimate}, truths, Bodies(folder))
    assert score({"input": estimate}, truths, Bodies(both)) == wanted
    smplx_estimate = estimate.replace(family="smplx", body_pose=estimate.body_pose[:, :21])
    metrics = score({"input": smplx_estimate}, truths, Bodies(both))["input"].metrics
    # meshes of two families have no vertices in common
    assert set(metrics) == {"mpjpe_mm_smpl22_hips", "pa_mpjpe_mm_smpl22", "accel_m_per_s2_smpl22"}
    # without a SMPL-X model the estimate takes the truth's body, in the mean shape
    assert "pve_mm_hips" in score({"input": smplx_estimate}, truths, Bodies(folder))["input"].metrics


def test_without_a_common_frame_nothing_is_compared(tmp_path: Path) -> None:
    truths, estimate = truth_and_estimate(tmp_path)
    with pytest.raises(InputError, match="none of its frames that count"):
        score({"input": estimate.replace(frame_ids=estimate.frame_ids + 1000)}, truths)
