"""Help and version: instant, and complete."""

from __future__ import annotations

import platform
import subprocess
import sys
from dataclasses import fields, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, get_args

import pytest

from lsmplify_refine._version import __version__
from lsmplify_refine.cli import main, make_parser
from lsmplify_refine.cli._options import expand_home, job_from
from lsmplify_refine.job.job import Job
from lsmplify_refine.options import Align, Architecture, Device, Gender, Mode, OutputFormat

HEAVY = ("torch", "numpy", "scipy", "av", "cv2", "rich", "pyrender", "smplx")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["refine", "--help"], ["demo", "--help"], []])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = f"""
import sys
from lsmplify_refine.cli import main
try:
    main({arguments})
except SystemExit as stopped:
    assert not stopped.code
print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert "lsmplify-refine" in done.stdout


def test_version_says_what_a_bug_report_needs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert not stopped.value.code
    first, python, deciding, *_ = capsys.readouterr().out.splitlines()
    assert first == f"lsmplify-refine {__version__}"
    assert python == f"Python {platform.python_version()} on {platform.platform()}"
    assert f"torch {metadata.version('torch')}, numpy {metadata.version('numpy')}" in deciding


def test_first_help_shows_the_options_of_refine_and_the_files_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for text in ("--input", "--keypoints", "demo", "doctor", "<name>_comparison.mp4", "Exit codes: 0 done;"):
        assert text in shown


@pytest.mark.parametrize(
    ("verb", "option", "choices"),
    [
        ("refine --input x", "--device", Device),
        ("refine --input x", "--gender", Gender),
        ("refine --input x", "--align", Align),
        ("refine --input x", "--mode", Mode),
        ("refine --input x", "--output-format", OutputFormat),
        ("demo", "--device", Device),
        ("train --data x --output y", "--architecture", Architecture),
    ],
)
def test_choices_are_those_of_the_python_api(verb: str, option: str, choices: object) -> None:
    for value in get_args(choices):
        make_parser().parse_args([*verb.split(), option, value])
    with pytest.raises(SystemExit):
        make_parser().parse_args([*verb.split(), option, "another"])


#: An option of `refine` for each field of `Job`, and its value.
GIVEN: dict[str, tuple[list[str], Any]] = {
    "video": (["--video", "v"], Path("v")),
    "output": (["--output", "o"], Path("o")),
    "keypoints": (["--keypoints", "k"], Path("k")),
    "detector": (["--detector", "d"], "d"),
    "detector_model": (["--detector-model", "m"], Path("m")),
    "keypoint_convention": (["--keypoint-convention", "coco17"], "coco17"),
    "calibration": (["--calibration", "c"], Path("c")),
    "focal_px": (["--focal-px", "700"], 700.0),
    "fps": (["--fps", "50"], 50.0),
    "keypoint_fps": (["--keypoint-fps", "60"], 60.0),
    "image_size": (["--image-size", "1920x1080"], (1920, 1080)),
    "body_model": (["--body-model", "b"], Path("b")),
    "gender": (["--gender", "female"], "female"),
    "device": (["--device", "cpu"], "cpu"),
    "write_video": (["--no-video"], False),
    "write_page": (["--no-html"], False),
    "scene": (["--scene"], True),
    "person": (["--person", "7"], "7"),
    "overwrite": (["--overwrite"], True),
    "format": (["--format", "wham"], "wham"),
    "output_format": (["--output-format", "bvh", "--output-format", "amass"], ("bvh", "amass")),
    "smooth_seconds": (["--smooth-seconds", "0.2"], 0.2),
    "align": (["--align", "torso"], "torso"),
    "weights": (["--weights", "none"], "none"),
    "mode": (["--mode", "sequential"], "sequential"),
    "passes": (["--passes", "2"], 2),
    "video_layout": (["--layout", "wipe"], "wipe"),
    "as_read": (["--as-read"], True),
    "only_worst": (["--only-worst", "3"], 3.0),
    "snapshot": (["--snapshot", "4", "--snapshot", "2"], (4, 2)),
}


def parsed(*options: str) -> Job:
    args = make_parser().parse_args(["refine", "--input", "x", *options])
    return job_from(args, args.input[0])


@pytest.mark.parametrize(("verb", "module"), [("train", "learn.train"), ("evaluate", "evaluate.run")])
def test_help_states_the_defaults_of_the_configuration(
    verb: str, module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    shown = " ".join(capsys.readouterr().out.partition("options:")[2].split())
    config = getattr(import_module(f"lsmplify_refine.{module}"), f"{verb.title()}Config")()
    stated = 0
    for field in fields(config):
        option, default = f"--{field.name.replace('_', '-')} ", getattr(config, field.name)
        if option in shown and isinstance(default, (int, float)) and not isinstance(default, bool):
            assert f"(default: {default:g})" in shown.partition(option)[2].partition(" --")[0]
            stated += 1
    assert stated >= 4


def test_every_field_of_a_job_has_an_option_and_one_default() -> None:
    assert {"input", *GIVEN} == {field.name for field in fields(Job)}
    assert parsed() == Job(Path("x"))


@pytest.mark.parametrize("option", ["--video", "--output", "--keypoints", "--weights", "--trust-pickle", "--input"])
def test_the_home_folder_in_paths(option: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    args = make_parser().parse_args(["refine", "--input", "x", f"{option}=~/a b"])
    expand_home(args)
    value = getattr(args, option.removeprefix("--").replace("-", "_"))
    assert value in (tmp_path / "a b", str(tmp_path / "a b"), [tmp_path / "a b"])


def test_the_command_looks_in_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert main(["--input=~/none.pt"]) == 2
    assert f"{tmp_path / 'none.pt'}: no such file" in capsys.readouterr().err
    assert main(["--input=~nobody-of-this-name/none.pt"]) == 2
    assert "write the whole path" in capsys.readouterr().err


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_sets_its_field(name: str) -> None:
    options, value = GIVEN[name]
    assert parsed(*options) == replace(Job(Path("x")), **{name: value})
