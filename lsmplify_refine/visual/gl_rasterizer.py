"""Draw a mesh with pyrender: colours come per vertex, so its simplest shader does, and software drivers are fast."""

from __future__ import annotations

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.box import FAR_M, NEAR_M, Box
from lsmplify_refine.visual.gl import open_offscreen
from lsmplify_refine.visual.surface import Surface

#: Pictures are drawn in multiples of so many pixels, so that few frames need a new frame buffer.
_SIDE_STEP = 32
#: What the drivers that draw on the CPU call themselves: Mesa's, Google's, Apple's, and those of Windows.
_SOFTWARE_DRIVERS = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software", "basic render", "gdi generic")
#: OpenCV's camera looks along z with y down, OpenGL's along -z with y up.
_TO_OPENGL = np.array([1, -1, -1], dtype=np.float32)


class GlRasterizer:
    """Draws through OpenGL with one context, in the thread that made it; see `Rasterizer`.

    Only one may be open at a time: closing it ends the EGL display, which a second one would share.

    Attributes:
        name: The driver, for messages.
        on_cpu: Whether the driver draws in software.

    Raises:
        InputError: OpenGL does not start here, or starts and draws nothing (on creation).
    """

    def __init__(self) -> None:
        self._offscreen = open_offscreen(_SIDE_STEP, _SIDE_STEP)
        # imported only now, because they load the system's libraries
        import pyrender
        from OpenGL.GL import GL_RENDERER, glGetString

        driver = glGetString(GL_RENDERER).decode(errors="replace")
        self.name = f"OpenGL ({driver})"
        self.on_cpu = any(name in driver.lower() for name in _SOFTWARE_DRIVERS)
        self._pyrender = pyrender
        self._scene = pyrender.Scene(bg_color=(0.0, 0.0, 0.0, 0.0))
        self._camera = pyrender.IntrinsicsCamera(1.0, 1.0, 0.0, 0.0, znear=NEAR_M, zfar=FAR_M)
        self._scene.add(self._camera)
        self._material = pyrender.MetallicRoughnessMaterial(baseColorFactor=(1.0, 1.0, 1.0, 1.0))
        if not self._draws():
            self.close()
            raise InputError(f"{self.name} starts but draws nothing")

    def draw(self, vertices: np.ndarray, colors: np.ndarray, surface: Surface, K: np.ndarray, box: Box) -> np.ndarray:
        """RGBA uint8 (h, w, 4) of a box of the image, colours premultiplied by alpha."""
        self._offscreen.viewport_width = -(-box.width // _SIDE_STEP) * _SIDE_STEP
        self._offscreen.viewport_height = -(-box.height // _SIDE_STEP) * _SIDE_STEP
        self._camera.fx, self._camera.fy = float(K[0, 0]), float(K[1, 1])
        self._camera.cx, self._camera.cy = float(K[0, 2]) - box.left, float(K[1, 2]) - box.top
        self._material.doubleSided = not surface.closed
        mesh = self._pyrender.Primitive(
            positions=vertices * _TO_OPENGL,
            color_0=np.column_stack([colors, np.ones(len(colors), dtype=np.float32)]),
            indices=surface.faces,
            material=self._material,
        )
        node = self._scene.add(self._pyrender.Mesh([mesh]))
        try:
            flags = self._pyrender.RenderFlags.RGBA | self._pyrender.RenderFlags.FLAT
            picture, _ = self._offscreen.render(self._scene, flags)
        finally:
            self._scene.remove_node(node)
        return np.ascontiguousarray(picture[: box.height, : box.width])

    def close(self) -> None:
        """End the context, and all that was made in it."""
        self._offscreen.delete()

    def _draws(self) -> bool:
        """Whether a white triangle that fills a box of 8 x 8 pixels is seen."""
        corners = np.array([[-9, -9, 1], [9, -9, 1], [0, 18, 1]], dtype=np.float32)
        K = np.array([[8.0, 0, 4], [0, 8, 4], [0, 0, 1]])
        white = np.ones((3, 3), dtype=np.float32)
        return bool((self.draw(corners, white, Surface(np.array([[0, 1, 2]]), 3), K, Box(0, 0, 8, 8)) == 255).all())
