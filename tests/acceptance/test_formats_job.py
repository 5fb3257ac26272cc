"""Other estimators' files through the whole job: refined, and in other output formats."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from tests.support import clips
from tests.support import estimator_files as make


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """The demo's first frames as a generic npz, with keypoints beside it."""
    incam = {key: value.numpy() for key, value in clips.results()["smpl_params_incam"].items()}
    K = clips.results()["K_fullimg"].numpy()
    np.savez(tmp_path / "clip.npz", **incam, K=K, model_type=np.array("smplx"), fps=np.array(30.0))
    write_keypoints(tmp_path)
    return tmp_path / "clip.npz"


def write_keypoints(folder: Path) -> None:
    points = clips.keypoints().numpy()
    np.savez(folder / "keypoints.npz", convention="coco17", positions=points[..., :2], confidence=points[..., 2])


def job(source: Path, **more: Any) -> Job:
    return Job(source, keypoints=source.with_name("keypoints.npz"), write_video=False, **more)


def test_a_generic_file_is_refined_into_the_same_container(demo: Path) -> None:
    outcome = run(job(demo))
    before, after = make.leaves(demo), make.leaves(demo.with_name("clip_refined.npz"))
    assert list(before) == list(after)
    same = {key[0] for key in before if before[key].tobytes() == after[key].tobytes()}
    assert {"betas", "K", "model_type", "fps"} <= same and "body_pose" not in same
    metrics = outcome.refinements[0].metrics
    assert metrics["refined"]["reprojection_px_coco17"] < metrics["calibrated"]["reprojection_px_coco17"]


@pytest.mark.parametrize(
    ("output_format", "name", "read_as"),
    [
        ("amass", "clip_refined.npz", "amass"),
        ("smpl-npz", "clip_refined.npz", "generic"),
        ("gvhmr", "clip_refined.pt", "gvhmr"),
        ("bvh", "clip_refined.bvh", None),
    ],
)
def test_output_formats(
    output_format: str, name: str, read_as: str | None, demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--input", str(demo), "--keypoints", str(demo.with_name("keypoints.npz")), "--no-video"]
    assert main([*arguments, "--output-format", output_format]) == 0
    shown = capsys.readouterr().out
    assert f"wrote {demo.with_name(name)}" in shown
    assert ("level" in shown) == (output_format != "smpl-npz")
    if read_as is not None:
        assert load_save.load(demo.with_name(name))[0].format == read_as


def test_one_person_a_file(tmp_path: Path) -> None:
    (tmp_path / "wham_output.pkl").write_bytes(pickle.dumps(make.wham()))
    with pytest.raises(InputError, match="choose one: --person 0, 3"):
        run(Job(tmp_path / "wham_output.pkl", write_video=False, output_format="amass"))


def test_a_folder_gives_a_folder(tmp_path: Path) -> None:
    """SMPLer-X's layout, made of the demo: a virtual camera per box."""
    incam = {key: value.numpy() for key, value in clips.results()["smpl_params_incam"].items()}
    K = clips.results()["K_fullimg"].numpy()
    from lsmplify_refine.recorder import Recorder

    recorder = Recorder(tmp_path / "run", fps=30)
    names = {"smplx_root_pose": "global_orient", "smplx_body_pose": "body_pose", "smplx_shape": "betas"}
    for row in range(clips.FRAMES):
        outputs = {key: incam[name][row : row + 1] for key, name in names.items()}
        outputs["cam_trans"] = incam["transl"][row : row + 1]
        recorder.add(row + 1, outputs, (100, 50, 200, 300), K[row, (0, 1), (0, 1)], K[row, :2, 2])
    write_keypoints(tmp_path)
    outcome = run(job(tmp_path / "run"))
    assert outcome.outputs.results == tmp_path / "run_refined" and outcome.outputs.results.is_dir()
    again = load_save.load(tmp_path / "run_refined")[0]
    assert again.format == "smplerx" and not np.array_equal(again.body_pose.reshape(-1, 63), incam["body_pose"])
    with pytest.raises(InputError, match="is a folder; move it away"):
        run(job(tmp_path / "run"))
