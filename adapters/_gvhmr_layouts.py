"""Where the parameters lie in each kind of GVHMR file, and the arithmetic of the derived copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsmplify_refine.formats.containers import KeyPath, look_up, to_numpy, with_changes
from lsmplify_refine.geometry.coordinates import axis_turn
from lsmplify_refine.geometry.rotations import nearest_rotvec, rotmat_to_rotvec, rotvec_to_rotmat

#: A block's four parameters; transl is the model's, not the pelvis.
PARAMETERS = ("body_pose", "betas", "global_orient", "transl")

#: y-up to z-up, (x, y, z) -> (x, -z, y), as the AMASS-like npz has it.
_R_ZUP_YUP = axis_turn("y", "z")

#: Two copies of the global root that differ by less came from the same values (radians, metres).
_SAME_ROOT = 1e-4

Params = dict[str, np.ndarray]


@dataclass(frozen=True)
class Layout:
    """Names in one kind of file.

    Attributes:
        incam: Block of the camera-frame parameters.
        world: Block of the gravity-aligned parameters.
        intrinsics: The (L, 3, 3) intrinsics.
        flat: Names joined by underscores instead of nested dicts.
        fps: Key of the frame rate, where the file has one.
    """

    incam: KeyPath
    world: KeyPath
    intrinsics: KeyPath
    flat: bool
    fps: str | None = None

    def path(self, *names: str) -> KeyPath:
        """The path to a value whose nested names are given."""
        return ("_".join(names),) if self.flat else names


#: `hmr4d_results.pt` of the demo and the pickle of the same dict (also `save` of the PyPI package gvhmr).
OFFICIAL = Layout(("smpl_params_incam",), ("smpl_params_global",), ("K_fullimg",), flat=False)
#: The AMASS-like npz: poses and trans z-up, everything else flattened.
AMASS_LIKE = Layout(("smpl_params_incam",), ("smpl_params_global",), ("K_fullimg",), flat=True, fps="mocap_framerate")
#: `save_npz` of the PyPI package gvhmr.
PACKAGE = Layout(("camera",), ("world",), ("intrinsics",), flat=True, fps="fps")

#: Copies under net_outputs: nested names of the block, whether it mirrors incam or world, parameters it has.
_MIRRORS: tuple[tuple[KeyPath, str, tuple[str, ...]], ...] = (
    (("net_outputs", "pred_smpl_params_incam"), "incam", PARAMETERS),
    (("net_outputs", "pred_smpl_params_global"), "world", PARAMETERS),
    (("net_outputs", "decode_dict"), "incam", ("body_pose", "betas", "global_orient")),
)


def layout_of(keys: tuple[str, ...], container: str) -> Layout | None:
    """The layout of a file with these outermost keys, or None where it is not GVHMR's."""
    if container == "npz":
        if "smpl_params_incam_body_pose" in keys:
            return AMASS_LIKE
        return PACKAGE if {"world_body_pose", "camera_body_pose"} <= set(keys) else None
    return OFFICIAL if {"smpl_params_incam", "smpl_params_global"} & set(keys) else None


def has_mirrors(tree: Mapping[str, Any], layout: Layout) -> bool:
    """Whether the file carries copies of the parameters under net_outputs."""
    return any(look_up(tree, layout.path(*block, names[0])) is not None for block, _, names in _MIRRORS)


def derived_world_root(tree: Mapping[str, Any], layout: Layout) -> tuple[np.ndarray, np.ndarray] | None:
    """The y-up root of a file without global block: from poses and trans, or None where it has none.

    The axis change was applied to `global_orient` and `transl` as a plain rotation, without the pelvis term,
    so that undoing it plainly is exact. The copy under net_outputs saves the rounding, row by row where it
    agrees.
    """
    poses, trans = (to_numpy(tree.get(key)) for key in ("poses", "trans"))
    mirror = [to_numpy(look_up(tree, layout.path(*_MIRRORS[1][0], name))) for name in ("global_orient", "transl")]
    if poses is None or trans is None:
        return None if mirror[0] is None or mirror[1] is None else (mirror[0][0], mirror[1][0])
    orient = rotmat_to_rotvec(_R_ZUP_YUP.T @ rotvec_to_rotmat(poses[:, :3])).astype(poses.dtype)
    transl = trans @ _R_ZUP_YUP.astype(trans.dtype)
    if mirror[0] is not None and mirror[1] is not None:
        turned = np.abs(rotvec_to_rotmat(mirror[0][0]) - rotvec_to_rotmat(orient)).max(axis=(1, 2))
        orient = np.where((turned < _SAME_ROOT)[:, None], mirror[0][0], orient)
        transl = np.where(np.abs(mirror[1][0] - transl).max(axis=1, keepdims=True) < _SAME_ROOT, mirror[1][0], transl)
    return orient, transl


def updates(
    tree: Mapping[str, Any],
    layout: Layout,
    new: dict[str, Params],
    changed: dict[str, Params],
    *,
    mirrors: bool,
) -> dict[KeyPath, Any]:
    """Every value of the file that changes.

    Args:
        tree: The file as read.
        layout: Its layout.
        new: "incam" and "world" -> parameter -> (L, n) values.
        changed: The same with booleans: which of them are not as read.
        mirrors: Update the copies under net_outputs too.
    """
    blocks = [(layout.incam, "incam", PARAMETERS), (layout.world, "world", PARAMETERS)]
    values: dict[KeyPath, Any] = {}
    for block, which, names in [*blocks, *(_MIRRORS if mirrors else ())]:
        for name in names:
            path = layout.path(*block, name)
            leaf = look_up(tree, path)
            if leaf is not None and name in new[which] and _holds(leaf, new[which][name]):
                values[path] = with_changes(leaf, new[which][name], changed[which][name])
    if layout is AMASS_LIKE:
        values |= _amass_updates(tree, new, changed)
    return values


def _holds(leaf: Any, values: np.ndarray) -> bool:
    """Whether a leaf can be a copy of these values: who cuts a file may leave net_outputs whole."""
    stored = to_numpy(leaf)
    return stored is not None and stored.size == values.size


def _amass_updates(tree: Mapping[str, Any], new: dict[str, Params], changed: dict[str, Params]) -> dict[KeyPath, Any]:
    """poses, trans and betas of the AMASS-like npz, in the convention that they were made in."""
    values: dict[KeyPath, Any] = {}
    poses, trans, betas = (tree.get(key) for key in ("poses", "trans", "betas"))
    if poses is not None:
        renewed, mask = poses.copy(), np.zeros(poses.shape, dtype=bool)
        renewed[:, 3:66], mask[:, 3:66] = new["incam"]["body_pose"], changed["incam"]["body_pose"]
        if "global_orient" in new["world"]:
            turned = _R_ZUP_YUP @ rotvec_to_rotmat(new["world"]["global_orient"])
            renewed[:, :3] = nearest_rotvec(turned, poses[:, :3])
            mask[:, :3] = changed["world"]["global_orient"]
        values[("poses",)] = with_changes(poses, renewed, mask)
    if trans is not None and "transl" in new["world"]:
        values[("trans",)] = with_changes(
            trans, new["world"]["transl"] @ _R_ZUP_YUP.T.astype(trans.dtype), changed["world"]["transl"]
        )
    if betas is not None:
        rows = slice(None) if betas.ndim == 2 else 0
        values[("betas",)] = with_changes(betas, new["incam"]["betas"][rows], changed["incam"]["betas"][rows])
    return values
