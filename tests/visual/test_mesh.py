from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import trimesh

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual import rasterizer as ways
from lsmplify_refine.visual.cpu_rasterizer import CpuRasterizer
from lsmplify_refine.visual.gl_rasterizer import GlRasterizer
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.rasterizer import Rasterizer
from lsmplify_refine.visual.surface import Surface

RED, GREEN = (255, 40, 40), (40, 255, 40)
WIDTH, HEIGHT = 200, 150
K = np.array([[180.0, 0, 70], [0, 190, 100], [0, 0, 1]])  # principal point far from the middle
SPHERE = trimesh.creation.icosphere(subdivisions=3, radius=0.2)


def _opened(way: Callable[[], Rasterizer]) -> MeshRenderer:
    try:
        return MeshRenderer(way())
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(params=[GlRasterizer, CpuRasterizer])
def renderer(request: pytest.FixtureRequest) -> Iterator[MeshRenderer]:
    """A separate renderer for each test: after one is closed, the next must open."""
    with _opened(request.param) as opened:
        yield opened


def _sphere(*center: float) -> np.ndarray:
    moved: np.ndarray = (SPHERE.vertices + center).astype(np.float32)
    return moved


def _gray() -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


SURFACE = Surface(SPHERE.faces, len(SPHERE.vertices))


@pytest.mark.parametrize("center", [(0, 0, 3), (0.9, 0, 3), (-0.7, -1.0, 3.2), (0.4, 0.3, 1.5), (0, -2.4, 6)])
def test_a_sphere_lands_where_the_camera_projects_it(
    renderer: MeshRenderer, center: tuple[float, float, float]
) -> None:
    image = renderer.overlay(_gray(), _sphere(*center), K, SURFACE, color=RED, opacity=1.0)
    rows, columns = np.nonzero((image != 128).any(axis=-1))
    points = _sphere(*center) @ K.T
    pixels = np.clip(points[:, :2] / points[:, 2:], 0, (WIDTH, HEIGHT))
    drawn = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(drawn, [*pixels.min(axis=0), *pixels.max(axis=0)], atol=2)


def test_y_points_down_and_x_right(renderer: MeshRenderer) -> None:
    image = renderer.overlay(_gray(), _sphere(0.3, -0.5, 3), K, SURFACE, color=RED, opacity=1.0)
    rows, columns = np.nonzero((image != 128).any(axis=-1))
    assert columns.mean() > K[0, 2]
    assert rows.mean() < K[1, 2]


def test_only_what_the_mesh_covers_changes_and_it_is_see_through(renderer: MeshRenderer) -> None:
    image = _gray()
    image[:, ::2] = 60
    clean = image.copy()
    renderer.overlay(image, _sphere(0, 0, 3), K, SURFACE, color=RED, opacity=0.7)
    assert (image[:80] == clean[:80]).all()
    stripes = image[96:104, 66:74].astype(int)  # in the middle of the sphere
    difference = np.abs(np.diff(stripes[..., 1], axis=1))
    assert 0.2 * 68 < difference.mean() < 0.4 * 68


def test_the_colour_is_the_one_asked_for(renderer: MeshRenderer) -> None:
    for color, channel in ((RED, 0), (GREEN, 1)):
        image = renderer.overlay(_gray(), _sphere(0, 0, 3), K, SURFACE, color=color, opacity=1.0)
        assert image[98, 69].argmax() == channel


@pytest.mark.parametrize("center", [(0, 0, -3), (9, 0, 3), (0, -9, 3), (float("nan"), 0, 3)])
def test_out_of_sight_leaves_the_picture_alone(renderer: MeshRenderer, center: tuple[float, float, float]) -> None:
    image = renderer.overlay(_gray(), _sphere(*center), K, SURFACE, color=RED)
    assert (image == 128).all()


