"""Generate the demo's input in assets/demo: a clip, a result in GVHMR's format with realistic errors, and keypoints.

    python scripts/build_demo.py [FOLDER]

The open body performs a movement that this script designs from sine windows: a squat, then a raised knee while one arm
waves and the other circles. No recording of a person is used. The same seed gives the same numbers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import roma
import torch
from scipy.ndimage import gaussian_filter1d

from lsmplify_refine.body import BodyModel
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn, move_body
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.visual.encode import VideoWriter
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.surface import Surface

ASSETS = Path(__file__).resolve().parents[1] / "assets"
SEED = 7
FPS = 30
FRAMES = 108
WIDTH, HEIGHT = 640, 360
CAMERA_HEIGHT_M, DISTANCE_M = 1.05, 4.7

#: Camera axes (x right, y down, z forward) from the y-up axes that the body is designed in, and back.
TURN = axis_turn("y", "camera")

LEFT_ANKLE, RIGHT_ANKLE = 7, 8
LIMBS = (1, 2, 4, 5, 16, 17, 18, 19)

#: RMS angles of the estimator's error in degrees, and its correlation time in seconds.
LIMB_ERROR, TRUNK_ERROR, ROOT_ERROR, ERROR_SECONDS = 11.0, 4.0, 3.0, 0.4

#: RMS of the estimator's jitter, degrees and metres.
JITTER_DEG, JITTER_M = 0.15, 0.0004


def main() -> None:
    """Write the three files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ASSETS / "demo"
    (folder / "preprocess").mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(SEED)
    body = BodyModel.open()
    betas = np.zeros(body.num_betas)
    betas[:2] = 0.8, -0.6
    rotations = movement()
    pelvis = place(body, rotations, betas)
    K = intrinsics()
    write_parameters(folder / "hmr4d_results.pt", *estimated(rotations, pelvis, random), K)
    keypoints = observed(body.keypoints("coco17", rotations, pelvis, betas), K, random)
    torch.save(torch.from_numpy(keypoints), folder / "preprocess" / "vitpose.pt")
    draw(folder / "0_input_video.mp4", body, body.vertices(rotations, pelvis, betas), K)


def movement() -> np.ndarray:
    """Design the joint rotations (T, 24, 3, 3); the root turns the y-up, +z-facing rest pose into camera axes."""
    t = np.arange(FRAMES) / FPS
    squat = window(t, 0.15, 1.55)
    knee = window(t, 1.75, 3.05)
    wave = plateau(t, 1.5, 3.5)
    circle = plateau(t, 1.6, 3.4)
    angles = np.zeros((FRAMES, 24, 3))  # x, y, z turns in radians, composed as Ry Rx Rz
    angles[:, 0, 1] = 0.35 + 0.1 * np.sin(1.3 * t)
    angles[:, 0, 0] = 0.15 * squat
    angles[:, 1] = columns(-1.25 * squat - 0.03, 0.15, 0.10)  # hips: x bends forward, z opens
    angles[:, 2] = columns(-1.25 * squat - 1.35 * knee - 0.03, -0.15, -0.10)
    angles[:, 4, 0] = 1.75 * squat + 0.06
    angles[:, 5, 0] = 1.75 * squat + 1.5 * knee + 0.06
    angles[:, 7, 0] = angles[:, 8, 0] = -0.65 * squat - 0.03
    angles[:, 8, 0] += 0.35 * knee
    angles[:, 3, 0] = 0.22 * squat
    angles[:, 6] = columns(0.15 * squat, 0.15 * np.sin(2.1 * t), 0.06 * knee)
    angles[:, 9, 1] = 0.12 * np.sin(2.1 * t)
    angles[:, 12, 0] = -0.15 * squat
    angles[:, 15] = columns(-0.12 * squat, 0.25 * np.sin(1.7 * t + 0.6), 0.0)
    # arms: z lifts, y swings forward; both reach forward in the squat
    angles[:, 13, 2], angles[:, 14, 2] = 0.18 * wave, -0.10 * circle
    angles[:, 16] = columns(0.0, -1.25 * squat, -1.2 + 1.1 * squat + 1.75 * wave)
    angles[:, 18, 1] = -0.25 - 0.2 * squat
    angles[:, 18, 2] = (1.0 + 0.55 * np.sin(2 * np.pi * 1.6 * t)) * wave
    turn = 2 * np.pi * 0.8 * (t - 1.6)
    angles[:, 17] = columns(0.0, 1.25 * squat + (0.5 - 0.5 * np.cos(turn)) * circle, 1.2 - 1.1 * squat)
    angles[:, 17, 2] -= (0.75 + 0.5 * np.sin(turn)) * circle
    angles[:, 19, 1] = 0.25 + 0.2 * squat + 0.3 * circle
    yxz = torch.as_tensor(angles[..., [1, 0, 2]])
    rotations: np.ndarray = roma.euler_to_rotmat("YXZ", yxz).numpy()
    rotations[:, 0] = TURN @ rotations[:, 0]
    return rotations


