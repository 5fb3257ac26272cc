"""Keypoint regressors: every convention's points from a body's landmarks.

A body has *landmarks*: the points of COCO-17 and BODY_25, its joints, and a few named vertices. Each is a row of
weights on the posed vertices and joints. The open body has COCO's own points; on licensed meshes they are smplx's
joints and vertex ids, as in smplify-x. A convention's point is one landmark or a fixed mixture of several. A mixture
is *synthesised*: right to a centimetre or two, but not measured on people annotated in that convention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float

from lsmplify_refine.body.mixtures import FINGERS, LIKE, SMPL, Mixture, mixtures_of
from lsmplify_refine.options import Family
from lsmplify_refine.values.conventions import BODY25, COCO17, CONVENTIONS
from lsmplify_refine.values.smpl_joints import BODY_JOINTS, JOINT_NAMES, JOINTS

#: Where a convention's point on the body comes from: its own row, another convention's point, or a mixture.
Origin = Literal["own", "as coco17", "as body25", "as smpl24", "synthesised"]

#: BODY_25 point -> SMPL joint (shared by smpl, smplh, smplx) or smplx vertex name, as in smplify-x.
_POINT_ON_MESH: dict[str, str] = {
    "nose": "vertex:nose",
    "left_eye": "vertex:leye",
    "left_ear": "vertex:lear",
    "neck": "joint:neck",
    "mid_hip": "joint:pelvis",
    "left_big_toe": "vertex:LBigToe",
    "left_small_toe": "vertex:LSmallToe",
    "left_heel": "vertex:LHeel",
    **{f"left_{limb}": f"joint:left_{limb}" for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
}


def joint_names(family: Family) -> list[str]:
    """The joints of smpl, smplh or smplx in order, by name."""
    if family == "smpl":
        return list(JOINT_NAMES)
    face = ["jaw", "left_eyeball", "right_eyeball"] if family == "smplx" else []
    fingers = [f"{side}_{finger}{part}" for side in ("left", "right") for finger in FINGERS for part in (1, 2, 3)]
    return [*JOINT_NAMES[:JOINTS], *face, *fingers]


def point_origin(convention: str, point: str, *, family: Family, is_open: bool) -> Origin:
    """Where a convention's point on a body comes from.

    Args:
        convention: Name of the convention.
        point: Name of the point.
        family: Family of the body.
        is_open: Whether it is the open body.
    """
    if convention == "body25" or (convention == "coco17" and is_open):
        return "own"
    if convention == "coco17":
        return "as body25"
    if convention in SMPL:
        return "own" if family == "smpl" or point in JOINT_NAMES[:JOINTS] else "synthesised"
    landmark = _landmark(convention, point)
    if landmark is None:
        return "synthesised"
    return "as coco17" if landmark.startswith("coco17:") and is_open else "as body25"


def mesh_landmarks(
    family: Family,
    template: Float[np.ndarray, "vertices 3"],
    joint_regressor: Float[np.ndarray, "joints vertices"],
    vertex_ids: Mapping[str, int],
    base: Mapping[str, np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """A body's landmarks as rows (V + J,): weights on the posed vertices, then on the posed joints.

    Args:
        family: smpl, smplh or smplx.
        template: Rest vertices, y up, arms out.
        joint_regressor: Joints from vertices.
        vertex_ids: smplx's named vertices.
        base: The body's own rows (K, V + J) of coco17 and body25; smplx's landmarks where missing.
    """
    vertices, joints = len(template), len(joint_regressor)
    rows: dict[str, np.ndarray] = {}
    moving = 1 + BODY_JOINTS[family]
    for index, name in enumerate(joint_names(family)[:joints]):
        rows[f"joint:{name}"] = _one_hot(vertices + joints, vertices + index)
        if index >= moving:
            # the engine's body has no fingers: a knuckle is skin that moves with the wrist
            rows[f"joint:{name}"] = np.concatenate([joint_regressor[index], np.zeros(joints)])
    rows |= {f"vertex:{name}": _one_hot(vertices + joints, index) for name, index in vertex_ids.items()}
    rows["vertex:head_top"] = _one_hot(vertices + joints, int(np.argmax(template[:, 1])))
    for convention in (COCO17, BODY25):
        own = (base or {}).get(convention.name)
        for index, point in enumerate(convention.points):
            rows[f"{convention.name}:{point}"] = rows[_point_on_mesh(point)] if own is None else own[index]
    return rows


def convention_regressors(landmarks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Convention -> (K, V + J) rows of all its points."""
    return {
        name: np.stack([_row(name, point, landmarks) for point in convention.points]).astype(np.float32)
        for name, convention in CONVENTIONS.items()
    }


def _row(convention: str, point: str, landmarks: Mapping[str, np.ndarray]) -> Float[np.ndarray, " vertices_and_joints"]:
    landmark = _landmark(convention, point)
    if landmark is not None:
        return landmarks[landmark]
    mixtures = [_on_side(mixture, point) for mixture in mixtures_of(convention)[_left(point)]]
    mixture = next(mixture for mixture in mixtures if all(name in landmarks for name in mixture))
    return sum((share * landmarks[name] for name, share in mixture.items()), np.zeros(()))


def _landmark(convention: str, point: str) -> str | None:
    """The landmark of a point, or None if the point is a mixture."""
    if _left(point) in mixtures_of(convention):
        return None
    convention = CONVENTIONS[convention].body
    if convention in ("coco17", "body25"):
        return f"{convention}:{point}"
    if convention in SMPL:
        return f"joint:{point}"
    like = CONVENTIONS[LIKE[convention]]
    return f"{like.name if point in like.points else 'body25'}:{point}"


def _point_on_mesh(point: str) -> str:
    return _side_of(_POINT_ON_MESH[_left(point)], point)


def _on_side(mixture: Mixture, point: str) -> dict[str, float]:
    return {_side_of(name, point): share for name, share in mixture.items()}


def _left(point: str) -> str:
    return point.replace("right_", "left_")


def _side_of(landmark: str, point: str) -> str:
    """A left landmark, mirrored if the point is on the right."""
    if not point.startswith("right_"):
        return landmark
    kind, name = landmark.split(":")
    if kind == "vertex":
        mirrored = name if name in ("nose", "head_top") else {"l": "r", "L": "R"}[name[0]] + name[1:]
        return f"{kind}:{mirrored}"
    sides = {"left": "right", "right": "left"}
    return f"{kind}:{'_'.join(sides.get(part, part) for part in name.split('_'))}"


def _one_hot(size: int, index: int) -> Float[np.ndarray, " size"]:
    row = np.zeros(size, dtype=np.float32)
    row[index] = 1.0
    return row