def test_a_mesh_around_the_camera_is_drawn_without_fuss(renderer: MeshRenderer) -> None:
    open_ground = np.array([[-5, 1, -5], [5, 1, -5], [5, 1, 20], [-5, 1, 20]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    image = renderer.overlay(_gray(), open_ground, K, Surface(faces, 4), color=RED, opacity=1.0)
    assert (image[:100] == 128).all()
    assert (image[130] != 128).any(axis=-1).all()


def test_an_open_mesh_shows_both_sides(renderer: MeshRenderer) -> None:
    corners = np.array([[-0.5, -0.5, 3], [0.5, -0.5, 3], [0, 0.5, 3]], np.float32)
    for faces in ([[0, 1, 2]], [[0, 2, 1]]):
        image = renderer.overlay(_gray(), corners, K, Surface(np.array(faces), 3), color=RED)
        assert (image != 128).any()


def test_a_view_is_drawn_into_and_its_surroundings_are_not(renderer: MeshRenderer) -> None:
    pair = np.concatenate([_gray(), _gray()], axis=1)
    renderer.overlay(pair[:, WIDTH:], _sphere(0, 0, 3), K, SURFACE, color=RED)
    assert (pair[:, :WIDTH] == 128).all()
    alone = renderer.overlay(_gray(), _sphere(0, 0, 3), K, SURFACE, color=RED)
    np.testing.assert_array_equal(pair[:, WIDTH:], alone)


def test_flat_triangles_and_stray_vertices_give_no_nan() -> None:
    surface = Surface(np.array([[0, 1, 2]]), 4)
    vertices = np.array([[0, 0, 1], [1, 0, 1], [2, 0, 1], [5, 5, 5]], np.float32)  # three on a line, one of no face
    np.testing.assert_array_equal(surface.normals(vertices), 0)
    assert np.isfinite(surface.shade(vertices, RED)).all()


def test_normals_are_those_of_trimesh() -> None:
    rng = np.random.default_rng(0)
    vertices = (SPHERE.vertices + rng.normal(0, 0.005, SPHERE.vertices.shape)).astype(np.float32)
    mesh = trimesh.Trimesh(vertices, SPHERE.faces, process=False)
    expected = np.zeros_like(vertices)
    for face, normal in zip(SPHERE.faces, mesh.face_normals * mesh.area_faces[:, None]):
        expected[face] += normal
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(SURFACE.normals(vertices), expected, atol=1e-4)


def test_closed_means_that_no_edge_is_open() -> None:
    count = len(SPHERE.vertices)
    assert Surface(SPHERE.faces, count).closed
    assert not Surface(SPHERE.faces[1:], count).closed


def test_torchs_compiler_loads_after_drawing() -> None:
    pytest.importorskip("triton", reason="needs a build of torch with triton")
    code = "from lsmplify_refine.visual.mesh import MeshRenderer\nwith MeshRenderer():\n    pass\nimport triton"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _bumpy() -> np.ndarray:
    """A ball whose shade changes quickly, and which hides parts of itself."""
    x, y, z = SPHERE.vertices.T
    moved: np.ndarray = (
        SPHERE.vertices * (1 + 0.2 * np.sin(30 * x) * np.cos(30 * (y + z)))[:, None] + (0, 0, 1.2)
    ).astype(np.float32)
    return moved


@pytest.mark.parametrize(
    "draw",
    [
        lambda r, image: r.overlay(image, _bumpy(), K, SURFACE, color=RED, opacity=0.8),
        # an open surface that reaches behind the camera
        lambda r, image: r.overlay(
            image,
            np.array([[-5, 1, -5], [5, 1, -5], [5, 1, 20], [-5, 1, 20]], np.float32),
            K,
            Surface(np.array([[0, 1, 2], [0, 2, 3]]), 4),
            color=RED,
        ),
        # larger than the image, on all sides
        lambda r, image: r.overlay(image, _sphere(0, 0, 0.5), K, SURFACE, color=GREEN),
    ],
)
def test_both_ways_draw_the_same_picture(draw: Callable[[MeshRenderer, np.ndarray], np.ndarray]) -> None:
    pictures = []
    for way in (GlRasterizer, CpuRasterizer):
        with _opened(way) as renderer:
            pictures.append(draw(renderer, _gray()).astype(int))
    gl, cpu = pictures
    changed = (gl != 128).any(axis=-1)
    assert changed.mean() > 0.02
    assert np.abs(gl - cpu)[changed].mean() < 2
    assert ((gl != 128).any(axis=-1) ^ (cpu != 128).any(axis=-1)).mean() < 0.01


def test_many_sizes_and_poses_keep_their_pictures() -> None:
    """The context is reused: what an earlier mesh drew must not show."""

    def drawn(renderer: MeshRenderer, depth: float) -> np.ndarray:
        return renderer.overlay(_gray(), _sphere(0, 0, depth), K, SURFACE, color=RED)

    depths = np.linspace(0.7, 6, 12)
    with _opened(GlRasterizer) as reused:
        again = [drawn(reused, depth) for depth in depths]
    for depth, picture in zip(depths, again):
        with _opened(GlRasterizer) as fresh:
            np.testing.assert_array_equal(picture, drawn(fresh, depth))


def test_a_colour_per_vertex(renderer: MeshRenderer) -> None:
    colors = np.where(SPHERE.vertices[:, :1] < 0, RED, GREEN)
    image = renderer.overlay(_gray(), _sphere(0, 0, 3), K, SURFACE, color=colors, opacity=1.0)
    assert image[98, 64].argmax() == 0 and image[98, 76].argmax() == 1


def test_the_cpu_draws_where_opengl_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl() -> Rasterizer:
        raise AttributeError("no such\nsymbol")  # bindings raise any error

    monkeypatch.setattr(ways, "GlRasterizer", no_gl)
    with MeshRenderer() as renderer:
        assert renderer.name.startswith("the CPU") and renderer.without_gl.startswith(
            "AttributeError: no such symbol; "
        )
        image = renderer.overlay(_gray(), _sphere(0, 0, 3), K, SURFACE, color=RED)
    assert (image != 128).any()


def test_without_opengl_and_a_new_opencv_the_message_says_how_to_get_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_gl() -> Rasterizer:
        raise InputError("OpenGL does not work here")

    monkeypatch.setattr(ways, "GlRasterizer", no_gl)
    monkeypatch.delattr("cv2.triangleRasterize", raising=False)
    with pytest.raises(InputError, match=r"work here, and OpenCV .* 5 or newer; .*--force-reinstall .*--no-video"):
        MeshRenderer()


@pytest.mark.parametrize(
    ("driver", "name"), [("NVIDIA H200", "OpenGL (NVIDIA H200)"), ("llvmpipe (LLVM 15)", "the CPU")]
)
def test_opengl_draws_on_a_graphics_card_alone(monkeypatch: pytest.MonkeyPatch, driver: str, name: str) -> None:
    _opened(GlRasterizer).__exit__(None, None, None)
    monkeypatch.setattr("OpenGL.GL.glGetString", lambda _: driver.encode())
    with MeshRenderer() as renderer:
        assert renderer.name.startswith(name) and renderer.without_gl == ""


def test_a_software_driver_draws_where_opencv_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(GlRasterizer).__exit__(None, None, None)
    monkeypatch.setattr("OpenGL.GL.glGetString", lambda _: b"llvmpipe (LLVM 15)")
    monkeypatch.delattr("cv2.triangleRasterize", raising=False)
    with MeshRenderer() as renderer:
        assert renderer.name == "OpenGL (llvmpipe (LLVM 15))"


def test_the_cpu_draws_where_the_driver_draws_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _opened(GlRasterizer).__exit__(None, None, None)
    monkeypatch.setattr(GlRasterizer, "draw", lambda *_: np.zeros((8, 8, 4), np.uint8))
    with MeshRenderer() as renderer:
        assert renderer.name.startswith("the CPU")
        assert "starts but draws nothing" in renderer.without_gl
