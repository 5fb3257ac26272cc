"""Meshes drawn over pictures, without a screen, through pyrender.

Software GL (Mesa) must keep up with a video on two cores, so only the person's bounding box is drawn, and the
shading is computed once per vertex here, which leaves GL a trivial shader.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from types import TracebackType
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from lsmplify_refine.errors import InputError

#: Near plane, metres: what is closer to the camera is not drawn.
NEAR_M = 0.05

#: The crop grows in steps, so that the frame buffer is not made anew for every frame.
_CROP_STEP = 64

#: Where the light comes from, OpenCV camera coordinates: over the photographer's left shoulder.
_TO_LIGHT = np.array([-0.45, -0.65, -0.61], dtype=np.float32)

_GL_FIX = "install one with `apt-get install libegl1 libgl1-mesa-dri`, or leave out the video with --no-video"


def choose_gl_platform() -> str:
    """Pick how GL runs without a screen, before pyrender is imported, and tell PyOpenGL through the environment.

    `PYOPENGL_PLATFORM` is respected where set. Otherwise Linux gets EGL, else OSMesa, else the screen; macOS and
    Windows keep pyrender's default. PyOpenGL binds its platform when it is imported and cannot be told again, so
    each is tried through ctypes first.

    Returns:
        "egl", "osmesa" or "default".

    Raises:
        InputError: Nothing works here.
    """
    if chosen := os.environ.get("PYOPENGL_PLATFORM"):
        return chosen
    if not sys.platform.startswith("linux"):
        return "default"
    device = _first_working_egl_device()
    if device is not None:
        os.environ.setdefault("EGL_DEVICE_ID", str(device))
        os.environ["PYOPENGL_PLATFORM"] = "egl"
        return "egl"
    if _has_osmesa():
        os.environ["PYOPENGL_PLATFORM"] = "osmesa"
        return "osmesa"
    if os.environ.get("DISPLAY"):
        return "default"
    raise InputError(f"no way to draw meshes here: neither EGL nor OSMesa works; {_GL_FIX}")


class Surface:
    """A mesh's triangles, prepared once for smooth shading of any of its poses.

    Args:
        faces: (F, 3) vertex indices.
        vertex_count: V.
    """

    def __init__(self, faces: np.ndarray, vertex_count: int) -> None:
        self.faces = np.asarray(faces, dtype=np.int64)
        corners = self.faces.ravel()
        owners = np.repeat(np.arange(len(self.faces)), 3)
        ones = np.ones(len(corners), dtype=np.float32)
        self._faces_to_vertices = csr_matrix((ones, (corners, owners)), shape=(vertex_count, len(self.faces)))

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Area-weighted unit normals (V, 3) of vertices (V, 3)."""
        a, b, c = vertices[self.faces.T]
        u, v = b - a, c - a
        across = np.empty_like(u)  # np.cross is several times slower
        across[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        across[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        across[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        summed = self._faces_to_vertices @ across
        return summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)

    def shade(self, vertices: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
        """Colours (V, 3) in [0, 1] of vertices (V, 3) in camera coordinates, lit by one soft lamp.

        Wrapped diffuse light keeps form in the shadows; a dark rim (facing ratio) sets limbs off from the trunk.
        """
        normals = self.normals(vertices)
        to_eye = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
        diffuse = np.clip(0.5 + 0.5 * normals @ _TO_LIGHT, 0.0, 1.0)
        facing = np.clip(np.einsum("vi,vi->v", normals, to_eye), 0.0, 1.0)
        light = (0.32 + 0.78 * diffuse**1.5) * (0.55 + 0.45 * facing**0.5)
        gloss = 0.10 * np.clip(normals @ _TO_LIGHT, 0.0, 1.0) ** 16
        return np.clip(light[:, None] * np.array(color, dtype=np.float32) / 255.0 + gloss[:, None], 0.0, 1.0)


class MeshRenderer:
    """Draws meshes over images; one GL context for all of them, closed at the end of the `with` block.

    Raises:
        InputError: No GL works here (on creation).
    """

    def __init__(self) -> None:
        self.platform = choose_gl_platform()
        try:
            import pyrender

            self._gl = pyrender
            self._offscreen: Any = pyrender.OffscreenRenderer(_CROP_STEP, _CROP_STEP)
        except Exception as error:  # whatever PyOpenGL, pyrender or the driver raise means the same to the user
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"no way to draw meshes here: GL platform {self.platform}: {reason}; {_GL_FIX}") from error
        self._scene = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
        self._camera = pyrender.IntrinsicsCamera(1.0, 1.0, 0.0, 0.0, znear=NEAR_M, zfar=1000.0)
        self._scene.add(self._camera, pose=np.eye(4))
        self._material = pyrender.MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0), doubleSided=True)

    def __enter__(self) -> MeshRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._offscreen.delete()

    def overlay(
        self,
        image: np.ndarray,
        vertices: np.ndarray,
        K: np.ndarray,
        surface: Surface,
        *,
        color: tuple[int, int, int],
        opacity: float = 0.8,
    ) -> np.ndarray:
        """Draw a mesh into an image, in place.

        Args:
            image: RGB uint8 (H, W, 3), changed.
            vertices: (V, 3) metres in OpenCV camera coordinates (x right, y down, z forward).
            K: (3, 3) intrinsics in pixels of `image`; skew is ignored.
            surface: The mesh's triangles.
            color: RGB of the mesh, 0-255.
            opacity: 0 draws nothing, 1 hides the picture.

        Returns:
            `image`.
        """
        box = _bounding_box(vertices, K, image.shape[1], image.shape[0])
        if box is None:
            return image
        left, top, right, bottom = box
        drawn = self._draw(vertices, surface, color, K, box)[: bottom - top, : right - left]
        _blend(image[top:bottom, left:right], drawn, opacity)
        return image

    def _draw(
        self,
        vertices: np.ndarray,
        surface: Surface,
        color: tuple[int, int, int],
        K: np.ndarray,
        box: tuple[int, int, int, int],
    ) -> np.ndarray:
        """RGBA uint8 of the box, or a little more to the right and below; colours premultiplied by alpha."""
        left, top, right, bottom = box
        self._offscreen.viewport_width = -(-(right - left) // _CROP_STEP) * _CROP_STEP
        self._offscreen.viewport_height = -(-(bottom - top) // _CROP_STEP) * _CROP_STEP
        self._camera.fx, self._camera.fy = float(K[0, 0]), float(K[1, 1])
        self._camera.cx, self._camera.cy = float(K[0, 2]) - left, float(K[1, 2]) - top
        opaque = np.ones((len(vertices), 4), dtype=np.float32)
        opaque[:, :3] = surface.shade(vertices, color)
        primitive = self._gl.Primitive(
            positions=vertices * np.array([1, -1, -1], dtype=np.float32),  # OpenGL: y up, z backward
            color_0=opaque,
            indices=surface.faces,
            material=self._material,
            mode=self._gl.GLTF.TRIANGLES,
        )
        node = self._scene.add(self._gl.Mesh([primitive]))
        try:
            flags = self._gl.RenderFlags.RGBA | self._gl.RenderFlags.FLAT
            return self._offscreen.render(self._scene, flags)[0]
        finally:
            self._scene.remove_node(node)


def _bounding_box(vertices: np.ndarray, K: np.ndarray, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Pixels (left, top, right, bottom) that the mesh can touch inside the image; None where it is out of sight."""
    if not np.isfinite(vertices).all():
        return None
    in_front = vertices[:, 2] > NEAR_M
    if not in_front.any():
        return None
    if not in_front.all():  # it reaches behind the camera, where projection means nothing
        return 0, 0, width, height
    points = vertices[:, :2] / vertices[:, 2:] * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])
    low = np.floor(points.min(axis=0)) - 1
    high = np.ceil(points.max(axis=0)) + 1
    left, top = (int(side) for side in np.clip(low, 0, (width, height)))
    right, bottom = (int(side) for side in np.clip(high, 0, (width, height)))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _blend(image: np.ndarray, drawn: np.ndarray, opacity: float) -> None:
    """Lay premultiplied RGBA over RGB, in place."""
    share = drawn.astype(np.float32) * np.float32(opacity)
    share[..., :3] += image * (1.0 - share[..., 3:] / 255.0)
    np.rint(share[..., :3], out=share[..., :3])
    image[:] = share[..., :3]


def _has_osmesa() -> bool:
    # PyOpenGL 3.1.0, which pyrender asks for, lacks the call that makes a modern OSMesa context
    release = tuple(int(part) for part in version("PyOpenGL").split(".")[:3])
    return ctypes.util.find_library("OSMesa") is not None and release >= (3, 1, 4)


def _first_working_egl_device() -> int | None:
    """Index of the first EGL device that gives an OpenGL context, or None."""
    name = ctypes.util.find_library("EGL")
    if name is None:
        return None
    try:
        egl = ctypes.CDLL(name)
        return next((index for index, display in enumerate(_egl_displays(egl)) if _gives_context(egl, display)), None)
    except (OSError, AttributeError):
        return None


def _egl_displays(egl: Any) -> Iterator[ctypes.c_void_p]:
    """The display of each EGL device, in the order in which pyrender counts them."""
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return
    query_devices = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)
    )(query)
    get_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(display_of)
    devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int()
    if not query_devices(16, devices, ctypes.byref(count)):
        return
    for index in range(count.value):
        yield ctypes.c_void_p(get_display(0x313F, devices[index], None))  # EGL_PLATFORM_DEVICE_EXT


def _gives_context(egl: Any, display: ctypes.c_void_p) -> bool:
    """Whether the display has an OpenGL configuration with colour, depth and off-screen surfaces."""
    if not display.value or not egl.eglInitialize(display, None, None):
        return False
    # EGL_SURFACE_TYPE = PBUFFER, EGL_RENDERABLE_TYPE = OPENGL, EGL_DEPTH_SIZE = 24, EGL_NONE
    wanted = (ctypes.c_int * 7)(0x3033, 1, 0x3040, 8, 0x3025, 24, 0x3038)
    found, config = ctypes.c_int(), ctypes.c_void_p()
    works = egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(found)) and found.value > 0
    egl.eglTerminate(display)
    return bool(works)
