"""Miniatures of data sets with several views in their true trees: AIST++, AthletePose3D, RICH, LucidAction."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from tests.support.dataset_motion import Recording, record

AIST_SEQUENCE = "gWA_sFM_cAll_d27_mWA2_ch21"
#: Size of AIST++'s dancer, in its centimetres.
AIST_SCALING = 93.8
ATHLETE_CLIP = "Axel_1_cam_2"
RICH_SEQUENCE = "ParkingLot2_017_eating1"


# AIST++ --------------------------------------------------------------------------------------------------------------


def write_aistpp(root: Path, clip: Recording | None = None) -> Path:
    """motions, keypoints3d and cameras of one sequence; camera c02 of nine is the clip's. Gives the motion's file."""
    clip = clip or record(still=True, size=(1920, 1080))
    scale = AIST_SCALING / 100
    orient, transl = clip.world()
    back = np.swapaxes(clip.rotation, 1, 2)
    # a dancer of the mean shape's size times the scaling, whose pelvis is where the recording has it
    pelvis = (back @ (clip.pelvis - clip.translation)[..., None])[..., 0]
    transl = 100 * pelvis - AIST_SCALING * (np.array(clip.pelvis - clip.transl())[0])
    pose = clip.pose.copy()
    pose[:, 0] = orient
    motion = {
        "smpl_poses": pose.reshape(len(clip), -1),
        "smpl_scaling": np.array([AIST_SCALING]),
        "smpl_trans": transl,
        "smpl_loss": 0.5,
    }
    seen = clip.pelvis[:, None] + scale * (clip.points("coco17") - clip.pelvis[:, None])
    points = 100 * np.einsum("tij,tkj->tki", back, seen - clip.translation[:, None])
    points[4, 9] = np.nan
    keypoints = {"keypoints3d": points, "keypoints3d_optim": np.nan_to_num(points)}
    for folder, value in (("motions", motion), ("keypoints3d", keypoints)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"{AIST_SEQUENCE}.pkl").write_bytes(pickle.dumps(value))
    (root / "cameras").mkdir(exist_ok=True)
    (root / "cameras" / "mapping.txt").write_text(f"gBR_sBM_cAll_d04_mBR0_ch01 setting1\n{AIST_SEQUENCE} setting2\n")
    cameras = [_aist_camera(clip, number) for number in range(1, 10)]
    (root / "cameras" / "setting2.json").write_text(json.dumps(cameras))
    (root / "ignore_list.txt").write_text("gBR_sBM_cAll_d04_mBR0_ch01\n")
    return root / "motions" / f"{AIST_SEQUENCE}.pkl"


def _aist_camera(clip: Recording, number: int) -> dict[str, Any]:
    """Camera c02 is the clip's, the others are turned about it."""
    turn = rotvec_to_rotmat([0.0, 0.6 * (number - 2), 0.0])
    rotation, _ = cv2.Rodrigues(turn @ clip.rotation[0])
    return {
        "name": f"c{number:02d}",
        "size": list(clip.size),
        "matrix": clip.K.tolist(),
        "rotation": rotation.ravel().tolist(),
        "translation": (100 * turn @ clip.translation[0]).tolist(),
        "distortions": [0.0] * 5,
    }


# AthletePose3D -------------------------------------------------------------------------------------------------------


def write_athletepose3d(
    root: Path, clip: Recording | None = None, *, camera_mm: bool = True, points_mm: bool = False, turned: bool = False
) -> Path:
    """One video's files. Gives its .json.

    Args:
        root: The folder AthletePose3D.
        clip: What is recorded.
        camera_mm: The camera's centre is in millimetres.
        points_mm: The points are.
        turned: The video is turned by 90 degrees against the calibration, whose image is the clip's.
    """
    clip = clip or record(still=True, size=(1920, 1080))
    folder = root / "data" / "test_set" / "S1"
    folder.mkdir(parents=True, exist_ok=True)
    back = np.swapaxes(clip.rotation, 1, 2)
    for name in ("h36m17", "coco17"):
        points = np.einsum("tij,tkj->tki", back, clip.points(name) - clip.translation[:, None])
        np.save(folder / f"{ATHLETE_CLIP}_{name.removesuffix('17')}.npy", points * (1000 if points_mm else 1))
    signs = np.array([[1.0], [-1.0], [-1.0]])
    centre = -(back[0] @ clip.translation[0])
    cameras = {
        "S1_cam2": {
            "affine_intrinsics_matrix": clip.K.tolist(),
            "extrinsic_matrix": (signs * clip.rotation[0]).tolist(),
            "xyz": (centre * (1000 if camera_mm else 1)).tolist(),
            "distortion": [0.0] * 5,
        }
    }
    (root / "cam_param.json").write_text(json.dumps(cameras))
    width, height = clip.size[::-1] if turned else clip.size
    about = {
        "cam": "S1_cam2",
        "fps": 60,
        "video_width": width,
        "video_height": height,
        "keypoint_name": ["LASI", "RASI"],
    }
    (folder / f"{ATHLETE_CLIP}.json").write_text(json.dumps(about))
    return folder / f"{ATHLETE_CLIP}.json"


