"""The command on the built-in demo whose keypoints are gone, with a detector that sees what it is told."""

from __future__ import annotations

import json
import pickle
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.cli import main
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from tests.support import clips
from tests.support import fake_detectors as fakes


def people(frames: int = clips.FRAMES) -> list[np.ndarray]:
    """Each frame's people: the demo's person, and first a bystander."""
    person = clips.keypoints(frames).numpy().astype(np.float64)
    bystander = person[0] * [0.3, 0.3, 1]
    return [np.stack([bystander, each]) for each in person]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = clips.write_folder(tmp_path / "clip")
    (folder / "preprocess" / "vitpose.pt").unlink()
    fakes.install(monkeypatch, fake=lambda model: fakes.Replay(people()))
    return folder


def test_keypoints_come_from_the_video(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lsmplify_refine.job.keypoints.DEFAULT_DETECTOR", "fake")
    assert main(["--input", str(folder), "--no-video"]) == 0
    shown = capsys.readouterr().out
    assert "note: keypoints detected in 0_input_video.mp4 by replay: somebody in 8 of 8 frames" in shown
    assert "person 0: keypoints in 8 of 8 frames, chosen frame by frame" in shown
    report = json.loads((folder / "hmr4d_results_report.json").read_text())
    person = report["people"][0]
    assert person["keypoints"] == {"convention": "coco17", "source": "replay on 0_input_video.mp4"}
    # as with the very same keypoints from a file
    torch.save(clips.keypoints(), folder / "points.pt")
    assert main(["--input", str(folder), "--no-video", "--overwrite", "--keypoints", str(folder / "points.pt")]) == 0
    again = json.loads((folder / "hmr4d_results_report.json").read_text())["people"][0]
    for stage, metrics in person["metrics"].items():
        assert metrics == pytest.approx(again["metrics"][stage], rel=1e-3)


def test_the_detector_replaces_keypoints_when_asked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(torch.zeros(clips.FRAMES, 17, 3), folder / "preprocess" / "vitpose.pt")
    assert main(["--input", str(folder), "--no-video", "--detector", "fake"]) == 0
    assert "detected in 0_input_video.mp4 by replay" in capsys.readouterr().out


def test_a_model_for_nothing_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(clips.keypoints(), folder / "preprocess" / "vitpose.pt")
    assert main(["--input", str(folder), "--no-video", "--detector-model", "x.task"]) == 0
    assert "warning: --detector-model is not used: nothing had to be detected" in capsys.readouterr().out


def test_two_people_of_whom_one_is_never_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In WHAM's layout: the one is refined, the other comes back as read."""
    incam = {key: value.numpy() for key, value in clips.results()["smpl_params_incam"].items()}
    hands = np.zeros((clips.FRAMES, 6), np.float32)
    pose = np.concatenate([incam["global_orient"], incam["body_pose"].reshape(clips.FRAMES, -1), hands], axis=1)
    rest = {family: np.array(MEAN_REST_PELVIS[family], np.float32) for family in ("smplx", "smpl")}
    transl = incam["transl"] + rest["smplx"] - rest["smpl"]
    tracks = {
        name: {
            "pose": pose,
            "trans": transl + np.array([aside, 0, 0], np.float32),
            "pose_world": pose,
            "trans_world": transl,
            "betas": np.zeros((clips.FRAMES, 10), np.float32),
            "frame_ids": np.arange(clips.FRAMES),
        }
        for name, aside in ((4, 1.5), (7, 0.0))
    }
    source = tmp_path / "wham_output.pkl"
    source.write_bytes(pickle.dumps(tracks))
    fakes.install(monkeypatch, fake=lambda model: fakes.Replay(people()))
    options = ["--video", str(clips.write_video(tmp_path / "v.mp4")), "--detector", "fake", "--no-video"]
    focal = str(float(clips.results()["K_fullimg"][0, 0, 0]))
    assert main(["--input", str(source), "--focal-px", focal, *options]) == 0
    shown = capsys.readouterr().out
    assert "warning: person 4: no keypoints lie where this person is; the person is left as read" in shown
    assert "note: person 7: keypoints in 8 of 8 frames" in shown
    written = pickle.loads((tmp_path / "wham_output_refined.pkl").read_bytes())
    assert written[4]["pose"].tobytes() == pose.tobytes() and written[7]["pose"].tobytes() != pose.tobytes()
    assert main(["--input", str(source), "--focal-px", focal, *options, "--person", "4", "--overwrite"]) == 2
    assert "2 people (ids: none), none where the result has person 4;" in capsys.readouterr().err


BAD = {
    "no video": (["--detector", "fake"], "--detector fake: no video lies beside the input; give one with --video"),
    "neither keypoints nor video": ([], "or --video FILE, in which they are then detected"),
    "unknown detector": (
        ["--video", "{f}/v.mp4", "--detector", "x"],
        "--detector x: not known; known: mediapipe, rtmpose, fake",
    ),
    "two sources": (["--keypoints", "k.pt", "--detector", "fake"], "give one of them"),
    "no package": (["--video", "{f}/v.mp4"], "--keypoints FILE .* or have them detected: .*lsmplify-refine.detect."),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_line(
    case: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    options, expected = BAD[case]
    (folder / "0_input_video.mp4").rename(folder / "v.mp4")
    assert main(["--input", str(folder), *(option.replace("{f}", str(folder)) for option in options)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(expected, line), line


def test_the_model_that_was_asked_for_is_used_and_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(model: Path | None) -> fakes.Replay:
        detector = fakes.Replay(people())
        detector.model = str(model)
        return detector

    fakes.install(monkeypatch, fake=made)
    options = ["--no-video", "--detector", "fake", "--detector-model", "heavy.task"]
    assert main(["--input", str(folder), *options]) == 0
    (person,) = json.loads((folder / "hmr4d_results_report.json").read_text())["people"]
    assert person["keypoints"]["source"] == "replay (heavy.task) on 0_input_video.mp4"
