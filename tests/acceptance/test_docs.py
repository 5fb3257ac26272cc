"""README and docs: commands and code run as they stand there, links lead somewhere, and the README stays short."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lsmplify_refine import load
from lsmplify_refine.cli import VERBS, main, make_parser
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
    found = [each[1:] for each in words if each and each[0] == "lsmplify-refine"]
    return [each[: each.index("|")] if "|" in each else each for each in found]


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


def live_frames() -> list[tuple[np.ndarray, np.ndarray]]:
    """Five frames of keypoints in space, as a live program has them."""
    pose, pelvis = true_motion(5)
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, np.zeros(10), 0.9)
    return list(zip(points, np.ones(points.shape[:2])))


def test_the_readmes_commands_run(user: Path) -> None:
    given = [each for each in commands(README) if each[0] not in ("demo", "doctor", "view")]
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
        make_parser().parse_args(arguments if not arguments or arguments[0] in VERBS else ["refine", *arguments])


@pytest.mark.parametrize("page", [README, ROOT / "docs/python.md"], ids=lambda page: page.name)
def test_the_python_shown_runs(page: Path, user: Path) -> None:
    for block in blocks(page, "python"):
        exec(block, {"frames": live_frames()})
    (refined,) = load("hmr4d_results_refined.pt")
    assert len(refined) == clips.FRAMES
    if page != README:
        (live,) = load("live.npz")
        assert len(live) == 5 and live.fps == 30 and live.body_pose.shape == (5, 23, 3)


def test_the_live_recipe_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = blocks(ROOT / "docs/recipes.md", "python")
    exec(block, {"frames": live_frames()})
    assert len(capsys.readouterr().out.splitlines()) == 5


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


def test_the_page_of_all_options_has_all_of_them() -> None:
    script = ROOT / "scripts/cli_reference.py"
    shown = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    (verbs,) = [each for each in make_parser()._actions if isinstance(each, argparse._SubParsersAction)]
    for name, parser in verbs.choices.items():
        section = shown.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for action in parser._actions:
            word = action.option_strings[-1] if action.option_strings else str(action.metavar)
            assert word == "--help" or f"`{word}" in section, (name, word)
    assert "hooks: [scripts/cli_reference.py]" in (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "(default: " in shown and "%(" not in shown


def test_every_step_has_a_small_figure_with_its_text() -> None:
    page = (ROOT / "docs/how-it-works.md").read_text("utf-8")
    texts = {name: text for text, name in re.findall(r"!\[([^\]]+)\]\(figures/(\w+)\.webp\)", page)}
    figures = sorted((ROOT / "docs/figures").iterdir())
    assert [path.name for path in figures] == [f"{name}.webp" for name in sorted(texts)] and len(texts) == 6
    assert all(len(text.split()) > 10 for text in texts.values())
    assert sum(path.stat().st_size for path in figures) < 700_000


@pytest.mark.slow
def test_the_figures_can_be_drawn_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    subprocess.run([sys.executable, str(ROOT / "scripts/build_docs_figures.py"), str(tmp_path)], check=True)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in (ROOT / "docs/figures").iterdir()}


def test_the_readmes_picture_moves_and_is_small() -> None:
    (name,) = re.findall(r"!\[[^\]]{60,}\]\((assets/[^)]+)\)", README.read_text("utf-8"))
    with Image.open(ROOT / name) as picture:
        assert getattr(picture, "n_frames", 1) > 30 and picture.width >= 800
    assert (ROOT / name).stat().st_size < 3_000_000


def test_the_readme_is_read_in_two_minutes() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 150
    prose = re.sub(r"^```.*?^```|^\|.*?$|^#.*?$|^<!--.*?$|^!.*?$", "", text, flags=re.S | re.M)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    sentences = [each for each in re.split(r"(?<=[.:;!?])\s+|\n\s*\n|^- ", prose, flags=re.M) if len(each.split()) > 1]
    assert statistics.mean(len(each.split()) for each in sentences) < 18
