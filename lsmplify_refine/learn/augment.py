"""Augmentation: widen a small motion corpus of one style (collars and hands at rest).

Poses are mirrored and recombined limb by limb. Joints along spine, neck and shoulders share their rotation differently.
*Style offsets* are random constant rotations per joint, the same in all frames of a sample. The network must then keep
from the input what no keypoint shows, which is the point of residual learning.
"""

from __future__ import annotations

from collections.abc import Sequence

import roma
import torch
from torch import Tensor

from lsmplify_refine.values.smpl_joints import JOINTS, LIMBS, MIRROR, SPINE, WRISTS, joint_indices

#: Style offset per joint (one sigma, radians), root and 21 body joints.
STYLE_RAD = (
    0, .10, .10, .10, .10, .10, .10, .12, .12, .10, .10, .10, .20, .28, .28, .20, .20, .20, .12, .12, .30, .30,
)  # fmt: skip
#: Max random turn of joints (one sigma, radians) in contorted poses.
_MAX_CONTORTION_RAD = 0.8
_EQUAL = (0.0, *[1.0] * (JOINTS - 1))
#: Max turns per frame of the slow movements: one per second at 30 fps.
_MAX_SWAY_RATE = 1 / 30
#: Neighbours in the skeleton: the joint that gives a part of its rotation, the joint that takes it, and the maximum
#: part. Body models and retargeting methods differ in how spine, neck and shoulder girdle share a rotation.
_NEIGHBOURS = (
    ("spine1", "spine2", 0.6),
    ("spine2", "spine3", 0.5),
    ("left_shoulder", "left_collar", 0.3),
    ("right_shoulder", "right_collar", 0.3),
    ("head", "neck", 0.5),
    ("neck", "head", 0.5),
)


def mirrored(rotvec: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor]:
    """Swap left and right (x becomes -x) of rotation vectors (..., 22, 3) and pelvis (..., 3)."""
    return (rotvec * torch.tensor([1.0, -1.0, -1.0]))[..., MIRROR, :], pelvis * torch.tensor([-1.0, 1.0, 1.0])


def recombined(rotvec: Tensor, others: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Replace each limb of samples (N, T, 22, 3), with a probability, by that of another sample."""
    rotvec = rotvec.clone()
    for limb in LIMBS:
        rows = torch.nonzero(torch.rand(len(rotvec), generator=generator) < probability)
        rotvec[rows, :, limb] = others[rows, :, limb]
    return rotvec


def unbent(rotvec: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Scale some samples (N, T, 22, 3) towards the rest pose by a random share; the root keeps its rotation."""
    some = torch.rand(len(rotvec), generator=generator) < probability
    left = 1 - some * torch.rand(len(rotvec), generator=generator)
    return torch.cat([rotvec[:, :, :1], left[:, None, None, None] * rotvec[:, :, 1:]], 2)


def handed_on(rotations: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Share rotations (N, T, 22, 3, 3) along spine, neck and shoulders differently in some samples.

    A part of a joint's rotation, the same in all frames of a sample, moves to its neighbour in the skeleton. Their
    combined rotation stays.
    """
    joints = list(rotations.unbind(2))
    changed = (torch.rand(len(rotations), 1, 1, generator=generator) < probability).float()
    for giver_name, taker_name, maximum in _NEIGHBOURS:
        giver, taker = joint_indices(giver_name, taker_name)
        part = changed * maximum * torch.rand(len(rotations), 1, 1, generator=generator)
        whole = roma.rotmat_to_rotvec(joints[giver])
        handed, kept = roma.rotvec_to_rotmat(part * whole), roma.rotvec_to_rotmat((1 - part) * whole)
        joints[taker] = handed @ joints[taker] if giver < taker else joints[taker] @ handed
        joints[giver] = kept
    return torch.stack(joints, 2)


def style_offsets(size: Tensor, generator: torch.Generator) -> Tensor:
    """Draw rotations (N, 22, 3, 3) to multiply poses with on the right; `size` (N,) is a factor on `STYLE_RAD`."""
    return _random_turns(STYLE_RAD, size, generator)


def contortions(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Draw rotations (N, 22, 3, 3) to multiply poses with; in some samples they turn all joints but the root."""
    some = torch.rand(count, generator=generator) < probability
    size = _MAX_CONTORTION_RAD * torch.rand(count, generator=generator) * some
    return _random_turns(_EQUAL, size, generator)


def _random_turns(sigma: Sequence[float], size: Tensor, generator: torch.Generator) -> Tensor:
    """Draw rotations (N, 22, 3, 3) with `sigma` radians per joint; `size` (N,) is a factor on it."""
    rotvec = torch.randn(len(size), len(sigma), 3, generator=generator) * torch.tensor(sigma)[:, None]
    turns: Tensor = roma.rotvec_to_rotmat(rotvec * size[:, None, None])
    return turns


def swaying(size: Tensor, frames: Tensor, generator: torch.Generator) -> Tensor:
    """Draw rotations (N, T, 22, 3, 3) to multiply motions with: slow movements of every joint about every axis.

    In retargeted motion, elbows and knees are hinges, and collars and hands rest. Real joints are not that stiff.

    Args:
        size: (N,) factor on `STYLE_RAD`.
        frames: (N, T) times in frames.
        generator: Generator of amplitudes, rates and phases.
    """
    shape = (len(size), 1, len(STYLE_RAD), 3)
    amplitude = size[:, None, None, None] * torch.tensor(STYLE_RAD)[:, None] * torch.randn(shape, generator=generator)
    rate, phase = (torch.rand(shape, generator=generator) for _ in range(2))
    turns = _MAX_SWAY_RATE * rate * frames[..., None, None] + phase
    swayed: Tensor = roma.rotvec_to_rotmat(amplitude * torch.sin(2 * torch.pi * turns))
    return swayed


def estimator_error(count: int, angle: float, generator: torch.Generator) -> Tensor:
    """Draw an estimator's errors, rotation vectors (N, 22, 3): strongest at the wrists, weakest along the spine."""
    own = torch.randn(count, JOINTS, 3, generator=generator)
    own[:, WRISTS] *= 1.5
    own[:, SPINE] *= 0.6
    return angle * torch.rand(count, 1, 1, generator=generator) * own
