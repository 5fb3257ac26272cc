"""README and docs: commands and code run as they stand there, links lead somewhere, and the README stays short."""

from __future__ import annotations

import json
import re
import shlex
import statistics
from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine import load
from lsmplify_refine.cli import main, make_parser
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import clips
from tests.support.fake_detectors import Replay
from tests.support.scenes import open_body, true_motion

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]

#: Where OpenPose's BODY_25 has the points of COCO-17.
IN_BODY25 = [0, 16, 15, 18, 17, 5, 2, 6, 3, 7, 4, 12, 9, 13, 10, 14, 11]

if not README.is_file():
    pytest.skip("needs the README beside the tests", allow_module_level=True)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)


def commands(page: Path) -> list[list[str]]:
    """The arguments of every `lsmplify-refine` that a page shows."""
    lines = "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    words = [shlex.split(line, comments=True) for line in lines]
    return [each[1:] for each in words if each and each[0] == "lsmplify-refine"]


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a user who has the files that the README names."""
    monkeypatch.chdir(tmp_path)
    folder = clips.write_folder(tmp_path / "outputs/demo/my_clip")
    torch.save(clips.results(), "results.pkl")
    torch.save(clips.results(), "gvhmr_out.pkl")
    clips.write_video(tmp_path / "clip.mp4")
    Path("openpose_json").mkdir()
    points = torch.load(folder / "preprocess/vitpose.pt", weights_only=True)
    for frame, own in enumerate(points):
        body25 = np.zeros((25, 3))
        body25[IN_BODY25] = own
        people = [{"pose_keypoints_2d": body25.ravel().tolist()}]
        Path(f"openpose_json/clip_{frame:012d}_keypoints.json").write_text(json.dumps({"people": people}))
    replay = Replay([own[None].numpy() for own in points])
    monkeypatch.setattr("lsmplify_refine.detect.mediapipe.MediaPipe", lambda model: replay)
    return tmp_path


def test_the_readmes_commands_run(user: Path) -> None:
    given = [each for each in commands(README) if {"--input", "batch", "fit"} & {*each}]
    assert len(given) == 5
    for arguments in given:
        assert main([*arguments, "--device", "cpu", *["--jobs", "0"] * ("batch" in arguments)]) == 0, arguments
    for name in ("outputs/demo/my_clip/hmr4d_results", "gvhmr_out", "results"):
        assert list(user.glob(f"{name}_refined.*")) and (user / f"{name}_report.json").is_file()
    assert list(user.glob("refined/**/*_refined.pt")) and (user / "refined/table.md").is_file()
    assert (user / "openpose_json_fit.npz").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_shown_has_options_that_exist(page: Path) -> None:
    for arguments in commands(page):
        make_parser().parse_args(arguments if not arguments or arguments[0][0] != "-" else ["refine", *arguments])


@pytest.mark.parametrize("page", [README, ROOT / "docs/python.md"], ids=lambda page: page.name)
def test_the_python_shown_runs(page: Path, user: Path) -> None:
    pose, pelvis = true_motion(5)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), 0.9)
    for block in blocks(page, "python"):
        exec(block, {"frames": list(zip(points, np.ones(points.shape[:2])))})
    (refined,) = load("hmr4d_results_refined.pt")
    assert len(refined) == clips.FRAMES
    if page != README:
        (live,) = load("live.npz")
        assert len(live) == 5 and live.fps == 30 and live.body_pose.shape == (5, 23, 3)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.M) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^\w -]", "", each).lower().replace(" ", "-") for each in headings}


def test_the_readme_is_read_in_two_minutes() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    prose = re.sub(r"^```.*?^```|^\|.*?$|^#.*?$|^<!--.*?$|^!.*?$", "", text, flags=re.S | re.M)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    sentences = [each for each in re.split(r"(?<=[.:;!?])\s+|\n\s*\n|^- ", prose, flags=re.M) if len(each.split()) > 1]
    assert statistics.mean(len(each.split()) for each in sentences) < 18
