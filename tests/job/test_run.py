"""One run from end to end: every step is wired in, entered once, and fails as it should."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine import BodyModel, Estimate, InputError, Refinement, load, refine, stopping
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.geometry import camera_pose
from lsmplify_refine.job import draw, inputs, keypoints, page, people, report, tools
from lsmplify_refine.job import exports as exports_module
from lsmplify_refine.job.job import Job, Outcome
from lsmplify_refine.job.run import choose_device, run
from lsmplify_refine.options import Device
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.conventions import COCO17
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual import mesh, rasterizer, video
from lsmplify_refine.visual.mesh import MeshRenderer
from tests.support import clips
from tests.support import fake_detectors as fakes

WRITTEN = {"hmr4d_results_refined.pt", "hmr4d_results_report.html", "hmr4d_results_report.json"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


def count_calls(monkeypatch: pytest.MonkeyPatch, function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    """The arguments of each call from now on, whatever module of the package makes it."""
    calls: list[tuple[Any, ...]] = []

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return function(*args, **options)

    for name, module in list(sys.modules.items()):
        if name.startswith("lsmplify_refine") and getattr(module, function.__name__, None) is function:
            monkeypatch.setattr(module, function.__name__, counted)
    return calls


def codes(outcome: Outcome) -> set[str]:
    notes = [*outcome.notes, *(note for person in outcome.refinements for note in person.estimate.notes)]
    return {note.code for note in notes}


def test_every_step_is_entered_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[Callable[..., Any]] = [
        people.choose_people,
        inputs.open_video,
        video.probe,
        keypoints.find_keypoints,
        inputs.complete,
        draw.video_to_draw_on,
        draw.way_to_draw,
        draw.draw,
        report.build_report,
        report.write_report,
        page.draw_page,
    ]
    calls = {step.__name__: count_calls(monkeypatch, step) for step in steps}
    refine_once, refined = Refiner.refine, []

    def counted(self: Refiner, estimate: Estimate) -> Refinement:
        refined.append(estimate)
        return refine_once(self, estimate)

    monkeypatch.setattr(Refiner, "refine", counted)
    run(Job(folder))
    assert {name: len(made) for name, made in calls.items()} == dict.fromkeys(calls, 1)
    assert len(refined) == 1


def test_a_detector_and_the_comparison_share_one_probe_of_the_video(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes.install(monkeypatch, fake=lambda model: fakes.Replay(list(clips.keypoints().numpy()[:, None])))
    probes = count_calls(monkeypatch, video.probe)
    outcome = run(Job(folder, detector="fake"))
    assert len(probes) == 1 and outcome.outputs.comparison is not None
    assert "keypoints-detected" in codes(outcome)


def test_a_lost_camera_is_recovered_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = clips.results()["smpl_params_global"]
    torch.save({**clips.results(), "smpl_params_incam": world}, folder / "hmr4d_results.pt")
    recoveries = count_calls(monkeypatch, camera_pose.recover_camera)
    outcome = run(Job(folder, write_video=False))
    assert len(recoveries) == 1
    assert outcome.refinements[0].notes[0].code == "camera-recovered"


def test_the_report_has_code_severity_and_text_of_every_note(folder: Path, tmp_path: Path) -> None:
    results = clips.results()
    del results["K_fullimg"]
    torch.save(results, folder / "hmr4d_results.pt")
    torch.save(clips.keypoints(), tmp_path / "points.pt")
    outcome = run(Job(folder, keypoints=tmp_path / "points.pt", write_video=False))
    written = json.loads(outcome.outputs.report.read_text())
    assert written["layout"] == 3
    notes = {note["code"]: note for note in [*written["notes"], *written["people"][0]["notes"]]}
    assert {"keypoints-mapped", "focal-length-assumed", "shape-fitted"} <= notes.keys()
    assert notes["focal-length-assumed"]["severity"] == "warning"
    assert notes["shape-fitted"] == {
        "code": "shape-fitted",
        "text": next(note.text for note in outcome.refinements[0].notes if note.code == "shape-fitted"),
        "severity": "info",
    }


def sides_notes(outcome: Outcome) -> list[Note]:
    """What the first person's notes say about left and right; the job's own notes do not say it again."""
    assert "sides-swapped" not in codes(outcome)
    return [note for note in outcome.refinements[0].notes if note.code == "sides-swapped"]


def test_swapped_sides_are_warned_of_once(folder: Path) -> None:
    assert not sides_notes(run(Job(folder, write_video=False)))
    torch.save(clips.keypoints()[:, list(COCO17.mirror)], folder / "preprocess" / "vitpose.pt")
    (note,) = sides_notes(run(Job(folder, write_video=False, overwrite=True)))
    assert note.severity == "warning" and "in 8 of 8 frames (0-7); swapped back" in note.text


def test_a_few_swapped_frames_are_named(folder: Path) -> None:
    keypoints = clips.keypoints()
    keypoints[:3] = keypoints[:3, list(COCO17.mirror)]
    torch.save(keypoints, folder / "preprocess" / "vitpose.pt")
    (note,) = sides_notes(run(Job(folder, write_video=False)))
    assert "in 3 of 8 frames (0-2)" in note.text


def test_a_folder_of_images_is_a_video(folder: Path, tmp_path: Path) -> None:
    images = clips.write_images(tmp_path / "images")
    (folder / "0_input_video.mp4").unlink()
    outcome = run(Job(folder, video=images, weights="none"))
    assert outcome.video_error is None and outcome.outputs.comparison is not None
    assert video.probe(outcome.outputs.comparison).frames == clips.FRAMES
    (images / "frame_3.png").unlink()
    with pytest.raises(InputError, match="images: shorter than the parameters: the video has 7 frames"):
        run(Job(folder, video=images, output=tmp_path / "again"))


def test_what_the_video_and_the_output_format_change_is_noted(folder: Path) -> None:
    (folder / "0_input_video.mp4").write_bytes(b"broken")
    outcome = run(Job(folder, write_video=False, output_format="bvh"))
    assert {"video-ignored", "skeleton-open"} <= codes(outcome)


def test_the_body_model_counts_in_another_output_format(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exports: list[tuple[BodyModel, list[BodyShape]]] = []

    def record(
        people: list[Estimate], path: Path, format: str, *, body: BodyModel, shapes: list[BodyShape]
    ) -> tuple[Note, ...]:
        exports.append((body, shapes))
        path.touch()
        return ()

    monkeypatch.setattr(exports_module, "export_people", record)
    outcome = run(Job(folder, write_video=False, weights="none", output_format="smpl-npz"))
    after = outcome.refinements[0].after
    ((body, (shape,)),) = exports
    # the shape that was fitted, which BVH and glTF show
    assert body is after.body and np.array_equal(shape.betas, after.betas) and np.abs(shape.betas).max() > 0.1
    assert shape.scale == after.scale


def test_the_options_of_keypoints_reach_their_reader(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    calls: list[dict[str, Any]] = []

    def record(path: Path, *calibration: Path, **options: Any) -> None:
        calls.append({"path": path, "calibration": calibration, **options})
        raise Stopped

    for reader in ("load_tracks", "triangulate_people"):
        monkeypatch.setattr(keypoints, reader, record)
    for calibration in (None, Path("c")):
        with pytest.raises(Stopped):
            run(Job(folder, keypoints=Path("k"), keypoint_convention="coco17", calibration=calibration))
    assert calls == [
        {"path": Path("k"), "calibration": (), "convention": "coco17", "image_size": clips.SIZE},
        {"path": Path("k"), "calibration": (Path("c"),), "convention": "coco17"},
    ]


def test_the_options_reach_the_refiner(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(Exception):
        pass

    given: dict[str, Any] = {}

    def record(*args: Any, **options: Any) -> None:
        given.update(options)
        raise Stopped

    monkeypatch.setattr(tools, "Refiner", record)
    options: dict[str, Any] = {"smooth_seconds": 0.3, "weights": "none", "mode": "sequential", "passes": 2}
    with pytest.raises(Stopped):
        run(Job(folder, device="cpu", **options))
    assert given == {"device": "cpu", "align": "auto", **options}


@pytest.mark.parametrize(
    "error", [InputError("no H.264 here"), RuntimeError("the driver\nis gone"), TypeError("bad rate"), MemoryError()]
)
def test_results_and_report_are_written_if_drawing_fails(
    error: Exception, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay, frames = MeshRenderer.overlay, []

    def fail_late(*args: Any, **options: Any) -> None:
        frames.append(1)
        if len(frames) > 6:  # the file has been begun
            raise error
        overlay(*args, **options)

    monkeypatch.setattr(MeshRenderer, "overlay", fail_late)
    before = clips.contents(folder)
    told: list[Note] = []
    outcome = run(Job(folder), notify=told.append)
    assert outcome.video_error is error and outcome.outputs.comparison is None
    assert clips.contents(folder).keys() - before.keys() == WRITTEN
    (note,) = told
    assert note.code == "video-failed" and note.severity == "warning" and "\n" not in note.text
    written = json.loads(outcome.outputs.report.read_text())
    assert [each["code"] for each in written["notes"]] == ["video-failed"]
    assert written["outputs"]["comparison"] is None


def test_what_keeps_from_drawing_is_told_before_the_work(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_way() -> None:
        raise InputError("no way to draw; install a driver")

    monkeypatch.setattr(mesh, "open_rasterizer", no_way)
    events: list[str] = []
    outcome = run(
        Job(folder), progress=lambda stage, *_: events.append(stage), notify=lambda note: events.append(note.code)
    )
    assert events[0] == "video-failed" and set(events[1:]) == {"refining"}
    assert isinstance(outcome.video_error, InputError)
    assert outcome.outputs.results.is_file() and "install a driver" in outcome.outputs.report.read_text()


def test_without_gl_the_cpu_draws_the_video_and_a_note_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl() -> rasterizer.Rasterizer:
        raise InputError("no OpenGL here")

    monkeypatch.setattr(rasterizer, "GlRasterizer", no_gl)
    outcome = run(Job(folder))
    assert outcome.video_error is None and outcome.outputs.comparison is not None
    assert video.probe(outcome.outputs.comparison).frames == clips.FRAMES
    (note,) = [note for note in outcome.notes if note.code == "video-on-cpu"]
    assert note.severity == "info" and "no OpenGL here; " in note.text


def test_stopping_while_drawing_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MeshRenderer, "overlay", stop)
    before = clips.contents(folder)
    with pytest.raises(KeyboardInterrupt):
        run(Job(folder))
    assert clips.contents(folder) == before


@pytest.mark.parametrize("stage", ["refining", "rendering"])
def test_a_signal_is_seen_at_the_next_step(stage: str, folder: Path) -> None:
    """Ctrl-C need not wait for the last frame."""
    steps: list[str] = []

    def interrupt(current: str, done: int, total: int) -> None:
        assert total > 1
        if current == stage:
            steps.append(current)
            signal.raise_signal(signal.SIGINT)

    before = clips.contents(folder)
    with stopping.watched(), pytest.raises(stopping.Stopped):
        run(Job(folder), progress=interrupt)
    assert steps == [stage] and clips.contents(folder) == before


def test_device_that_is_not_there() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") in ("cpu", "cuda")
    missing: Device = "mps" if choose_device("auto") == "cuda" else "cuda"
    with pytest.raises(InputError, match=f"--device {missing}"):
        choose_device(missing)


def test_the_job_reports_progress_and_gives_the_refinements(tmp_path: Path) -> None:
    folder = clips.write_folder(tmp_path / "clip")
    stages: list[tuple[str, int, int]] = []
    outcome = run(Job(folder, write_video=False), progress=lambda *step: stages.append(step))
    assert {stage for stage, _, _ in stages} == {"refining"}
    assert stages[-1][1] == stages[-1][2]
    assert outcome.outputs.results.is_file() and len(outcome.refinements) == 1
    again = refine(load(folder)[0])
    written = load(outcome.outputs.results)[0]
    np.testing.assert_allclose(again.refined.body_pose, written.body_pose, atol=1e-5)
