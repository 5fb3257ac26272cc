"""What the comparison video gets to draw, and when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lsmplify_refine import Keypoints, Refinement, refine
from lsmplify_refine.engine.refinement import Repairs
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.draw import check_video_options, draw, failure_note, video_to_draw_on, way_to_draw
from lsmplify_refine.job.job import Outputs
from lsmplify_refine.options import VideoOptions
from lsmplify_refine.visual import comparison, rasterizer
from lsmplify_refine.visual.comparison import DrawnPerson
from lsmplify_refine.visual.comparison.style import Stage
from lsmplify_refine.visual.video import VideoInfo, probe
from tests.support import clips
from tests.support.scenes import scene


@pytest.fixture(scope="module")
def refinement() -> Refinement:
    return refine(scene(8), weights="none")


@pytest.fixture
def info(tmp_path: Path) -> VideoInfo:
    return probe(clips.write_video(tmp_path / "v.mp4"))


def outputs(info: VideoInfo) -> Outputs:
    """Where to draw."""
    return Outputs(Path("results.pt"), Path("report.json"), info.path.with_name("out.mp4"))


def drawn(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch, options: VideoOptions | None = None
) -> DrawnPerson:
    """What `write_comparison` is called with."""
    given: list[DrawnPerson] = []

    def record(video: VideoInfo, output: Path, people: Sequence[DrawnPerson], **_: object) -> None:
        given.extend(people)

    monkeypatch.setattr(comparison, "write_comparison", record)
    assert draw(info, outputs(info), [refinement], options or VideoOptions()) is None
    return given[0]


def test_captions_say_what_the_gate_did(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = np.array(["accepted"] * 7 + ["held"])
    gated = replace(refinement, status=status, reasons=("",) * 7 + ("no keypoints",))
    assert list(drawn(gated, info, monkeypatch).captions) == [""] * 7 + ["held: no keypoints"]


def test_keypoints_in_space_are_drawn_where_the_camera_sees_them(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = refinement.after.keypoints("coco17")
    in_space = replace(refinement, keypoints=Keypoints("coco17", points, np.ones(points.shape[:2])))
    assert in_space.camera is not None
    person = drawn(in_space, info, monkeypatch)
    assert person.keypoints is not None
    np.testing.assert_array_equal(person.keypoints.positions, project_to_image(points, in_space.camera.K))
    assert drawn(refinement, info, monkeypatch).keypoints is refinement.keypoints


def test_meshes_of_all_stages_are_handed_on(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, rows = drawn(refinement, info, monkeypatch), np.array([0, 5])
    np.testing.assert_array_equal(person.bodies["before"].vertices(rows), refinement.before.vertices(rows))
    np.testing.assert_array_equal(person.bodies["after"].vertices(rows), refinement.after.vertices(rows))
    assert refinement.as_read is not None
    np.testing.assert_array_equal(person.bodies["input"].vertices(rows), refinement.as_read.vertices(rows))
    meshes = [body.vertices(rows) for body in person.bodies.values()]
    assert not any(np.array_equal(meshes[0], other) for other in meshes[1:])


def test_a_video_that_failed_half_way_is_removed(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(video: VideoInfo, output: Path, *_: object, **__: object) -> None:
        output.write_bytes(b"half")
        raise ValueError("bad\nrate")

    monkeypatch.setattr(comparison, "write_comparison", fail)
    staged = outputs(info)
    error = draw(info, staged, [refinement], VideoOptions())
    assert isinstance(error, ValueError) and staged.comparison is not None and not staged.comparison.exists()
    assert failure_note(error).text == "no comparison video, only results and report: ValueError: bad rate"


def test_no_video_is_drawn_without_a_video_or_for_3d_keypoints_of_a_world(info: VideoInfo) -> None:
    person = scene(4)
    assert video_to_draw_on(info, [person]) == (info, ())
    assert [note.code for note in video_to_draw_on(None, [person]).notes] == ["video-not-drawn"]
    space = Keypoints("coco17", np.ones((4, 17, 3)), np.ones((4, 17)))
    assert video_to_draw_on(info, [person.replace(keypoints=space)]).info is info
    in_world = video_to_draw_on(info, [person, person.replace(keypoints=space, frame="world")])
    assert in_world.info is None and "world coordinates" in in_world.notes[0].text


def test_the_cpu_draws_if_opengl_does_not_and_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> rasterizer.Rasterizer:
        raise AttributeError("no such symbol")  # drivers may raise anything

    monkeypatch.setattr(rasterizer, "GlRasterizer", broken)
    error, (note,) = way_to_draw()
    assert error is None and note.code == "video-on-cpu" and "no such symbol" in note.text
    monkeypatch.delattr(cv2, "triangleRasterize", raising=False)
    error, notes = way_to_draw()
    assert isinstance(error, InputError) and "OpenCV" in str(error) and notes == ()


def test_meshes_are_drawn_in_the_frames_of_their_rows(info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.array([1, 2, 5, 6])
    person = drawn(refine(scene(4).replace(frame_ids=ids), weights="none"), info, monkeypatch)
    assert person.frame_ids.tolist() == ids.tolist()


def test_errors_are_those_of_the_metrics(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = drawn(refinement, info, monkeypatch)
    named: dict[Stage, str] = {"input": "input", "before": "calibrated", "after": "refined"}
    for stage, metrics in named.items():
        body = person.bodies[stage]
        assert body.mean_error == refinement.metrics[metrics]["reprojection_px_coco17"]
        assert body.errors is not None
        assert np.mean(body.errors) == pytest.approx(body.mean_error)
    assert person.unit == "px"
    points = person.bodies["after"].points
    assert points is not None and person.keypoints is not None
    np.testing.assert_allclose(
        np.linalg.norm(points - person.keypoints.positions, axis=-1).mean(),
        person.bodies["after"].mean_error,
        rtol=1e-4,
    )


def test_the_world_shows_both_bodies_on_its_floor(info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    refinement = refine(scene(8, world=True), weights="none")
    person = drawn(refinement, info, monkeypatch, options=VideoOptions(video_layout="world"))
    assert set(person.world) == {"before", "after"}
    # the scene's height 0 is far above its floor
    for body in person.world.values():
        lowest = body.vertices(np.arange(8))[..., 1].min(axis=1)
        assert abs(np.percentile(lowest, 5)) < 0.05
        assert body.feet.shape == (8, 2, 3) and body.feet[..., 1].max() < 0.6
    assert not drawn(refinement, info, monkeypatch).world


def test_the_world_is_first_seen_from_the_camera(info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The body of `true_motion` is turned by 0.3 before the camera, and by 0.3 in its world: the camera is at z."""
    refinement = refine(scene(8, world=True, error_deg=0.0), weights="none")
    person = drawn(refinement, info, monkeypatch, options=VideoOptions(video_layout="world"))
    assert person.heading == pytest.approx(0.0, abs=1e-5)


