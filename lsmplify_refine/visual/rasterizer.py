"""The ways to draw a mesh: OpenGL on a graphics card, else the CPU."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.visual.box import Box
from lsmplify_refine.visual.cpu_rasterizer import CpuRasterizer
from lsmplify_refine.visual.gl import gl_remedy
from lsmplify_refine.visual.gl_rasterizer import GlRasterizer
from lsmplify_refine.visual.surface import Surface


class Rasterizer(Protocol):
    """Draws one mesh at a time into a picture of its own.

    Attributes:
        name: How it draws, for messages.
    """

    name: str

    def draw(self, vertices: np.ndarray, colors: np.ndarray, surface: Surface, K: np.ndarray, box: Box) -> np.ndarray:
        """Draw a mesh over nothing.

        Args:
            vertices: (V, 3) metres in OpenCV camera coordinates.
            colors: (V, 3) in [0, 1].
            surface: The mesh's triangles.
            K: (3, 3) intrinsics in pixels of the image.
            box: The part of the image to draw.

        Returns:
            RGBA uint8 (h, w, 4) of the box, colours premultiplied by alpha.
        """

    def close(self) -> None:
        """Free what it holds."""


def open_rasterizer() -> tuple[Rasterizer, str]:
    """The fastest way to draw here.

    Returns:
        The rasterizer; and why OpenGL does not work, with the remedy ("" if it does).

    Raises:
        InputError: Neither works.
    """
    try:
        opengl = GlRasterizer()
    # drivers and bindings raise any error
    except Exception as error:
        return _without_gl(describe_error(error))
    # both draw on the CPU then, and OpenCV is faster than Mesa (scripts/benchmark_video.py)
    if opengl.on_cpu and CpuRasterizer.works():
        opengl.close()
        return CpuRasterizer(), ""
    return opengl, ""


def _without_gl(reason: str) -> tuple[Rasterizer, str]:
    try:
        return CpuRasterizer(), f"{reason}; {gl_remedy()}"
    except InputError as no_cpu:
        raise InputError(f"cannot draw meshes: {reason}, and {no_cpu}; {drawing_remedy()}") from no_cpu


def drawing_remedy() -> str:
    """What to do where nothing can draw, in one line."""
    # --force-reinstall: another package's older files may lie over those of the newest release
    command = "pip install --upgrade --force-reinstall --no-deps opencv-python-headless"
    upgrade = f"draw on the CPU after `{command}`"
    return f"{gl_remedy()}, or {upgrade}, or leave out the video with --no-video"
