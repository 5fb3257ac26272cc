"""What the command prints, and where: --quiet, --verbose, --json, colours, the headline and the next step."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from lsmplify_refine.cli import _console, main
from lsmplify_refine.cli._headline import headline
from lsmplify_refine.job.run import refine, run
from lsmplify_refine.values.conventions import COCO17
from tests.support import clips
from tests.support.batches import write_tree
from tests.support.fit_files import write_room
from tests.support.scenes import scene

QUICK = ("--no-video", "--weights", "none", "--device", "cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


@pytest.fixture
def swapped(folder: Path) -> Path:
    """A clip with a warning: left and right of its keypoints are swapped."""
    torch.save(clips.keypoints()[:, list(COCO17.mirror)], folder / "preprocess" / "vitpose.pt")
    return folder


def test_quiet_prints_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "-q", *QUICK]) == 0
    assert capsys.readouterr() == ("", "")
    assert (folder / "hmr4d_results_refined.pt").is_file()


@pytest.mark.parametrize("way", ["-q", "--json"])
def test_warnings_are_never_left_out(way: str, swapped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(swapped), way, *QUICK]) == 0
    shown = capsys.readouterr()
    (line,) = shown.err.splitlines()
    assert line.startswith("warning: ") and "swapped" in line and "warning:" not in shown.out


@pytest.mark.parametrize("way", ["-q", "--json"])
def test_a_failed_video_is_told_once(
    way: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the encoder broke")

    monkeypatch.setattr("lsmplify_refine.visual.comparison.write_comparison", fail)
    assert main([str(folder), way, *QUICK[1:]]) == 3
    assert capsys.readouterr().err.count("no comparison video") == 1


def test_json_is_the_report_with_whole_paths(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--json", *QUICK]) == 0
    shown = capsys.readouterr()
    printed = json.loads(shown.out)
    report = json.loads((folder / "hmr4d_results_report.json").read_text())
    assert printed["people"] == report["people"] and printed["settings"] == report["settings"]
    assert printed["outputs"]["results"] == str(folder / "hmr4d_results_refined.pt")
    assert printed["outputs"]["report"] == str(folder / "hmr4d_results_report.json")
    assert printed["outputs"]["comparison"] is None
    assert shown.err == ""


def test_an_error_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.pt"), "--json"]) == 2
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["exit_code"] == 2 and "no such file" in document["error"]
    assert shown.err == f"error: {document['error']}\n"


def test_fit_and_several_fits_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sources = [str(write_room(tmp_path / f"take_{number}.npz", frames=4)) for number in (1, 2)]
    assert main(["fit", sources[0], "--json", "--weights", "none"]) == 0
    one = json.loads(capsys.readouterr().out)
    assert one["outputs"]["results"] == str(tmp_path / "take_1_fit.npz") and "fitted" in one["people"][0]["metrics"]
    broken = tmp_path / "broken.npz"
    broken.write_bytes(b"nothing")
    given = ["fit", str(broken), *sources, "--json", "--weights", "none", "--overwrite"]
    assert main(given) == 3
    shown = capsys.readouterr()
    first, *others = json.loads(shown.out)
    assert first["input"] == str(broken) and "broken.npz" in first["error"] and "error: " in shown.err
    assert [each["outputs"]["results"] for each in others] == [str(tmp_path / f"take_{n}_fit.npz") for n in (1, 2)]


def test_several_fits_one_after_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    sources = [write_room(tmp_path / name / "take.npz", frames=4) for name in ("a", "b")]
    assert main(["fit", *map(str, sources), "--weights", "none"]) == 0
    shown = capsys.readouterr()
    assert all((source.parent / "take_fit.npz").is_file() and f"{source}:" in shown.out for source in sources)
    assert shown.err.count("next: ") == 1
    assert main(["fit", *map(str, sources), "-o", str(tmp_path / "out")]) == 2
    assert "two inputs would write it" in capsys.readouterr().err
    assert main(["fit", *map(str, sources), "--video", "v.mp4"]) == 2
    assert "--video: belongs to one input" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "x.npz"), str(tmp_path / "y.npz")]) == 2


def test_a_batch_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(Path("in"))
    quick = ("--jobs", "0", "--weights", "none", "--videos", "none", "--device", "cpu", "--json")
    assert main(["batch", "in", "--dry-run", *quick]) == 0
    assert {line["kind"] for line in json.loads(capsys.readouterr().out)} == {"to do"}
    assert main(["batch", "in", *quick]) == 0
    printed = json.loads(capsys.readouterr().out)
    run = printed.pop("run")
    assert printed == json.loads(Path("refined/summary.json").read_text())
    assert run["clips_of_this_run"] == 3 and run["failed"] == {} and "refined/table.md" in str(run["outputs"])
    assert main(["batch", "in", "--manifest-only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["clips"] == 3


def test_a_batch_ends_with_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(Path("in"))
    quick = ("--jobs", "0", "--weights", "none", "--videos", "none", "--device", "cpu")
    assert main(["batch", "in", "-o", "an out", *quick]) == 0
    page = tmp_path / "an out/run.html"
    assert page.is_file() and capsys.readouterr().err.endswith(f"next: open '{page}'\n")


def test_a_quiet_batch_prints_only_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (write_tree(Path("in")) / "judo/b/hmr4d_results.pt").write_bytes(b"broken")
    quick = ("--jobs", "0", "--weights", "none", "--videos", "none", "--device", "cpu", "-q")
    assert main(["batch", "in", *quick]) == 3
    shown = capsys.readouterr()
    assert shown.out == "" and [line[:7] for line in shown.err.splitlines()] == ["failed:", "1 of 3 "]


def test_doctor_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert document["works"] == (code == 0) and document["versions"]["python"]
    assert {"torch", "open body", "H.264 video"} <= {check["name"] for check in document["checks"]}
    assert all({"ok", "detail", "fix", "needed"} <= check.keys() for check in document["checks"])


def test_doctor_tells_a_fault_also_when_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lsmplify_refine.job.checks import Check

    checks = [Check("torch", False, "missing", "pip install torch"), Check("CUDA", False, "not found", needed=False)]
    monkeypatch.setattr("lsmplify_refine.job.checks.examine", lambda _: iter(checks))
    assert main(["doctor", "-q"]) == 1
    assert capsys.readouterr() == ("", "FAIL torch: missing\n     fix: pip install torch\n")


def test_verbose_tells_times_and_what_was_assumed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "-v", *QUICK]) == 0
    shown = capsys.readouterr()
    for stage in ("reading", "finding keypoints", "refining", "writing results", "in all"):
        assert re.search(rf"^{stage}: \d+\.\d\d s$", shown.err, re.M), stage
    assert "person 0: read as gvhmr, smplx neutral, 8 frames, 30 fps" in shown.err
    assert (
        "keypoints: coco17" in shown.err and "body: the open body" in shown.err and "focal length 734 px" in shown.err
    )
    assert "reading:" not in shown.out
    assert main([str(folder), "--overwrite", *QUICK]) == 0
    assert "refining:" not in capsys.readouterr().err


def test_the_headline_has_the_reports_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), *QUICK]) == 0
    shown = capsys.readouterr().out
    (person,) = json.loads((folder / "hmr4d_results_report.json").read_text())["people"]
    before, after = (person["metrics"][stage]["reprojection_px_coco17"] for stage in ("calibrated", "refined"))
    percent = round(100 * (after / before - 1))
    assert shown.startswith(f"person 0: keypoint error {before:.1f} -> {after:.1f} px ({percent:+d} %), jitter ")
    assert percent < 0


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (10.0, 5.0, "10.0 -> 5.0 px (-50 %)"),
        (10.0, 11.0, "10.0 -> 11.0 px (+10 %)"),
        (10.0, 9.999, "10.0 -> 10.0 px (0 %)"),
        (float("nan"), 5.0, "5.0 px"),
        (0.0, 5.0, "5.0 px"),
    ],
)
def test_changes_in_percent(before: float, after: float, shown: str) -> None:
    metrics = {"calibrated": {"reprojection_px_coco17": before}, "refined": {"reprojection_px_coco17": after}}
    found = refine(scene(4), weights="none")
    object.__setattr__(found, "metrics", metrics)
    assert headline(found).plain == f"person 0: keypoint error {shown}"


@pytest.mark.parametrize(
    ("variables", "colored"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_only_where_they_are_wanted(
    variables: dict[str, str],
    colored: bool,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main([str(folder), *QUICK]) == 0
    assert main([str(folder), *QUICK]) == 2
    shown = capsys.readouterr()
    for text in (shown.out, shown.err.splitlines()[-1]):
        assert bool(re.search(r"\x1b\[[\d;]*3\dm", text)) == colored
    assert "error" in shown.err and "keypoint error" in shown.out


@pytest.mark.parametrize("installed", [True, False])
def test_the_next_step_is_said_once_and_last(
    installed: bool, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lsmplify_refine.cli._next_step.find_spec", lambda name: object() if installed else None)
    assert main([str(folder), *QUICK]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    install = "" if installed else "pip install 'lsmplify-refine[view]' && "
    view = f"{install}lsmplify-refine view {folder / 'hmr4d_results_refined.pt'}"
    assert line == f"next: open {folder / 'hmr4d_results_report.html'}; in 3D: {view}"


def test_the_next_step_of_an_animation_is_its_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(folder), "--output-format", "bvh", *QUICK]) == 0
    assert capsys.readouterr().err.endswith(f"next: open {folder / 'hmr4d_results_report.html'}\n")


def test_other_packages_are_silent(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def talk(*arguments: Any, **options: Any) -> Any:
        logging.getLogger("a_detector.graph").warning("the tensor is sparse")
        warnings.warn_explicit("the API will change", DeprecationWarning, "absl.py", 1, module="absl")
        warnings.warn_explicit("an adapter cannot be loaded", UserWarning, "x.py", 1, module="lsmplify_refine.formats")
        logging.getLogger("lsmplify_refine.engine").warning("ours")
        return run(*arguments, **options)

    monkeypatch.setattr(_console, "run", talk)
    root = logging.getLogger()
    before = root.level, [*root.handlers]
    assert main([str(folder), "-q", *QUICK]) == 0
    assert capsys.readouterr().err == "warning: an adapter cannot be loaded\nwarning: ours\n"
    assert (root.level, [*root.handlers]) == before
    assert main([str(folder), "-vv", "--overwrite", *QUICK]) == 0
    assert "warning: a_detector.graph: the tensor is sparse" in capsys.readouterr().err


@pytest.mark.slow
def test_nothing_but_the_command_speaks(tmp_path: Path) -> None:
    """A whole run with its video in a process of its own: libraries in C and C++ print past Python."""
    command = [sys.executable, "-m", "lsmplify_refine", "demo", "-o", str(tmp_path / "demo"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert json.loads(done.stdout)["people"]