def place(body: BodyModel, rotations: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Pelvis (T, 3) in camera coordinates: supporting feet do not slide."""
    ankles = body.joints(rotations, np.zeros((FRAMES, 3)), betas)[:, [LEFT_ANKLE, RIGHT_ANKLE]]
    carries = np.clip(1 - 4 * window(np.arange(FRAMES) / FPS, 1.75, 3.05), 0, 1)
    share = np.stack([1 - 0.5 * carries, 0.5 * carries], axis=1)[1:, :, None]
    pelvis = np.concatenate([np.zeros((1, 3)), -(share * np.diff(ankles, axis=0)).sum(1).cumsum(0)])
    sole = body.vertices(rotations[:1], pelvis[:1], betas)[0, :, 1].max()
    pelvis += np.array([0.0, CAMERA_HEIGHT_M - sole, DISTANCE_M])
    return pelvis


def intrinsics() -> np.ndarray:
    """(T, 3, 3): the focal length is the image diagonal, as GVHMR assumes."""
    K = np.array([[np.hypot(WIDTH, HEIGHT), 0, WIDTH / 2], [0, np.hypot(WIDTH, HEIGHT), HEIGHT / 2], [0, 0, 1]])
    return np.repeat(K[None], FRAMES, axis=0)


def estimated(rotations: np.ndarray, pelvis: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Add an estimator's errors; returns rotation vectors (T, 22, 3) and pelvis (T, 3) in camera coordinates.

    The errors are smooth in time and half of them are constant. Video estimators have such errors: the body hardly
    jitters, but does not cover the person.
    """
    size = np.full(22, TRUNK_ERROR)
    size[list(LIMBS)] = LIMB_ERROR
    size[0] = ROOT_ERROR
    drift = smooth_noise(random, (FRAMES, 22, 3)) + random.standard_normal((1, 22, 3))
    error = np.deg2rad(size)[:, None] * drift / np.sqrt(2 * 3)
    error += np.deg2rad(JITTER_DEG) * random.standard_normal(error.shape) / np.sqrt(3)
    rotvec = rotmat_to_rotvec(rotations[:, :22] @ rotvec_to_rotmat(error))
    moved = pelvis + smooth_noise(random, (FRAMES, 3)) * (0.02, 0.015, 0.10) + (0.03, -0.02, 0.15)
    return rotvec, moved + random.normal(0, JITTER_M, moved.shape)


def write_parameters(path: Path, rotvec: np.ndarray, pelvis: np.ndarray, K: np.ndarray) -> None:
    """Write GVHMR's container: SMPL-X parameters in camera coordinates and in a y-up world, and intrinsics."""
    rest = np.array(MEAN_REST_PELVIS["smplx"])
    orient, transl = rotvec[:, 0], pelvis - rest
    start = TURN @ pelvis[0]
    floor = np.array([-start[0], CAMERA_HEIGHT_M, -start[2]])  # the world's origin is under the first pelvis
    world_orient, world_transl = move_body(orient, transl, rest, rotation=TURN, translation=floor)
    shared = {"body_pose": rotvec[:, 1:].reshape(FRAMES, 63), "betas": np.zeros((FRAMES, 10))}
    result = {
        "smpl_params_global": {**shared, "global_orient": world_orient, "transl": world_transl},
        "smpl_params_incam": {**shared, "global_orient": orient, "transl": transl},
    }
    tensors = {
        block: {name: torch.tensor(value, dtype=torch.float32) for name, value in values.items()}
        for block, values in result.items()
    }
    torch.save({**tensors, "K_fullimg": torch.tensor(K, dtype=torch.float32)}, path)


def observed(points: np.ndarray, K: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A 2D detector's keypoints: (T, 17, 3) pixels and confidence; one wrist is lost for a while."""
    pixels = project_to_image(points, K)
    pixels = pixels + random.normal(0, 1.3, pixels.shape) + 1.5 * smooth_noise(random, pixels.shape)
    confidence = random.uniform(0.8, 1.0, pixels.shape[:2])
    lost = slice(20, 32)
    pixels[lost, 10] += 25
    confidence[lost, 10] = 0.15
    return np.concatenate([pixels, confidence[..., None]], axis=-1).astype(np.float32)


def draw(path: Path, body: BodyModel, vertices: np.ndarray, K: np.ndarray) -> None:
    """Draw the clip: the body in the colours of clothes on a floor, with a shadow."""
    surface = Surface(body.faces, vertices.shape[1])
    colors = clothes(body)
    room, floor_rows = empty_room(K[0])
    with MeshRenderer() as renderer, VideoWriter(path, WIDTH, HEIGHT, FPS) as video:
        for points, intrinsic in zip(vertices, K, strict=True):
            image = room * (1 - 0.45 * shadow(points, body.faces, intrinsic)[..., None] * floor_rows)
            # `shade` multiplies light and colour, so a colour per vertex works as well as one for all
            picture = image.round().astype(np.uint8)
            renderer.overlay(picture, points, intrinsic, surface, color=colors, opacity=1.0)
            video.write(cv2.GaussianBlur(picture, (3, 3), 0.6))


def clothes(body: BodyModel) -> np.ndarray:
    """RGB (V, 3) 0-255, by the bone with the highest weight on a vertex."""
    with np.load(ASSETS / "open_body.npz") as arrays:
        owner = arrays["weights"].argmax(1)
    skin, shirt, shorts, shoes, hair = (
        np.array(color) for color in ((226, 178, 150), (96, 140, 88), (70, 70, 85), (235, 235, 235), (70, 48, 36))
    )
    colors = np.tile(skin, (len(owner), 1))
    colors[np.isin(owner, (3, 6, 9, 13, 14, 16, 17))] = shirt
    colors[np.isin(owner, (0, 1, 2))] = shorts
    colors[np.isin(owner, (10, 11))] = shoes
    rest = body.vertices(np.eye(3)[None, None].repeat(24, 1), np.zeros((1, 3)), np.zeros(1))[0]
    head = np.isin(owner, (15,))
    top = rest[head, 1].max()
    back = rest[:, 2] < np.median(rest[head, 2])
    colors[head & ((rest[:, 1] > top - 0.055) | (back & (rest[:, 1] > top - 0.17)))] = hair
    return colors.astype(np.float32)


def empty_room(K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Floor boards and a wall, RGB (H, W, 3) float, and a mask (H, W, 1) of the floor."""
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    down = np.maximum((y - K[1, 2]) / K[1, 1], 1e-6)
    depth = CAMERA_HEIGHT_M / down
    wall_at = 7.0
    floor = depth < wall_at
    across = (x - K[0, 2]) / K[0, 0] * depth
    seam = (np.abs(across / 0.5 - np.round(across / 0.5)) < 0.02) | (
        np.abs(depth / 1.2 - np.round(depth / 1.2)) < 0.012
    )
    boards = np.array([172, 148, 120]) * np.where(seam, 0.8, 1.0)[..., None] * (1.12 - 0.03 * depth)[..., None]
    wall = np.array([206, 210, 208]) * (0.92 + 0.10 * (y / HEIGHT))[..., None]
    return np.where(floor[..., None], np.clip(boards, 0, 255), wall), floor[..., None].astype(np.float64)


def shadow(points: np.ndarray, faces: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Soft shadow (H, W) in [0, 1] of the body on the floor, lit from the upper left."""
    height = (CAMERA_HEIGHT_M - points[:, 1])[:, None]
    fallen = points + height * np.array([0.35, 1.0, 0.30])
    pixels = project_to_image(fallen[None], K[None])[0]
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for triangle in np.round(pixels[faces]).astype(np.int32):
        cv2.fillConvexPoly(mask, triangle, 255)
    return cv2.GaussianBlur(mask, (0, 0), 3.0) / 255.0


def window(t: np.ndarray, start: float, end: float) -> np.ndarray:
    """0 outside, with a smooth rise to 1 in the middle."""
    return np.sin(np.pi * np.clip((t - start) / (end - start), 0, 1)) ** 2


def plateau(t: np.ndarray, start: float, end: float, ramp: float = 0.55) -> np.ndarray:
    """0 outside, 1 inside, with smooth ramps."""
    rise = np.clip((t - start) / ramp, 0, 1)
    fall = np.clip((end - t) / ramp, 0, 1)
    return np.sin(0.5 * np.pi * np.minimum(rise, fall)) ** 2


def columns(x: np.ndarray | float, y: np.ndarray | float, z: np.ndarray | float) -> np.ndarray:
    """Stack numbers or arrays over time to (T, 3)."""
    return np.stack(np.broadcast_arrays(np.asarray(x), np.asarray(y), np.asarray(z), np.zeros(FRAMES))[:3], axis=-1)


def smooth_noise(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of unit RMS, correlated over `ERROR_SECONDS` along the first axis."""
    noise: np.ndarray = gaussian_filter1d(random.standard_normal(shape), ERROR_SECONDS * FPS, axis=0, mode="wrap")
    noise /= np.sqrt((noise**2).mean())
    return noise


if __name__ == "__main__":
    main()
