"""Where a tree of named values holds people's parameters under their usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from lsmplify_refine.formats.tree import KeyPath

#: Names in use, most common first; compared in lower case.
NAMES: dict[str, tuple[str, ...]] = {
    "root": ("global_orient", "root_orient", "root_pose", "global_rot", "orient"),
    "body": ("body_pose", "pose_body"),
    "full": ("poses", "pose", "fullpose", "full_pose", "smpl_thetas", "thetas", "theta", "pred_rotmat", "rotmat"),
    "betas": ("betas", "shape", "beta", "shapes", "smpl_betas", "pred_shape"),
    "transl": ("transl", "trans", "translation", "cam_trans", "smpl_trans", "pred_trans"),
    "K": ("K", "K_fullimg", "intrinsics", "cam_K", "cam_int", "camera_matrix", "cam_intrinsics"),
    "focal": ("focal", "focal_length", "img_focal"),
    "centre": ("princpt", "principal_point", "img_center", "center", "camera_center"),
    "extrinsics": ("cam_poses", "T_camera_world", "world_to_camera", "world2cam", "w2c"),
    "fps": ("fps", "mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate"),
    "frames": ("frame_ids", "frames", "frame_id", "frame_idx", "frame_indices", "frame"),
    "ids": ("track_id", "track_ids", "person_id", "person_ids", "id", "ids", "tid"),
    "family": ("model_type", "surface_model_type", "body_model", "smpl_family"),
    "gender": ("gender", "genders"),
    "coordinates": ("coordinates",),
    "left_hand_pose": ("left_hand_pose", "lhand_pose", "left_hand", "smplx_lhand_pose"),
    "right_hand_pose": ("right_hand_pose", "rhand_pose", "right_hand", "smplx_rhand_pose"),
    "jaw_pose": ("jaw_pose", "pose_jaw", "smplx_jaw_pose"),
    "leye_pose": ("leye_pose",),
    "reye_pose": ("reye_pose",),
    "expression": ("expression", "expr", "smplx_expr"),
    "flat": ("flat_hand_mean",),
}
#: Blocks that the parameters may be nested in.
_WRAPPERS = ("smpl", "smplx", "smplh", "smpl_params", "smplx_params", "params", "parameters")
#: What names of blocks say about their coordinates.
_CAMERA = re.compile(r"in_?cam(era)?|camera|(?<![a-z])cam(?![a-z])")
_WORLD = re.compile(r"global|world")


@dataclass(frozen=True)
class Block:
    """Where parameters are.

    Attributes:
        name: The person's key; "0" where the file has a single block.
        at: Path of the parameters.
        world: Path of the same person's parameters in a world, if the file has them too.
        frame: What the block's name says about its coordinates, if anything.
    """

    name: str
    at: KeyPath
    world: KeyPath | None = None
    frame: Literal["camera", "world"] | None = None


def key_of(block: Mapping[Any, Any], what: str) -> str | None:
    """The key under which a block has a parameter, in its own spelling."""
    keys = {key.lower(): key for key in block if isinstance(key, str)}
    return next((keys[name.lower()] for name in NAMES[what] if name.lower() in keys), None)


def find_blocks(tree: Mapping[Any, Any]) -> list[Block]:
    """The blocks with a pose and a translation: the tree itself, or dicts up to two levels within."""
    if _is_body(tree):
        return [Block("0", ())]
    for name in _WRAPPERS:
        if _is_body(tree.get(name)):
            return [Block("0", (name,))]
    found = _paired({key: (key,) for key, value in tree.items() if _is_body(value)})
    for key, value in tree.items():
        if not isinstance(value, Mapping) or _is_body(value):
            continue
        inner = next((name for name in _WRAPPERS if _is_body(value.get(name))), None)
        pair = _paired({name: (key, name) for name, each in value.items() if _is_body(each)})
        if inner is not None:
            found.append(Block(str(key), (key, inner)))
        elif len(pair) == 1 and pair[0].frame is not None:
            found.append(Block(str(key), pair[0].at, pair[0].world, pair[0].frame))
    single = len(found) == 1 and found[0].frame is not None
    return [Block("0", found[0].at, found[0].world, found[0].frame)] if single else found


def _paired(paths: Mapping[Any, KeyPath]) -> list[Block]:
    """The blocks; two whose names differ only by `incam` and `global` (or similar) are one person."""
    frames: dict[Any, Literal["camera", "world"]] = {}
    stems: dict[Any, str] = {}
    for key in paths:
        for frame, words in (("camera", _CAMERA), ("world", _WORLD)):
            stem, count = words.subn("*", str(key).lower())
            if count and key not in frames:
                frames[key], stems[key] = ("camera" if frame == "camera" else "world"), stem
    blocks = []
    for key, path in paths.items():
        others = [other for other in stems if key in stems and stems[other] == stems[key] and other != key]
        partner = next((other for other in others if frames[other] != frames[key]), None)
        if partner is None:
            blocks.append(Block(str(key), path, frame=frames.get(key)))
        elif frames[key] == "camera":
            blocks.append(Block(stems[key].strip("*_-. ") or "0", path, paths[partner], "camera"))
    return blocks


def _is_body(block: Any) -> bool:
    if not isinstance(block, Mapping):
        return False

    def has(what: str) -> bool:
        """Whether the block has a parameter under any of its names."""
        return key_of(block, what) is not None

    return has("transl") and (has("full") or (has("root") and has("body")))
