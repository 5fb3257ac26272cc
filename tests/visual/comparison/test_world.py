"""The layout of the world: ground, bodies, trails, orbit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.people import Actor
from lsmplify_refine.visual.comparison.style import BODY_COLOR, PAPER, STAGE_COLORS, Stage
from lsmplify_refine.visual.comparison.world import World, _View
from lsmplify_refine.visual.mesh import MeshRenderer
from tests.support.drawn import in_world, of_color

SIZE = (640, 480)
CLIP = np.full((48, 64, 3), (200, 30, 30), np.uint8)
STAGES: tuple[Stage, ...] = ("before", "after")


@pytest.fixture
def renderer() -> Iterator[MeshRenderer]:
    with MeshRenderer() as opened:
        yield opened


def world(frames: int = 90) -> World:
    person = in_world(range(frames))
    actor = Actor(person, BODY_COLOR, {stage: body.vertices for stage, body in person.world.items()})
    return World([actor], STAGES, frames=frames, fps=30.0, size=SIZE)


def test_both_bodies_stand_on_a_grid_beside_the_clip(renderer: MeshRenderer) -> None:
    picture = world().draw(0, CLIP, renderer).astype(int)
    orange = (picture[..., 0] - picture[..., 2]) > 40
    grey_blue = (picture[..., 2] - picture[..., 0] > 15) & (picture.min(axis=-1) > 60)
    inset = slice(0, 150), slice(450, 640)
    assert (picture[inset] == CLIP[0, 0]).all(axis=-1).sum() > 5000
    orange[inset] = False
    assert orange.sum() > 1500 and grey_blue.sum() > 1500
    # refined, the ball is 1 m along x; seen from the z axis, that is to the right
    assert np.nonzero(grey_blue)[1].mean() > np.nonzero(orange)[1].mean() + 50
    ground = (picture[300:] != np.array(PAPER)).any(axis=-1)
    assert ground.mean() > 0.02


def test_trails_grow(renderer: MeshRenderer) -> None:
    scene = world()
    lengths = []
    for frame in (1, 40, 80):
        picture = scene.draw(frame, CLIP, renderer).astype(int)
        lengths.append(int(of_color(picture, STAGE_COLORS["after"]).sum()))
    assert lengths[0] < lengths[1] < lengths[2]


def test_the_camera_goes_round_slowly(renderer: MeshRenderer) -> None:
    scene = world(300)
    first, next_, later = (scene.draw(frame, CLIP, renderer).astype(int) for frame in (0, 1, 150))
    assert np.abs(first - next_).mean() < 3 < np.abs(first - later).mean()


def test_a_view_looks_at_its_target_with_y_up() -> None:
    for azimuth in np.linspace(0, 6, 7):
        view = _View.around(np.array([1.0, 0.8, -2.0]), azimuth, 5.0)
        np.testing.assert_allclose(view(np.array([1.0, 0.8, -2.0])), [0, 0, 5], atol=1e-5)
        above = view(np.array([1.0, 1.8, -2.0]))
        assert abs(above[0]) < 1e-5 and above[1] < -0.9
    # from the z axis, x is to the right
    assert _View.around(np.zeros(3), 0.0, 5.0)(np.array([1.0, 0.0, 0.0]))[0] == pytest.approx(1.0)


def test_nobody_at_all_gives_an_empty_ground(tmp_path: Path, renderer: MeshRenderer) -> None:
    picture = World([], STAGES, frames=3, fps=30.0, size=SIZE).draw(2, CLIP, renderer)
    assert picture.shape == (480, 640, 3) and (picture != PAPER).any()


@pytest.mark.parametrize("size", [(640, 360), (360, 640), (400, 400)])
@pytest.mark.parametrize("apart", [0.0, 1.0, 6.0])
def test_people_fill_the_picture_and_stay_in_it(size: tuple[int, int], apart: float) -> None:
    people = [in_world(range(3), x=x) for x in (0.0, apart)]
    actors = [Actor(one, BODY_COLOR, {stage: body.vertices for stage, body in one.world.items()}) for one in people]
    scene = World(actors, STAGES, frames=3, fps=30.0, size=size)
    reach = np.array([[x, y, z] for x in (-0.3, apart + 1.3) for y in (0.0, 2.0) for z in (-0.3, 0.3)])
    extents = []
    for azimuth in np.linspace(0, 2 * np.pi, 13):
        view = _View.around(scene._centre[1], azimuth, scene._distance)
        seen = view(reach)
        assert (seen[:, 2] > 0.5).all()
        pixels = scene._focal * seen[:, :2] / seen[:, 2:]
        assert (np.abs(pixels) < np.array(size) / 2).all()
        extents.append(np.abs(pixels).max(axis=0) / (np.array(size) / 2))
    assert np.max(extents) > 0.5
