"""The training loss: joints, rotations and vertices of a pose against the truth."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.learn.pairs import Pairs
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.smpl_joints import JOINTS

#: Number of vertices sampled from the mesh.
_PROBES = 48
#: Loss of a pair that counts as easy. Above it, the logarithm gives a millimetre of an exact pair as much weight as
#: several of a noisy pair. Without the logarithm, noisy pairs decide nearly all of the gradient.
_EASY = 0.1


class PoseLoss:
    """Loss on joints, rotations and some vertices, as in Learnable SMPLify; vertices are pelvis-aligned.

    An error beyond the start's error costs twice: if noise hides whether a start is good, the network should keep it.

    Args:
        body: The body model of the pairs.
    """

    def __init__(self, body: BodyModel) -> None:
        vertices = np.linspace(0, int(body.faces.max()), _PROBES).astype(int)
        self._probes = ShapeSampler(body.with_vertices_as_keypoints(vertices), "vertices")

    def __call__(self, pairs: Pairs, *poses: Pose) -> list[tuple[Tensor, Tensor]]:
        """For each pose, the loss and the mean vertex error in metres."""
        probes = self._probes.skeleton(pairs.betas.cpu()).to(pairs.betas.device)
        with torch.no_grad():
            true_points, true_vertices = (
                skinning.keypoints(s, pairs.truth.rotations) for s in (pairs.skeleton, probes)
            )
            start_error = (skinning.keypoints(probes, pairs.start.rotations) - true_vertices).norm(dim=-1).mean(-1)
        results = []
        for pose in poses:
            difference = (pose.rotations[:, :JOINTS] - pairs.truth.rotations[:, :JOINTS]).square().sum((-1, -2))
            angle = (difference + 1e-8).sqrt().mean(-1)
            shift = (pose.pelvis - pairs.truth.pelvis)[:, None]
            points = (skinning.keypoints(pairs.skeleton, pose.rotations) - true_points + shift).norm(dim=-1).mean(-1)
            vertices = (skinning.keypoints(probes, pose.rotations) - true_vertices).norm(dim=-1).mean(-1)
            worse = (vertices - start_error).clamp(min=0.0)
            loss = (_EASY + 0.3 * angle + 2.0 * points + 8.0 * (vertices + worse)).log().mean()
            results.append((loss, vertices.mean()))
        return results
