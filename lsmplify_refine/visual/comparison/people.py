"""The people of a comparison video: what is known of each, and their meshes, posed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison.keypoints import draw_keypoints
from lsmplify_refine.visual.comparison.panels import halves
from lsmplify_refine.visual.comparison.style import AFTER_COLOR, BEFORE_COLOR
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.surface import Surface

#: Rows whose meshes are posed in one batch.
_CHUNK = 32


@dataclass(frozen=True)
class DrawnPerson:
    """What to draw of one person.

    Attributes:
        frame_ids: (T,) video frame of each row.
        faces: (F, 3) triangles of the mesh.
        before: Rows (n,) -> vertices (n, V, 3) in camera coordinates, metres.
        after: The same, refined.
        K: (T, 3, 3) intrinsics in pixels of the upright frame.
        keypoints: 2D keypoints, or None.
        captions: (T,) what the gate did in each frame; "" shows nothing.
    """

    frame_ids: npt.NDArray[np.integer]
    faces: npt.NDArray[np.integer]
    before: Callable[[np.ndarray], np.ndarray]
    after: Callable[[np.ndarray], np.ndarray]
    K: np.ndarray
    keypoints: Keypoints | None
    captions: Sequence[str]


class Actor:
    """A person whose meshes are posed in chunks while the frames are drawn."""

    def __init__(self, person: DrawnPerson) -> None:
        self._person = person
        self._row_of = {int(frame): row for row, frame in enumerate(person.frame_ids)}
        self._chunk = -1
        self._meshes: tuple[np.ndarray, np.ndarray] | None = None
        self._surface: Surface | None = None

    def depth(self, frame: int) -> float:
        """Mean distance from the camera in a frame, metres; 0 if the person is not in it."""
        row = self._row_of.get(frame)
        return 0.0 if row is None else float(self._meshes_at(row)[0][:, 2].mean())

    def draw(self, pair: np.ndarray, frame: int, renderer: MeshRenderer, scale: float) -> None:
        """Draw both meshes and the keypoints into a pair of pictures (H, 2 W, 3), in place."""
        row = self._row_of.get(frame)
        if row is None:
            return
        K = self._person.K[row] * np.array([[scale], [scale], [1.0]])
        for panel, mesh, color in zip(halves(pair), self._meshes_at(row), (BEFORE_COLOR, AFTER_COLOR)):
            assert self._surface is not None
            renderer.overlay(panel, mesh, K, self._surface, color=color)
            if self._person.keypoints is not None:
                draw_keypoints(panel, self._person.keypoints, row, scale)

    def caption(self, frame: int) -> str:
        """What the gate did in a frame."""
        row = self._row_of.get(frame)
        return "" if row is None else self._person.captions[row]

    def _meshes_at(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        chunk = row // _CHUNK
        if self._meshes is None or chunk != self._chunk:
            rows = np.arange(chunk * _CHUNK, min((chunk + 1) * _CHUNK, len(self._person.frame_ids)))
            self._chunk, self._meshes = chunk, (self._person.before(rows), self._person.after(rows))
            if self._surface is None:
                self._surface = Surface(self._person.faces, self._meshes[0].shape[1])
        before, after = self._meshes
        return before[row % _CHUNK], after[row % _CHUNK]
