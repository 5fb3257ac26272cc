"""Draw meshes over pictures, off-screen.

Software OpenGL (Mesa) must keep up with a video on two cores. So only the person's bounding box is drawn, and
shading is computed once per vertex.
"""

from __future__ import annotations

from types import TracebackType

import cv2
import numpy as np

from lsmplify_refine.visual.box import bounding_box
from lsmplify_refine.visual.rasterizer import Rasterizer, open_rasterizer
from lsmplify_refine.visual.surface import Surface


class MeshRenderer:
    """Draws meshes over images, closed at the end of the `with` block. OpenGL draws, or the CPU where there is none.

    Args:
        rasterizer: What draws; the best that works here by default.

    Attributes:
        name: How it draws, for messages.
        without_gl: Why OpenGL does not draw, in one line; "" if it does.

    Raises:
        InputError: Nothing can draw here (on creation).
    """

    def __init__(self, rasterizer: Rasterizer | None = None) -> None:
        self._rasterizer, self.without_gl = (rasterizer, "") if rasterizer else open_rasterizer()
        self.name = self._rasterizer.name

    def __enter__(self) -> MeshRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rasterizer.close()

    def overlay(
        self,
        image: np.ndarray,
        vertices: np.ndarray,
        K: np.ndarray,
        surface: Surface,
        *,
        color: tuple[int, int, int] | np.ndarray,
        opacity: float = 0.8,
    ) -> np.ndarray:
        """Draw a mesh into an image, in place.

        Args:
            image: RGB uint8 (H, W, 3), changed.
            vertices: (V, 3) metres in OpenCV camera coordinates (x right, y down, z forward).
            K: (3, 3) intrinsics in pixels of `image`; skew is ignored.
            surface: The mesh's triangles.
            color: RGB of the mesh, 0-255; one for all, or one per vertex (V, 3).
            opacity: 0 draws nothing, 1 hides the picture.

        Returns:
            `image`.
        """
        box = bounding_box(vertices, K, image.shape[1], image.shape[0])
        if box is not None:
            vertices = vertices.astype(np.float32, copy=False)
            drawn = self._rasterizer.draw(vertices, surface.shade(vertices, color), surface, K, box)
            _blend(box.of(image), drawn, opacity)
        return image


def _blend(image: np.ndarray, drawn: np.ndarray, opacity: float) -> None:
    """Blend premultiplied RGBA over RGB, in place; OpenCV does it ten times faster than float numpy."""
    over = cv2.convertScaleAbs(drawn, alpha=opacity)
    through = cv2.cvtColor(255 - over[..., 3], cv2.COLOR_GRAY2RGB)
    image[:] = cv2.add(cv2.multiply(image, through, scale=1 / 255), cv2.cvtColor(over, cv2.COLOR_RGBA2RGB))
