"""Draw meshes over pictures, off-screen, through pyrender.

Software OpenGL (Mesa) must keep up with a video on two cores. So only the person's bounding box is drawn, and
shading is computed here once per vertex. OpenGL then needs only a trivial shader.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import cv2
import numpy as np
import trimesh

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.gl import choose_gl_platform, gl_remedy

#: Near plane, metres: nothing closer to the camera is drawn.
NEAR_M = 0.05

#: The crop grows in steps, so that few frames need a new frame buffer.
_CROP_STEP = 64

#: Direction to the light, OpenCV camera coordinates: over the photographer's left shoulder.
_TO_LIGHT = np.array([-0.45, -0.65, -0.61], dtype=np.float32)


class Surface:
    """A mesh's triangles, prepared once for smooth shading of any of its poses.

    Args:
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        vertex_count: V.

    Attributes:
        faces: (F, 3) int64 vertex indices.
        closed: Whether no edge is open, so that the inside cannot be seen and need not be drawn.
    """

    def __init__(self, faces: np.ndarray, vertex_count: int) -> None:
        topology = trimesh.Trimesh(np.zeros((vertex_count, 3)), faces, process=False)
        self.faces = np.asarray(topology.faces, dtype=np.int64)
        self.closed = bool(topology.is_watertight and topology.is_winding_consistent)
        # (V, F), 1 where a face has the vertex: sums face normals at vertices
        self._faces_to_vertices = topology.faces_sparse.tocsr().astype(np.float32)

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Area-weighted unit normals (V, 3) of vertices (V, 3)."""
        a, b, c = vertices[self.faces.T]
        u, v = b - a, c - a
        across = np.empty_like(u)  # np.cross is several times slower
        across[:, 0] = u[:, 1] * v[:, 2] - u[:, 2] * v[:, 1]
        across[:, 1] = u[:, 2] * v[:, 0] - u[:, 0] * v[:, 2]
        across[:, 2] = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
        summed: np.ndarray = self._faces_to_vertices @ across
        unit: np.ndarray = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
        return unit

    def shade(self, vertices: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
        """Colours (V, 3) in [0, 1] of vertices (V, 3) in camera coordinates, lit by one soft light.

        Wrapped diffuse light keeps shape visible in the shadows. A dark rim (facing ratio) separates limbs
        from the trunk.
        """
        normals = self.normals(vertices)
        to_eye = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
        diffuse = np.clip(0.5 + 0.5 * normals @ _TO_LIGHT, 0.0, 1.0)
        facing = np.clip(np.einsum("vi,vi->v", normals, to_eye), 0.0, 1.0)
        light = (0.32 + 0.78 * diffuse**1.5) * (0.55 + 0.45 * facing**0.5)
        gloss = 0.10 * np.clip(normals @ _TO_LIGHT, 0.0, 1.0) ** 16
        lit: np.ndarray = np.clip(light[:, None] * np.array(color, dtype=np.float32) / 255.0 + gloss[:, None], 0.0, 1.0)
        return lit


class MeshRenderer:
    """Draws meshes over images; one OpenGL context for all of them, closed at the end of the `with` block.

    Only one may be open at a time: closing it ends the EGL display, which a second one would share.

    Raises:
        InputError: OpenGL does not work here (on creation).
    """

    def __init__(self) -> None:
        self.platform = choose_gl_platform()
        try:
            import pyrender

            self._gl = pyrender
            self._offscreen: Any = pyrender.OffscreenRenderer(_CROP_STEP, _CROP_STEP)
        except Exception as error:  # whatever PyOpenGL, pyrender or the driver raise means the same to the user
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(f"cannot draw meshes: OpenGL platform {self.platform}: {reason}; {gl_remedy()}") from error
        self._scene = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
        self._camera = pyrender.IntrinsicsCamera(1.0, 1.0, 0.0, 0.0, znear=NEAR_M, zfar=1000.0)
        self._scene.add(self._camera, pose=np.eye(4))
        self._material = pyrender.MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0))

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
        self._material.doubleSided = not surface.closed
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
            picture: np.ndarray = self._offscreen.render(self._scene, flags)[0]
            return picture
        finally:
            self._scene.remove_node(node)


def _bounding_box(vertices: np.ndarray, K: np.ndarray, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Pixels (left, top, right, bottom) that the mesh can touch in the image; None if it is out of sight."""
    if not np.isfinite(vertices).all():
        return None
    in_front = vertices[:, 2] > NEAR_M
    if not in_front.any():
        return None
    if not in_front.all():  # behind the camera, projection means nothing
        return 0, 0, width, height
    points = vertices[:, :2] / vertices[:, 2:] * (K[0, 0], K[1, 1]) + (K[0, 2], K[1, 2])
    low = np.floor(points.min(axis=0)) - 1
    high = np.ceil(points.max(axis=0)) + 1
    left, top = (int(side) for side in np.clip(low, 0, (width, height)))
    right, bottom = (int(side) for side in np.clip(high, 0, (width, height)))
    return (left, top, right, bottom) if left < right and top < bottom else None


def _blend(image: np.ndarray, drawn: np.ndarray, opacity: float) -> None:
    """Blend premultiplied RGBA over RGB, in place; OpenCV does it ten times faster than float numpy."""
    over = cv2.convertScaleAbs(np.ascontiguousarray(drawn), alpha=opacity)
    through = cv2.cvtColor(255 - over[..., 3], cv2.COLOR_GRAY2RGB)
    image[:] = cv2.add(cv2.multiply(image, through, scale=1 / 255), cv2.cvtColor(over, cv2.COLOR_RGBA2RGB))
