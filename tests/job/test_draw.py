"""What the comparison video gets to draw, and when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from lsmplify_refine import Keypoints, Refinement, refine
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.job.draw import draw, failure_note, video_to_draw_on, way_to_draw
from lsmplify_refine.visual import comparison, rasterizer
from lsmplify_refine.visual.comparison import DrawnPerson
from lsmplify_refine.visual.video import VideoInfo, probe
from tests.support import clips
from tests.support.scenes import scene


@pytest.fixture(scope="module")
def refinement() -> Refinement:
    return refine(scene(8), weights="none")


@pytest.fixture
def info(tmp_path: Path) -> VideoInfo:
    return probe(clips.write_video(tmp_path / "v.mp4"))


def drawn(refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> DrawnPerson:
    """What `write_comparison` is called with."""
    given: list[DrawnPerson] = []

    def record(video: VideoInfo, output: Path, people: Sequence[DrawnPerson], **_: object) -> None:
        given.extend(people)

    monkeypatch.setattr(comparison, "write_comparison", record)
    assert draw(info, info.path.with_name("out.mp4"), [refinement], None) is None
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


def test_both_meshes_are_handed_on(refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    person, rows = drawn(refinement, info, monkeypatch), np.array([0, 5])
    np.testing.assert_array_equal(person.before(rows), refinement.before.vertices(rows))
    np.testing.assert_array_equal(person.after(rows), refinement.after.vertices(rows))
    assert not np.array_equal(person.before(rows), person.after(rows))


def test_a_video_that_failed_half_way_is_removed(
    refinement: Refinement, info: VideoInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(video: VideoInfo, output: Path, *_: object, **__: object) -> None:
        output.write_bytes(b"half")
        raise ValueError("bad\nrate")

    monkeypatch.setattr(comparison, "write_comparison", fail)
    output = info.path.with_name("out.mp4")
    error = draw(info, output, [refinement], None)
    assert isinstance(error, ValueError) and not output.exists()
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
