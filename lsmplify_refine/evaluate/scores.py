"""Score refined poses against the truth; each metric's name carries unit, alignment and joint set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import roma
import torch
from jaxtyping import Float
from torch import Tensor

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.geometry.metrics import accel_mm_per_frame2
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.smpl_joints import JOINTS

#: Number of vertices sampled from the mesh, evenly spread over its list.
PROBES = 300
PVE = "pve_mm_pelvis"
MPJPE = "mpjpe_mm_smpl22_pelvis"
ACCEL = "accel_mm_per_frame2"
#: PVE of each half of the whole takes.
FIRST_HALF, SECOND_HALF = f"{PVE}_first_half", f"{PVE}_second_half"
#: The released code of Learnable SMPLify aligns here: it takes SMPL's joint 8 for BODY_25's mid-hip.
_RIGHT_ANKLE = 8
_BATCH = 256


def pa_mpjpe_mm(points: Float[np.ndarray, "frames points 3"], truth: Float[np.ndarray, "frames points 3"]) -> float:
    """Mean distance of points in metres after each frame's best similarity transform, mm (PA-MPJPE)."""
    found, true = torch.from_numpy(points), torch.from_numpy(truth)
    turn, shift, scale = roma.rigid_points_registration(found, true, compute_scaling=True)
    aligned = scale[:, None, None] * (found @ turn.transpose(-1, -2)) + shift[:, None]
    return 1000 * float((aligned - true).norm(dim=-1).mean())


class Posed(NamedTuple):
    """N posed bodies: vertices (N, V, 3) and joints (N, 22, 3) relative to the pelvis, rotations (N, 22, 3, 3)."""

    vertices: Tensor
    joints: Tensor
    rotations: Tensor


class Scorer:
    """Scores poses on one body.

    Args:
        body: The body model.
    """

    def __init__(self, body: BodyModel) -> None:
        vertices = np.linspace(0, int(body.faces.max()), PROBES).astype(int)
        self._probes = ShapeSampler(body.with_vertices_as_keypoints(vertices), "vertices")
        self._joints = ShapeSampler(body)

    @torch.no_grad()
    def scores(self, betas: Tensor, truth: Pose, poses: Mapping[str, Pose]) -> dict[str, dict[str, Tensor]]:
        """Score poses; a pose of n < N frames belongs to the first n.

        Args:
            betas: (N, 10) shapes.
            truth: The true poses.
            poses: Name -> refined poses.

        Returns:
            Name -> metric -> (N,) values.
        """
        parts: dict[str, list[dict[str, Tensor]]] = {name: [] for name in poses}
        for begin in range(0, len(betas), _BATCH):
            rows = slice(begin, begin + _BATCH)
            true = self._posed(betas[rows], truth.rotations[rows])
            for name, pose in poses.items():
                rotations = pose.rotations[rows]
                if count := len(rotations):
                    posed = self._posed(betas[rows][:count], rotations)
                    parts[name].append(_compare(posed, Posed(*(value[:count] for value in true))))
        return {name: {key: torch.cat([p[key] for p in part]) for key in part[0]} for name, part in parts.items()}

    @torch.no_grad()
    def accel(self, betas: Tensor, pose: Pose, frame_ids: np.ndarray) -> float:
        """Mean acceleration of the 22 joints with translation, mm/frame^2."""
        joints = self._posed_joints(betas, pose.rotations) + pose.pelvis[:, None]
        return accel_mm_per_frame2(joints.double().numpy(), frame_ids)

    def _posed(self, betas: Tensor, rotations: Tensor) -> Posed:
        vertices = skinning.keypoints(self._probes.skeleton(betas), rotations)
        return Posed(vertices, self._posed_joints(betas, rotations), rotations[:, :JOINTS])

    def _posed_joints(self, betas: Tensor, rotations: Tensor) -> Tensor:
        skeleton = self._joints.skeleton(betas)
        return skinning.joint_positions(skeleton, rotations)[:, :JOINTS]


def _compare(posed: Posed, true: Posed) -> dict[str, Tensor]:
    turn, shift, scale = roma.rigid_points_registration(posed.vertices, true.vertices, compute_scaling=True)
    aligned = scale[:, None, None] * (posed.vertices @ turn.transpose(-1, -2)) + shift[:, None]
    difference, apart = posed.vertices - true.vertices, posed.joints - true.joints
    return {
        PVE: _mean_mm(difference),
        "pa_pve_mm": _mean_mm(aligned - true.vertices),
        MPJPE: _mean_mm(apart),
        "angle_deg_smpl22": roma.rotmat_geodesic_distance(posed.rotations, true.rotations).rad2deg().mean(-1),
        "pve_mm_ankle": _mean_mm(difference - apart[:, [_RIGHT_ANKLE]]),
    }


def _mean_mm(difference: Tensor) -> Tensor:
    """(N,) mean length in millimetres of vectors (N, P, 3) in metres."""
    length: Tensor = difference.norm(dim=-1).mean(-1)
    return 1000 * length
