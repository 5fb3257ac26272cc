"""Keypoint regressors of the open body: COCO's points from anny's data, BODY_25's limbs from the joints."""

from __future__ import annotations

import numpy as np
import torch
from anny.paths import get_anny_root_dir

from body_model.skeleton import joint
from body_model.source import Source
from lsmplify_refine.values.conventions import BODY25, COCO17

_LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
#: smplx's names of the vertices that stand for points: ours -> BODY_25 point.
_VERTEX_NAMES = {
    "nose": "nose", "reye": "right_eye", "leye": "left_eye", "rear": "right_ear", "lear": "left_ear",
    "LBigToe": "left_big_toe", "LSmallToe": "left_small_toe", "LHeel": "left_heel", "RBigToe": "right_big_toe",
    "RSmallToe": "right_small_toe", "RHeel": "right_heel",
}  # fmt: skip
_FINGERS = {1: "thumb", 2: "index", 3: "middle", 4: "ring", 5: "pinky"}
#: Points of which the joint itself is closer to COCO detections (ViTPose and MediaPipe on real clips).
COCO_FROM_JOINTS = ("left_shoulder", "right_shoulder", "left_knee", "right_knee")


def keypoint_regressors(source: Source, mean: np.ndarray, joint_regressor: np.ndarray) -> dict[str, np.ndarray]:
    """Make the regressors: convention -> (K, V) non-negative rows that sum to one."""
    named = _surface_points(source, mean)
    joints = {
        f"{'left' if side == 'L' else 'right'}_{limb}": joint_regressor[joint(f"{side}_{limb}")]
        for side in "LR"
        for limb in _LIMBS
    }
    body25 = named | joints
    body25["neck"] = (joints["left_shoulder"] + joints["right_shoulder"]) / 2
    body25["mid_hip"] = (joints["left_hip"] + joints["right_hip"]) / 2
    coco = named | {name: joints[name] for name in COCO_FROM_JOINTS}
    return {
        "body25": np.stack([body25[name] for name in BODY25.points]),
        "coco17": np.stack([coco[name] for name in COCO17.points]),
    }


def _surface_points(source: Source, mean: np.ndarray) -> dict[str, np.ndarray]:
    """Every point in anny's COCO data as a regressor on our vertices."""
    data = torch.load(get_anny_root_dir() / "data" / "keypoints" / "coco.pth", weights_only=True)
    used = source.own_of >= 0
    points = {}
    for name, weights in data.items():
        row = np.zeros(len(mean))
        on_model = weights[source.model.base_mesh_vertex_indices].numpy().astype(float)
        row[source.own_of[used]] = np.clip(on_model[used], 0, None)
        # the eyeballs were removed: the eyelids replace them
        points[name] = _eyelid(source, mean, name) if row.sum() < 0.5 else row / row.sum()
    return points


def _eyelid(source: Source, mean: np.ndarray, name: str) -> np.ndarray:
    side = 1.0 if name.startswith("left") else -1.0
    loop = next(loop for loop in source.loops if side * mean[loop, 0].mean() > 0.01)
    row = np.zeros(len(mean))
    row[loop] = 1 / len(loop)
    return row


def vertex_ids(
    source: Source, mean: np.ndarray, regressors: dict[str, np.ndarray], wrists: np.ndarray
) -> dict[str, int]:
    """Find smplx's named vertices: face, feet and finger tips.

    Args:
        source: The sampled bodies.
        mean: (V, 3) mean T-pose.
        regressors: The result of `keypoint_regressors`.
        wrists: (2, 3) left and right wrist joints.
    """
    points = regressors["body25"] @ mean
    ids = {
        name: int(np.argmin(np.linalg.norm(mean - points[BODY25.points.index(point)], axis=1)))
        for name, point in _VERTEX_NAMES.items()
    }
    for side, wrist in zip("LR", wrists):
        for finger, name in _FINGERS.items():
            tip = np.flatnonzero(source.weights[:, source.bone(f"finger{finger}-3.{side}")] > 0.6)
            end = np.argmax(np.linalg.norm(mean[tip] - wrist, axis=1))
            ids[f"{side.lower()}{name}"] = int(tip[end])
    return ids
