"""Small results in the true layouts of the estimators, and plain readers of them."""

from __future__ import annotations

import json
import pickle
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import RotationKind, rotmat_to_sixd, rotvec_to_rotmat

FRAMES = 7
WIDTH, HEIGHT = 640, 480


def values(*shape: int, seed: int = 0, scale: float = 0.3) -> np.ndarray:
    numbers: np.ndarray = (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)
    return numbers


def ahead(frames: int = FRAMES, depth: float = 4.0, seed: int = 1) -> np.ndarray:
    """Translations before the camera."""
    return values(frames, 3, seed=seed) + np.array([0, 0, depth], np.float32)


#: Where a value lies in a file.
Key = tuple[Any, ...]


def leaves(path: Path) -> dict[Key, Any]:
    """Every value of a file or folder by its path of keys, in file order."""
    if path.is_dir():
        parts = sorted(child for child in path.rglob("*") if child.is_file())
        return {(str(child.relative_to(path)), *key): leaf for child in parts for key, leaf in leaves(child).items()}
    return dict(flat(load_plain(path), ()))


def load_plain(path: Path) -> Any:
    """A file's content, as the libraries themselves read it."""
    head = path.read_bytes()[:6]
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if head == b"\x93NUMPY":
        content = np.load(path, allow_pickle=True)
        return content if content.ndim else content.item()
    if head[:2] == b"PK":
        return torch.load(path) if path.suffix == ".pt" else dict(np.load(path, allow_pickle=True))
    if head[:1] == b"\x80":
        return pickle.loads(path.read_bytes())
    return joblib.load(path)


def flat(node: Any, at: Key) -> Iterator[tuple[Key, Any]]:
    """Every value of nested dicts and lists by its path of keys."""
    if isinstance(node, np.ndarray) and node.dtype == object and node.ndim == 0:
        yield from flat(node.item(), at)
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from flat(value, (*at, key))
    elif _has_parts(node):
        for index, value in enumerate(node):
            yield from flat(value, (*at, index))
    else:
        yield at, node


def _has_parts(node: Any) -> bool:
    """Whether a list, or an array of objects, holds more than numbers and text."""
    is_list = isinstance(node, list) or (isinstance(node, np.ndarray) and node.dtype == object)
    return is_list and any(isinstance(item, (dict, np.ndarray, torch.Tensor)) or _has_parts(item) for item in node)


# generic ------------------------------------------------------------------------------------------------------------


def parts(family: str = "smplx", frames: int = FRAMES) -> dict[str, np.ndarray]:
    """Parameters under their usual names."""
    joints = 23 if family == "smpl" else 21
    result = {
        "global_orient": values(frames, 3, seed=2),
        "body_pose": values(frames, 3 * joints, seed=3),
        "betas": values(10, seed=4),
        "transl": ahead(frames),
        "K": np.array([[800, 0, WIDTH / 2], [0, 800, HEIGHT / 2], [0, 0, 1]], np.float32),
        "verts": values(frames, 4, 3, seed=5),
    }
    return result | ({"jaw_pose": values(frames, 3, seed=6)} if family == "smplx" else {})


def poses(joints: int, frames: int = FRAMES, coding: RotationKind = "axis-angle") -> np.ndarray:
    """(T, joints * n) poses with root."""
    rotvec = values(frames, joints, 3, seed=7)
    if coding == "axis-angle":
        return rotvec.reshape(frames, -1)
    matrices = rotvec_to_rotmat(rotvec).astype(np.float32)
    return matrices if coding == "matrix" else rotmat_to_sixd(matrices, coding).reshape(frames, -1)


# AMASS --------------------------------------------------------------------------------------------------------------


def write_amass_smplh(path: Path) -> Path:
    np.savez(
        path,
        trans=ahead().astype(np.float64),
        gender=np.array("male"),
        mocap_framerate=np.array(120.0),
        betas=values(16).astype(np.float64),
        dmpls=values(FRAMES, 8),
        poses=poses(52).astype(np.float64),
        marker_labels=np.array(["ARIEL", "C7"]),
    )
    return path


def write_amass_stageii(path: Path) -> Path:
    full = poses(55).astype(np.float64)
    np.savez(
        path,
        gender=np.array("neutral"),
        surface_model_type=np.array("smplx"),
        mocap_frame_rate=np.array(60.0),
        mocap_time_length=np.array(FRAMES / 60),
        markers_latent_vids=np.array({"C7": 3832}, dtype=object),
        trans=np.asfortranarray(ahead().astype(np.float64)),
        poses=full,
        betas=values(16).astype(np.float64),
        num_betas=np.array(16),
        root_orient=full[:, :3].copy(),
        pose_body=full[:, 3:66].copy(),
        pose_hand=full[:, 75:].copy(),
        pose_jaw=full[:, 66:69].copy(),
        pose_eye=full[:, 69:75].copy(),
    )
    return path


