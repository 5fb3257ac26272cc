from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.detect import detect_keypoints
from lsmplify_refine.errors import InputError
from lsmplify_refine.values.notes import Note
from lsmplify_refine.visual.encode import VideoWriter
from tests.support import clips
from tests.support.fake_detectors import Replay

SHAPE = np.column_stack([np.random.default_rng(0).uniform(50, 150, (17, 2)), np.ones(17)])
NOBODY = np.zeros((0, 17, 3))


def moved(x: float) -> np.ndarray:
    shape: np.ndarray = SHAPE + np.array([x, 0, 0])
    return shape


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return clips.write_video(tmp_path / "v.mp4", 4)


def test_people_are_linked_and_frames_numbered(video: Path) -> None:
    # the order within a frame changes; the second person comes late
    detector = Replay(
        [np.stack([moved(0)]), NOBODY, np.stack([moved(300), moved(4)]), np.stack([moved(6), moved(302)])]
    )
    steps: list[tuple[int, int]] = []
    first, second = detect_keypoints(video, detector, progress=lambda *step: steps.append(step))
    assert first.frame_ids.tolist() == [0, 2, 3] and second.frame_ids.tolist() == [2, 3]
    np.testing.assert_allclose(second.keypoints.positions[1], moved(302)[:, :2], rtol=1e-6)
    assert not first.identified and first.notes == (
        Note("keypoints-detected", "keypoints detected in v.mp4 by replay: somebody in 3 of 4 frames"),
    )
    assert steps[-1] == (4, 4)
    assert detector.seen[0][0] == (*clips.SIZE[::-1], 3)
    np.testing.assert_allclose([seconds for _, seconds in detector.seen], np.arange(4) / 30)


def test_only_the_frames_asked_for_are_looked_at(video: Path) -> None:
    detector = Replay([np.stack([moved(0)])] * 2)
    (track,) = detect_keypoints(video, detector, frames=np.array([1, 3]))
    assert track.frame_ids.tolist() == [1, 3] and len(detector.seen) == 2


def test_finding_nobody_is_said(video: Path) -> None:
    with pytest.raises(InputError, match=r"v\.mp4: replay found nobody in 4 frames; give --keypoints FILE"):
        detect_keypoints(video, Replay([NOBODY] * 4))


@pytest.mark.parametrize(
    ("convention", "shape", "problem"),
    [
        ("coco17", (1, 25, 3), "expected .people, 17, 3."),
        ("coco17", (17, 3), "expected"),
        ("other", (1, 17, 3), "'other'"),
    ],
)
def test_a_detector_that_breaks_its_word(convention: str, shape: tuple[int, ...], problem: str, video: Path) -> None:
    detector = Replay([np.zeros(shape)] * 4)
    detector.convention = convention
    with pytest.raises(InputError, match=f"detector replay: .*{problem}"):
        detect_keypoints(video, detector)


def test_who_is_seen_most_comes_first(video: Path) -> None:
    people = [np.stack([moved(0), moved(300)]), *[np.stack([moved(300 + x)]) for x in (1, 2, 3)]]
    first, second = detect_keypoints(video, Replay(people))
    assert len(first) == 4 and len(second) == 1


def test_detectors_get_the_time_at_which_a_frame_is_shown(tmp_path: Path) -> None:
    ticks = [900, 3900, 9900, 11400]
    with VideoWriter(tmp_path / "v.mp4", *clips.SIZE, 30, time_base=Fraction(1, 90000)) as writer:
        for tick in ticks:
            writer.write(np.full((*clips.SIZE[::-1], 3), 128, np.uint8), tick)
    detector = Replay([np.stack([moved(0)])] * 4)
    detect_keypoints(tmp_path / "v.mp4", detector)
    expected = (np.array(ticks) - ticks[0]) / 90000
    np.testing.assert_allclose([seconds for _, seconds in detector.seen], expected, atol=1e-4)
