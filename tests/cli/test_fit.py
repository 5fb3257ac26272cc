"""The verb `fit`, driven in this process."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.cli import main, make_parser
from lsmplify_refine.cli._options import given_options
from lsmplify_refine.job.job import FitJob
from tests.support.fit_files import write_room

GIVEN: dict[str, tuple[list[str], Any]] = {
    "video": (["--video", "v"], Path("v")),
    "output": (["--output", "o"], Path("o")),
    "keypoint_convention": (["--keypoint-convention", "kinect25"], "kinect25"),
    "calibration": (["--calibration", "c"], Path("c")),
    "focal_px": (["--focal-px", "700"], 700.0),
    "body_model": (["--body-model", "b"], Path("b")),
    "gender": (["--gender", "female"], "female"),
    "device": (["--device", "cpu"], "cpu"),
    "write_video": (["--no-video"], False),
    "write_page": (["--no-html"], False),
    "scene": (["--scene"], True),
    "person": (["--person", "7"], "7"),
    "overwrite": (["--overwrite"], True),
    "output_format": (["--output-format", "bvh", "--output-format", "glb"], ("bvh", "glb")),
    "smooth_seconds": (["--smooth-seconds", "0.2"], 0.2),
    "weights": (["--weights", "none"], "none"),
    "mode": (["--mode", "sequential"], "sequential"),
    "passes": (["--passes", "2"], 2),
    "fps": (["--fps", "120"], 120.0),
    "image_size": (["--image-size", "1920x1080"], (1920, 1080)),
    "units": (["--units", "mm"], "mm"),
    "up": (["--up=-y"], "-y"),
    "video_layout": (["--video-layout", "world"], "world"),
    "only_worst": (["--only-worst", "3"], 3.0),
    "snapshot": (["--snapshot", "4"], (4,)),
}


def parsed(*options: str) -> FitJob:
    args = make_parser().parse_args(["fit", "x", *options])
    return FitJob(**{**given_options(args, FitJob), "input": args.source[0]})


def test_every_field_of_the_job_has_an_option_and_one_default() -> None:
    # 3D keypoints alone have nothing to be aligned with, and no input is there to be shown as read
    assert {"input", "align", "as_read", *GIVEN} == {field.name for field in fields(FitJob)}
    assert parsed() == FitJob(Path("x"))


@pytest.mark.parametrize("name", GIVEN)
def test_an_option_sets_its_field(name: str) -> None:
    options, value = GIVEN[name]
    assert parsed(*options) == replace(FitJob(Path("x")), **{name: value})


@pytest.mark.parametrize("named", [False, True])
def test_one_line_writes_parameters_and_a_report(
    named: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = str(write_room(tmp_path / "take.npz", frames=4))
    assert main(["fit", *(["--input"] if named else []), source, "--weights", "none"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "take.npz",
        "take_fit.npz",
        "take_fit_report.html",
        "take_fit_report.json",
    ]
    shown = capsys.readouterr().out
    assert "fitted" in shown and "z is up" in shown and "millimetres" in shown and "do nothing" not in shown
    assert f"wrote {tmp_path / 'take_fit.npz'}" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--up", "x"], "invalid choice: 'x'"),
        (["--image-size", "1920"], "expected a size in pixels such as 1920x1080"),
        (["--image-size", "0x5"], "expected a size in pixels"),
        (["--fps", "0"], "fps is 0; give 0.1 to 10000"),
    ],
)
def test_bad_options_are_one_line(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["fit", "x", *options])
    assert caught.value.code == 2 and message in capsys.readouterr().err


def test_a_missing_file_and_a_contradiction_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(tmp_path / "none.trc")]) == 2
    assert "no such keypoint file" in capsys.readouterr().err
    source = write_room(tmp_path / "take.npz", frames=4)
    assert main(["fit"]) == 2
    assert "give a file or folder of keypoints" in capsys.readouterr().err
    assert main(["fit", str(source), "--units", "m"]) == 2
    assert "--units m: the body would be" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["take.npz"]
