"""Find and load body model files into immutable arrays."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.body.checks import FAMILY_BY_JOINTS, KEYS, checked_arrays
from lsmplify_refine.body.regressors import convention_regressors, mesh_landmarks
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import load_body_npz, load_body_pickle, load_npy
from lsmplify_refine.values.smpl_joints import BODY_JOINTS, HAND_JOINTS

#: Shape coefficients kept from a model file; SMPL-X files carry 300 and then expressions.
_MAX_BETAS = 300


@dataclass(frozen=True)
class BodyArrays:
    """A body model as arrays.

    Attributes:
        family: smpl, smplh or smplx.
        gender: As the file or the user states it.
        is_open: True for the shipped open body, which has its own shape space.
        v_template: Rest vertices, metres.
        faces: Triangles of vertices.
        weights: Skinning weights.
        shapedirs: Change of the vertices with each beta.
        posedirs: Pose blend shapes, 9 features for each joint but the root, or None where all are zero.
        J_regressor: Joints from vertices.
        parents: Parent of each joint, -1 for the root.
        hand_means: SMPL-H's and SMPL-X's mean left and right hand, axis-angle; None in files without.
        keypoint_regressors: For each convention, weights on the posed vertices, then on the posed joints.
    """

    family: Family
    gender: str
    is_open: bool
    v_template: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    weights: Float[np.ndarray, "vertices joints"]
    shapedirs: Float[np.ndarray, "vertices 3 betas"]
    posedirs: Float[np.ndarray, "vertices 3 features"] | None
    J_regressor: Float[np.ndarray, "joints vertices"]
    parents: tuple[int, ...]
    hand_means: Float[np.ndarray, "2 15 3"] | None
    keypoint_regressors: dict[str, Float[np.ndarray, "points vertices_and_joints"]]


def load_open_body() -> BodyArrays:
    """The open SMPL-format body in the package's assets."""
    with (
        resources.as_file(resources.files("lsmplify_refine.assets") / "open_body.npz") as path,
        np.load(path, allow_pickle=False) as data,
    ):
        arrays = dict(data)
    own = {name: _without_joints(arrays[f"keypoints_{name}"], arrays["J_regressor"]) for name in ("coco17", "body25")}
    ids = dict(zip(arrays["vertex_names"].tolist(), arrays["vertex_ids"].tolist()))
    landmarks = mesh_landmarks("smpl", arrays["v_template"], arrays["J_regressor"], ids, own)
    regressors = convention_regressors(landmarks)
    return _body_arrays(arrays, gender="neutral", is_open=True, regressors=regressors)


def load_body_file(path: Path, gender: str = "neutral") -> BodyArrays:
    """A user's SMPL, SMPL-H or SMPL-X file, `.npz` or `.pkl` (old chumpy pickles too, without chumpy).

    Args:
        path: The file, or a folder in the layout of smplx (`smplx/SMPLX_NEUTRAL.npz`, ...).
        gender: Which file to take from a folder.

    Raises:
        InputError: The file or the gender is missing, or an array does not fit a body model.
    """
    path = _find(path, gender)
    arrays = load_body_npz(path) if path.suffix == ".npz" else load_body_pickle(path)
    hand_means = _hand_means(arrays)
    arrays = checked_arrays(path, arrays)
    family = FAMILY_BY_JOINTS[arrays["weights"].shape[1]]
    own = path.parent / "J_regressor_body25.npy"
    body25 = load_npy(own) if own.is_file() else None
    vertices = len(arrays["v_template"])
    if body25 is not None and body25.shape != (25, vertices):
        raise InputError(f"{own}: shape {body25.shape}; expected (25, {vertices}) for {path.name}")
    if body25 is not None and not (body25.dtype.kind in "fiu" and np.isfinite(body25).all()):
        raise InputError(f"{own}: not finite numbers; expected the weights of BODY_25's points on the vertices")
    regressors = _mesh_regressors(family, arrays, body25)
    return _body_arrays(arrays, gender=gender, is_open=False, regressors=regressors, hand_means=hand_means)