# GEM ----------------------------------------------------------------------------------------------------------------


def gem(text: tuple[int, int] | None = None) -> dict[str, Any]:
    """`smpl_params.pt`; rows from `text[0]` up to `text[1]` are made from a prompt."""
    shared = {"body_pose": values(FRAMES, 63, seed=3), "betas": np.repeat(values(1, 10, seed=4), FRAMES, axis=0)}
    incam = shared | {"global_orient": values(FRAMES, 3, seed=2), "transl": ahead()}
    world = shared | {"global_orient": values(FRAMES, 3, seed=5), "transl": values(FRAMES, 3, seed=6)}
    focal = float(np.hypot(WIDTH, HEIGHT))
    K = np.tile(np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]], np.float32), (FRAMES, 1, 1))

    def tensors(block: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(value.copy()) for name, value in block.items()}

    tree = {"body_params_incam": tensors(incam), "body_params_global": tensors(world), "K_fullimg": torch.from_numpy(K)}
    if text is None:
        return tree
    ends = [(0, text[0], "video"), (*text, "text"), (text[1], FRAMES, "video")]
    segments = [{"start": start, "end": end, "type": kind, "prompt": "waves"} for start, end, kind in ends]
    return tree | {"segment_info": segments}


def write_gem(folder: Path, text: tuple[int, int] | None = None) -> Path:
    """The demo's output folder, with ViTPose's keypoints and boxes."""
    (folder / "preprocess").mkdir(parents=True)
    torch.save(gem(text), folder / "smpl_params.pt")
    points = 100 + 50 * np.abs(values(FRAMES, 17, 3))
    points[..., 2] = 0.9
    points[slice(*(text or (0, 0)))] = 0
    torch.save(torch.from_numpy(points), folder / "preprocess" / "vitpose.pt")
    torch.save(torch.tensor([[100.0, 120.0, 80.0]]).repeat(FRAMES, 1), folder / "preprocess" / "bbx.pt")
    return folder


# people by id -------------------------------------------------------------------------------------------------------


def wham() -> dict[int, dict[str, Any]]:
    """`wham_output.pkl`: two people, the second with a gap."""
    result: dict[int, dict[str, Any]] = defaultdict(dict)
    for person, ids in ((0, np.arange(FRAMES)), (3, np.array([2, 3, 4, 20, 21]))):
        frames, pose = len(ids), poses(24)[: len(ids)] + np.float32(person)
        world = pose.copy()
        world[:, :3] = values(frames, 3, seed=8 + person)
        result[person] = {
            "pose": pose,
            "trans": ahead(frames),
            "pose_world": world,
            "trans_world": values(frames, 3, seed=9),
            "betas": values(frames, 10, seed=person),
            "verts": values(frames, 5, 3),
            "frame_ids": ids,
        }
    return result


def wham_tracking() -> dict[Any, dict[str, Any]]:
    """`tracking_results.pth`: the keypoints of the same people; a frame of the second is missing."""
    tracks: dict[Any, dict[str, Any]] = {}
    for person, ids in ((np.int32(0), np.arange(FRAMES)), (np.int32(3), np.array([2, 3, 4, 20]))):
        points = np.random.default_rng(person).uniform(100, 400, (len(ids), 17, 3)).astype(np.float32)
        points[..., 2] = 0.9
        features = torch.zeros(len(ids), 8)
        tracks[person] = {"frame_id": ids.astype(np.int32), "bbox": values(len(ids), 3), "keypoints": points}
        tracks[person] |= {"features": features, "init_betas": torch.zeros(1, 10)}
    return tracks


def write_wham(folder: Path) -> Path:
    """`output/demo/<sequence>`: the result, the tracks and the camera."""
    folder.mkdir(parents=True)
    joblib.dump(wham(), folder / "wham_output.pkl")
    joblib.dump(wham_tracking(), folder / "tracking_results.pth")
    joblib.dump(values(22, 7), folder / "slam_results.pth")
    (folder / "output.mp4").write_bytes(b"a rendering")
    return folder