# RICH ----------------------------------------------------------------------------------------------------------------


def write_rich(root: Path, clip: Recording | None = None, sequence: str = RICH_SEQUENCE) -> Path:
    """A sequence of one person, and the calibration of its scene. Gives the folder of its frames."""
    clip = clip or record(12, still=True, size=(4112, 3008), focal=3300.0)
    orient, transl = clip.world("smplx")
    folder = root / "bodies" / "test" / sequence
    for frame in range(len(clip)):
        row = {
            "global_orient": orient[frame : frame + 1],
            "body_pose": clip.pose[frame : frame + 1, 1:22].reshape(1, -1),
            "transl": transl[frame : frame + 1],
            "betas": clip.betas[None],
            "left_hand_pose": np.zeros((1, 12)),
        }
        path = folder / f"{frame + 30:05d}" / f"{sequence.split('_')[1]}.pkl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps({key: value.astype(np.float32) for key, value in row.items()}))
    pose = np.column_stack([clip.rotation[0], clip.translation[0]])
    calibration = root / "scan_calibration" / sequence.split("_")[0] / "calibration"
    calibration.mkdir(parents=True, exist_ok=True)
    parts = (("CameraMatrix", pose), ("Intrinsics", clip.K), ("Distortion", np.zeros((2, 1))))
    (calibration / "004.xml").write_text(
        "".join(['<?xml version="1.0"?>\n<opencv_storage>\n', *(_xml(*part) for part in parts)])
    )
    return folder


def _xml(name: str, matrix: np.ndarray) -> str:
    rows, columns = matrix.shape
    numbers = "\n    ".join(" ".join(f"{value:.12g}" for value in row) for row in matrix)
    return (
        f'<{name} type_id="opencv-matrix">\n  <rows>{rows}</rows>\n  <cols>{columns}</cols>\n  <dt>d</dt>\n'
        f"  <data>\n    {numbers}</data></{name}>\n"
    )


# LucidAction ---------------------------------------------------------------------------------------------------------


def write_lucidaction(root: Path, *, frames: int = 24, jitter_deg: float = 0.0, estimator: str = "GVHMR") -> Path:
    """One clip of two views with 3D keypoints in a world, truth, and an estimator's results; see the layout."""
    clip = "diving/expert/back_dive/007"
    for view, turn in (("front", 0.0), ("side", 1.2)):
        shot = record(frames, still=True, size=(1280, 720), focal=1400.0)
        seen = rotvec_to_rotmat([0.0, turn, 0.0])
        orient = rotmat_to_rotvec(seen @ rotvec_to_rotmat(shot.pose[:, 0]))
        wrong = shot.wrong.copy()
        wrong[:, 0] = rotmat_to_rotvec(seen @ rotvec_to_rotmat(shot.wrong[:, 0]))
        noise = np.radians(jitter_deg) * np.random.default_rng(1).normal(size=wrong.shape)
        common: dict[str, Any] = {
            "K": shot.K,
            "betas": np.zeros(10),
            "model_type": np.array("smpl"),
            "fps": np.array(30.0),
        }
        pelvis = np.array([0, 0, shot.pelvis[0, 2]]) + (shot.pelvis - shot.pelvis[0]) @ seen.T
        transl = pelvis - (shot.pelvis - shot.transl())
        for place, root_orient, body in (
            (f"predictions/{estimator}", wrong[:, 0], wrong[:, 1:] + noise[:, 1:]),
            ("truth", orient, shot.pose[:, 1:]),
        ):
            path = root / place / clip / f"{view}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(path, global_orient=root_orient, body_pose=body.reshape(frames, -1), transl=transl, **common)
        points = shot.points("body25") + 0.01 * np.random.default_rng(2).normal(size=(frames, 25, 3))
        path = root / "keypoints_3d" / f"{clip}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, convention="body25", positions=points, confidence=np.ones(points.shape[:2]))
    return root
