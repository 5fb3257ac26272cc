"""Help and version: instant, and complete."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from lsmplify_refine._version import __version__
from lsmplify_refine.cli import main, make_parser
from lsmplify_refine.options import Align, Device, Gender

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


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"lsmplify-refine {__version__}\n"


def test_first_help_shows_the_options_of_refine_and_the_files_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for text in ("--input", "--keypoints", "demo", "doctor", "<name>_comparison.mp4"):
        assert text in shown


@pytest.mark.parametrize(("option", "choices"), [("--device", Device), ("--gender", Gender), ("--align", Align)])
def test_choices_are_those_of_the_python_api(option: str, choices: object) -> None:
    for value in get_args(choices):
        make_parser().parse_args(["refine", "--input", "x", option, value])
    with pytest.raises(SystemExit):
        make_parser().parse_args(["refine", "--input", "x", option, "another"])
