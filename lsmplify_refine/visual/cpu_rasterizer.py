"""Draw a mesh on the CPU with OpenCV, where there is no OpenGL."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from trimesh import intersections

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.box import FAR_M, NEAR_M, Box
from lsmplify_refine.visual.surface import Surface

#: trimesh says no types of its functions.
_SLICE_FACES: Any = intersections.slice_faces_plane

#: Half of it has the tangent 1. Vertices are sheared into this field of view, so that any intrinsics work.
_FIELD_OF_VIEW = np.pi / 2


class CpuRasterizer:
    """Draws with `cv2.triangleRasterize`; see `Rasterizer`.

    Raises:
        InputError: OpenCV is older than version 5, which brought the function (on creation).
    """

    def __init__(self) -> None:
        if not self.works():
            raise InputError(f"OpenCV {cv2.__version__} cannot draw meshes, only version 5 or newer")
        self.name = f"the CPU (OpenCV {cv2.__version__})"

    @staticmethod
    def works() -> bool:
        """Whether OpenCV is new enough."""
        return hasattr(cv2, "triangleRasterize")

    def draw(self, vertices: np.ndarray, colors: np.ndarray, surface: Surface, K: np.ndarray, box: Box) -> np.ndarray:
        """RGBA uint8 (h, w, 4) of a box of the image, colours premultiplied by alpha."""
        lit: np.ndarray = np.zeros((box.height, box.width, 3), dtype=np.float32)
        depth = np.ones(lit.shape[:2], dtype=np.float32)  # 1 is the far plane
        vertices, colors, faces = _in_front(vertices, colors, surface.faces)
        if len(faces):
            settings = cv2.TriangleRasterizeSettings()
            settings.setShadingType(cv2.RASTERIZE_SHADING_SHADED)
            settings.setCullingMode(cv2.RASTERIZE_CULLING_CW if surface.closed else cv2.RASTERIZE_CULLING_NONE)
            settings.setGlCompatibleMode(cv2.RASTERIZE_COMPAT_INVDEPTH)
            view = _sheared(vertices, K, box)
            cv2.triangleRasterize(view, faces, colors, lit, depth, np.eye(4), _FIELD_OF_VIEW, NEAR_M, FAR_M, settings)
        covered = np.where(depth < 1, np.uint8(255), np.uint8(0))
        return _softened(np.dstack([cv2.convertScaleAbs(lit, alpha=255), covered]))

    def close(self) -> None:
        """Nothing to close."""


def _in_front(vertices: np.ndarray, colors: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, colours and faces in front of the near plane; faces that cross it are cut."""
    if vertices[:, 2].min() > NEAR_M:
        return vertices, colors, faces
    points, corners, shades = _SLICE_FACES(vertices, faces, (0.0, 0.0, 1.0), (0.0, 0.0, NEAR_M), uv=colors)
    return points.astype(np.float32), shades.astype(np.float32), np.ascontiguousarray(corners, dtype=np.int32)


def _sheared(vertices: np.ndarray, K: np.ndarray, box: Box) -> np.ndarray:
    """Vertices (V, 3) with y up and z backward, moved so that a centred camera sees the box as K does."""
    half_width, half_height = box.width / 2, box.height / 2
    x, y, z = vertices.T
    # half the field of view has the tangent 1 in y, and width / height in x
    return np.column_stack(
        [
            (K[0, 0] * x + (K[0, 2] - box.left - half_width) * z) / half_height,
            (-K[1, 1] * y - (K[1, 2] - box.top - half_height) * z) / half_height,
            -z,
        ]
    ).astype(np.float32)


def _softened(drawn: np.ndarray) -> np.ndarray:
    """Soften the outline of premultiplied RGBA, in place: OpenCV samples each pixel once, OpenGL four times."""
    soft = cv2.GaussianBlur(drawn, (3, 3), 0)
    outline = cv2.compare(soft[..., 3], drawn[..., 3], cv2.CMP_NE)
    return cv2.copyTo(soft, outline, drawn)