def vibe(*, matrices: bool = False) -> dict[int, dict[str, Any]]:
    """`vibe_output.pkl`, or PARE's."""
    result = {}
    for person, start in ((1, 0), (2, 3)):
        centre = np.array([300, 200], np.float32) + values(FRAMES, 2, seed=person, scale=20)
        side = np.full((FRAMES, 1), 220 + 10 * person, np.float32)
        cam = np.hstack([np.full((FRAMES, 1), 0.9, np.float32), values(FRAMES, 2, seed=5, scale=0.1)])
        sx, sy = cam[:, 0] * side[:, 0] / WIDTH, cam[:, 0] * side[:, 0] / HEIGHT
        tx = (centre[:, 0] - WIDTH / 2) / (WIDTH / 2) / sx + cam[:, 1]
        ty = (centre[:, 1] - HEIGHT / 2) / (HEIGHT / 2) / sy + cam[:, 2]
        result[person] = {
            "pred_cam": cam,
            "orig_cam": np.stack([sx, sy, tx, ty], 1).astype(np.float32),
            "verts": values(FRAMES, 5, 3),
            "pose": poses(24, coding="matrix") if matrices else poses(24),
            "betas": values(FRAMES, 10),
            "joints3d": values(FRAMES, 49, 3),
            "joints2d": None,
            "bboxes": np.hstack([centre, side, side]),
            "frame_ids": np.arange(start, start + FRAMES),
        }
    return result


def phalp() -> dict[str, dict[str, Any]]:
    """`results/demo_clip.pkl`: person 1 leaves and comes back, person 2 has a ghost row."""
    result = {}
    for time in range(FRAMES):
        present = [tid for tid in (1, 2) if not (tid == 1 and time in (3, 4))]
        ghosts = {2} if time == 5 else set()
        name = f"outputs//_DEMO/clip/img/{time + 1:06d}.jpg"
        rotations = [rotvec_to_rotmat(values(24, 3, seed=10 * tid + time)).astype(np.float32) for tid in present]
        result[name] = {
            "time": time,
            "shot": 0,
            "frame_path": name,
            "tid": present,
            "bbox": [np.array([100.0 * tid, 50, 80, 200]) for tid in present],
            "tracked_time": [1 if tid in ghosts else 0 for tid in present],
            "tracked_ids": [tid for tid in present if tid not in ghosts],
            "smpl": [
                {"global_orient": r[:1], "body_pose": r[1:], "betas": values(10, seed=tid)}
                for r, tid in zip(rotations, present)
            ],
            "camera": [ahead(1, 60.0, seed=tid)[0] for tid in present],
            "camera_bbox": [values(3) for _ in present],
            "size": np.array([HEIGHT, WIDTH]),
            "3d_joints": [values(45, 3) for _ in present],
            "mask": [{"size": [HEIGHT, WIDTH], "counts": b"0"} for _ in present],
        }
    return result


def prompthmr() -> dict[str, Any]:
    """`results.pkl`."""
    people = {}
    for person, ids in ((1, np.arange(FRAMES)), (2, np.array([0, 1, 5, 6]))):
        pose = values(len(ids), 55, 3, seed=person)
        pose[:, 25:] = 0
        world = pose.copy()
        world[:, 0] = values(len(ids), 3, seed=20)
        shape = np.repeat(values(1, 10), len(ids), axis=0)
        logits = values(len(ids), 6, seed=21, scale=3.0)
        people[person] = {
            "track_id": person,
            "frames": ids,
            "bboxes": values(len(ids), 4),
            "smplx_cam": {
                "rotmat": rotvec_to_rotmat(pose).astype(np.float32),
                "pose": pose[:, :25].reshape(len(ids), 75),
                "shape": shape,
                "trans": ahead(len(ids)),
                "contact": logits > np.log(4),
                "static_conf_logits": logits,
            },
            "smplx_world": {"pose": world.reshape(len(ids), 165), "shape": shape, "trans": values(len(ids), 3)},
        }
    centre = np.array([320, 240], np.float32)
    camera = {"pred_cam_R": values(FRAMES, 3, 3), "img_focal": np.float32(900), "img_center": centre}
    return {"camera": camera, "people": people, "timings": {"hps": 1.5}, "has_tracks": True}


def _tram_track(seed: int, ids: np.ndarray) -> dict[str, torch.Tensor]:
    matrices = rotvec_to_rotmat(values(len(ids), 24, 3, seed=seed)).astype(np.float32)
    arrays = {
        "pred_cam": values(len(ids), 3),
        "pred_pose": rotmat_to_sixd(matrices, "6d-columns").reshape(len(ids), 144).astype(np.float32),
        "pred_shape": values(len(ids), 10),
        "pred_rotmat": matrices,
        "pred_trans": ahead(len(ids))[:, None],
        "frame": ids,
    }
    return {key: torch.from_numpy(value) for key, value in arrays.items()}


