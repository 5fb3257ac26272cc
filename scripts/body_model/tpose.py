"""Pose anny's rest bodies in SMPL's T-pose: one world rotation per bone, anny's own weights."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from body_model.source import Source

#: SMPL's arm in the T-pose: direction of upper arm, forearm and hand on the left side (x left, y up, z front).
_UPPER_ARM, _FOREARM, _HAND = (0.2596, -0.0128, -0.0275), (0.2493, 0.009, -0.0011), (0.084, -0.0082, -0.012)
#: Directions of thigh and shin.
_THIGH, _SHIN = (0.012, -1.0, -0.012), (-0.030, -1.0, -0.11)
#: Angles that raise and pull back the shoulder girdle to match SMPL's arms, degrees: collar bone, shoulder.
_RAISE_DEG, _DRAW_BACK_DEG = (6.0, 12.0), (14.0, 14.0)
#: Shares of the hand's twist in the two halves of upper arm and forearm.
_TWIST_SHARES = {"upperarm01": 0.1, "upperarm02": 0.25, "lowerarm01": 0.4, "lowerarm02": 0.8}
#: anny leans forward by this; the correction is spread over the spine.
_LEAN_DEG = 3.0
_SPINE_SHARES = {
    "spine05": 1 / 3, "spine04": 1 / 3, "spine03": 2 / 3, "spine02": 2 / 3, "spine01": 1.0, "neck01": 0.6,
    "neck02": 0.3, "neck03": 0.0, "head": 0.0,
}  # fmt: skip


def to_t_pose(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """Pose every sampled body; returns vertices (N, V, 3) and bone heads (N, bones, 3)."""
    posed = [_pose(source, heads, vertices) for heads, vertices in zip(source.heads, source.vertices)]
    return np.stack([vertices for vertices, _ in posed]), np.stack([heads for _, heads in posed])


def _pose(source: Source, heads: np.ndarray, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    turns: dict[str, np.ndarray] = {}
    for side, sign in (("L", 1.0), ("R", -1.0)):
        at = {name[:-2]: heads[i] for i, name in enumerate(source.bones) if name.endswith(f".{side}")}
        turns |= {f"{name}.{side}": turn for name, turn in (_leg(at, sign) | _arm(at, sign)).items()}
    lean = np.radians(_LEAN_DEG)
    turns |= {bone: _about("x", -lean * share) for bone, share in _SPINE_SHARES.items()}
    for side in "LR":
        for bone in ("clavicle", "shoulder01"):
            turns[f"{bone}.{side}"] = turns[f"{bone}.{side}"] @ _about("x", -lean)
    count = len(source.bones)
    rotations, moved, affine = np.zeros((count, 3, 3)), np.zeros_like(heads), np.zeros((count, 3, 4))
    for i, (bone, parent) in enumerate(zip(source.bones, source.parents)):
        rotations[i] = turns.get(bone, np.eye(3) if parent < 0 else rotations[parent])
        moved[i] = heads[i] if parent < 0 else moved[parent] + rotations[parent] @ (heads[i] - heads[parent])
        affine[i, :, :3], affine[i, :, 3] = rotations[i], moved[i] - rotations[i] @ heads[i]
    blended = (source.weights @ affine.reshape(count, 12)).reshape(-1, 3, 4)
    skinned = np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3]
    return skinned.astype(np.float32), moved


def _leg(at: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    hip = 0.6 * at["upperleg01"] + 0.4 * at["upperleg02"]
    thigh = _shortest_turn(at["lowerleg01"] - hip, _sided(_THIGH, sign))
    shin = _shortest_turn(at["foot"] - at["lowerleg01"], _sided(_SHIN, sign))
    toes = np.mean([at[f"toe{k}-1"] for k in range(1, 6)], axis=0) - at["foot"]
    foot = _about("y", sign * np.arctan(0.20) - np.arctan2(toes[0], toes[2]))
    return {"upperleg01": thigh, "upperleg02": thigh, "lowerleg01": shin, "lowerleg02": shin, "foot": foot}


def _arm(at: dict[str, np.ndarray], sign: float) -> dict[str, np.ndarray]:
    upper, fore = at["lowerarm01"] - at["upperarm01"], at["wrist"] - at["lowerarm01"]
    hinge, down = np.cross(upper, fore), np.array([0.0, -sign, 0.0])
    upper_turn = _frame_turn(upper, _sided(_UPPER_ARM, sign), hinge, down)
    fore_turn = _frame_turn(fore, _sided(_FOREARM, sign), hinge, down)
    knuckles = np.mean([at[f"finger{k}-1"] for k in (2, 3, 4, 5)], axis=0)
    across = at["finger2-1"] - at["finger5-1"]
    # palm down: the index finger is in front
    hand = _frame_turn(knuckles - at["wrist"], _sided(_HAND, sign), across, np.array([0.0, 0.0, 1.0]))
    axis = np.array([sign, 0.0, 0.0])
    twist = Rotation.from_matrix(hand @ fore_turn.T).as_rotvec() @ axis
    turns = {"wrist": hand}
    for bone, share in _TWIST_SHARES.items():
        limb = upper_turn if bone.startswith("upper") else fore_turn
        turns[bone] = Rotation.from_rotvec(axis * twist * share).as_matrix() @ limb
    raised, back = 0.0, 0.0
    for bone, raise_deg, back_deg in zip(("clavicle", "shoulder01"), _RAISE_DEG, _DRAW_BACK_DEG):
        raised, back = raised + raise_deg, max(back, back_deg)
        turns[bone] = _about("y", sign * np.radians(back)) @ _about("z", sign * np.radians(raised))
    return turns | _fingers(at, hand)


def _fingers(at: dict[str, np.ndarray], hand: np.ndarray) -> dict[str, np.ndarray]:
    """Straighten the long fingers; the thumb moves with the hand."""
    turns = {}
    for finger in range(2, 6):
        turn = hand
        for part in (1, 2, 3):
            bone, tip = f"finger{finger}-{part}", f"finger{finger}-{part + 1}"
            along = at[tip] - at[bone] if tip in at else at[bone] - at[f"finger{finger}-{part - 1}"]
            target = hand @ along
            turn = _shortest_turn(target, target * (1.0, 0.35, 0.8)) @ hand
            turns[bone] = turn
    return turns


def _sided(direction: tuple[float, float, float], sign: float) -> np.ndarray:
    return np.array([sign * direction[0], direction[1], direction[2]])


def _about(axis: str, angle: float) -> np.ndarray:
    turn: np.ndarray = Rotation.from_euler(axis, angle).as_matrix()
    return turn


def _unit(vector: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vector / np.linalg.norm(vector)
    return unit


def _frame(along: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Orthonormal axes with the first exactly along."""
    first = _unit(along)
    second = _unit(aside - first * (first @ aside))
    return np.stack([first, second, np.cross(first, second)], 1)


def _frame_turn(along: np.ndarray, to: np.ndarray, aside: np.ndarray, aside_to: np.ndarray) -> np.ndarray:
    """Turn `along` onto `to`, and `aside` as close to `aside_to` as possible."""
    turn: np.ndarray = _frame(to, aside_to) @ _frame(along, aside).T
    return turn


def _shortest_turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = _unit(a), _unit(np.asarray(b))
    rotvec = _unit(np.cross(a, b)) * np.arccos(np.clip(a @ b, -1, 1))
    turn: np.ndarray = Rotation.from_rotvec(rotvec).as_matrix()
    return turn
