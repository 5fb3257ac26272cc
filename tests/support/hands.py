"""People whose hands move: keypoints of body and hands from a body with known finger rotations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsmplify_refine.body import BodyModel, skinning
from lsmplify_refine.body.hand import Hand, Side
from lsmplify_refine.engine.hand_arm import Arm
from lsmplify_refine.engine.hand_fit import hand_pose
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS, HAND_POINTS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.smpl_joints import joint_index

FPS = 30.0
SIDES: tuple[Side, ...] = ("left", "right")
#: Indices of the finger tips among a hand's 21 points.
TIPS = [4, 8, 12, 16, 20]


@dataclass(frozen=True)
class Gesture:
    """A person whose arms, wrists and fingers move.

    Attributes:
        track: The true body.
        fingers: True axis-angle of the finger joints.
        points: True points of each hand, in the order of `HAND_POINTS`, metres.
    """

    track: BodyTrack
    fingers: dict[Side, np.ndarray]
    points: dict[Side, np.ndarray]

    def keypoints(
        self, convention: str, *, noise_m: float = 0.0, camera: Camera | None = None, seed: int = 0
    ) -> Keypoints:
        """Keypoints of body and hands, in metres or, with a camera, in pixels."""
        named = CONVENTIONS[convention]
        positions = np.zeros((len(self.track), len(named.points), 3))
        positions[:, list(named.body_points)] = self.track.keypoints(named.body)
        if named.has_hands:
            for side in SIDES:
                hand = self.points[side].copy()
                hand[:, 0] += named.wrist_ahead * (hand[:, HAND_POINTS.index("middle1")] - hand[:, 0])
                positions[:, list(named.hand_points(side))] = hand
        positions += noise_m * np.random.default_rng(seed).normal(size=positions.shape)
        if camera is not None:
            pixels = np.einsum("nij,nkj->nki", camera.K, positions)
            positions = pixels[..., :2] / pixels[..., 2:]
        return Keypoints(convention, positions, np.ones(positions.shape[:2]))


def gesture(body: BodyModel, frames: int = 60, *, before_camera: bool = False, grown: float = 1.0) -> Gesture:
    """Somebody who lifts both hands, turns the wrists, and opens and closes the fingers; y up, or before a camera.

    Args:
        body: The body.
        frames: T.
        before_camera: Upright 3 m before a camera (x right, y down, z forward) instead of in a world.
        grown: Size of the hands, as a factor.
    """
    time = np.arange(frames) / FPS
    rotvec = np.zeros((frames, body.joint_count, 3))
    rotvec[:, 0] = [np.pi, 0.0, 0.0] if before_camera else [0.0, 0.0, 0.0]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        rotvec[:, joint_index(f"{side}_shoulder"), 2] = -sign * (0.8 + 0.2 * np.sin(2 * time))
        rotvec[:, joint_index(f"{side}_elbow"), 1] = -sign * (1.2 + 0.3 * np.sin(3 * time))
        rotvec[:, joint_index(f"{side}_wrist")] = np.stack(
            [0.5 * np.sin(2 * time), 0.3 * np.cos(3 * time), sign * 0.3 * np.sin(2.5 * time)], axis=1
        )
    place = np.tile([0.1, 0.9, 3.0] if before_camera else [0.1, 0.9, 0.2], (frames, 1))
    betas = np.zeros(2)
    track = BodyTrack(body, rotvec_to_rotmat(rotvec).astype(np.float32), place.astype(np.float32), betas)
    fingers: dict[Side, np.ndarray] = {}
    points: dict[Side, np.ndarray] = {}
    for index, side in enumerate(SIDES):
        hand = Hand.of(body, side, betas)
        hand = hand.with_lengths(np.linalg.norm(hand.bones, axis=-1) * grown)
        bend = 0.7 + 0.5 * np.sin(4 * time[:, None] + index + 0.3 * np.arange(15))
        fingers[side] = hand.flexion() * bend[..., None]
        # the thumb turns about several axes, the knuckles spread
        fingers[side][:, 12:] = 0.3 * np.sin(3 * time[:, None, None] + np.arange(9).reshape(3, 3))
        fingers[side][:, 0:12:3, 1] += 0.1 * np.sin(3 * time[:, None] + np.arange(4))
        points[side] = hand_points(hand, track, fingers[side])
    return Gesture(track, fingers, points)


def hand_points(hand: Hand, track: BodyTrack, fingers: np.ndarray) -> np.ndarray:
    """The points (T, 21, 3) of a posed hand on a body's wrist, metres."""
    arm = Arm.of(track, hand.side)
    pose = hand_pose(arm.wrist, fingers, arm.place)
    posed = skinning.keypoints(hand.skeleton(), pose.rotations).double().numpy()
    points: np.ndarray = posed + arm.place[:, None]
    return points


def as_estimate(true: Gesture, *, error_rad: float = 0.1, camera: Camera | None = None, seed: int = 1) -> Estimate:
    """A SMPL-X estimate of a gesture, its joints off by a constant error, without fingers."""
    rotvec = rotmat_to_rotvec(true.track.rotations.astype(np.float64))[:, :22]
    rotvec[:, 1:] += error_rad * np.random.default_rng(seed).normal(size=(1, 21, 3))
    frames = len(rotvec)
    return Estimate(
        family="smplx",
        gender="neutral",
        global_orient=rotvec[:, 0],
        body_pose=rotvec[:, 1:],
        betas=np.zeros((frames, 10)),
        transl=true.track.pelvis.astype(np.float64) - MEAN_REST_PELVIS["smplx"],
        frame="world" if camera is None else "camera",
        camera=camera,
        fps=FPS,
    )
