"""SMPL parameters of people who stand, alone and several in one block."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from tests.support import estimator_files as make

#: Half a turn about x: a body that stands in a camera, whose y points down.
STANDING = np.array([np.pi, 0, 0], np.float32)


def standing(along: str = "-y", **more: Any) -> dict[str, Any]:
    """SMPL without a camera: a body that stands along an axis, four metres ahead."""
    turn = {"y": 0.0, "-y": np.pi, "z": np.pi / 2, "-z": -np.pi / 2}[along]
    poses = make.poses(24)
    poses[:, :3] = [turn, 0, 0]
    return {"poses": poses, "trans": make.ahead(), "betas": make.values(make.FRAMES, 10)} | more


def two_people() -> tuple[dict[str, Any], dict[str, Any]]:
    """Two people with other poses and places; the second from frame 2 on."""
    people = [standing(cam_K=make.parts()["K"]) for _ in range(2)]
    people[1]["trans"] = people[1]["trans"] + np.array([1.5, 0, 0], np.float32)
    people[1]["poses"] = people[1]["poses"][::-1].copy()
    return people[0], people[1]


def in_rows(*, ids: str = "id", frames: str | None = "frame_idx") -> dict[str, Any]:
    """Two people's rows, frame by frame, as CoMotion writes them."""
    first, second = two_people()
    order = sorted([(frame, 11, frame) for frame in range(7)] + [(frame + 2, 22, frame) for frame in range(7)])
    source = {11: first, 22: second}
    rows = {key: np.stack([source[who][key][row] for _, who, row in order]) for key in ("poses", "trans", "betas")}
    numbers = {} if frames is None else {frames: np.array([frame for frame, _, _ in order])}
    return {**rows, ids: np.array([who for _, who, _ in order]), **numbers, "cam_K": first["cam_K"]}


def in_a_cameras_world() -> dict[str, Any]:
    """Two people in a world, and a moving camera."""
    generator = np.random.default_rng(3)
    turn = rotvec_to_rotmat(STANDING + generator.normal(0, 0.2, (make.FRAMES, 3)))
    poses = np.tile(np.eye(4), (make.FRAMES, 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = turn, [0.1, 0.2, 4.0]
    people = [standing("y") for _ in range(2)]
    return {
        "poses": [person["poses"].astype(float) for person in people],
        "trans": [make.values(make.FRAMES, 3, seed=seed).astype(float) for seed in (1, 2)],
        "betas": [make.values(10, seed=seed).astype(float) for seed in (3, 4)],
        "genders": ["m", "f"],
        "cam_poses": poses,
        "cam_intrinsics": np.array([[1961.0, 0, 540], [0, 1969, 960], [0, 0, 1]]),
    }
