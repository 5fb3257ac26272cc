"""A mesh's triangles, prepared once, and the light on them: colours per vertex, the same for every way to draw."""

from __future__ import annotations

import numpy as np
import trimesh

#: Direction to the light, OpenCV camera coordinates: over the photographer's left shoulder.
_TO_LIGHT = np.array([-0.45, -0.65, -0.61], dtype=np.float32)


class Surface:
    """A mesh's triangles, prepared once for smooth shading of any of its poses.

    Args:
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        vertex_count: V.

    Attributes:
        faces: (F, 3) int32 vertex indices.
        closed: Whether no edge is open, so that the inside cannot be seen and need not be drawn.
    """

    def __init__(self, faces: np.ndarray, vertex_count: int) -> None:
        topology = trimesh.Trimesh(np.zeros((vertex_count, 3)), faces, process=False)
        self.faces = np.ascontiguousarray(topology.faces, dtype=np.int32)
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

    def shade(self, vertices: np.ndarray, color: tuple[int, int, int] | np.ndarray) -> np.ndarray:
        """Colours (V, 3) in [0, 1] of vertices (V, 3) in camera coordinates, lit by one soft light.

        Wrapped diffuse light keeps shape visible in the shadows. A dark rim (facing ratio) separates limbs
        from the trunk. `color` is RGB 0-255, one for all or one per vertex (V, 3).
        """
        normals = self.normals(vertices)
        to_eye = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
        diffuse = np.clip(0.5 + 0.5 * normals @ _TO_LIGHT, 0.0, 1.0)
        facing = np.clip(np.einsum("vi,vi->v", normals, to_eye), 0.0, 1.0)
        light = (0.32 + 0.78 * diffuse**1.5) * (0.55 + 0.45 * facing**0.5)
        gloss = 0.10 * np.clip(normals @ _TO_LIGHT, 0.0, 1.0) ** 16
        lit: np.ndarray = np.clip(light[:, None] * np.array(color, dtype=np.float32) / 255.0 + gloss[:, None], 0.0, 1.0)
        return lit