def _mesh_regressors(
    family: Family, arrays: dict[str, Any], body25: Float[np.ndarray, "25 vertices"] | None
) -> dict[str, np.ndarray]:
    """The rows of each convention on a licensed mesh; `body25` are the user's own rows for BODY_25."""
    from smplx.vertex_ids import vertex_ids

    joint_regressor = arrays["J_regressor"]
    # smplx keeps one table for SMPL and SMPL-H (same mesh)
    table = vertex_ids["smplx" if family == "smplx" else "smplh"]
    own = None if body25 is None else {"body25": _without_joints(body25, joint_regressor)}
    return convention_regressors(mesh_landmarks(family, arrays["v_template"], joint_regressor, table, own))


def _without_joints(
    rows: Float[np.ndarray, "points vertices"], joint_regressor: Float[np.ndarray, "joints vertices"]
) -> Float[np.ndarray, "points vertices_and_joints"]:
    """Rows on the vertices as rows on vertices and joints."""
    return np.hstack([rows, np.zeros((len(rows), len(joint_regressor)), dtype=np.float32)])


def _find(path: Path, gender: str) -> Path:
    if path.is_file():
        if path.suffix not in (".npz", ".pkl"):
            raise InputError(f"{path}: a body model is a .npz or .pkl file, or a folder of them")
        return path
    if not path.is_dir():
        raise InputError(f"{path}: no such body model; give a SMPL, SMPL-H or SMPL-X .npz or .pkl, or their folder")
    found = sorted(p for p in path.rglob(f"SMPL*_{gender.upper()}.*") if p.suffix in (".npz", ".pkl"))
    if not found:
        raise InputError(f"{path}: no SMPL*_{gender.upper()}.npz or .pkl below this folder")
    # SMPL-X first: it is what GVHMR and SMPLest-X write; then npz before pkl
    return min(found, key=lambda p: (not p.name.startswith("SMPLX"), p.suffix != ".npz", str(p)))


def _body_arrays(
    arrays: dict[str, Any],
    *,
    gender: str,
    is_open: bool,
    regressors: dict[str, np.ndarray],
    hand_means: Float[np.ndarray, "2 15 3"] | None = None,
) -> BodyArrays:
    dense = {key: arrays[key] for key in KEYS if key in arrays}
    parents = dense["kintree_table"][0].astype(np.int64)
    posedirs = dense.get("posedirs")
    has_pose_blend = posedirs is not None and bool(np.any(posedirs))
    family = FAMILY_BY_JOINTS[len(parents)]
    value = BodyArrays(
        family=family,
        gender=gender,
        is_open=is_open,
        v_template=dense["v_template"].astype(np.float32),
        faces=dense["f"].astype(np.int64),
        weights=dense["weights"].astype(np.float32),
        shapedirs=dense["shapedirs"][:, :, :_MAX_BETAS].astype(np.float32),
        posedirs=posedirs.astype(np.float32) if has_pose_blend and posedirs is not None else None,
        J_regressor=dense["J_regressor"].astype(np.float32),
        parents=(-1, *(int(p) for p in parents[1:])),
        hand_means=hand_means,
        keypoint_regressors={name: value.astype(np.float32) for name, value in regressors.items()},
    )
    for array in (value.v_template, value.faces, value.weights, value.shapedirs, value.J_regressor):
        array.setflags(write=False)
    assert BODY_JOINTS[family] < len(parents)
    return value


def _hand_means(arrays: dict[str, Any]) -> Float[np.ndarray, "2 15 3"] | None:
    found = [np.asarray(arrays.get(f"hands_mean{side}")) for side in "lr"]
    if not all(mean.dtype.kind == "f" and mean.size == 3 * HAND_JOINTS and np.isfinite(mean).all() for mean in found):
        return None
    return np.stack([mean.reshape(HAND_JOINTS, 3) for mean in found]).astype(np.float64)
