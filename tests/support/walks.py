"""Generated people who walk or glide over the floor of a y-up world, and an estimate of them with planted feet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lsmplify_refine import Camera, Estimate, Keypoints
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.values.estimate import WorldRoot
from lsmplify_refine.values.smpl_joints import FEET, JOINTS
from tests.support.scenes import SIZE, open_body

#: Of the walk: m/s, seconds of two steps, share of them that a foot stands, height of the swinging ankle in metres.
SPEED, PERIOD, STANCE, LIFT = 1.0, 1.1, 0.62, 0.12
_DEPTH_M = 5.0


@dataclass(frozen=True)
class Motion:
    """A motion in a y-up world.

    Attributes:
        pose: Rotation vectors, (T, 24, 3).
        pelvis: Its path, metres.
        still: (T, 4) which joints of the feet stand from each frame to the next.
    """

    pose: np.ndarray
    pelvis: np.ndarray
    still: np.ndarray

    @property
    def feet(self) -> np.ndarray:
        """(T, 4, 3) ankles and feet, metres."""
        return feet_of(rotvec_to_rotmat(self.pose), self.pelvis)


def feet_of(rotations: np.ndarray, pelvis: np.ndarray) -> np.ndarray:
    joints: np.ndarray = open_body().joints(rotations, pelvis, np.zeros(1))[:, FEET].astype(np.float64)
    return joints


def walk(frames: int = 90, fps: float = 30.0) -> Motion:
    """Walks along z with bent knees; each foot stands flat, then swings."""
    rest = open_body().skeleton(None, np.zeros(1)).rest_joints.double().numpy()
    seconds = np.arange(frames) / fps
    pose = np.zeros((frames, 24, 3))
    thigh, shin = (float(np.linalg.norm(rest[a] - rest[b])) for a, b in ((4, 1), (7, 4)))
    hip_height = 0.95 * (thigh + shin)
    still = np.zeros((frames, 4), dtype=bool)
    for side in range(2):
        phase = seconds / PERIOD + 0.5 * side
        share = phase % 1
        stands = share < STANCE
        swing = np.clip((share - STANCE) / (1 - STANCE), 0, 1)
        eased = swing - np.sin(2 * np.pi * swing) / (2 * np.pi)
        ahead = SPEED * PERIOD * (np.floor(phase) + eased - 0.5 * side + STANCE / 2) - SPEED * seconds
        up = LIFT * np.sin(np.pi * swing) ** 2 - hip_height
        reach = np.minimum(np.hypot(ahead, up), 0.999 * (thigh + shin))
        bend = np.pi - np.arccos((thigh**2 + shin**2 - reach**2) / (2 * thigh * shin))
        lean = np.arctan2(ahead, -up) + np.arctan2(shin * np.sin(bend), thigh + shin * np.cos(bend))
        for joint, angle in ((1 + side, -lean), (4 + side, bend), (7 + side, lean - bend)):
            pose[:, joint, 0] = angle
        still[:, side] = still[:, 2 + side] = stands & np.append(stands[1:], stands[-1])
    pelvis = np.zeros((frames, 3))
    pelvis[:, 1], pelvis[:, 2] = 1.0, SPEED * seconds
    return Motion(pose, pelvis, still)


def glide(frames: int = 90, fps: float = 30.0, speed: float = 0.4) -> Motion:
    """A dancer with bent knees who slides sideways over the floor, faster and slower."""
    seconds = np.arange(frames) / fps
    pose = np.zeros((frames, 24, 3))
    for side in range(2):
        pose[:, 1 + side, 0], pose[:, 4 + side, 0], pose[:, 7 + side, 0] = -0.3, 0.6, -0.3
    pelvis = np.zeros((frames, 3))
    pelvis[:, 0], pelvis[:, 1] = speed * (seconds + 0.4 * np.sin(2 * seconds)), 1.0
    return Motion(pose, pelvis, np.ones((frames, 4), dtype=bool))


def seen(true: Motion, *, fps: float = 30.0, drift_deg: float = 8.0, planted: bool = True) -> Estimate:
    """An estimate with slowly drifting errors of the legs, in camera and world, and the true keypoints.

    Its world path keeps the feet that stand in their places, as GVHMR's does; or it is the true one.
    """
    frames = len(true.pose)
    phase = 2 * np.pi * np.arange(frames)[:, None, None] / fps / 2.5
    drift = np.zeros_like(true.pose)
    offsets = np.random.default_rng(0).uniform(0, 6, (1, 6, 3))
    drift[:, (0, 1, 2, 3, 4, 5)] = np.radians(drift_deg) * np.sin(phase + offsets) * [1.0, 0.6, 0.6]
    wrong = rotvec_to_rotmat(true.pose) @ rotvec_to_rotmat(drift)
    pelvis = true.pelvis.copy()
    if planted:
        slides = np.diff(feet_of(wrong, pelvis) - true.feet, axis=0)
        weights = true.still[:-1, :, None] / np.maximum(true.still[:-1].sum(1), 1)[:, None, None]
        pelvis[1:] -= np.cumsum((slides * weights).sum(1), axis=0)

    turn = axis_turn("y", "camera")
    place = np.array([0.0, 1.0, _DEPTH_M])
    K = np.tile([[600.0, 0, SIZE[0] / 2], [0, 600, SIZE[1] / 2], [0, 0, 1]], (frames, 1, 1))
    points = open_body().keypoints("coco17", rotvec_to_rotmat(true.pose), true.pelvis, np.zeros(1))
    pixels = project_to_image(points @ turn.T + place, K)
    pose = rotmat_to_rotvec(wrong).astype(np.float32)
    in_camera = rotmat_to_rotvec(turn @ wrong[:, 0]).astype(np.float32)
    J0 = np.array(MEAN_REST_PELVIS["smplx"])
    return Estimate(
        "smplx",
        "neutral",
        in_camera,
        pose[:, 1:JOINTS],
        np.zeros((frames, 10), np.float32),
        (true.pelvis @ turn.T + place - J0).astype(np.float32),
        camera=Camera(K, SIZE),
        fps=fps,
        keypoints=Keypoints("coco17", pixels.astype(np.float32), np.ones(pixels.shape[:2], np.float32)),
        world=WorldRoot(pose[:, 0].copy(), (pelvis - J0).astype(np.float32)),
        contacts=np.where(true.still, 0.95, 0.05),
    )


def feet_in_world(estimate: Estimate) -> np.ndarray:
    """(T, 4, 3) ankles and feet of an estimate in its world, metres."""
    assert estimate.world is not None
    rotvec = np.zeros((len(estimate), 24, 3))
    rotvec[:, 0], rotvec[:, 1:JOINTS] = estimate.world.global_orient, estimate.body_pose
    return feet_of(rotvec_to_rotmat(rotvec), estimate.world.transl + np.array(MEAN_REST_PELVIS["smplx"]))


def slide_cm_per_s(estimate: Estimate, still: np.ndarray, fps: float = 30.0) -> float:
    """Mean speed along the ground of the feet that stand."""
    speed = np.linalg.norm(np.diff(feet_in_world(estimate), axis=0)[..., [0, 2]], axis=-1)
    return 100 * fps * float(speed[still[:-1]].mean())
