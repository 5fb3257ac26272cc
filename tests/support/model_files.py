"""Small random body models in the true file layouts of SMPL and SMPL-X (the real ones are gated)."""

from __future__ import annotations

import pickle
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from smplx.vertex_ids import vertex_ids

from lsmplify_refine.values.smpl_joints import JOINTS, PARENTS

_SMPLX_PARENTS = [*PARENTS[:JOINTS], 15, 15, 15] + [
    base + 3 * finger + part - 1 if part else wrist
    for base, wrist in ((25, 20), (40, 21))
    for finger in range(5)
    for part in range(3)
]
_VERTICES = {"smpl": 6890, "smplx": 10475}

_LIMBS = [12, 17, 19, 21, 16, 18, 20, 0, 2, 5, 8, 1, 4, 7]
#: BODY_25 in smplx's forward output, as in smplify-x.
POINTS_ON_SMPLX = {
    "smpl": [24, *_LIMBS, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34],
    "smplx": [55, *_LIMBS, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65],
}


def random_arrays(family: str, betas: int) -> dict[str, Any]:
    """A random model: sparse skinning weights, joints near vertices, non-zero pose blend shapes."""
    generator = np.random.default_rng(3)
    parents = list(PARENTS) if family == "smpl" else _SMPLX_PARENTS
    vertices, joints = _VERTICES[family], len(parents)
    weights = generator.dirichlet(np.full(joints, 0.05), vertices)
    regressor = np.zeros((joints, vertices))
    for joint in range(joints):
        regressor[joint, generator.choice(vertices, 20, replace=False)] = 1 / 20
    table = np.array([[4294967295, *parents[1:]], range(joints)], dtype=np.int64)
    return {
        "v_template": generator.normal(0, 0.5, (vertices, 3)),
        "f": generator.integers(0, vertices, (50, 3)).astype(np.uint32),
        "weights": weights,
        "shapedirs": generator.normal(0, 0.01, (vertices, 3, betas)),
        "posedirs": generator.normal(0, 0.01, (vertices, 3, 9 * (joints - 1))),
        "J_regressor": regressor,
        "kintree_table": table,
    }


class ChumpyArray:
    """Pickles as chumpy's array class does: an object with its value in attribute `x`."""

    def __init__(self, x: object) -> None:
        self.__dict__.update(x=x, dirty=True)


ChumpyArray.__module__, ChumpyArray.__qualname__, ChumpyArray.__name__ = "chumpy.ch", "Ch", "Ch"


def pickle_with_chumpy(arrays: dict[str, Any]) -> bytes:
    """Pickle chumpy's arrays too; pickle checks that their module exists."""
    module = types.ModuleType("chumpy.ch")
    vars(module)["Ch"] = ChumpyArray
    stand_ins = {"chumpy": types.ModuleType("chumpy"), "chumpy.ch": module}
    sys.modules.update(stand_ins)
    try:
        return pickle.dumps(arrays, protocol=2)
    finally:
        for name in stand_ins:
            del sys.modules[name]


def write_smpl(folder: Path, *, chumpy: bool = False) -> Path:
    """`SMPL_NEUTRAL.pkl`; with `chumpy` the old kind, arrays as chumpy objects and a sparse joint regressor."""
    arrays = dict(random_arrays("smpl", 10))
    arrays["J_regressor"] = scipy.sparse.csc_matrix(arrays["J_regressor"])
    if chumpy:
        for key in ("v_template", "shapedirs", "posedirs", "weights"):
            arrays[key] = ChumpyArray(arrays[key])
    path = folder / ("old" if chumpy else ".") / "SMPL_NEUTRAL.pkl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle_with_chumpy(arrays))
    return path


def write_smplx(folder: Path) -> Path:
    """`SMPLX_NEUTRAL.npz` with every key that smplx asks for, pickled objects among them."""
    arrays = random_arrays("smplx", 400)
    generator = np.random.default_rng(4)
    path = folder / "SMPLX_NEUTRAL.npz"
    np.savez(
        path,
        **arrays,
        hands_componentsl=np.eye(45),
        hands_componentsr=np.eye(45),
        hands_meanl=generator.normal(0, 0.1, 45),
        hands_meanr=generator.normal(0, 0.1, 45),
        lmk_faces_idx=np.zeros(51, np.int64),
        lmk_bary_coords=np.full((51, 3), 1 / 3),
        dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
        dynamic_lmk_bary_coords=np.full((79, 17, 3), 1 / 3),
        part2num=np.array({"body": 0}, dtype=object),
    )
    assert max(vertex_ids["smplx"].values()) < _VERTICES["smplx"]
    return path
