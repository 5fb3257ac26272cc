"""Reduce the triangles; closest points transfer everything else."""

from __future__ import annotations

import fast_simplification
import numpy as np
import scipy.sparse as sp
import trimesh


def decimate(body: dict[str, np.ndarray], faces: int) -> dict[str, np.ndarray]:
    """Reduce a body to about `faces` triangles; interpolate per-vertex data and spread regressors."""
    old_vertices, old_faces = body["v_template"], body["f"]
    vertices, triangles = fast_simplification.simplify(
        old_vertices.astype(np.float32), old_faces.astype(np.int32), target_count=faces, agg=3
    )
    vertices = vertices.astype(float)
    onto_old = _barycentric(old_vertices, old_faces, vertices)
    onto_new = _barycentric(vertices, triangles, old_vertices)
    weights = onto_old @ body["weights"]
    fifth = np.sort(weights, axis=1)[:, -5:-4]
    weights = np.where(weights > np.maximum(fifth, 1e-3), weights, 0)
    directions = onto_old @ body["shapedirs"].reshape(len(old_vertices), -1)
    ids = [int(np.argmin(np.linalg.norm(vertices - old_vertices[i], axis=1))) for i in body["vertex_ids"]]
    regressors = {key: np.asarray(body[key] @ onto_new) for key in body if key.startswith(("J_", "keypoints_"))}
    return (
        body
        | regressors
        | {
            "v_template": vertices,
            "f": triangles,
            "weights": weights / weights.sum(1, keepdims=True),
            "shapedirs": directions.reshape(len(vertices), 3, -1),
            "vertex_ids": np.array(ids),
        }
    )


def _barycentric(vertices: np.ndarray, faces: np.ndarray, points: np.ndarray) -> sp.csr_matrix:
    """Barycentric weights (points, vertices) of each point's closest point on a mesh."""
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    # trimesh has no types here
    closest, _, triangle = trimesh.proximity.closest_point(mesh, points)  # type: ignore[no-untyped-call]
    barycentric = trimesh.triangles.points_to_barycentric(  # type: ignore[no-untyped-call]
        vertices[faces[triangle]], closest
    )
    weights = np.clip(barycentric, 0, 1)
    weights /= weights.sum(1, keepdims=True)
    rows = np.repeat(np.arange(len(points)), 3)
    return sp.csr_matrix((weights.ravel(), (rows, faces[triangle].ravel())), shape=(len(points), len(vertices)))
