"""Variety: what lets a small corpus of one style (collars and hands at rest) stand for people.

Poses are mirrored, recombined limb by limb, shared otherwise along spine, neck and shoulders, and given *style
offsets*: a random constant rotation per joint, the same on all frames of a sample. What cannot be seen must then be
kept from the input, which is what residual learning means.
"""

from __future__ import annotations

from collections.abc import Sequence

import roma
import torch
from torch import Tensor

from lsmplify_refine.values.smpl_joints import JOINTS, LIMBS, MIRROR, SPINE, WRISTS, joint_indices

#: Radians of style offset per joint (one sigma), root and 21 body joints.
STYLE_RAD = (
    0, .10, .10, .10, .10, .10, .10, .12, .12, .10, .10, .10, .20, .28, .28, .20, .20, .20, .12, .12, .30, .30,
)  # fmt: skip
#: Radians (one sigma) by which joints are turned, at most, for poses as nobody has them.
_CONTORTED_RAD = 0.8
_ALL_ALIKE = (0.0, *[1.0] * (JOINTS - 1))
#: Turns per frame of the fastest of the movements that all joints are given: one a second.
_FASTEST_SWAY = 1 / 30
#: Neighbours in the skeleton of which one may hand the other a part of its rotation: giver, taker, largest part. How a
#: rotation is shared along spine, neck and shoulder girdle differs from one body model and retargeting to the next.
_HANDED = (
    ("spine1", "spine2", 0.6),
    ("spine2", "spine3", 0.5),
    ("left_shoulder", "left_collar", 0.3),
    ("right_shoulder", "right_collar", 0.3),
    ("head", "neck", 0.5),
    ("neck", "head", 0.5),
)


def mirrored(rotvec: Tensor, pelvis: Tensor) -> tuple[Tensor, Tensor]:
    """Left and right exchanged, x becomes -x: rotation vectors (..., 22, 3) and pelvis (..., 3)."""
    return (rotvec * torch.tensor([1.0, -1.0, -1.0]))[..., MIRROR, :], pelvis * torch.tensor([-1.0, 1.0, 1.0])


def recombined(rotvec: Tensor, others: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Samples (N, T, 22, 3) of which each limb, with that probability, comes from another sample."""
    rotvec = rotvec.clone()
    for limb in LIMBS:
        rows = torch.nonzero(torch.rand(len(rotvec), generator=generator) < probability)
        rotvec[rows, :, limb] = others[rows, :, limb]
    return rotvec


def unbent(rotvec: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Samples (N, T, 22, 3) of which some are drawn towards the body at rest, by any share; the root keeps its turn."""
    some = torch.rand(len(rotvec), generator=generator) < probability
    left = 1 - some * torch.rand(len(rotvec), generator=generator)
    return torch.cat([rotvec[:, :, :1], left[:, None, None, None] * rotvec[:, :, 1:]], 2)


def handed_on(rotations: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Samples (N, T, 22, 3, 3) of which some move the same ends of limbs by other shares of the joints above them.

    A part of a joint's rotation, the same for all frames of a sample, goes to its neighbour in the skeleton; what both
    do together stays.
    """
    joints = list(rotations.unbind(2))
    changed = (torch.rand(len(rotations), 1, 1, generator=generator) < probability).float()
    for giver_name, taker_name, most in _HANDED:
        giver, taker = joint_indices(giver_name, taker_name)
        part = changed * most * torch.rand(len(rotations), 1, 1, generator=generator)
        whole = roma.rotmat_to_rotvec(joints[giver])
        handed, kept = roma.rotvec_to_rotmat(part * whole), roma.rotvec_to_rotmat((1 - part) * whole)
        joints[taker] = handed @ joints[taker] if giver < taker else joints[taker] @ handed
        joints[giver] = kept
    return torch.stack(joints, 2)


def style_offsets(size: Tensor, generator: torch.Generator) -> Tensor:
    """Rotations (N, 22, 3, 3) to multiply poses with on the right; `size` (N,) is a factor on `STYLE_RAD`."""
    return _random_turns(STYLE_RAD, size, generator)


def contortions(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Rotations (N, 22, 3, 3) to multiply poses with: for some samples every joint's, but the root's, is turned."""
    some = torch.rand(count, generator=generator) < probability
    size = _CONTORTED_RAD * torch.rand(count, generator=generator) * some
    return _random_turns(_ALL_ALIKE, size, generator)


def _random_turns(sigma: Sequence[float], size: Tensor, generator: torch.Generator) -> Tensor:
    """Rotations (N, 22, 3, 3) of so many radians for each joint (one sigma); `size` (N,) is a factor on them."""
    rotvec = torch.randn(len(size), len(sigma), 3, generator=generator) * torch.tensor(sigma)[:, None]
    return roma.rotvec_to_rotmat(rotvec * size[:, None, None])


def swaying(size: Tensor, frames: Tensor, generator: torch.Generator) -> Tensor:
    """Rotations (N, T, 22, 3, 3) to multiply motions with: slow movements of every joint about every axis.

    Retargeted joints are stiff: elbows and knees are hinges, collars and hands rest. People's are not.

    Args:
        size: (N,) factor on `STYLE_RAD`.
        frames: (N, T) when, in frames.
        generator: Of amplitudes, rates and phases.
    """
    shape = (len(size), 1, len(STYLE_RAD), 3)
    amplitude = size[:, None, None, None] * torch.tensor(STYLE_RAD)[:, None] * torch.randn(shape, generator=generator)
    rate, phase = (torch.rand(shape, generator=generator) for _ in range(2))
    turns = _FASTEST_SWAY * rate * frames[..., None, None] + phase
    return roma.rotvec_to_rotmat(amplitude * torch.sin(2 * torch.pi * turns))


def estimator_error(count: int, angle: float, generator: torch.Generator) -> Tensor:
    """Rotation vectors (N, 22, 3) of what estimators get wrong: whole chains, wrists most, the spine least."""
    own = torch.randn(count, JOINTS, 3, generator=generator)
    own[:, WRISTS] *= 1.5
    own[:, SPINE] *= 0.6
    return angle * torch.rand(count, 1, 1, generator=generator) * own
