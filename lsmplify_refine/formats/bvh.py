"""Write BVH: a skeleton and its rotations as text, which animation tools read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from lsmplify_refine.body import BodyModel
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.smpl_joints import JOINT_NAMES

_CENTIMETRES = 100.0
_ROTATIONS = "Zrotation Xrotation Yrotation"
#: Length of the end site that BVH requires on the last joint of a chain, centimetres.
_END = 5.0


def write_bvh(
    path: Path,
    body: BodyModel,
    betas: np.ndarray,
    global_orient: np.ndarray,
    body_pose: np.ndarray,
    pelvis: np.ndarray,
    fps: float,
) -> None:
    """Write a motion: y up, centimetres, intrinsic Euler angles in degrees (Z, X, Y).

    Args:
        path: The file.
        body: The model of the rest skeleton.
        betas: (B,) shape.
        global_orient: (T, 3) axis-angle, radians, world with y up.
        body_pose: (T, J, 3) axis-angle, radians.
        pelvis: (T, 3) position of the pelvis joint, metres.
        fps: Frames per second.
    """
    count = 1 + min(body_pose.shape[1], body.joint_count - 1)
    at_rest = np.repeat(np.eye(3, dtype=np.float32)[None, None], body.joint_count, axis=1)
    rest = body.joints(at_rest, np.zeros((1, 3), np.float32), betas)[0, :count] * _CENTIMETRES
    parents = [int(parent) for parent in body.parents[:count]]
    lines = ["HIERARCHY"]
    order = _add_joint(lines, 0, rest, parents, 0)
    rotvec = np.concatenate([global_orient[:, None], body_pose[:, : count - 1]], axis=1)[:, order]
    matrices = rotvec_to_rotmat(rotvec).reshape(-1, 3, 3)
    euler = Rotation.from_matrix(matrices).as_euler("ZXY", degrees=True).reshape(len(rotvec), -1)
    rows = np.hstack([pelvis * _CENTIMETRES, euler])
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / fps:.8f}"]
    lines += [" ".join(f"{number:.6f}" for number in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _add_joint(lines: list[str], joint: int, rest: np.ndarray, parents: list[int], depth: int) -> list[int]:
    """Append a joint and its descendants to `lines`; returns their indices in file order."""
    pad = "  " * depth
    offset = np.zeros(3) if joint == 0 else rest[joint] - rest[parents[joint]]
    channels = f"6 Xposition Yposition Zposition {_ROTATIONS}" if joint == 0 else f"3 {_ROTATIONS}"
    lines += [
        f"{pad}{'ROOT' if joint == 0 else 'JOINT'} {_bvh_name(JOINT_NAMES[joint])}",
        f"{pad}{{",
        f"{pad}  OFFSET {_numbers(offset)}",
        f"{pad}  CHANNELS {channels}",
    ]
    order = [joint]
    below = [child for child in range(joint + 1, len(parents)) if parents[child] == joint]
    for child in below:
        order += _add_joint(lines, child, rest, parents, depth + 1)
    if not below:
        direction = offset / max(float(np.linalg.norm(offset)), 1e-6) * _END
        lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {_numbers(direction)}", f"{pad}  }}"]
    lines.append(f"{pad}}}")
    return order


def _bvh_name(name: str) -> str:
    """A joint's name as animation tools write it: `left_hip` becomes `L_Hip`."""
    return name.title().replace("Left_", "L_").replace("Right_", "R_")


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
