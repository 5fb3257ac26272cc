from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import COCO17
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison import DrawnPerson, style, write, write_comparison
from lsmplify_refine.visual.encode import VideoWriter
from lsmplify_refine.visual.video import probe, read_frames

WIDTH, HEIGHT = 320, 240
SPHERE = trimesh.creation.icosphere(subdivisions=2, radius=0.35)
K = np.array([[250.0, 0, 160], [0, 250, 120], [0, 0, 1]])


def _clip(path: Path, frames: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT), pts: list[int] | None = None) -> Path:
    time_base = None if pts is None else Fraction(1, 90000)
    with VideoWriter(path, *size, Fraction(30000, 1001), time_base=time_base) as writer:
        for frame in range(frames):
            writer.write(np.full((size[1], size[0], 3), 128, np.uint8), None if pts is None else pts[frame])
    return path


def _person(frame_ids: Any, *, z: float = 3.0, **changes: Any) -> DrawnPerson:
    """A ball that sits left before and right after; its keypoints are in the top right corner."""
    frame_ids = np.asarray(frame_ids)
    rows = len(frame_ids)

    def ball_at(x: float) -> Any:
        return lambda wanted: np.stack([SPHERE.vertices + np.array([x, 0.0, z]) for _ in wanted]).astype(np.float32)

    values = {
        "frame_ids": frame_ids,
        "faces": SPHERE.faces,
        "before": ball_at(-0.9),
        "after": ball_at(0.9),
        "K": np.tile(K, (rows, 1, 1)),
        "keypoints": None,
        "captions": [""] * rows,
    }
    return DrawnPerson(**{**values, **changes})


def _keypoints(rows: int, confidence: float) -> Keypoints:
    count = len(COCO17.points)
    positions = np.tile(np.array([250.0, 60.0]), (rows, count, 1))
    return Keypoints("coco17", positions, np.full((rows, count), confidence))


def _frames(path: Path) -> list[np.ndarray]:
    return [frame.astype(int) for frame in read_frames(path)]


def _has_color(patch: np.ndarray, color: tuple[int, int, int]) -> bool:
    """Whether much of the patch has that hue instead of gray."""
    tint = np.array(color) - np.mean(color)
    return bool(((patch - patch.mean(axis=-1, keepdims=True)) @ tint / np.linalg.norm(tint)).mean() > 12)


BALL_LEFT, BALL_RIGHT = (slice(105, 135), slice(70, 100)), (slice(105, 135), slice(220, 250))


def test_before_is_left_and_after_right_frame_for_frame(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 7)
    write_comparison(probe(source), tmp_path / "out.mp4", [_person(range(7))])
    before, after = probe(source), probe(tmp_path / "out.mp4")
    assert (after.frames, after.fps, after.width, after.height) == (before.frames, before.fps, 2 * WIDTH, HEIGHT)
    for frame in _frames(tmp_path / "out.mp4"):
        panels = frame[:, :WIDTH], frame[:, WIDTH:]
        assert _has_color(panels[0][BALL_LEFT], style.BEFORE_COLOR)
        assert _has_color(panels[1][BALL_RIGHT], style.AFTER_COLOR)
        for panel, empty in ((panels[0], BALL_RIGHT), (panels[1], BALL_LEFT)):
            assert np.abs(panel[empty] - 128).max() < 12


