"""One table of files in the true layouts of all estimators: the cases of every adapter's tests."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.geometry.rotations import RotationKind
from tests.support import dataset_files as datasets
from tests.support import estimator_files as make
from tests.support import gvhmr_files as gvhmr
from tests.support import newer_files as newer
from tests.support import sam3d_files as sam3d


@dataclass(frozen=True)
class Case:
    """A kind of file.

    Attributes:
        adapter: Name of the adapter that reads it.
        write: Writes one into a folder and gives its path.
        changing: The last keys of the values that a refinement changes.
        how: The format with options; None to recognise it by content.
    """

    adapter: str
    write: Callable[[Path], Path]
    changing: tuple[str, ...]
    how: str | None = None


def pickled(tree: Any, protocol: int = 4) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "result.pkl").write_bytes(pickle.dumps(tree, protocol=protocol))
        return folder / "result.pkl"

    return write


def archived(arrays: dict[str, Any], *, compressed: bool = False) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (np.savez_compressed if compressed else np.savez)(folder / "result.npz", **arrays)
        return folder / "result.npz"

    return write


def torch_saved(folder: Path) -> Path:
    torch.save({"params": {k: torch.from_numpy(v) for k, v in make.parts().items()}, "epoch": 3}, folder / "r.pt")
    return folder / "r.pt"


def as_json(folder: Path) -> Path:
    (folder / "r.json").write_text(json.dumps({k: v.tolist() for k, v in make.parts().items()}, indent=2))
    return folder / "r.json"


def full(joints: int, coding: RotationKind = "axis-angle", **more: Any) -> dict[str, Any]:
    arrays = {"poses": make.poses(joints, coding=coding), "trans": make.ahead(), "betas": make.values(make.FRAMES, 10)}
    return arrays | {"cam_K": make.parts()["K"]} | more


def _flat(*blocks: str) -> tuple[str, ...]:
    return tuple(f"{block}_{name}" for block in blocks for name in PARTS)


def _several(kind: str) -> Callable[[Path], Path]:
    return lambda folder: gvhmr.write_pt(folder / "r.pt", gvhmr.several(kind))


PARTS = ("global_orient", "body_pose", "transl")
FULL = ("poses", "trans")
MULTIHMR = ("rotation_vector", "translation_pelvis", "translation")
GLAMR = ("smpl_pose", "smpl_orient_cam", "root_trans_cam", "smpl_orient_world", "root_trans_world")
SAM3D = ("pred_keypoints_3d", "pred_keypoints_2d", "pred_cam_t")
_NET_OUTPUTS = tuple(f"net_outputs_pred_smpl_params_{block}" for block in ("incam", "global"))
_DECODED = ("net_outputs_decode_dict_body_pose", "net_outputs_decode_dict_global_orient")

CASES: dict[str, Case] = {
    "generic npz": Case("generic", archived(make.parts()), PARTS),
    "generic smpl npz": Case("generic", archived(make.parts("smpl"), compressed=True), PARTS),
    "generic pkl": Case("generic", pickled(make.parts()), PARTS),
    "generic pkl, protocol 0": Case("generic", pickled(make.parts(), 0), PARTS),
    "generic pt": Case("generic", torch_saved, PARTS),
    "generic json": Case("generic", as_json, PARTS),
    "generic people": Case("generic", pickled({"a": make.parts(), "b": make.parts(frames=4)}), PARTS),
    "generic 24": Case("generic", archived(full(24)), FULL),
    "generic 24 matrices": Case("generic", archived(full(24, "matrix")), FULL),
    "generic 52": Case("generic", archived(full(52)), FULL),
    "generic 55": Case("generic", archived(full(55)), FULL),
    "generic 22": Case("generic", archived(full(22)), FULL, "generic:family=smplh"),
    "generic 22, stated": Case("generic", archived(full(22, model_type=np.array("smplx"))), FULL),
    "generic 6D rows": Case("generic", archived(full(24, "6d-rows")), FULL, "generic:rot6d=rows"),
    "generic 6D columns": Case("generic", archived(full(24, "6d-columns")), FULL, "generic:rot6d=columns"),
    "generic 6D interleaved": Case("generic", archived(full(55, "6d-interleaved")), FULL, "generic:rot6d=interleaved"),
    "amass smplh": Case("amass", lambda folder: make.write_amass_smplh(folder / "01_01_poses.npz"), FULL),
    "amass smplx": Case(
        "amass",
        lambda folder: make.write_amass_stageii(folder / "walk_stageii.npz"),
        (*FULL, "root_orient", "pose_body"),
    ),
    "wham": Case("wham", pickled(make.wham()), ("pose", "trans", "pose_world", "trans_world")),
    "wham, protocol 1": Case("wham", pickled(make.wham(), 1), ("pose", "trans", "pose_world", "trans_world")),
    "vibe": Case("vibe", pickled(make.vibe()), ("pose", "pred_cam", "orig_cam")),
    "pare": Case("vibe", pickled(make.vibe(matrices=True)), ("pose", "pred_cam", "orig_cam")),
    "phalp": Case("phalp", pickled(make.phalp()), (*PARTS[:2], "camera")),
    "smplerx": Case("smplerx", lambda folder: make.write_smplerx(folder / "out"), PARTS),
    "prompthmr": Case("prompthmr", pickled(make.prompthmr()), ("rotmat", "pose", "trans")),
    "tram": Case("tram", lambda folder: make.write_tram(folder / "seq"), ("pred_rotmat", "pred_pose", "pred_trans")),
    "tram track": Case(
        "tram",
        lambda folder: make.write_tram(folder / "seq") / "hps" / "hps_track_2.npy",
        ("pred_rotmat", "pred_pose", "pred_trans"),
    ),
    "romp image": Case(
        "romp", archived({"results": make.romp_image()}), ("smpl_thetas", "global_orient", "body_pose", "cam_trans")
    ),
    "bev image": Case("romp", archived({"results": make.bev_image()}), ("smpl_thetas", "joints", "cam_trans")),
    "romp video": Case(
        "romp", archived({"results": make.romp_video()}), ("smpl_thetas", "global_orient", "body_pose", "cam_trans")
    ),
    "easymocap": Case("easymocap", lambda folder: make.write_easymocap(folder / "out"), ("Rh", "Th", "poses")),
    "easymocap smplx": Case(
        "easymocap", lambda folder: make.write_easymocap(folder / "out", 87), ("Rh", "Th", "poses")
    ),
    "generic without betas": Case(
        "generic", archived({key: value for key, value in full(24).items() if key != "betas"}), FULL
    ),
    "aistpp": Case("aistpp", pickled(make.aistpp()), ("smpl_poses", "smpl_trans")),
    "aistpp, divided": Case("aistpp", pickled(make.aistpp(scaling=None)), ("smpl_poses", "smpl_trans")),
    "smplcodec": Case("smplcodec", archived(make.smplcodec(), compressed=True), ("bodyPose", "bodyTranslation")),
    "gem": Case("gem", lambda folder: make.write_gem(folder / "out") / "smpl_params.pt", PARTS),
    "gem, text": Case("gem", lambda folder: make.write_gem(folder / "out", text=(2, 4)) / "smpl_params.pt", PARTS),
    "sam3d recording": Case("sam3d", lambda folder: sam3d.write_recording(folder / "run"), SAM3D),
    "sam3d npz": Case("sam3d", lambda folder: sam3d.write_person_npz(folder / "img_subj00.npz"), SAM3D),
    "sam3d npy": Case("sam3d", lambda folder: sam3d.write_lists_npy(folder / "r.npy"), SAM3D),
    "sam3d pkl": Case("sam3d", lambda folder: sam3d.write_dict_pickle(folder / "r.pkl"), SAM3D),
    "sam3d json": Case("sam3d", lambda folder: sam3d.write_json(folder / "r.json"), SAM3D),
    "comotion": Case("comotion", lambda folder: newer.write_comotion(folder / "clip.pt"), ("pose", "trans")),
    "human3r": Case("human3r", lambda folder: newer.write_human3r(folder / "out"), ("rotvec", "transl")),
    "multihmr json": Case("multihmr", lambda folder: newer.write_multihmr_json(folder / "r.json"), MULTIHMR),
    "multihmr folder": Case("multihmr", lambda folder: newer.write_multihmr_folder(folder / "out"), MULTIHMR),
    "camsmplify": Case("camsmplify", archived(newer.camsmplify()), ("pose", "cam_t")),
    "glamr": Case("glamr", pickled(newer.glamr(), 3), GLAMR),
    "hybrik": Case("hybrik", pickled(newer.hybrik()), ("pred_thetas", "pred_cam_root", "transl", "transl_camsys")),
    "slahmr": Case(
        "slahmr", lambda folder: newer.write_slahmr(folder / "out", tracks=False), ("root_orient", "pose_body", "trans")
    ),
    "smplestx fork": Case(
        "smplestx", lambda folder: make.write_fork(folder / "out"), ("smplx_root_pose", "smplx_body_pose", "cam_trans")
    ),
    "emdb": Case("emdb", datasets.write_emdb, ("poses_root", "poses_body", "trans")),
    "3dpw": Case("threedpw", datasets.write_threedpw, FULL),
    "hmr4d vimo": Case(
        "hmr4d",
        lambda folder: datasets.write_one_clip(folder, "EMDB/hmr4d_support/emdb_vimo.pt", datasets.EMDB_CLIPS[1]),
        ("pred_pose", "pred_rotmat", "pred_trans"),
    ),
    "hmr4d emdb": Case(
        "hmr4d",
        lambda folder: datasets.write_one_clip(folder, "EMDB/hmr4d_support/emdb_vit_v4.pt", datasets.EMDB_CLIPS[1]),
        PARTS,
    ),
    "smplifyx": Case(
        "smplifyx", lambda folder: make.write_smplifyx(folder / "out"), (*PARTS[:2], "camera_translation")
    ),
    "smplifyx pkl": Case("smplifyx", pickled(make.smplifyx(), 2), (*PARTS[:2], "camera_translation")),
    "smplifyx of PROX": Case("smplifyx", pickled(make.smplifyx() | {"transl": make.ahead(1)}, 2), PARTS),
    "gvhmr pt": Case("gvhmr", lambda folder: gvhmr.write_pt(folder / "hmr4d_results.pt", gvhmr.official()), PARTS),
    "gvhmr folder": Case(
        "gvhmr", lambda folder: gvhmr.write_folder(folder / "out", gvhmr.official()) / "hmr4d_results.pt", PARTS
    ),
    "gvhmr pkl": Case("gvhmr", lambda folder: gvhmr.write_pkl(folder / "r.pkl", gvhmr.official()), PARTS),
    "gvhmr npz": Case(
        "gvhmr",
        lambda folder: gvhmr.write_amass_like(folder / "r.npz", gvhmr.official()),
        ("poses", "trans", *_flat("smpl_params_incam", *_NET_OUTPUTS), *_DECODED),
    ),
    "gvhmr nested npz": Case(
        "gvhmr", lambda folder: gvhmr.write_nested_npz(folder / "r.npz", gvhmr.official(net_outputs=False)), PARTS
    ),
    "gvhmr joined npz": Case(
        "gvhmr",
        lambda folder: gvhmr.write_joined_npz(folder / "r.npz", gvhmr.official(net_outputs=False)),
        tuple(f"smpl_params_{block}/{name}" for block in ("global", "incam") for name in PARTS),
    ),
    **{f"gvhmr people {kind}": Case("gvhmr", _several(kind), PARTS) for kind in ("by id", "list", "under a name")},
    "gvhmr package": Case(
        "gvhmr", lambda folder: gvhmr.write_package_npz(folder / "r.npz", gvhmr.official()), _flat("world", "camera")
    ),
}


def cases_of(adapter: str) -> list[str]:
    """The names of an adapter's cases."""
    return [name for name, case in CASES.items() if case.adapter == adapter]
