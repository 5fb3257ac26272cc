"""Small files in the true layout of GVHMR's results: key order, shapes, dtypes and strides."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat

FRAMES = 12
WIDTH, HEIGHT = 720, 1280


def official(frames: int = FRAMES, *, net_outputs: bool = True) -> dict[str, Any]:
    """The dict of `hmr4d_results.pt`."""
    rng = torch.Generator().manual_seed(1)

    def values(*shape: int, scale: float = 0.3) -> torch.Tensor:
        return scale * torch.randn(*shape, generator=rng)

    pose, betas = values(frames, 63), values(10).repeat(frames, 1)
    world_transl = values(3, frames)
    focal = float(np.hypot(WIDTH, HEIGHT))
    K = torch.tensor([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]).repeat(frames, 1, 1)
    world = {"body_pose": pose.clone(), "betas": betas.clone(), "global_orient": values(frames, 3, scale=1.0)}
    incam = {"body_pose": pose, "betas": betas, "global_orient": values(frames, 3, scale=1.0)}
    results: dict[str, Any] = {
        "smpl_params_global": {**world, "transl": world_transl.T},
        "smpl_params_incam": {**incam, "transl": values(frames, 3) + torch.tensor([0, 0, 4.0])},
        "K_fullimg": K,
    }
    if net_outputs:
        results["net_outputs"] = _net_outputs(results, values, frames)
    return results


def _net_outputs(results: dict[str, Any], values: Any, frames: int) -> dict[str, Any]:
    incam, world = results["smpl_params_incam"], results["smpl_params_global"]
    logits = values(1, frames, 6)
    return {
        "model_output": {
            "pred_context": values(1, frames, 512),
            "pred_x": values(1, frames, 151),
            "pred_cam": values(1, frames, 3),
            "static_conf_logits": logits.clone(),
        },
        "decode_dict": {
            "body_pose": incam["body_pose"].clone()[None],
            "betas": incam["betas"].clone()[None],
            "global_orient": incam["global_orient"].clone()[None],
            "global_orient_gv": values(1, frames, 3),
            "local_transl_vel": values(1, frames, 3),
        },
        "pred_smpl_params_incam": {key: value.clone()[None] for key, value in incam.items()},
        "pred_smpl_params_global": {key: value.clone()[None] for key, value in world.items()},
        "static_conf_logits": logits,
    }


def write_pt(path: Path, results: dict[str, Any]) -> Path:
    torch.save(results, path)
    return path


def as_numpy(tree: Any) -> Any:
    """Nested tensors as numpy arrays."""
    return {k: as_numpy(v) for k, v in tree.items()} if isinstance(tree, dict) else tree.numpy()


def write_pkl(path: Path, results: dict[str, Any], *, copied: bool = False, protocol: int = 5) -> Path:
    """The pickle for Blender; `copied` as the common snippet makes it: incam filled from global, no K."""
    blocks = {"smpl_params_global": results["smpl_params_global"]}
    blocks["smpl_params_incam"] = results["smpl_params_global" if copied else "smpl_params_incam"]
    if not copied:
        blocks["K_fullimg"] = results["K_fullimg"]
    path.write_bytes(pickle.dumps(as_numpy(blocks), protocol=protocol))
    return path


def write_amass_like(path: Path, results: dict[str, Any]) -> Path:
    """The flattened npz: z-up poses and trans turned without the pelvis term, without a global block."""
    world = as_numpy(results["smpl_params_global"])
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    orient = rotmat_to_rotvec(turn @ rotvec_to_rotmat(world["global_orient"])).astype(np.float32)
    frames = len(orient)
    arrays: dict[str, Any] = {
        "poses": np.hstack([orient, world["body_pose"], np.zeros((frames, 6), np.float32)]),
        "trans": np.asfortranarray(world["transl"] @ turn.T.astype(np.float32)),
        "betas": world["betas"][0],
        "gender": np.array("neutral"),
        "mocap_framerate": np.array(30),
    }
    rest = {key: value for key, value in as_numpy(results).items() if key != "smpl_params_global"}
    np.savez_compressed(path, **arrays, **_flat(rest))
    return path


def write_nested_npz(path: Path, results: dict[str, Any]) -> Path:
    """`np.savez(path, **results)` of the official dict: its blocks become pickled dicts."""
    np.savez(path, **as_numpy(results))
    return path


def write_joined_npz(path: Path, results: dict[str, Any], joint: str = "/") -> Path:
    """The official dict with its nested names joined."""
    np.savez(path, **_flat(as_numpy(results), joint=joint))
    return path


def several(kind: str) -> Any:
    """Results of two people, as forks for several people keep them."""
    first, second = official(), official(FRAMES - 2)
    second["smpl_params_incam"]["transl"] += 1
    people: dict[str, Any] = {
        "by id": {1: first, 4: second},
        "list": [first, second],
        "under a name": {"results": {"1": first, "4": second}, "fps": 30},
    }
    return people[kind]


def _flat(tree: dict[str, Any], prefix: str = "", joint: str = "_") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flat(value, f"{prefix}{key}{joint}", joint) if isinstance(value, dict) else {prefix + key: value}
    return flat


def write_package_npz(path: Path, results: dict[str, Any]) -> Path:
    """`save_npz` of the PyPI package gvhmr."""
    results = as_numpy(results)
    frames = len(results["K_fullimg"])
    arrays = {"fps": np.array(30.0), "camera": np.array("simplevo"), "intrinsics": results["K_fullimg"]}
    for prefix, block in (("world", "smpl_params_global"), ("camera", "smpl_params_incam")):
        arrays |= {f"{prefix}_{key}": value for key, value in results[block].items()}
    arrays["bbx_xys"] = np.tile(np.array([360, 640, 500], np.float32), (frames, 1))
    arrays["kp2d"] = keypoints(frames).numpy()
    np.savez(path, **arrays)
    return path


def keypoints(frames: int = FRAMES) -> torch.Tensor:
    """As `preprocess/vitpose.pt`, with a confidence above 1."""
    rng = torch.Generator().manual_seed(2)
    points = torch.rand(frames, 17, 3, generator=rng) * torch.tensor([WIDTH, HEIGHT, 0.5])
    points[0, 0, 2] = 1.017
    return points


def write_folder(folder: Path, results: dict[str, Any], *, side_frames: int | None = None) -> Path:
    """A demo output folder."""
    (folder / "preprocess").mkdir(parents=True)
    frames = side_frames or len(results["K_fullimg"])
    write_pt(folder / "hmr4d_results.pt", results)
    torch.save(keypoints(frames), folder / "preprocess" / "vitpose.pt")
    corners = torch.rand(4, frames).T
    torch.save({"bbx_xyxy": corners, "bbx_xys": torch.rand(frames, 3)}, folder / "preprocess" / "bbx.pt")
    (folder / "0_input_video.mp4").write_bytes(b"not decoded here")
    return folder
