"""The command is stopped, killed, or out of disk or memory: what it leaves, and what it says.

`scripts/fault_campaign.py` does the same at random moments, hundreds of times.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.engine.refiner import Refiner
from tests.support import clips
from tests.support.fault_server import STAGES, Fault, FaultServer

RESULTS = {"hmr4d_results_refined.pt", "hmr4d_results_report.html", "hmr4d_results_report.json"}
VIDEO = "hmr4d_results_comparison.mp4"
NOTHING, ALL = "stopped; no results were written\n", "stopped; the results were written already\n"

if not hasattr(os, "fork"):
    pytest.skip("the faults need os.fork", allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    """Runs the command with faults."""
    found = FaultServer()
    yield found
    found.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


def arguments(folder: Path, *options: str) -> list[str]:
    """A short run that says nothing but warnings and errors."""
    return ["--input", str(folder), "--quiet", "--weights", "none", "--device", "cpu", *options]


def aloud(given: list[str]) -> list[str]:
    """The same run, which says what it does."""
    return [each for each in given if each != "--quiet"]


def outputs(folder: Path) -> set[str]:
    """The names of all files that a run left beside its input, hidden ones included."""
    return set(clips.contents(folder)) - {"0_input_video.mp4", "hmr4d_results.pt", "preprocess/vitpose.pt"}


def after(function: Callable[..., Any], act: Callable[[], None]) -> Callable[..., Any]:
    """The function, with something that happens at its end."""

    def wrapped(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        act()
        return result

    return wrapped


def begin_again(folder: Path, *, overwrite: bool) -> None:
    """The input alone, with earlier outputs if these are replaced."""
    shutil.rmtree(folder)
    clips.write_folder(folder)
    if overwrite:
        for name in RESULTS:
            (folder / name).write_text("earlier")


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_stopped_while_the_results_move_leaves_all_or_none_and_says_which(
    overwrite: bool, folder: Path, server: FaultServer
) -> None:
    given = arguments(folder, "--no-video", *["--overwrite"] * overwrite)
    assert server.run(given) == (0, "")
    new, said = clips.contents(folder), set()
    for step in range(1, 30):
        begin_again(folder, overwrite=overwrite)
        before = clips.contents(folder)
        code, text = server.run(given, Fault(signal.SIGINT, step=step))
        said.add((code, text))
        if (code, text) == (130, NOTHING):
            assert clips.contents(folder) == before, step
        else:
            assert (code, text) in ((130, ALL), (0, "")) and clips.contents(folder) == new, step
        if code == 0:
            break
    assert said == {(130, NOTHING), (130, ALL), (0, "")}


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_while_the_results_move_the_next_run_gives_an_undisturbed_runs_outputs(
    overwrite: bool, folder: Path, server: FaultServer
) -> None:
    given = arguments(folder, "--no-video", *["--overwrite"] * overwrite)
    assert server.run(given) == (0, "")
    undisturbed = clips.contents(folder)
    for step in range(1, 30):
        begin_again(folder, overwrite=overwrite)
        code, _ = server.run(given, Fault(signal.SIGKILL, step=step))
        if code == 0:
            break
        assert code == -signal.SIGKILL
        assert server.run(given) == (0, ""), step
        assert clips.contents(folder) == undisturbed, step
    assert 4 < step < 29


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("stage", STAGES)
def test_signals_stop_any_stage_with_their_exit_code_and_leave_nothing(
    number: signal.Signals, code: int, stage: str, folder: Path, server: FaultServer
) -> None:
    options = [] if stage == "drawing" else ["--no-video"]
    given = arguments(folder, "--output", str(folder / "out"), *options)
    assert server.run(given, Fault(number, stage)) == (code, NOTHING)
    assert outputs(folder) == set() and not (folder / "out").exists()


@pytest.mark.parametrize("stage", ["refining", "drawing"])
def test_ctrl_c_where_exceptions_are_swallowed_stops_the_run(stage: str, folder: Path, server: FaultServer) -> None:
    fault = Fault(signal.SIGINT, stage, swallowed=True)
    assert server.run(arguments(folder), fault) == (130, NOTHING)
    assert outputs(folder) == set()


def test_ctrl_c_inside_an_import_is_one_line(folder: Path) -> None:
    """An import that turns the interrupt into another error, as PyOpenGL and networkx do."""
    script = """
import os, signal, sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "scipy.sparse":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(100): pass
            except BaseException as error:
                raise AttributeError("the import was broken off") from error