def test_frames_without_a_row_stay_plain(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 8)
    asked: list[int] = []
    person = _person([1, 2, 5])

    def note(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return person.before(rows)

    noted = _person([1, 2, 5], before=note, after=person.after)
    write_comparison(probe(source), tmp_path / "out.mp4", [noted])
    drawn = [_has_color(frame[BALL_LEFT], style.BEFORE_COLOR) for frame in _frames(tmp_path / "out.mp4")]
    assert drawn == [False, True, True, False, False, True, False, False]
    assert asked == [0, 1, 2]


def test_meshes_are_posed_in_small_chunks(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 70, size=(64, 48))
    sizes: list[int] = []
    person = _person(range(70))

    def note(rows: np.ndarray) -> np.ndarray:
        sizes.append(len(rows))
        return person.before(rows)

    noted = _person(range(70), before=note)
    write_comparison(probe(source), tmp_path / "out.mp4", [noted])
    assert sizes == [32, 32, 6]


@pytest.mark.parametrize(("confidence", "seen"), [(1.0, True), (0.4, True), (0.0, False), (float("nan"), False)])
def test_keypoints_are_drawn_on_both_sides_by_confidence(tmp_path: Path, confidence: float, seen: bool) -> None:
    source = _clip(tmp_path / "clip.mp4", 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [_person([0, 1], keypoints=_keypoints(2, confidence))])
    for frame in _frames(tmp_path / "out.mp4"):
        for panel in (frame[:, :WIDTH], frame[:, WIDTH:]):
            assert bool(np.abs(panel[55:65, 245:255] - 128).max() > 40) is seen


def test_surer_keypoints_are_brighter(tmp_path: Path) -> None:
    brightness = []
    for confidence in (0.3, 0.6, 1.0):
        source = _clip(tmp_path / "clip.mp4", 1)
        write_comparison(probe(source), tmp_path / "out.mp4", [_person([0], keypoints=_keypoints(1, confidence))])
        brightness.append(_frames(tmp_path / "out.mp4")[0][58:63, 248:253, :2].mean())
    assert brightness == sorted(brightness)
    assert brightness[2] > brightness[0] + 30


def test_the_nearer_person_is_on_top(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 1)
    near = _person([0], before=lambda rows: np.stack([SPHERE.vertices * 0.5 + (-0.6, 0, 2.0)]).astype(np.float32))
    far = _person([0])
    pictures = []
    for name, people in (("a", [near, far]), ("b", [far, near])):
        write_comparison(probe(source), tmp_path / f"{name}.mp4", people)
        pictures.append(_frames(tmp_path / f"{name}.mp4")[0])
    np.testing.assert_array_equal(pictures[0], pictures[1])


def test_captions_and_frame_numbers_are_written(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [_person([0, 1], captions=["", "held: error would grow"])])
    plain, labelled = _frames(tmp_path / "out.mp4")
    corner = (slice(HEIGHT - 30, HEIGHT), slice(WIDTH + 4, WIDTH + 160))
    assert np.abs(plain[corner] - 128).max() < 12
    assert np.abs(labelled[corner] - 128).max() > 60
    number = (slice(HEIGHT - 30, HEIGHT), slice(0, 120))
    assert np.abs(plain[number] - labelled[number]).max() > 40


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (33, 47)])
def test_small_and_odd_clips_with_long_captions(tmp_path: Path, size: tuple[int, int]) -> None:
    source = _clip(tmp_path / "clip.mp4", 2, size=size)
    person = _person([0, 1], captions=["blended: " + "the limb bends further than limbs bend " * 4] * 2)
    write_comparison(probe(source), tmp_path / "out.mp4", [person])
    info = probe(tmp_path / "out.mp4")
    stored = probe(source)
    assert (info.frames, info.width, info.height) == (2, 2 * stored.width, stored.height)


