"""The comparison video as it is written: frames, times, sizes, and what is drawn where."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.options import VideoLayout
from lsmplify_refine.visual.comparison import painter, sheet, write_comparison
from lsmplify_refine.visual.image_folder import read_image
from lsmplify_refine.visual.video import probe
from tests.support.drawn import (
    BALL_LEFT,
    BALL_RIGHT,
    HEIGHT,
    SPHERE,
    WIDTH,
    K,
    ball,
    clip,
    has_body,
    in_world,
    keypoints,
    person,
    pictures,
)


def test_before_is_left_and_after_right_frame_for_frame(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 7)
    write_comparison(probe(source), tmp_path / "out.mp4", [person(range(7))])
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert (after.frames, after.fps, after.width, after.height) == (
        before.frames,
        before.fps,
        2 * WIDTH,
        HEIGHT + _footer(tmp_path),
    )
    for frame in pictures(tmp_path / "out.mp4"):
        panels = frame[:, :WIDTH], frame[:, WIDTH:]
        assert has_body(panels[0][BALL_LEFT])
        assert has_body(panels[1][BALL_RIGHT])
        for panel, empty in ((panels[0], BALL_RIGHT), (panels[1], BALL_LEFT)):
            assert np.abs(panel[empty] - 128).max() < 12


def test_frames_without_a_row_stay_plain(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 8)
    asked: list[int] = []

    def note(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return ball(-0.9, 0.0, 3.0)(rows)

    noted = person([1, 2, 5], before=note)
    write_comparison(probe(source), tmp_path / "out.mp4", [noted])
    drawn = [has_body(frame[BALL_LEFT]) for frame in pictures(tmp_path / "out.mp4")]
    assert drawn == [False, True, True, False, False, True, False, False]
    assert asked == [0, 1, 2]


def test_meshes_are_posed_in_small_chunks(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 70, size=(64, 48))
    sizes: list[int] = []

    def note(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return ball(-0.9, 0.0, 3.0)(rows)

    noted = person(range(70), before=note)
    write_comparison(probe(source), tmp_path / "out.mp4", [noted])
    assert sizes == [32, 32, 6]


@pytest.mark.parametrize(("confidence", "seen"), [(1.0, True), (0.4, True), (0.0, False), (float("nan"), False)])
def test_keypoints_are_drawn_on_both_sides_by_confidence(tmp_path: Path, confidence: float, seen: bool) -> None:
    source = clip(tmp_path / "clip.mp4", 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [person([0, 1], keypoints=keypoints(2, confidence))])
    for frame in pictures(tmp_path / "out.mp4"):
        for panel in (frame[:, :WIDTH], frame[:, WIDTH:]):
            assert bool(np.abs(panel[55:65, 245:255] - 128).max() > 40) is seen


def test_surer_keypoints_are_brighter(tmp_path: Path) -> None:
    brightness = []
    for confidence in (0.3, 0.6, 1.0):
        source = clip(tmp_path / "clip.mp4", 1)
        write_comparison(probe(source), tmp_path / "out.mp4", [person([0], keypoints=keypoints(1, confidence))])
        brightness.append(pictures(tmp_path / "out.mp4")[0][58:63, 248:253, :2].mean())
    assert brightness == sorted(brightness)
    assert brightness[2] > brightness[0] + 30


def test_the_nearer_person_is_on_top(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 1)
    near, far = person([0], before=ball(-0.6, 0.0, 2.0), after=ball(0.6, 0.0, 2.0)), person([0])
    # the first of several people is blue, the second orange
    for people, nearest_is_blue in (([near, far], True), ([far, near], False)):
        write_comparison(probe(source), tmp_path / "out.mp4", people)
        (frame,) = pictures(tmp_path / "out.mp4")
        red, _, blue = frame[BALL_LEFT].mean(axis=(0, 1))
        assert (blue > red + 20) if nearest_is_blue else (red > blue + 20)


def test_people_keep_their_colours_while_others_come_and_go(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 3)
    first = person([0, 1], before=ball(-0.9, 0.0, 3.0))
    second = person([1, 2], before=ball(0.9, 0.0, 3.0))
    write_comparison(probe(source), tmp_path / "out.mp4", [first, second])
    frames = [frame[:, :WIDTH] for frame in pictures(tmp_path / "out.mp4")]
    left, right = ([frame[place].mean(axis=(0, 1)) for frame in frames] for place in (BALL_LEFT, BALL_RIGHT))
    np.testing.assert_allclose(left[0], left[1], atol=4)
    np.testing.assert_allclose(right[1], right[2], atol=4)
    assert np.abs(left[1] - right[1]).max() > 40


def test_captions_and_frame_numbers_are_written(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [person([0, 1], captions=["", "held: error would grow"])])
    plain, labelled = pictures(tmp_path / "out.mp4")
    corner = (slice(HEIGHT - 30, HEIGHT), slice(WIDTH + 4, WIDTH + 160))
    assert np.abs(plain[corner] - 128).max() < 12
    assert np.abs(labelled[corner] - 128).max() > 60
    number = (slice(HEIGHT, None), slice(0, 120))
    assert np.abs(plain[number] - labelled[number]).max() > 40


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (33, 47)])
def test_small_and_odd_clips_with_long_captions(tmp_path: Path, size: tuple[int, int]) -> None:
    source = clip(tmp_path / "clip.mp4", 2, size=size)
    one = person([0, 1], captions=["blended: " + "the limb bends further than limbs bend " * 4] * 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [one])
    info = probe(tmp_path / "out.mp4")
    stored = probe(source)
    enlarged = -(-240 // min(stored.width, stored.height))
    assert (info.frames, info.width) == (2, 2 * enlarged * stored.width)
    assert info.height > enlarged * stored.height


def test_wide_clips_are_scaled_down_with_their_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "_MAX_SIDE", WIDTH)
    source = clip(tmp_path / "clip.mp4", 1)
    write_comparison(probe(source), tmp_path / "out.mp4", [person([0])])
    (frame,) = pictures(tmp_path / "out.mp4")
    assert frame.shape[1:] == (WIDTH, 3) and HEIGHT // 2 < frame.shape[0] < HEIGHT
    assert has_body(frame[53:67, 35:50])


def test_uneven_frame_times_are_kept(tmp_path: Path) -> None:
    times = [0, 3000, 9000, 10500, 18000]
    source = clip(tmp_path / "clip.mp4", 5, pts=times)
    write_comparison(probe(source), tmp_path / "out.mp4", [person(range(5))])
    info = probe(tmp_path / "out.mp4")
    assert info.pts is not None
    np.testing.assert_allclose((info.pts - info.pts[0]) * float(info.time_base), np.array(times) / 90000, atol=1e-4)
    np.testing.assert_allclose(painter._times(info), np.array(times) / 90000, atol=1e-4)
    np.testing.assert_allclose(painter._times(replace(info, pts=None)), np.arange(5) / float(info.fps))


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    source = clip(tmp_path / "clip.mp4", 4)
    write_comparison(probe(source), tmp_path / "out.mp4", [], progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 4)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_comparison(probe(source), tmp_path / "out.mp4", [person(range(4))], progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_without_a_row_both_sides_show_theclip(tmp_path: Path) -> None:
    write_comparison(probe(clip(tmp_path / "clip.mp4", 3)), tmp_path / "out.mp4", [person([1])])
    middle = slice(60, 180)  # between the labels
    for frame in pictures(tmp_path / "out.mp4")[::2]:
        for panel in (frame[middle, : WIDTH - 4], frame[middle, WIDTH + 4 :]):  # beside the line between them
            assert np.abs(panel - 128).max() < 12


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("bad", [(np.nan, np.nan), (np.inf, -np.inf), (1e30, 0.0), (-5000.0, 90000.0)])
def test_wild_keypoints_are_left_out_with_their_bones(tmp_path: Path, bad: tuple[float, float]) -> None:
    points = keypoints(1, 1.0)
    points.positions[:] = bad
    points.positions[:, 5] = (160.0, 110.0)  # a shoulder, joined to what is wild
    write_comparison(probe(clip(tmp_path / "clip.mp4", 1)), tmp_path / "out.mp4", [person([0], keypoints=points)])
    (frame,) = pictures(tmp_path / "out.mp4")
    for panel in (frame[:, :WIDTH], frame[:, WIDTH:]):
        assert np.abs(panel[110, 160] - 128).max() > 40
        for beside in (panel[70:170, 125:150], panel[70:170, 170:185]):
            assert np.abs(beside - 128).max() < 12


def test_errors_of_input_and_output_are_reported(tmp_path: Path) -> None:
    source = clip(tmp_path / "clip.mp4", 6)
    info = probe(source)
    with pytest.raises(InputError, match="cannot be written"):
        write_comparison(info, tmp_path / "missing" / "out.mp4", [])
    source.write_bytes(source.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged after \d+ decoded frames"):
        write_comparison(info, tmp_path / "out.mp4", [])
    source.rename(tmp_path / "renamed.mp4")
    with pytest.raises(InputError, match="no such file"):
        write_comparison(info, tmp_path / "out.mp4", [])
    assert [entry.name for entry in tmp_path.iterdir()] == ["renamed.mp4"]


def test_every_frame_shows_its_own_row(tmp_path: Path) -> None:
    """The ball goes from left to right, by its place, by its camera, or as keypoints."""
    source = clip(tmp_path / "clip.mp4", 4)
    shifts = np.array([-75.0, 0.0, 75.0])  # pixels: 0.9 m at 3 m

    def moved(x: Any) -> Any:
        return lambda rows: np.stack([SPHERE.vertices + np.array([x[row], 0, 3.0]) for row in rows]).astype(np.float32)

    cameras = np.tile(K, (3, 1, 1))
    cameras[:, 0, 2] += shifts
    still, moving = moved(np.zeros(3)), moved(0.9 * np.array([-1.0, 0.0, 1.0]))
    points = keypoints(3, 1.0)
    points.positions[:, :, 0] = 160 + shifts[:, None]
    seen = {
        "place": person([1, 2, 3], before=moving, after=moving),
        "camera": person([1, 2, 3], before=still, after=still, K=cameras),
        "keypoints": person([1, 2, 3], before=still, after=still, keypoints=points),
    }
    for name, one in seen.items():
        write_comparison(probe(source), tmp_path / f"{name}.mp4", [one])
        frames = pictures(tmp_path / f"{name}.mp4")
        rows = slice(55, 65) if name == "keypoints" else slice(105, 135)
        for row, shift in enumerate(shifts):
            for side in (0, WIDTH):
                strip = frames[row + 1][rows, side : side + WIDTH]
                coloured = np.abs(strip[..., 2] - strip[..., 0]).max(axis=0) > 8
                assert np.flatnonzero(coloured).mean() == pytest.approx(160 + shift, abs=6), (name, row)


def _footer(folder: Path) -> int:
    """Height of the footer of a clip of the usual size."""
    write_comparison(probe(clip(folder / "one.mp4", 1)), folder / "other.mp4", [person([0])])
    return probe(folder / "other.mp4").height - HEIGHT


def test_snapshots_are_the_frames_of_the_video(tmp_path: Path) -> None:
    info = probe(clip(tmp_path / "clip.mp4", 5))
    shots = {frame: tmp_path / f"{frame}.png" for frame in (1, 3)}
    write_comparison(info, tmp_path / "out.mp4", [person(range(5))], snapshots=shots)
    frames = pictures(tmp_path / "out.mp4")
    assert len(frames) == 5
    for number, path in shots.items():
        picture = read_image(path).astype(int)
        assert np.abs(picture - frames[number][: len(picture)]).mean() < 3


def test_snapshots_alone_pose_only_what_they_show(tmp_path: Path) -> None:
    asked: list[int] = []

    def note(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return ball(-0.9, 0.0, 3.0)(rows)

    steps: list[tuple[int, int]] = []
    info = probe(clip(tmp_path / "clip.mp4", 80, size=(64, 48)))
    one = person(range(80), before=note)
    shot = tmp_path / "shot.png"
    write_comparison(info, None, [one], snapshots={40: shot}, progress=lambda *step: steps.append(step))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["clip.mp4", "shot.png"]
    assert asked == list(range(32, 64)) and steps[-1] == (41, 41)


def test_only_the_worst_moments_are_written(tmp_path: Path) -> None:
    info = probe(clip(tmp_path / "clip.mp4", 90, size=(64, 48)))
    errors = np.full(90, 2.0)
    errors[70] = 30.0
    write_comparison(info, tmp_path / "out.mp4", [person(range(90), errors=errors)], only_worst=1.0)
    written = probe(tmp_path / "out.mp4")
    assert 28 <= written.frames <= 31 and written.fps == info.fps
    with pytest.raises(InputError, match="no frame has a keypoint error"):
        write_comparison(info, tmp_path / "no.mp4", [person(range(90))], only_worst=1.0)


@pytest.mark.parametrize("layout", get_args(VideoLayout))
@pytest.mark.parametrize("size", [(64, 64), (90, 160), (161, 91)])
def test_every_layout_keeps_frames_and_rate_in_any_size(
    tmp_path: Path, layout: VideoLayout, size: tuple[int, int]
) -> None:
    info = probe(clip(tmp_path / "clip.mp4", 3, size=size))
    one = in_world(range(3)) if layout == "world" else person(range(3), keypoints=keypoints(3, 0.9, (40.0, 40.0)))
    write_comparison(info, tmp_path / "out.mp4", [one], layout=layout)
    written = probe(tmp_path / "out.mp4")
    assert (written.frames, written.fps) == (info.frames, info.fps)
    columns = {"side-by-side": 2, "triptych": 3}.get(layout, 1)
    enlarged = -(-240 // min(info.width, info.height))
    assert written.width in (columns * enlarged * info.width, columns * enlarged * info.width + 1)
