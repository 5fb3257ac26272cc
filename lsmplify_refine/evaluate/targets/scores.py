"""Scores of an estimate file against the true motion; each name carries unit, joint set and alignment."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import roma
import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.evaluate.scores import MPJPE, PVE
from lsmplify_refine.evaluate.targets.motion import Motion, open_body
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import Estimate

#: One rotation of the whole take is removed first: keypoints in another frame cannot determine it.
PVE_TURNED = "pve_mm_pelvis_take_rotation"


def errors_mm(estimate: Estimate, truth: Motion) -> dict[str, np.ndarray]:
    """Score an estimate against the true frames of the same ids; both are posed on the true shape, pelvis-aligned.

    Returns:
        Score name -> (T,) errors, mm.
    """
    poses = pose_on_body(estimate, open_body()).rotations.numpy(), rotvec_to_rotmat(truth.rotvec[estimate.frame_ids])
    still = np.zeros((len(estimate), 3))
    joints = [open_body().joints(rotations, still, truth.betas)[:, :22] for rotations in poses]
    vertices = [_mesh().keypoints("vertices", rotations, still, truth.betas) for rotations in poses]
    given, true = (torch.as_tensor(points).double() for points in vertices)
    turn = roma.special_procrustes(torch.einsum("tvi,tvj->ij", true, given)).numpy()
    compared = {MPJPE: joints, PVE: vertices, PVE_TURNED: (vertices[0] @ turn.T, vertices[1])}
    return {name: 1000 * np.linalg.norm(a - b, axis=-1).mean(1) for name, (a, b) in compared.items()}


@lru_cache(maxsize=1)
def _mesh() -> BodyModel:
    """The open body with 500 of its vertices, evenly spread over the list, as keypoints."""
    body = open_body()
    return body.with_vertices_as_keypoints(np.linspace(0, int(body.faces.max()), 500).astype(int))
