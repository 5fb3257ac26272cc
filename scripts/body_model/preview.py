"""Draw a baked body in poses that show its defects: lowered and raised arms, a squat, a twisted forearm."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation
from smplx.lbs import lbs

from body_model.skeleton import JOINTS, PARENTS
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.surface import Surface

#: Pose -> joint -> rotation vector of the left side in degrees; the right side mirrors it.
POSES: dict[str, dict[str, tuple[float, float, float]]] = {
    "T-pose": {},
    "arms down": {"L_collar": (0, 0, -12), "L_shoulder": (0, 0, -52)},
    "arms up": {"L_collar": (0, 0, 25), "L_shoulder": (0, 0, 50)},
    "squat": {
        "L_hip": (-95, 0, 15), "L_knee": (115, 0, 0), "L_ankle": (-25, 0, 0), "spine1": (20, 0, 0),
        "spine2": (12, 0, 0), "L_shoulder": (0, -70, 0), "L_elbow": (0, -60, 0),
    },
    "forearms turned 90 degrees": {"L_wrist": (90, 0, 0)},
}  # fmt: skip
#: Camera angle about the vertical axis, degrees; 0 shows the face.
_VIEWS_DEG = (0.0, 60.0)
_WIDTH, _HEIGHT = 460, 520
#: Half the height in metres that the picture shows.
_HALF_HEIGHT_M = 1.1
#: So far away, metres, perspective hardly shows.
_DISTANCE_M = 60.0
_COLOR = (158, 173, 199)


def pose_rotations(pose: dict[str, tuple[float, float, float]]) -> np.ndarray:
    """Parent-relative rotations (24, 3, 3) of a symmetric pose."""
    turns = np.zeros((24, 3))
    for name, degrees in pose.items():
        turns[JOINTS.index(name)] = degrees
        if name.startswith("L_"):
            turns[JOINTS.index(name.replace("L_", "R_"))] = np.multiply(degrees, (1, -1, -1))
    rotations: np.ndarray = Rotation.from_rotvec(turns, degrees=True).as_matrix()
    return rotations


def posed(body: dict[str, np.ndarray], rotations: np.ndarray) -> np.ndarray:
    """Vertices (N, V, 3) of the mean shape in poses (N, 24, 3, 3), by smplx's linear blend skinning."""
    vertices, count = body["v_template"], len(rotations)
    skinned, _ = lbs(
        torch.zeros(count, 1),
        torch.as_tensor(rotations).float(),
        torch.as_tensor(vertices).float()[None],
        torch.zeros(*vertices.shape, 1),
        torch.zeros(207, vertices.size),
        torch.as_tensor(body["J_regressor"]).float(),
        torch.tensor(PARENTS),
        torch.as_tensor(body["weights"]).float(),
        pose2rot=False,
    )
    vertices_posed: np.ndarray = skinned.numpy()
    return vertices_posed


def write_preview(body: dict[str, np.ndarray], path: Path) -> None:
    """Write one picture with a column per pose and a row per view."""
    bodies = posed(body, np.stack([pose_rotations(pose) for pose in POSES.values()]))
    rows = [np.hstack([draw(vertices, body["f"], view) for vertices in bodies]) for view in _VIEWS_DEG]
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def draw(
    vertices: np.ndarray,
    faces: np.ndarray,
    view_deg: float,
    *,
    centre: tuple[float, float, float] | None = None,
    half_height: float = _HALF_HEIGHT_M,
    tilt_deg: float = 0.0,
) -> np.ndarray:
    """Draw a mesh with smooth shading from a view angle; returns the picture (H, W, 3)."""
    middle = np.array(centre) if centre is not None else (vertices.min(0) + vertices.max(0)) / 2
    view = Rotation.from_euler("YX", [view_deg, -tilt_deg], degrees=True).as_matrix()
    # axes of the view are x right, y up, z to the eye; OpenCV's camera looks along z, with y down
    seen = (vertices - middle) @ view * (1, -1, -1) + (0, 0, _DISTANCE_M)
    focal = _DISTANCE_M * _HEIGHT / 2 / half_height
    K = np.array([[focal, 0, _WIDTH / 2], [0, focal, _HEIGHT / 2], [0, 0, 1]])
    picture = np.full((_HEIGHT, _WIDTH, 3), 255, np.uint8)
    with MeshRenderer() as renderer:
        return renderer.overlay(picture, seen, K, Surface(faces, len(vertices)), color=_COLOR, opacity=1.0)