sys.meta_path.insert(0, Interrupted())
signal.signal(signal.SIGINT, signal.default_int_handler)
from lsmplify_refine.cli import main
sys.exit(main(sys.argv[1:]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments(folder, "--no-video")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (130, NOTHING)
    assert outputs(folder) == set()


def test_ignored_signals_stay_ignored(folder: Path, server: FaultServer) -> None:
    """`nohup lsmplify-refine ...` goes on when the terminal closes."""
    assert server.run(arguments(folder, "--no-video"), Fault(signal.SIGHUP, "refining", ignored=True)) == (0, "")
    assert outputs(folder) == RESULTS


def test_leftovers_of_a_dead_run_go_with_the_next_run_in_the_folder(
    folder: Path, tmp_path: Path, server: FaultServer
) -> None:
    out = tmp_path / "out"
    code, _ = server.run(arguments(folder, "--no-video", "--output", str(out)), Fault(signal.SIGKILL, "writing"))
    assert code == -signal.SIGKILL
    assert [path.name[:16] for path in out.iterdir()] == [".lsmplify_refine"]
    other = tmp_path / "other.pt"
    (folder / "hmr4d_results.pt").rename(other)
    keypoints = str(folder / "preprocess" / "vitpose.pt")
    given = ["--quiet", "--input", str(other), "--keypoints", keypoints, "--fps", "30"]
    assert server.run([*given, "--no-video", "--output", str(out)]) == (0, "")
    assert {path.name for path in out.iterdir()} == {"other_refined.pt", "other_report.html", "other_report.json"}


def test_a_second_run_says_who_is_writing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given, codes = arguments(folder, "--no-video"), []
    refine = Refiner.refine

    def refine_while_another_begins(*args: Any) -> Any:
        monkeypatch.setattr(Refiner, "refine", refine)
        codes.append(main(given))
        codes.append(main([*given, "--overwrite"]))
        return refine(*args)

    monkeypatch.setattr(Refiner, "refine", refine_while_another_begins)
    assert main(given) == 0 and codes == [2, 2]
    for line in capsys.readouterr().err.splitlines():
        assert "is being written by another run" in line and f"process {os.getpid()}" in line
    assert outputs(folder) == RESULTS


def test_an_output_that_appears_while_refining_is_not_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "hmr4d_results_report.json"
    monkeypatch.setattr(Refiner, "refine", after(Refiner.refine, lambda: void(path.write_text("mine"))))
    assert main(arguments(folder, "--no-video")) == 2
    assert "exists already" in capsys.readouterr().err
    assert outputs(folder) == {path.name} and path.read_text() == "mine"


def void(_: object) -> None:
    """Give nothing back."""


@pytest.mark.slow
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_at_any_size_is_one_line_and_changes_nothing(
    overwrite: bool, folder: Path, server: FaultServer
) -> None:
    given = arguments(folder, "--no-video", *["--overwrite"] * overwrite)
    assert server.run(given) == (0, "")
    new = clips.contents(folder)
    largest = max(len(new[name]) for name in RESULTS)
    # every 4 kB around the sizes of the outputs, and some between
    sizes = [*range(0, 12_289, 4096), *range(16_384, largest, max(16_384, largest // 8)), largest - 1, largest]
    for size in sizes:
        for name in RESULTS:
            (folder / name).unlink(missing_ok=True)
            if overwrite:
                (folder / name).write_text("earlier")
        before = clips.contents(folder)
        code, text = server.run(given, Fault(file_bytes=size))
        if size >= largest:
            assert (code, text) == (0, "") and clips.contents(folder) == new
        else:
            assert code == 2 and text.startswith(f"error: {folder}") and text.count("\n") == 1, (size, text)
            assert ".lsmplify_refine" not in text and "File too large" in text
            assert clips.contents(folder) == before


@pytest.mark.slow
def test_a_full_disk_at_any_size_costs_the_video_or_changes_nothing(folder: Path, server: FaultServer) -> None:
    assert server.run(arguments(folder)) == (0, "")
    new = clips.contents(folder)
    biggest = max(len(new[name]) for name in RESULTS)
    for size in range(0, max(len(new[VIDEO]), biggest) + 4096, 4096):
        for name in outputs(folder):
            (folder / name).unlink()
        code, text = server.run(arguments(folder), Fault(file_bytes=size))
        assert code == (2 if size < biggest else 3 if size < len(new[VIDEO]) else 0), (size, code, text)
        assert text.count("\n") == (code != 0) and "Traceback" not in text
        assert outputs(folder) == {2: set(), 3: RESULTS, 0: {*RESULTS, VIDEO}}[code]


@pytest.mark.parametrize("options", [["--no-video"], []])
def test_an_earlier_video_does_not_stay_beside_new_results(
    options: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the encoder broke")

    for name in (*RESULTS, VIDEO):
        (folder / name).write_text("earlier")
    monkeypatch.setattr("lsmplify_refine.visual.comparison.write_comparison", fail)
    assert main(aloud(arguments(folder, "--overwrite", *options))) == (0 if options else 3)
    assert outputs(folder) == RESULTS
    shown = capsys.readouterr().out
    assert f"removed {folder / VIDEO}, which shows the earlier results" in shown
    assert f"wrote {folder / VIDEO}" not in shown


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 30.0 GiB for an array"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)
def test_too_little_memory_is_one_line_that_says_what_needs_less(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(Refiner, "refine", fail)
    assert main(arguments(folder, "--no-video")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: out of memory; ") and "shorter clip" in line and outputs(folder) == set()


@pytest.mark.parametrize(("length", "code"), [(236, 0), (246, 2)])
def test_a_long_name_works_or_is_told_before_refining(
    length: int, code: int, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / f"{'n' * length}.pt"
    (folder / "hmr4d_results.pt").rename(source)
    refined: list[int] = []
    monkeypatch.setattr(Refiner, "refine", after(Refiner.refine, lambda: refined.append(1)))
    given = ["--input", str(source), "--keypoints", str(folder / "preprocess" / "vitpose.pt")]
    assert main([*given, "--no-video"]) == code
    assert bool(refined) == (code == 0)
    assert "no file can have this name" in capsys.readouterr().err or not code


def test_a_full_disk_behind_stdout_does_not_deny_the_results(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lsmplify_refine.cli._console._show_files", full)
    assert main(aloud(arguments(folder, "--no-video"))) == 0
    line, _next_step = capsys.readouterr().err.splitlines()
    assert line == "warning: the results are written, but cannot be shown: No space left on device"
    assert outputs(folder) == RESULTS
