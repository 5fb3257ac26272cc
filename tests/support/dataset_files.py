"""Miniatures of data sets in their true trees: EMDB, 3DPW, and GVHMR's `hmr4d_support` bundles."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.geometry.crop_cameras import full_to_crop
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.geometry.rotations import rotmat_to_sixd, rotvec_to_rotmat
from tests.support.dataset_motion import Recording, record

EMDB_CLIPS = ("P1_14_outdoor_climb", "P0_09_outdoor_walk")
RICH_CLIPS = ("test/Gym_010_dips2/cam_05", "test/ParkingLot2_009_overfence1/cam_04")
DPW_CLIPS = ("downtown_arguing_00_0", "downtown_arguing_00_1")


# EMDB, 3DPW as their authors give them -------------------------------------------------------------------------------


def emdb(clip: Recording, name: str = EMDB_CLIPS[0]) -> dict[str, Any]:
    """A sequence of EMDB; what lies in its bad frames is garbage."""
    root, transl = clip.world()
    root, transl = root.copy(), transl.copy()
    root[~clip.valid], transl[~clip.valid] = 0.0, 1e3
    corners = clip.pixels("smpl24")
    return {
        "gender": "female",
        "name": name,
        "emdb1": True,
        "emdb2": False,
        "n_frames": len(clip),
        "good_frames_mask": clip.valid,
        "camera": {
            "intrinsics": clip.K,
            "extrinsics": clip.extrinsics,
            "width": clip.size[0],
            "height": clip.size[1],
        },
        "smpl": {
            "poses_root": root,
            "poses_body": clip.pose[:, 1:].reshape(len(clip), -1),
            "trans": transl,
            "betas": clip.betas,
        },
        "kp2d": corners,
        "bboxes": {
            "bboxes": np.concatenate([corners.min(1), corners.max(1)], 1),
            "invalid_idxs": np.flatnonzero(~clip.valid),
        },
    }


def write_emdb(folder: Path, clip: Recording | None = None, name: str = EMDB_CLIPS[0]) -> Path:
    """`P1/14_outdoor_climb/P1_14_outdoor_climb_data.pkl`."""
    subject, _, sequence = name.partition("_")
    path = folder / subject / sequence / f"{name}_data.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(emdb(clip or record(), name)))
    return path


def threedpw(clips: list[Recording], name: str = "downtown_arguing_00") -> dict[str, Any]:
    """A sequence of 3DPW: lists of people, one camera; the translations of invalid frames are NaN."""
    worlds = [clip.world() for clip in clips]
    trans = [np.where(clip.valid[:, None], transl, np.nan) for clip, (_, transl) in zip(clips, worlds)]
    poses = [
        np.concatenate([root, clip.pose[:, 1:].reshape(len(clip), -1)], 1) for clip, (root, _) in zip(clips, worlds)
    ]
    points = []
    for seed, clip in enumerate(clips):
        seen = np.concatenate([clip.pixels("coco18", noise_px=1.0, seed=seed), np.full((len(clip), 18, 1), 0.9)], 2)
        # fewer than six points were found
        seen[5] = 0.0
        points.append(np.swapaxes(seen, 1, 2))
    frames = len(clips[0])
    return {
        "sequence": name,
        "betas": [clip.betas for clip in clips],
        "poses": poses,
        "trans": trans,
        "poses_60Hz": [np.repeat(pose, 2, axis=0) for pose in poses],
        "trans_60Hz": [np.repeat(each, 2, axis=0) for each in trans],
        "betas_clothed": [clip.betas for clip in clips],
        "v_template_clothed": [np.zeros((5, 3)) for _ in clips],
        "genders": ["m", "f"][: len(clips)],
        "texture_maps": [np.zeros((2, 2, 3), np.uint8) for _ in clips],
        "poses2d": points,
        "jointPositions": [np.zeros((frames, 72)) for _ in clips],
        "img_frame_ids": np.arange(frames) * 2,
        "cam_poses": clips[0].extrinsics,
        "campose_valid": [clip.valid.astype(np.int64) for clip in clips],
        "cam_intrinsics": clips[0].K,
    }


def two_people(frames: int = 24, *, jitter_deg: float = 0.0) -> list[Recording]:
    """Two people before one camera; the second stands to the right, moves later, and is valid in one frame more."""
    first = record(frames, size=(1920, 1080), focal=1960.0, jitter_deg=jitter_deg)
    other = record(frames, size=(1920, 1080), focal=1960.0, first=20, jitter_deg=jitter_deg)
    valid = first.valid.copy()
    valid[3] = True
    changes = {"pelvis": other.pelvis + np.array([1.0, 0.0, 0.5]), "valid": valid, "betas": -first.betas}
    return [first, Recording(**{**vars(other), **changes})]


def write_threedpw(folder: Path, clips: list[Recording] | None = None, name: str = "downtown_arguing_00") -> Path:
    """`sequenceFiles/test/downtown_arguing_00.pkl`, as Python 2 pickled it."""
    path = folder / "sequenceFiles" / "test" / f"{name}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(threedpw(clips or two_people(), name), protocol=2))
    return path


# hmr4d_support -------------------------------------------------------------------------------------------------------


def write_hmr4d_support(inputs: Path, clips: Mapping[str, Recording] | None = None) -> Path:
    """The folder `inputs` with the bundles of EMDB, RICH and 3DPW."""
    clips = clips or bundle_clips()
    for name, write in (("EMDB", _write_emdb_bundle), ("RICH", _write_rich_bundle), ("3DPW", _write_3dpw_bundle)):
        folder = inputs / name / "hmr4d_support"
        folder.mkdir(parents=True)
        write(folder, clips)
    return inputs


def write_one_clip(folder: Path, file: str, clip: str) -> Path:
    """A bundle's file with one clip alone, as batch results have it, among the files that lie beside it."""
    path = write_hmr4d_support(folder / "inputs") / file
    torch.save({clip: torch.load(path)[clip]}, path)
    return path


