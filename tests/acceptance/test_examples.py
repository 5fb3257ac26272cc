"""The examples run as they stand, in an empty folder, and do what they say."""

from __future__ import annotations

import ast
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from lsmplify_refine import load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
OUTPUT = Path("example_output")

if not EXAMPLES.is_dir():
    pytest.skip("needs the examples beside the tests", allow_module_level=True)

Program: TypeAlias = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    """Runs an example as a program in an empty folder, and returns what it prints."""
    monkeypatch.chdir(tmp_path)

    def program(name: str, *arguments: str) -> str:
        monkeypatch.setattr("sys.argv", [name, *arguments])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return program


def changes(text: str, name: str) -> list[tuple[float, float]]:
    """Every `name...: before -> after` of a text."""
    found = re.findall(rf"{name}[^ ]*:? ([\d.]+) -> ([\d.]+)", text)
    assert found
    return [(float(before), float(after)) for before, after in found]


def test_refine_a_file(run: Program) -> None:
    shown = run("refine_a_file.py")
    assert all(after < before for before, after in changes(shown, "reprojection_px"))
    (refined,) = load(OUTPUT / "demo/hmr4d_results_from_python.pt")
    (read,) = load(OUTPUT / "demo/hmr4d_results.pt")
    assert not np.array_equal(refined.body_pose, read.body_pose)


def test_fit_triangulated_points(run: Program) -> None:
    shown = run("fit_triangulated_points.py")
    (off_mm,) = re.findall(r"triangulated points: ([\d.]+) mm", shown)
    assert float(off_mm) < 15
    (fitted,) = load(OUTPUT / "triangulated_fit.npz")
    assert len(fitted) == 60 and "fitted body: " in shown


def test_live_stream(run: Program) -> None:
    shown = run("live_stream.py")
    (live,) = load(OUTPUT / "live.npz")
    assert "108 frames, median" in shown and live.fps == 30 and 100 < len(live) <= 108


def test_a_batch_with_own_rows_resumes(run: Program) -> None:
    first = run("batch_with_own_rows.py")
    assert "regressor" in first and "projection" in first
    summary = json.loads((OUTPUT / "refined/summary.json").read_text())
    assert [clip["groups"]["method"] for clip in summary["clips"]] == ["regressor", "projection"]
    written = (OUTPUT / "refined/demo/regressor/hmr4d_results_report.json").stat().st_mtime_ns
    assert run("batch_with_own_rows.py") == first
    assert (OUTPUT / "refined/demo/regressor/hmr4d_results_report.json").stat().st_mtime_ns == written


def test_read_reports(run: Program) -> None:
    shown = run("read_reports.py")
    assert all(after < before for before, after in changes(shown, "reprojection_px"))
    assert shown.count("  frame ") == 3
    assert run("read_reports.py", "example_output/demo/hmr4d_results_report.json") == shown


def test_export_animation(run: Program) -> None:
    shown = run("export_animation.py")
    assert "wrote example_output/motion.bvh" in shown.replace("\\", "/")
    assert (OUTPUT / "motion.bvh").read_text().startswith("HIERARCHY")


def test_adapter(run: Program) -> None:
    shown = run("adapter.py")
    assert all(after < before for before, after in changes(shown, "keypoint error"))
    with np.load(OUTPUT / "posenet9000.npz") as read, np.load(OUTPUT / "posenet9000_refined.npz") as refined:
        assert list(read) == list(refined) and np.array_equal(read["shape"], refined["shape"])
        assert not np.array_equal(read["theta"], refined["theta"])


def test_the_adapter_is_that_of_the_page() -> None:
    code = re.search(
        r"<!-- example -->\n```python\n(.*?)```", (ROOT / "docs/adapters.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert code is not None
    example = ast.parse((EXAMPLES / "adapter.py").read_text(encoding="utf-8"))
    functions = {ast.unparse(node) for node in example.body}
    wanted = [node for node in ast.parse(code[1]).body if isinstance(node, ast.FunctionDef | ast.Assign)]
    assert len(wanted) == 5 and all(ast.unparse(node) in functions for node in wanted)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_each_example_begins_with_what_it_shows_and_has_a_test(path: Path) -> None:
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
    assert len(first[0]) > 40 and f"python examples/{path.name}" in "\n".join(first)
    assert f'"{path.name}"' in Path(__file__).read_text(encoding="utf-8")