def write_tram(folder: Path) -> Path:
    """`results/<seq>`: tracks of tensors in object arrays, and the camera."""
    (folder / "hps").mkdir(parents=True)
    for number, ids in ((0, np.arange(FRAMES)), (2, np.arange(2, 6)), (10, np.arange(30, 34))):
        np.save(folder / "hps" / f"hps_track_{number}.npy", _tram_track(number, ids))  # type: ignore[arg-type]
    turn = rotvec_to_rotmat(values(34, 3, seed=40)).astype(np.float32)
    camera = {
        "pred_cam_R": turn,
        "pred_cam_T": values(34, 3, seed=41),
        "world_cam_R": np.diag([1, -1, -1]).astype(np.float32) @ turn,
        "world_cam_T": values(34, 3, seed=42),
        "img_focal": 700.0,
        "img_center": np.array([320.0, 240.0]),
        "spec_focal": 712.0,
    }
    np.save(folder / "camera.npy", camera)  # type: ignore[arg-type]
    return folder


def romp_image(people: int = 2, *, focal: float = 443.4 / 512 * WIDTH, frame: int = 0) -> dict[str, np.ndarray]:
    """`results` of one image: two people beside each other."""
    thetas = values(people, 72, seed=frame)
    thetas[:, 66:] = 0
    transl = ahead(people) + np.array([[-1 + 2 * person, 0, 0] for person in range(people)], np.float32)
    joints = values(people, 71, 3, seed=30)
    joints[:, 0] = MEAN_REST_PELVIS["smpl"]
    placed = joints + transl[:, None]
    pixels = placed[..., :2] / placed[..., 2:] * focal + np.array([WIDTH / 2, HEIGHT / 2])
    return {
        "cam": values(people, 3),
        "global_orient": thetas[:, :3].copy(),
        "body_pose": thetas[:, 3:].copy(),
        "smpl_betas": values(people, 10),
        "smpl_thetas": thetas,
        "center_preds": np.zeros((people, 2), np.int64),
        "center_confs": values(people, 1),
        "cam_trans": transl,
        "verts": values(people, 5, 3),
        "joints": joints,
        "pj2d_org": pixels.astype(np.float32),
    }


def bev_image(people: int = 2) -> dict[str, np.ndarray]:
    """`results` of BEV: joints from the middle of the hips, eleven shape coefficients, no copies of the pose."""
    result = romp_image(people)
    hips = result["joints"][:, 0] + values(people, 3, seed=31, scale=0.01)
    result["joints"] -= hips[:, None]
    result["cam_trans"] += hips
    result["smpl_betas"] = values(people, 11)
    return {key: value for key, value in result.items() if key not in ("global_orient", "body_pose")}


def romp_video() -> dict[str, dict[str, np.ndarray] | None]:
    """`results` of a video: nobody in frame 3."""
    return {f"{frame:08d}.jpg": romp_image(frame=frame) if frame != 3 else None for frame in range(FRAMES)}


def aistpp(*, scaling: float | None = 93.78) -> dict[str, Any]:
    """AIST++'s `motions/*.pkl`, in centimetres of a scaled dancer; None for copies that were divided by it."""
    transl = values(FRAMES, 3, seed=1) + np.array([0, 1.8, 0], np.float32)
    motion: dict[str, Any] = {"smpl_poses": values(FRAMES, 72, seed=2).astype(np.float64), "smpl_loss": 1.25}
    if scaling is None:
        return motion | {"smpl_trans": transl}
    return motion | {"smpl_scaling": np.array([scaling]), "smpl_trans": transl.astype(np.float64) * scaling}


def smplcodec() -> dict[str, Any]:
    """A `.smpl` file of SMPL-X."""
    return {
        "codecVersion": np.int32(2),
        "smplVersion": np.int32(2),
        "gender": np.int32(1),
        "shapeParameters": values(10),
        "frameCount": np.int32(FRAMES),
        "frameRate": np.float32(30),
        "bodyTranslation": values(FRAMES, 3, seed=1),
        "bodyPose": values(FRAMES, 22, 3, seed=2),
        "headPose": values(FRAMES, 3, 3, seed=4),
        "leftHandPose": values(FRAMES, 15, 3),
        "rightHandPose": values(FRAMES, 15, 3, seed=3),
        "expressionParameters": values(FRAMES, 10),
    }


# folders ------------------------------------------------------------------------------------------------------------