def test_options_reach_the_video(refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def record(video: VideoInfo, output: Path | None, people: Sequence[DrawnPerson], **options: object) -> None:
        given.update(options, output=output)

    monkeypatch.setattr(comparison, "write_comparison", record)
    wanted = VideoOptions(video_layout="wipe", only_worst=2.0, snapshot=(3, 1, 3))
    shots = {3: Path("three.png"), 1: Path("one.png")}
    staged = replace(outputs(info), comparison=None, snapshots=tuple(shots.values()))
    assert draw(info, staged, [refinement], wanted) is None
    assert given == {
        "output": None,
        "layout": "wipe",
        "as_read": False,
        "only_worst": 2.0,
        "snapshots": shots,
        "progress": None,
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (VideoOptions(as_read=True, video_layout="wipe"), "--as-read: --layout wipe shows two bodies"),
        (VideoOptions(as_read=True, video_layout="world"), "--layout world shows two bodies"),
        (VideoOptions(snapshot=(0, 8)), "--snapshot 8: .* has frames 0 to 7"),
        (VideoOptions(only_worst=float("nan")), "only_worst is nan"),
        (VideoOptions(only_worst=0.0), "only_worst is 0; give"),
    ],
)
def test_contradictions_are_refused(options: VideoOptions, message: str, info: VideoInfo) -> None:
    with pytest.raises(InputError, match=message):
        check_video_options(options, info)
    check_video_options(VideoOptions(as_read=True, snapshot=(7,), only_worst=1.0), info)


def test_a_world_that_is_asked_for_must_be_there(info: VideoInfo) -> None:
    assert video_to_draw_on(info, [scene(4, world=True)], "world").info is info
    nowhere = video_to_draw_on(info, [scene(4, world=True), scene(4)], "world")
    assert nowhere.info is None and "--layout world needs a result in world coordinates" in nowhere.notes[0].text
    space = Keypoints("coco17", np.ones((4, 17, 3)), np.ones((4, 17)))
    assert video_to_draw_on(info, [scene(4).replace(keypoints=space, frame="world")], "world").info is info


def test_repaired_frames_are_marked(refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refinement.repairs is not None
    shape = refinement.repairs.trust.shape
    swapped, trust = np.zeros(shape, bool), np.ones(shape)
    swapped[2, 5], trust[6, 3], trust[7, 3] = True, 0.1, 0.1
    confidence = refinement.keypoints.confidence.copy()
    # a point that is not there is not repaired
    confidence[7, 3] = 0.0
    keypoints = replace(refinement.keypoints, confidence=confidence)
    repaired = replace(refinement, repairs=Repairs(swapped, trust), keypoints=keypoints)
    marks = drawn(repaired, info, monkeypatch).repaired
    assert marks is not None and np.flatnonzero(marks).tolist() == [2, 6]
