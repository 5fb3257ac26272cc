"""What each layout shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.layouts import draw_captions, draw_titles, wipe_edge
from lsmplify_refine.visual.comparison.painter import Painter
from lsmplify_refine.visual.comparison.people import Actor, DrawnBody
from lsmplify_refine.visual.comparison.style import STAGE_COLORS
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.video import VideoInfo, probe
from tests.support.drawn import BALL_LEFT, BALL_RIGHT, HEIGHT, WIDTH, ball, clip, has_body, keypoints, person


@pytest.fixture
def info(tmp_path: Path) -> VideoInfo:
    return probe(clip(tmp_path / "clip.mp4", 3))


def painted(info: VideoInfo, people: Any, frame: int = 0, **options: Any) -> list[np.ndarray]:
    """The panels of a frame."""
    image = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    with MeshRenderer() as renderer:
        picture = Painter(info, people, **options).paint(image, frame, renderer).astype(int)
    assert (image == 128).all()
    return [picture[:HEIGHT, x : x + WIDTH] for x in range(0, picture.shape[1], WIDTH)]


def test_overlay_has_both_bodies_in_one_picture(info: VideoInfo) -> None:
    (panel,) = painted(info, [person(range(3))], layout="overlay")
    assert has_body(panel[BALL_RIGHT])
    red, _, blue = panel[BALL_LEFT].mean(axis=(0, 1))
    assert red > blue + 30


def test_triptych_shows_the_clip_itself(info: VideoInfo) -> None:
    plain, before, after = painted(info, [person(range(3), keypoints=keypoints(3, 1.0))], layout="triptych")
    below_title = plain[60:]
    assert np.abs(below_title - 128).max() == 0
    assert has_body(before[BALL_LEFT]) and has_body(after[BALL_RIGHT])


def test_a_wipe_shows_each_side_of_its_edge(info: VideoInfo) -> None:
    still = person(range(3), before=ball(0.0, 0.0, 3.0), after=ball(0.0, 0.5, 3.0))
    (panel,) = painted(info, [still], layout="wipe")
    edge = wipe_edge(0, 30.0, WIDTH)
    assert edge < 40 and panel[120, edge].min() > 200
    assert has_body(panel[150:170, 150:170]) and not has_body(panel[85:95, 150:170])


def test_the_edge_of_a_wipe_goes_to_and_fro() -> None:
    edges = np.array([wipe_edge(frame, 30.0, 1000) for frame in range(300)])
    assert edges.min() == 50 and edges.max() == 950
    assert edges[0] == edges[150] and np.abs(np.diff(edges)).max() < 25


def test_the_input_as_read_is_a_panel_of_its_own(info: VideoInfo) -> None:
    one = person(range(3))
    both = person(range(3), bodies={**one.bodies, "input": DrawnBody(ball(0.0, 0.5, 3.0))})
    as_read, before, after = painted(info, [both], as_read=True)
    assert has_body(as_read[155:170, 150:170]) and not has_body(as_read[BALL_LEFT])
    assert has_body(before[BALL_LEFT]) and has_body(after[BALL_RIGHT])
    four = painted(info, [both], as_read=True, layout="triptych")
    # two rows of two, whose upper ones are cut out here
    assert len(four) == 2 and has_body(four[1][155:170, 150:170])


def test_residuals_join_the_bodys_points_to_the_keypoints(info: VideoInfo) -> None:
    points = np.tile(np.array([200.0, 200.0]), (3, 17, 1))
    one = person(range(3), keypoints=keypoints(3, 1.0, (260.0, 200.0)))
    bodies = {stage: DrawnBody(body.vertices, points=points) for stage, body in one.bodies.items()}
    shown = painted(info, [person(range(3), keypoints=one.keypoints, bodies=bodies)])
    for panel, color in zip(shown, (STAGE_COLORS["before"], STAGE_COLORS["after"])):
        assert np.abs(panel[200, 225:235] - np.array(color)).max() < 40
        assert np.abs(panel[190:195, 225:235] - 128).max() == 0
    hidden = painted(info, [person(range(3), keypoints=keypoints(3, 0.1, (260.0, 200.0)), bodies=bodies)])
    assert np.abs(hidden[0][200, 225:235] - 128).max() == 0


def test_titles_give_the_errors_of_frame_and_clip() -> None:
    pictures = []
    for now, mean in ((1.0, 5.0), (2.0, 5.0), (1.0, 6.0), (np.nan, 5.0)):
        panel = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
        draw_titles(panel, 0, ["before"], {"before": (np.array([now]), mean)}, "px")
        pictures.append(panel)
    for other in pictures[1:]:
        assert np.abs(pictures[0].astype(int) - other).max() > 60


def test_the_person_is_seen_through_the_body(info: VideoInfo) -> None:
    shades = []
    for gray in (60, 200):
        image = np.full((HEIGHT, WIDTH, 3), gray, np.uint8)
        with MeshRenderer() as renderer:
            shades.append(Painter(info, [person(range(3))]).paint(image, 0, renderer)[BALL_LEFT].mean())
    assert 30 < shades[1] - shades[0] < 100


def test_people_with_the_same_decision_share_a_caption() -> None:
    people = [person(range(3), captions=["held: why"] * 3, name=str(number)) for number in range(9)]
    wide = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    draw_captions(wide, 0, [Actor(one, (1, 2, 3), {}) for one in people])
    rows = np.flatnonzero((wide != 128).any(axis=(1, 2)))
    assert len(rows) < 35


def test_several_people_have_their_names_above_their_heads(info: VideoInfo) -> None:
    points = np.tile(np.array([200.0, 120.0]), (3, 17, 1))
    shown = []
    for name in ("1", "2"):
        one = person(range(3), keypoints=keypoints(3, 0.0), name=name)
        bodies = {stage: DrawnBody(body.vertices, points=points) for stage, body in one.bodies.items()}
        named = person(range(3), keypoints=one.keypoints, bodies=bodies, name=name)
        shown.append(painted(info, [named, person(range(3))])[0])
    rows, columns = np.nonzero(np.abs(shown[0] - shown[1]).max(axis=-1) > 30)
    assert rows.min() > 80 and rows.max() < 120 and columns.min() > 185 and columns.max() < 215
    # alone, nobody needs a name
    (alone, *_), (other, *_) = (
        painted(info, [person(range(3), bodies=bodies, keypoints=keypoints(3, 0.0), name=name)]) for name in ("1", "2")
    )
    np.testing.assert_array_equal(alone, other)


def test_rows_beyond_the_video_are_not_shown(info: VideoInfo) -> None:
    status = np.array(["held"] * 9)
    long = person(range(9), errors=np.ones(9), status=status, repaired=np.ones(9, bool), captions=["held: why"] * 9)
    assert len(painted(info, [long], frame=2)) == 2