def write_smplerx(folder: Path, *, swap: bool = True) -> Path:
    """Two people whose detection order changes, one unseen for two frames."""
    (folder / "smplx").mkdir(parents=True)
    (folder / "meta").mkdir()
    for frame in range(FRAMES):
        people = [person for person in (0, 1) if not (person == 1 and frame in (2, 3))]
        for place, person in enumerate(people[::-1] if swap and frame > 4 else people):
            box = [100.0 + 250 * person + 3 * frame, 40.0, 150.0, 200.0]
            name = f"{frame + 1:05}_{place}"
            seed = 100 * person + frame
            np.savez(
                folder / "smplx" / f"{name}.npz",
                global_orient=values(1, 3, seed=seed),
                body_pose=values(21, 3, seed=seed + 1),
                left_hand_pose=values(15, 3),
                right_hand_pose=values(15, 3),
                jaw_pose=values(1, 3),
                leye_pose=np.zeros((1, 3)),
                reye_pose=np.zeros((1, 3)),
                betas=values(1, 10, seed=person),
                expression=values(1, 10),
                transl=ahead(1, 40.0, seed=seed),
            )
            meta = {
                "focal": [5000 / 192 * box[2], 5000 / 256 * box[3]],
                "princpt": [box[0] + box[2] / 2, box[1] + box[3] / 2],
                "bbox": box,
                "bbox_mmdet": box,
                "bbox_id": place,
                "img_path": f"{frame + 1:06d}.jpg",
            }
            (folder / "meta" / f"{name}.json").write_text(json.dumps(meta))
    return folder


def smplifyx(seed: int = 0, *, place: tuple[float, float, float] = (0.1, 0.2, 30.0)) -> dict[str, np.ndarray]:
    """`000.pkl` of SMPLify-X with the pose decoded, and PROX's `transl`."""
    shapes = {"betas": 10, "global_orient": 3, "left_hand_pose": 12, "right_hand_pose": 12, "jaw_pose": 3}
    shapes |= {"leye_pose": 3, "reye_pose": 3, "expression": 10, "body_pose": 63}
    camera = {"camera_rotation": np.eye(3, dtype=np.float32)[None], "camera_translation": np.array([place], np.float32)}
    return camera | {name: values(1, count, seed=seed + index) for index, (name, count) in enumerate(shapes.items())}


def write_smplifyx(folder: Path, people: int = 2) -> Path:
    """The output folder: people in an order that changes, nobody in image 5."""
    for frame in range(FRAMES):
        for place, person in enumerate(range(people) if frame % 2 else reversed(range(people))):
            if frame == 3:
                continue
            path = folder / "results" / f"img_{frame + 2:04d}" / f"{place:03d}.pkl"
            path.parent.mkdir(parents=True, exist_ok=True)
            fit = smplifyx(100 * person + frame, place=(3.0 * person - 1, 0.0, 30.0))
            path.write_bytes(pickle.dumps(fit, protocol=2))
    return folder


def write_easymocap(folder: Path, width: int = 72) -> Path:
    """Two people, nobody in frame 0, three decimals."""
    (folder / "smpl").mkdir(parents=True)
    for frame in range(FRAMES):
        people = [] if frame == 0 else [5] if frame == 2 else [5, 8]
        entries = []
        for person in people:
            pose = values(width, seed=person + frame)
            pose[:3] = 0
            upright = values(3, seed=frame) + np.array([np.pi / 2, 0, 0])
            numbers = {"Rh": upright, "Th": values(3, seed=person), "poses": pose, "shapes": values(10)}
            entries.append(
                {"id": person} | {k: [[round(float(number), 3) for number in v]] for k, v in numbers.items()}
            )
        (folder / "smpl" / f"{frame:06d}.json").write_text(json.dumps(entries))
    return folder


def write_fork(folder: Path) -> Path:
    """The SMPLest-X fork that keeps the box's camera: one folder per image."""
    for frame in range(3):
        (folder / f"img_{frame}").mkdir(parents=True)
        shapes = {"smplx_root_pose": 3, "smplx_body_pose": 63, "smplx_lhand_pose": 45, "smplx_rhand_pose": 45}
        shapes |= {"smplx_jaw_pose": 3, "smplx_shape": 10, "smplx_expr": 10}
        params = {key: values(1, count, seed=frame).tolist() for key, count in shapes.items()}
        params |= {"cam_trans": ahead(1, 40.0).tolist(), "smplx_joint_cam": values(1, 5, 3).tolist()}
        camera = {"focal": [3000.0, 3000.0], "princpt": [200.0, 150.0], "bbox": [150.0, 80.0, 100.0, 140.0]}
        content = {"smplx_params": params, "camera_params": camera, "image_info": {"name": f"img_{frame}.jpg"}}
        (folder / f"img_{frame}" / "params.json").write_text(json.dumps(content, indent=4))
    return folder
