"""Hands: the finger joints and tips of a shaped body, as a skeleton whose keypoints are a hand's 21 points.

A hand's root is the wrist. Its rotation is the wrist's orientation in space, its place the wrist's. The 15 finger
joints follow in SMPL-X's order: index, middle, pinky, ring, thumb, three each from the knuckle on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Real

from lsmplify_refine.body.model import BodyModel
from lsmplify_refine.body.regressors import joint_names
from lsmplify_refine.body.skinning import Skeleton
from lsmplify_refine.values.conventions import HAND_POINTS
from lsmplify_refine.values.smpl_joints import HAND_JOINTS, joint_index

Side = Literal["left", "right"]

#: Fingers in SMPL-X's order.
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
#: Parent of each joint of a hand, the wrist first.
HAND_PARENTS = (-1, *(0 if joint % 3 == 0 else joint for joint in range(HAND_JOINTS)))
#: The open body's left hand at rest (palm down): metres from the wrist, x to the tips, y up, z to the thumb's side. The
#: mean of anny's bodies in SMPL's T-pose; printed by scripts/build_open_hand.py.
_OPEN_HAND: dict[str, tuple[float, float, float]] = {
    "index1": (0.1084, -0.0130, 0.0203),
    "index2": (0.1355, -0.0164, 0.0222),
    "index3": (0.1593, -0.0216, 0.0229),
    "middle1": (0.1062, -0.0081, -0.0065),
    "middle2": (0.1406, -0.0133, -0.0124),
    "middle3": (0.1689, -0.0189, -0.0157),
    "pinky1": (0.0877, -0.0110, -0.0448),
    "pinky2": (0.1078, -0.0147, -0.0541),
    "pinky3": (0.1225, -0.0187, -0.0601),
    "ring1": (0.0990, -0.0071, -0.0263),
    "ring2": (0.1284, -0.0112, -0.0360),
    "ring3": (0.1529, -0.0161, -0.0424),
    "thumb1": (0.0401, -0.0075, 0.0227),
    "thumb2": (0.0516, -0.0298, 0.0421),
    "thumb3": (0.0779, -0.0508, 0.0603),
    "index_tip": (0.1861, -0.0302, 0.0237),
    "middle_tip": (0.1952, -0.0245, -0.0193),
    "pinky_tip": (0.1417, -0.0231, -0.0685),
    "ring_tip": (0.1795, -0.0215, -0.0509),
    "thumb_tip": (0.1023, -0.0685, 0.0681),
}


@dataclass(frozen=True)
class Hand:
    """A hand at rest, in the axes of the body's rest pose.

    Attributes:
        side: Which hand.
        joints: The finger joints from the wrist, metres.
        tips: The finger tips in the order of `FINGERS`.
    """

    side: Side
    joints: Float[np.ndarray, "15 3"]
    tips: Float[np.ndarray, "5 3"]

    @classmethod
    def of(cls, body: BodyModel, side: Side, betas: Real[np.ndarray, " betas"], scale: float = 1.0) -> Hand:
        """The hand of a shaped body; one without finger joints gets the open hand, in the size of its forearm.

        Args:
            body: The body model.
            side: "left" or "right".
            betas: Shape of the body.
            scale: Uniform size of that shape.
        """
        vertices, joints = body.rest_mesh(betas, scale)
        wrist = joints[joint_index(f"{side}_wrist")]
        if body.family != "smpl":
            from smplx.vertex_ids import vertex_ids

            names, ids = joint_names(body.family), vertex_ids[body.family]
            first = names.index(f"{side}_{FINGERS[0]}1")
            tips = np.stack([vertices[ids[f"{side[0]}{finger}"]] for finger in FINGERS])
            return cls(side, joints[first : first + HAND_JOINTS] - wrist, tips - wrist)
        forearm = np.linalg.norm(wrist - joints[joint_index(f"{side}_elbow")]) / _open_forearm()
        mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0]) * forearm
        knuckles = [_OPEN_HAND[f"{finger}{part}"] for finger in FINGERS for part in (1, 2, 3)]
        ends = [_OPEN_HAND[f"{finger}_tip"] for finger in FINGERS]
        return cls(side, np.array(knuckles) * mirror, np.array(ends) * mirror)

    @property
    def bones(self) -> Float[np.ndarray, "5 4 3"]:
        """Bones of each finger from the wrist to the tip, metres."""
        chain = np.concatenate([np.zeros((5, 1, 3)), self.joints.reshape(5, 3, 3), self.tips[:, None]], axis=1)
        return np.diff(chain, axis=1)

    def with_lengths(self, lengths: Float[np.ndarray, "5 4"]) -> Hand:
        """The hand with bones of other lengths, metres, in the same directions."""
        bones = self.bones
        chain = np.cumsum(bones / np.linalg.norm(bones, axis=-1, keepdims=True) * lengths[..., None], axis=1)
        return replace(self, joints=chain[:, :3].reshape(HAND_JOINTS, 3), tips=chain[:, 3])

    def mirrored(self) -> Hand:
        """The other hand, of the same size."""
        other: Side = "right" if self.side == "left" else "left"
        return Hand(other, self.joints * (-1.0, 1.0, 1.0), self.tips * (-1.0, 1.0, 1.0))

    def flexion(self) -> Float[np.ndarray, "15 3"]:
        """Axis about which each joint bends its finger towards the palm, in its parent's axes at rest."""
        up = np.array([0.0, 1.0, 0.0])
        axes = np.cross(up, self.bones[:, 1:].reshape(HAND_JOINTS, 3))
        unit: np.ndarray = axes / np.linalg.norm(axes, axis=-1, keepdims=True)
        return unit

    def skeleton(self) -> Skeleton:
        """The hand prepared for posing, its keypoints in the order of `HAND_POINTS`."""
        rest = np.concatenate([np.zeros((1, 3)), self.joints])
        points, shares = np.zeros((len(HAND_POINTS), 1 + HAND_JOINTS, 3)), np.zeros((len(HAND_POINTS), 1 + HAND_JOINTS))
        shares[0, 0] = 1.0
        for index, point in enumerate(HAND_POINTS[1:], 1):
            finger = next(finger for finger in FINGERS if point.startswith(finger))
            first = 1 + 3 * FINGERS.index(finger)
            is_tip = point.endswith("_tip")
            joint = first + 2 if is_tip else first + int(point[-1]) - 1
            shares[index, joint] = 1.0
            points[index, joint] = self.tips[FINGERS.index(finger)] if is_tip else rest[joint]
        rest_joints, virtual, share = (torch.as_tensor(value).float() for value in (rest, points, shares))
        return Skeleton(HAND_PARENTS, rest_joints, virtual, share, None)


def _open_forearm() -> float:
    """Length of the open body's mean forearm, metres; the open hand has the matching size."""
    joints = BodyModel.open().rest_mesh(np.zeros(1))[1]
    return float(np.linalg.norm(joints[joint_index("left_wrist")] - joints[joint_index("left_elbow")]))