def bundle_clips(frames: int = 24) -> dict[str, Recording]:
    """The clips of the bundles by name. VIMO's estimates jitter by a degree."""
    rich: dict[str, Any] = {"size": (4112, 3008), "focal": 3300.0, "still": True, "jitter_deg": 1.0}
    return {
        EMDB_CLIPS[0]: record(frames, seed=1, jitter_deg=1.0),
        EMDB_CLIPS[1]: record(frames - 4, size=(720, 960), focal=800.0, seed=2, jitter_deg=1.0),
        RICH_CLIPS[0]: record(frames, seed=3, **rich),
        RICH_CLIPS[1]: record(frames, seed=4, **rich),
        **dict(zip(DPW_CLIPS, two_people(frames, jitter_deg=1.0))),
    }


def _write_emdb_bundle(folder: Path, clips: Mapping[str, Recording]) -> None:
    chosen = {name: clips[name] for name in EMDB_CLIPS}
    labels = {
        name: {
            "name": name,
            "gender": "female",
            "smpl_params": _world(clip, "smpl"),
            "mask": torch.from_numpy(clip.valid),
            "K_fullimg": _tensor(clip.K),
            "T_w2c": _tensor(clip.extrinsics),
            "bbx_xys": _tensor(_boxes(clip)),
            "kp2d": _tensor(_vitpose(clip)),
            "features": torch.zeros(len(clip), 1024),
        }
        for name, clip in chosen.items()
    }
    torch.save(labels, folder / "emdb_vit_v4.pt")
    # VIMO was given the image's diagonal as focal length
    estimates = {name: vimo(clip, default_intrinsics(*clip.size, len(clip))) for name, clip in chosen.items()}
    torch.save(estimates, folder / "emdb_vimo.pt")


def _write_rich_bundle(folder: Path, clips: Mapping[str, Recording]) -> None:
    chosen = {name: clips[name] for name in RICH_CLIPS}
    labels = {
        name: {
            "vid": name,
            "frame_id": torch.arange(40, 40 + len(clip)),
            "gender": "male",
            "gt_smplx_params": {**_world(clip, "smplx"), "left_hand_pose": torch.zeros(len(clip), 12)},
        }
        for name, clip in chosen.items()
    }
    seen = {
        name: {
            "f_imgseq": torch.zeros(len(clip), 1024),
            "bbx_xys": _tensor(_boxes(clip)),
            "img_wh": torch.tensor(clip.size),
            "kp2d": _tensor(_vitpose(clip)),
        }
        for name, clip in chosen.items()
    }
    torch.save(labels, folder / "rich_test_labels.pt")
    torch.save(seen, folder / "rich_test_preproc.pt")
    torch.save({name: vimo(clip, _own_K(clip)) for name, clip in chosen.items()}, folder / "rich_test_vimo_preproc.pt")
    resource = folder.parents[2] / "hmr4d" / "dataset" / "rich" / "resource"
    resource.mkdir(parents=True, exist_ok=True)
    cameras = {"Gym_5": RICH_CLIPS[0], "ParkingLot2_4": RICH_CLIPS[1]}
    pairs = {key: (_tensor(clips[name].extrinsics[0]), _tensor(clips[name].K)) for key, name in cameras.items()}
    torch.save(pairs, resource / "cam2params.pt")


