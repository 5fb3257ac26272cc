"""Draw a mesh through OpenGL: colours come per vertex, so the shaders are trivial and software drivers are fast."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.box import FAR_M, NEAR_M, Box
from lsmplify_refine.visual.gl import open_context
from lsmplify_refine.visual.surface import Surface

#: The frame buffer grows in steps of so many pixels, so that few frames need a new one.
_SIDE_STEP = 64

_VERTEX_SHADER = """
#version 330
uniform mat4 projection;
in vec3 position;
in vec3 color;
out vec3 shade;
void main() {
    gl_Position = projection * vec4(position, 1.0);
    shade = color;
}
"""
_FRAGMENT_SHADER = """
#version 330
in vec3 shade;
out vec4 pixel;
void main() {
    pixel = vec4(shade, 1.0);
}
"""


class GlRasterizer:
    """Draws with one OpenGL context, in the thread that made it; see `Rasterizer`.

    Raises:
        InputError: OpenGL does not start here, or starts and draws nothing (on creation).
    """

    def __init__(self) -> None:
        self._context = open_context()
        with self._context as context:
            self._program = context.program(vertex_shader=_VERTEX_SHADER, fragment_shader=_FRAGMENT_SHADER)
            self.name = f"OpenGL ({context.info['GL_RENDERER']})"
        self._meshes: WeakKeyDictionary[Surface, tuple[Any, Any]] = WeakKeyDictionary()
        self._target: Any = None
        if not self._draws():
            self.close()
            raise InputError(f"{self.name} starts but draws nothing")

    def draw(self, vertices: np.ndarray, colors: np.ndarray, surface: Surface, K: np.ndarray, box: Box) -> np.ndarray:
        """RGBA uint8 (h, w, 4) of a box of the image, colours premultiplied by alpha."""
        width, height = box.width, box.height
        drawn = np.empty((height, width, 4), dtype=np.uint8)
        with self._context as context:  # makes it the current one
            target = self._target_for(width, height)
            target.use()
            context.viewport = (0, 0, width, height)
            target.clear(viewport=context.viewport)
            context.enable_only(context.DEPTH_TEST | (context.CULL_FACE if surface.closed else 0))
            # rows go down in images and up in OpenGL: nothing is turned over, so outlines run the other way
            context.front_face = "cw"
            self._program["projection"].write(_projection(K, box).T.astype(np.float32).tobytes())
            buffer, triangles = self._mesh(surface, len(vertices))
            buffer.write(np.hstack([vertices, colors]).astype(np.float32, copy=False))
            triangles.render()
            target.read_into(drawn, viewport=(0, 0, width, height), components=4)
        return drawn

    def close(self) -> None:
        """End the context, and all that was made in it."""
        self._context.release()

    def _draws(self) -> bool:
        """Whether a white triangle that fills a box of 8 x 8 pixels is seen."""
        corners = np.array([[-9, -9, 1], [9, -9, 1], [0, 18, 1]], dtype=np.float32)
        K = np.array([[8.0, 0, 4], [0, 8, 4], [0, 0, 1]])
        white = np.ones((3, 3), dtype=np.float32)
        return bool((self.draw(corners, white, Surface(np.array([[0, 1, 2]]), 3), K, Box(0, 0, 8, 8)) == 255).all())

    def _mesh(self, surface: Surface, count: int) -> tuple[Any, Any]:
        """The vertex buffer of a surface, and its triangles."""
        if surface not in self._meshes:
            buffer = self._context.buffer(reserve=count * 6 * 4, dynamic=True)
            layout = [(buffer, "3f 3f", "position", "color")]
            indices = self._context.buffer(surface.faces)
            self._meshes[surface] = buffer, self._context.vertex_array(self._program, layout, indices)
        return self._meshes[surface]

    def _target_for(self, width: int, height: int) -> Any:
        """A frame buffer of at least this size."""
        old = (0, 0) if self._target is None else self._target.size
        size = tuple(max(was, -(-side // _SIDE_STEP) * _SIDE_STEP) for was, side in zip(old, (width, height)))
        if size != old:
            if self._target is not None:
                for made in (*self._target.color_attachments, self._target.depth_attachment, self._target):
                    made.release()  # moderngl does not do it by itself
            self._target = self._context.simple_framebuffer(size)
        return self._target


def _projection(K: np.ndarray, box: Box) -> np.ndarray:
    """(4, 4) from OpenCV camera coordinates to clip coordinates of a box, whose first row is its top."""
    width, height, depth = box.width, box.height, FAR_M - NEAR_M
    return np.array(
        [
            [2 * K[0, 0] / width, 0, 2 * (K[0, 2] - box.left) / width - 1, 0],
            [0, 2 * K[1, 1] / height, 2 * (K[1, 2] - box.top) / height - 1, 0],
            [0, 0, (FAR_M + NEAR_M) / depth, -2 * FAR_M * NEAR_M / depth],
            [0, 0, 1, 0],
        ]
    )
