"""Random adult shapes of the anny body, on one clean closed mesh."""

from __future__ import annotations

from dataclasses import dataclass

import anny
import numpy as np
import scipy.sparse as sp
import torch
from anny.face_segmentation import get_face_segmentation_mask
from scipy.sparse.csgraph import connected_components

#: Parts of anny's mesh that are not skin.
_INNER_PARTS = [
    "eye_cavity.R", "eye_cavity.L", "mouth_cavity", "eye_front.L", "eye_back.L", "eye_front.R", "eye_back.R", "tongue",
]  # fmt: skip
#: Local changes that do not affect body proportions, or that are rare.
_UNUSED_CHANGES = (
    "cheek", "chin", "ear", "eye", "forehead", "head-", "mouth", "nose", "bulge", "breast-point", "stomach-navel",
    "pelvis-tone", "trans", "valgus", "fingers-distance", "neck-double", "stomach-pregnant",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Sampled bodies in anny's rest pose, y up, facing +z, metres.

    Attributes:
        bones: Bone names.
        parents: Parent of each bone.
        weights: (V, bones) anny's skinning weights.
        faces: (F, 3) closed surface.
        vertices: (N, V, 3) vertices.
        heads: (N, bones, 3) bone heads.
        plain: (N,) True for shapes without local changes.
        skin: Number of anny's own vertices; the rest close holes (eyes, mouth).
        loops: Vertices around each closed hole.
        own_of: (V0,) our index of each of anny's vertices, -1 for removed ones.
        model: The anny model.
    """

    bones: list[str]
    parents: list[int]
    weights: np.ndarray
    faces: np.ndarray
    vertices: np.ndarray
    heads: np.ndarray
    plain: np.ndarray
    skin: int
    loops: list[np.ndarray]
    own_of: np.ndarray
    model: anny.Anny

    def bone(self, name: str) -> int:
        """Index of a bone."""
        return self.bones.index(name)


def sample_bodies(count: int, generator: np.random.Generator) -> Source:
    """Build anny, clean its mesh and draw `count` adult shapes; the first is the average person."""
    model = anny.Anny(local_changes="default", phenotypes="default", rig="anny", topology="anny").to(torch.float32)
    faces, select, loops, own_of, skin = _clean_mesh(model)
    phenotypes, changes, plain = _draw_shapes(model, count, generator)
    rest, heads = _rest_bodies(model, phenotypes, changes)
    weights = np.zeros((model.template_vertices.shape[0], len(model.bone_labels)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    weights = select @ weights
    vertices = np.stack([select @ body for body in rest])
    return Source(
        list(model.bone_labels), list(model.bone_parents), weights / weights.sum(1, keepdims=True), faces, vertices,
        heads, plain, skin, loops, own_of, model,
    )  # fmt: skip


def _clean_mesh(model: anny.Anny) -> tuple[np.ndarray, sp.csr_matrix, list[np.ndarray], np.ndarray, int]:
    """Close the outer skin: faces, map from anny's vertices, hole loops, index map, number of skin vertices."""
    faces = model.faces.numpy().astype(np.int64)
    total = model.template_vertices.shape[0]
    faces = faces[~get_face_segmentation_mask(model, _INNER_PARTS).numpy()]
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(total, total))
    part = connected_components(graph, directed=False)[1]
    faces = faces[part[faces[:, 0]] == np.bincount(part[faces[:, 0]]).argmax()]
    used = np.unique(faces)
    own_of = np.full(total, -1)
    own_of[used] = np.arange(len(used))
    loops = [own_of[np.array(loop)] for loop in _boundary_loops(faces)]
    rows, columns, values = [np.arange(len(used))], [used], [np.ones(len(used))]
    caps = []
    for index, loop in enumerate(loops):
        centre = len(used) + index
        rows.append(np.full(len(loop), centre))
        columns.append(used[loop])
        values.append(np.full(len(loop), 1 / len(loop)))
        caps += [[b, a, centre] for a, b in zip(loop, np.roll(loop, -1))]
    shape = (len(used) + len(loops), total)
    select = sp.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    closed = np.concatenate([own_of[faces], np.array(caps, dtype=np.int64).reshape(-1, 3)])
    return closed, select, loops, own_of, len(used)


def _boundary_loops(faces: np.ndarray) -> list[list[int]]:
    """Closed chains of edges with only one face."""
    edges = {tuple(edge) for edge in np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).tolist()}
    following: dict[int, list[int]] = {}
    for a, b in sorted(edges):
        if (b, a) not in edges:
            following.setdefault(a, []).append(b)
    loops = []
    while following:
        first = current = next(iter(following))
        loop = [first]
        while True:
            step = following[current].pop()
            if not following[current]:
                del following[current]
            if step == first:
                break
            loop.append(step)
            current = step
        loops.append(loop)
    return loops


def _draw_shapes(
    model: anny.Anny, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw phenotypes (N, P) and local changes (N, C); also returns which shapes have no changes."""
    labels, change_labels = model.phenotype_labels, model.local_change_labels
    draws = {
        "gender": generator.beta(0.6, 0.6, count),
        "age": generator.uniform(0.62, 0.9, count),
        "muscle": np.clip(generator.normal(0.5, 0.16, count), 0.05, 0.95),
        "weight": np.clip(generator.normal(0.5, 0.17, count), 0.05, 0.95),
        "height": np.clip(generator.normal(0.375, 0.10, count), 0.05, 0.95),
        "proportions": np.clip(generator.normal(0.5, 0.2, count), 0, 1),
    }
    average = {"gender": 0.5, "age": 0.7, "muscle": 0.5, "weight": 0.5, "height": 0.375, "proportions": 0.5}
    phenotypes = np.stack([draws[label] for label in labels], 1)
    changes = np.zeros((count, len(change_labels)))
    by_name: dict[str, np.ndarray] = {}
    for column, label in enumerate(change_labels):
        if any(unused in label for unused in _UNUSED_CHANGES):
            continue
        # left and right change together
        name = label[2:] if label[:2] in ("l-", "r-") else label
        if name not in by_name:
            by_name[name] = np.clip(generator.normal(0, 0.22, count), -0.8, 0.8)
        changes[:, column] = by_name[name]
    plain = np.arange(count) >= count // 2
    changes[plain] = 0
    phenotypes[0], changes[0] = [average[label] for label in labels], 0
    return phenotypes, changes, plain


@torch.no_grad()
def _rest_bodies(model: anny.Anny, phenotypes: np.ndarray, changes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rest vertices (N, V0, 3) and bone heads (N, bones, 3), turned from z-up to y-up."""
    coefficients = model._get_phenotype_blendshape_coefficients(
        torch.tensor(phenotypes, dtype=torch.float32),
        torch.tensor(changes, dtype=torch.float32),
        torch.zeros(len(phenotypes), len(model.facial_action_labels)),
    )
    vertices, heads = [], []
    for chunk in coefficients.split(50):
        rest = model.get_rest_model(chunk)
        vertices.append(rest["rest_vertices"].numpy())
        heads.append(rest["rest_bone_heads"].numpy())
    return _y_up(np.concatenate(vertices)), _y_up(np.concatenate(heads)).astype(np.float64)


def _y_up(points: np.ndarray) -> np.ndarray:
    """Turn z-up facing -y to y-up facing +z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)
