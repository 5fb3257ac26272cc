"""AIST++: centimetres, a scaled body, and the camera of a view."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.datasets.bodies import Bodies
from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.scores import score
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support.dataset_motion import record
from tests.support.model_files import write_smpl
from tests.support.sports_files import AIST_SCALING, write_aistpp

CLIP = record(still=True, size=(1920, 1080))


def test_the_dancer_in_the_axes_of_a_view(tmp_path: Path) -> None:
    (truth,) = read_truth(f"aistpp,view=c02:{write_aistpp(tmp_path, CLIP)}")
    assert truth.body is not None and (truth.frame, truth.fps) == ("camera", 60.0)
    assert truth.scale == pytest.approx(AIST_SCALING / 100)
    found = rotvec_to_rotmat(truth.body.global_orient)
    np.testing.assert_allclose(found, rotvec_to_rotmat(CLIP.pose[:, 0]), atol=1e-6)
    # the pelvis in metres is where the recording has it
    pelvis = truth.scale * (truth.body.transl + MEAN_REST_PELVIS["smpl"])
    np.testing.assert_allclose(pelvis, CLIP.pelvis, atol=1e-5)
    assert truth.camera is not None
    np.testing.assert_allclose(truth.camera.K[0], CLIP.K)


def test_another_view_sees_another_root(tmp_path: Path) -> None:
    path = write_aistpp(tmp_path, CLIP)
    (seen,), (other,) = (read_truth(f"aistpp,view={view}:{path}") for view in ("c02", "c05"))
    assert seen.body is not None and other.body is not None
    turn = rotvec_to_rotmat(other.body.global_orient) @ np.swapaxes(rotvec_to_rotmat(seen.body.global_orient), 1, 2)
    np.testing.assert_allclose(turn, np.tile(rotvec_to_rotmat([0, 1.8, 0]), (24, 1, 1)), atol=1e-6)


def test_the_body_is_scaled_where_the_body_has_sizes(tmp_path: Path) -> None:
    (truth,) = read_truth(f"aistpp,view=c02:{write_aistpp(tmp_path, CLIP)}")
    assert truth.body is not None
    bodies = Bodies(write_smpl(tmp_path))
    same = score({"input": truth.body}, [truth], bodies)["input"].metrics
    # every point is nearer to the hips by the scaling; Procrustes takes it out
    joints = bodies.of("neutral").joints(
        rotvec_to_rotmat(np.concatenate([truth.body.global_orient[:, None], truth.body.body_pose], 1)),
        np.zeros((24, 3)),
        np.zeros(10),
    )
    at_hips = joints - joints[:, [1, 2]].mean(1, keepdims=True)
    expected = 1000 * (1 - AIST_SCALING / 100) * np.linalg.norm(at_hips, axis=-1).mean()
    assert same["mpjpe_mm_smpl24_hips"] == pytest.approx(expected, rel=1e-3)
    assert same["pa_mpjpe_mm_smpl24"] < 1e-2
    # the open body has one size
    assert score({"input": truth.body}, [truth])["input"].metrics["mpjpe_mm_smpl24_hips"] < 1e-2


def test_without_a_view_the_truth_stays_in_its_world(tmp_path: Path) -> None:
    (truth,) = read_truth(f"aistpp:{write_aistpp(tmp_path, CLIP)}")
    assert truth.frame == "world" and truth.camera is None


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = write_aistpp(tmp_path, CLIP)
    cameras = tmp_path / "cameras"
    with pytest.raises(InputError, match=r"setting2.json: no camera c12; it has c01, c02"):
        read_truth(f"aistpp,view=c12:{path}")
    listed = json.loads((cameras / "setting2.json").read_text())
    listed[1]["matrix"] = [[1.0]]
    (cameras / "setting2.json").write_text(json.dumps(listed))
    with pytest.raises(InputError, match="c02: matrix: expected 9 numbers"):
        read_truth(f"aistpp,view=c02:{path}")
    (cameras / "mapping.txt").write_text("other setting2\n")
    with pytest.raises(InputError, match="does not name the environment of gWA_sFM_cAll"):
        read_truth(f"aistpp,view=c02:{path}")
    (cameras / "mapping.txt").unlink()
    with pytest.raises(InputError, match="the cameras of AIST\\+\\+ must lie beside its motions"):
        read_truth(f"aistpp,view=c02:{path}")