def _write_3dpw_bundle(folder: Path, clips: Mapping[str, Recording]) -> None:
    chosen = {name: clips[name] for name in DPW_CLIPS}
    labels = {
        name: {
            "vname": name[:-2],
            "K_fullimg": _tensor(clip.K),
            "T_w2c": _tensor(clip.extrinsics),
            "smpl_params": _world(clip, "smpl"),
            "gender": "male" if name.endswith("0") else "female",
            "mask_raw": torch.ones(len(clip), dtype=torch.bool),
            "mask_wham": torch.from_numpy(clip.valid),
            "img_wh": torch.tensor(clip.size),
        }
        for name, clip in chosen.items()
    }
    torch.save(labels, folder / "test_3dpw_gt_labels.pt")
    torch.save(
        {name: {"bbx_xys": _tensor(_boxes(clip))} for name, clip in chosen.items()}, folder / "preproc_test_bbx.pt"
    )
    torch.save({name: _tensor(_vitpose(clip)) for name, clip in chosen.items()}, folder / "preproc_test_kp2d_v0.pt")
    torch.save({name: vimo(clip, _own_K(clip)) for name, clip in chosen.items()}, folder / "test_3dpw_vimo_labels.pt")


def vimo(clip: Recording, K: np.ndarray) -> dict[str, Any]:
    """A clip's estimate under the assumed intrinsics (T, 3, 3): the person as large in the image as in truth."""
    ratio = K[:, 0, 0] / clip.K[0, 0]
    depth = clip.pelvis[:, 2] * ratio
    pixels = clip.pelvis[:, :2] / clip.pelvis[:, 2:] * clip.K[0, 0] + clip.K[:2, 2]
    pelvis = np.column_stack([(pixels - K[:, :2, 2]) / K[:, :1, 0] * depth[:, None], depth])
    transl = pelvis - (clip.pelvis - clip.transl())
    matrices = rotvec_to_rotmat(clip.wrong)
    box = _boxes(clip)
    params = {
        "pred_cam": full_to_crop(transl, box[:, :2], box[:, 2], K),
        "pred_pose": rotmat_to_sixd(matrices, "6d-columns").reshape(len(clip), -1),
        "pred_shape": np.zeros((len(clip), 10)),
        "pred_rotmat": matrices,
        "pred_trans": transl[:, None],
    }
    return {"vimo_params": {key: _tensor(value) for key, value in params.items()}}


def _world(clip: Recording, family: str) -> dict[str, torch.Tensor]:
    root, transl = clip.world(family)
    joints = 24 if family == "smpl" else 22
    params = {
        "body_pose": clip.pose[:, 1:joints].reshape(len(clip), -1),
        "betas": np.tile(clip.betas, (len(clip), 1)),
        "global_orient": root,
        "transl": transl,
    }
    return {key: _tensor(value) for key, value in params.items()}


def _own_K(clip: Recording) -> np.ndarray:
    return np.tile(clip.K, (len(clip), 1, 1))


def _boxes(clip: Recording) -> np.ndarray:
    """(T, 3) centre and side, pixels."""
    seen = clip.pixels("coco17")
    low, high = seen.min(1), seen.max(1)
    return np.column_stack([(low + high) / 2, 1.2 * (high - low).max(1)])


def _vitpose(clip: Recording) -> np.ndarray:
    """(T, 17, 3) keypoints with a pixel and a half of noise."""
    return np.concatenate([clip.pixels("coco17", noise_px=1.5), np.full((len(clip), 17, 1), 0.9)], 2)


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))
