"""What the engine gets: camera, frame rate, keypoints, and the video's checks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, InputError, Keypoints
from lsmplify_refine.job.inputs import complete, open_video
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.visual.video import VideoInfo
from tests.support import clips

VIDEO = VideoInfo(Path("v.mp4"), 640, 360, Fraction(25), 4, 0, 4 / 25, Fraction(1, 25))


def keypoints(frames: int = 4) -> Keypoints:
    return Keypoints("coco17", np.ones((frames, 17, 2)), np.ones((frames, 17)), "points.pt")


def estimate(**changes: object) -> Estimate:
    whole = Estimate(
        family="smplx",
        gender="neutral",
        global_orient=np.zeros((4, 3)),
        body_pose=np.zeros((4, 21, 3)),
        betas=np.zeros((4, 10)),
        transl=np.tile([0.0, 0.0, 4.0], (4, 1)),
        keypoints=keypoints(),
        source=Path("in.pt"),
    )
    return whole.replace(**changes)


def camera(focal: float = 500.0, size: tuple[int, int] | None = (640, 360)) -> Camera:
    return Camera(np.tile(np.array([[focal, 0, 320], [0, focal, 180], [0, 0, 1.0]]), (4, 1, 1)), size)


@pytest.mark.parametrize(
    ("changes", "video", "focal", "expected"),
    [
        ({"camera": camera()}, VIDEO, None, 500),
        ({"camera": camera()}, None, 800, 800),
        ({}, VIDEO, None, np.hypot(640, 360)),
        ({}, VIDEO, 800, 800),
    ],
)
def test_focal_length(changes: dict[str, Any], video: VideoInfo | None, focal: float | None, expected: float) -> None:
    whole = complete(estimate(**changes), video=video, focal_px=focal)
    assert whole.camera is not None
    assert whole.camera.K[:, 0, 0] == pytest.approx(expected) and whole.camera.K[0, 0, 2] == 320
    assert whole.camera.image_size == (640, 360)
    assert any("focal" in note.text for note in whole.notes) == (not changes or focal is not None)


@pytest.mark.parametrize(
    ("fps", "video", "expected"), [(50.0, VIDEO, 25), (50.0, None, 50), (None, VIDEO, 25), (None, None, 30)]
)
def test_frame_rate(fps: float | None, video: VideoInfo | None, expected: float) -> None:
    whole = complete(estimate(fps=fps, camera=camera()), video=video)
    assert whole.fps == expected
    assert any("30 fps assumed" in note.text for note in whole.notes) == (expected == 30)


@pytest.mark.parametrize(("stated", "expected"), [(24.0, 24), (None, 30)])
def test_images_have_the_rate_of_the_result(stated: float | None, expected: float, tmp_path: Path) -> None:
    images = clips.write_images(tmp_path / "images", 4, (640, 360))
    found = estimate(fps=stated, camera=camera())
    info = open_video([found], images, shown=True).info
    assert info is not None and (float(info.fps), info.frames, info.timed) == (expected, 4, False)
    whole = complete(found, video=info)
    assert whole.fps == expected
    assert any(note.code == "fps-assumed" for note in whole.notes) == (stated is None)


def test_no_camera_and_no_video() -> None:
    with pytest.raises(InputError, match="give --video"):
        complete(estimate(), video=None)


def test_3d_keypoints_need_no_camera_but_get_one_where_there_is_a_video_to_draw_on() -> None:
    space = Keypoints("coco17", np.ones((4, 17, 3)), np.ones((4, 17)))
    assert complete(estimate(keypoints=space), video=None).camera is None
    assert complete(estimate(keypoints=space), video=VIDEO).camera is not None
    assert complete(estimate(keypoints=space, frame="world"), video=VIDEO).camera is None


@pytest.mark.parametrize(
    ("size", "ids", "problem"),
    [
        ((640, 360), [0, 1, 2, 3], None),
        ((641, 358), [0, 1, 2, 3], None),
        ((640, 363), [0, 1, 2, 3], "640x363"),
        ((640, 360), [0, 1, 2, 4], "shorter"),
        ((640, 360), [0, 1, 1, 2], None),
    ],
)
def test_video_against_parameters(size: tuple[int, int], ids: list[int], problem: str | None, tmp_path: Path) -> None:
    path = clips.write_video(tmp_path / "v.mp4", 4, (640, 360))
    person = estimate(frame_ids=np.array(ids), camera=camera(size=size))
    if problem is None:
        info, _ = open_video([person], path, shown=True)
        assert info is not None and info.frames == 4
    else:
        with pytest.raises(InputError, match="video") as error:
            open_video([person], path, shown=True)
        assert problem in str(error.value)


def test_a_video_that_merely_lies_there_may_be_wrong(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"broken")
    info, notes = open_video([estimate(video=tmp_path / "v.mp4")], None, shown=False)
    assert info is None and "is ignored" in notes[0].text


def test_a_video_that_is_not_needed_may_be_wrong_although_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"broken")
    info, notes = open_video([estimate()], tmp_path / "v.mp4", shown=True, needed=False)
    assert info is None
    assert notes[0].code == "video-ignored" and "v.mp4" in notes[0].text


def test_keypoints_at_another_rate_are_taken_at_the_frames_times() -> None:
    """Sixty a second for a video of thirty: every second row."""
    positions = np.arange(8.0)[:, None, None] + np.zeros((8, 17, 2))
    fast = Keypoints("coco17", positions, np.ones((8, 17)), "points.trc")
    track = KeypointTrack(fast, np.arange(8), numbered=True, fps=60.0)
    whole = complete(estimate(fps=30.0, camera=camera()), video=None, track=track)
    assert whole.keypoints is not None
    assert whole.keypoints.positions[:, 0, 0].tolist() == [0, 2, 4, 6]
