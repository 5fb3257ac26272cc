"""Arms as hands hang on them: the wrist's orientation and place, and how the wrist takes another orientation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float

from lsmplify_refine.body import skinning
from lsmplify_refine.body.hand import Side
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.smpl_joints import joint_index

#: The forearm's share of a wrist's twist: its bones turn about each other.
_FOREARM_SHARE = 0.5


#: Max distance that a wrist moves to its hand, metres; the body's fit has smaller errors.
_MAX_CARRY_M = 0.05
#: Gauss-Newton steps that carry it, and what keeps a stretched arm from swinging, m^2/rad^2.
_CARRY_STEPS, _DAMPING = 4, 1e-4


@dataclass(frozen=True)
class Arm:
    """A forearm and its wrist in a body track.

    Attributes:
        elbow_joint, wrist_joint: Their indices.
        forearm: Orientation of the forearm (the elbow joint).
        wrist: Orientation of the hand (the wrist joint).
        place: Position of the wrist, metres.
        axis: The forearm's direction at rest, from the elbow to the wrist.
    """

    elbow_joint: int
    wrist_joint: int
    forearm: Float[np.ndarray, "frames 3 3"]
    wrist: Float[np.ndarray, "frames 3 3"]
    place: Float[np.ndarray, "frames 3"]
    axis: Float[np.ndarray, " 3"]

    @classmethod
    def of(cls, track: BodyTrack, side: Side) -> Arm:
        """The arm of a track."""
        elbow, wrist = joint_index(f"{side}_elbow"), joint_index(f"{side}_wrist")
        skeleton = track.body.skeleton(None, track.betas, track.scale)
        bones = skinning.pose_bones(skeleton, torch.as_tensor(track.rotations).float()).double().numpy()
        along = (skeleton.rest_joints[wrist] - skeleton.rest_joints[elbow]).double().numpy()
        place = bones[:, wrist, :3, 3] + track.pelvis
        orientations = bones[..., :3, :3]
        return cls(elbow, wrist, orientations[:, elbow], orientations[:, wrist], place, along / np.linalg.norm(along))

    def __getitem__(self, rows: Bool[np.ndarray, " frames"]) -> Arm:
        """Some frames."""
        return replace(self, forearm=self.forearm[rows], wrist=self.wrist[rows], place=self.place[rows])

    def bend(
        self, wrist: Float[np.ndarray, "frames 3 3"], along_hand: Float[np.ndarray, " 3"]
    ) -> Float[np.ndarray, " frames"]:
        """Angle between the forearm and a hand of some orientation, radians.

        Args:
            wrist: Orientation of the hand.
            along_hand: The hand's direction at rest.
        """
        unit = along_hand / np.linalg.norm(along_hand)
        cosine = np.einsum("nij,j,nik,k->n", self.forearm, self.axis, wrist, unit)
        angle: np.ndarray = np.arccos(np.clip(cosine, -1.0, 1.0))
        return angle

    def turned(
        self, track: BodyTrack, wrist: Float[np.ndarray, "frames 3 3"], share: Float[np.ndarray, " frames"]
    ) -> BodyTrack:
        """The track with the wrist a share of the way to another orientation; frames of share 0 keep their bits.

        A part of the twist goes to the forearm, which moves no joint.
        """
        rotations = track.rotations.copy()
        old = rotations[:, self.wrist_joint].astype(np.float64)
        turn = rotmat_to_rotvec(np.swapaxes(self.forearm, -1, -2) @ wrist @ np.swapaxes(old, -1, -2)) * share[:, None]
        twist = rotvec_to_rotmat((_FOREARM_SHARE * turn @ self.axis)[:, None] * self.axis)
        moved = share > 0
        new = np.swapaxes(twist, -1, -2) @ rotvec_to_rotmat(turn) @ old
        rotations[moved, self.wrist_joint] = new[moved]
        rotations[moved, self.elbow_joint] = (rotations[:, self.elbow_joint].astype(np.float64) @ twist)[moved]
        return replace(track, rotations=rotations)


def carried_wrist(
    track: BodyTrack, side: Side, place: Float[np.ndarray, "frames 3"], share: Float[np.ndarray, " frames"]
) -> BodyTrack:
    """The track with its wrist a share of the way to another place, by small turns of shoulder and elbow.

    Args:
        track: The body.
        side: Which arm.
        place: Where the hand's points have the wrist, metres.
        share: Of the way; frames of share 0 keep their bits.
    """
    chain = [joint_index(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist")]
    skeleton = track.body.skeleton(None, track.betas, track.scale)
    rotations, goal = track.rotations.astype(np.float64), None
    moved = share > 0
    for _ in range(_CARRY_STEPS):
        bones = skinning.pose_bones(skeleton, torch.as_tensor(rotations).float()).double().numpy()
        joints = bones[..., :3, 3][:, chain] + track.pelvis[:, None]
        if goal is None:
            way = place - joints[:, 2]
            length = np.linalg.norm(way, axis=1, keepdims=True)
            goal = joints[:, 2] + way * share[:, None] * np.minimum(1.0, _MAX_CARRY_M / np.maximum(length, 1e-9))
        # turning a joint by w moves the wrist by w x arm
        arms = joints[:, 2:] - joints[:, :2]
        jacobian = np.concatenate(
            [np.cross(np.eye(3), arm[:, None]).transpose(0, 2, 1) for arm in arms.swapaxes(0, 1)], 2
        )
        normal = jacobian @ jacobian.transpose(0, 2, 1) + _DAMPING * np.eye(3)
        turn = (jacobian.transpose(0, 2, 1) @ np.linalg.solve(normal, (goal - joints[:, 2])[..., None]))[..., 0]
        for place_in_chain, joint in enumerate(chain[:2]):
            above = bones[:, track.body.parents[joint], :3, :3]
            # both turns are in the world's axes; the elbow's own comes on top of the shoulder's
            world = rotvec_to_rotmat(turn[:, 3 * place_in_chain : 3 * place_in_chain + 3])
            rotations[moved, joint] = (above.swapaxes(1, 2) @ world @ above @ rotations[:, joint])[moved]
    return replace(track, rotations=np.where(moved[:, None, None, None], rotations, track.rotations).astype(np.float32))