def test_wide_clips_are_scaled_down_with_their_camera(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "_MAX_WIDTH", WIDTH)
    source = _clip(tmp_path / "clip.mp4", 1)
    write_comparison(probe(source), tmp_path / "out.mp4", [_person([0])])
    (frame,) = _frames(tmp_path / "out.mp4")
    assert frame.shape == (HEIGHT // 2, WIDTH, 3)
    assert _has_color(frame[53:67, 35:50], style.BEFORE_COLOR)


def test_uneven_frame_times_are_kept(tmp_path: Path) -> None:
    times = [0, 3000, 9000, 10500, 18000]
    source = _clip(tmp_path / "clip.mp4", 5, pts=times)
    write_comparison(probe(source), tmp_path / "out.mp4", [_person(range(5))])
    info = probe(tmp_path / "out.mp4")
    assert info.pts is not None
    np.testing.assert_allclose((info.pts - info.pts[0]) * float(info.time_base), np.array(times) / 90000, atol=1e-4)


def test_progress_counts_every_frame(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    source = _clip(tmp_path / "clip.mp4", 4)
    write_comparison(probe(source), tmp_path / "out.mp4", [], progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_an_error_on_the_way_leaves_no_file(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 4)

    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_comparison(probe(source), tmp_path / "out.mp4", [_person(range(4))], progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_without_a_row_both_sides_show_the_clip(tmp_path: Path) -> None:
    write_comparison(probe(_clip(tmp_path / "clip.mp4", 3)), tmp_path / "out.mp4", [_person([1])])
    middle = slice(60, 180)  # between the labels
    for frame in _frames(tmp_path / "out.mp4")[::2]:
        for panel in (frame[middle, : WIDTH - 4], frame[middle, WIDTH + 4 :]):  # beside the line between them
            assert np.abs(panel - 128).max() < 12


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("bad", [(np.nan, np.nan), (np.inf, -np.inf), (1e30, 0.0), (-5000.0, 90000.0)])
def test_wild_keypoints_are_left_out_with_their_bones(tmp_path: Path, bad: tuple[float, float]) -> None:
    keypoints = _keypoints(1, 1.0)
    keypoints.positions[:] = bad
    keypoints.positions[:, 5] = (160.0, 110.0)  # a shoulder, joined to what is wild
    write_comparison(probe(_clip(tmp_path / "clip.mp4", 1)), tmp_path / "out.mp4", [_person([0], keypoints=keypoints)])
    (frame,) = _frames(tmp_path / "out.mp4")
    for panel in (frame[:, :WIDTH], frame[:, WIDTH:]):
        assert np.abs(panel[110, 160] - 128).max() > 40
        for beside in (panel[70:170, 125:150], panel[70:170, 170:185]):
            assert np.abs(beside - 128).max() < 12


def test_errors_of_input_and_output_are_reported(tmp_path: Path) -> None:
    source = _clip(tmp_path / "clip.mp4", 6)
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
    source = _clip(tmp_path / "clip.mp4", 4)
    shifts = np.array([-75.0, 0.0, 75.0])  # pixels: 0.9 m at 3 m

    def ball(x: Any) -> Any:
        return lambda rows: np.stack([SPHERE.vertices + np.array([x[row], 0, 3.0]) for row in rows]).astype(np.float32)

    cameras = np.tile(K, (3, 1, 1))
    cameras[:, 0, 2] += shifts
    still, moving = ball(np.zeros(3)), ball(0.9 * np.array([-1.0, 0.0, 1.0]))
    points = _keypoints(3, 1.0)
    points.positions[:, :, 0] = 160 + shifts[:, None]
    seen = {
        "place": _person([1, 2, 3], before=moving, after=moving),
        "camera": _person([1, 2, 3], before=still, after=still, K=cameras),
        "keypoints": _person([1, 2, 3], before=still, after=still, keypoints=points),
    }
    for name, person in seen.items():
        write_comparison(probe(source), tmp_path / f"{name}.mp4", [person])
        frames = _frames(tmp_path / f"{name}.mp4")
        rows = slice(55, 65) if name == "keypoints" else slice(105, 135)
        for row, shift in enumerate(shifts):
            for side in (0, WIDTH):
                strip = frames[row + 1][rows, side : side + WIDTH]
                coloured = np.abs(strip - strip.mean(axis=-1, keepdims=True)).max(axis=(0, 2)) > 25
                assert np.flatnonzero(coloured).mean() == pytest.approx(160 + shift, abs=6), (name, row)
