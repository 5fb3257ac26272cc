"""The layouts of GVHMR's results: which keys hold the parameters of each person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lsmplify_refine.formats.codings import Coding, Rotations
from lsmplify_refine.formats.containers import Container
from lsmplify_refine.formats.slots import Field, Slot
from lsmplify_refine.formats.tree import KeyPath

#: The parameters of a block, by name; transl is the model's translation, not the pelvis.
CAMERA_FIELDS: dict[str, Field] = {
    "body_pose": "body_pose", "betas": "betas", "global_orient": "global_orient", "transl": "transl",
}  # fmt: skip
WORLD_FIELDS: dict[str, Field] = CAMERA_FIELDS | {"global_orient": "world_orient", "transl": "world_transl"}
DECODED_FIELDS: dict[str, Field] = {name: CAMERA_FIELDS[name] for name in ("body_pose", "betas", "global_orient")}
_CODINGS: dict[str, Coding] = {"body_pose": Rotations(), "global_orient": Rotations(single=True)}


@dataclass(frozen=True)
class GvhmrLayout:
    """The key names of one kind of file.

    Attributes:
        camera: Block of the camera-frame parameters.
        world: Block of the gravity-aligned parameters.
        intrinsics: Key of the (L, 3, 3) intrinsics.
        joint: Separator of joined names; "" for nested dicts.
        fps: Key of the frame rate; "" if the file has none.
        at: Path of the result in a file of several people.
    """

    camera: str
    world: str
    intrinsics: str
    joint: str = ""
    fps: str = ""
    at: KeyPath = ()

    def block(self, fields: Mapping[str, Field], *names: str) -> list[Slot]:
        """A slot for each parameter of the block with these nested names."""
        return [Slot(field, (self.path(*names, name),), _CODINGS.get(name, Coding())) for name, field in fields.items()]

    def path(self, *names: str) -> KeyPath:
        """The path of a value with these nested names."""
        return (*self.at, *((self.joint.join(names),) if self.joint else names))


#: `hmr4d_results.pt` of the demo and the pickle of the same dict (also `save` of the PyPI package gvhmr).
_OFFICIAL = GvhmrLayout("smpl_params_incam", "smpl_params_global", "K_fullimg")
#: The AMASS-like npz: poses and trans z-up, everything else flattened.
AMASS_LIKE = GvhmrLayout("smpl_params_incam", "smpl_params_global", "K_fullimg", "_", fps="mocap_framerate")
#: `save_npz` of the PyPI package gvhmr.
_PACKAGE = GvhmrLayout("camera", "world", "intrinsics", "_", fps="fps")
#: Separators in an npz that flattens the official dict.
_JOINTS = ("/", ".", "__")


def people_of(container: Container) -> dict[str, GvhmrLayout]:
    """The layout of each person's result by id, from one result, a dict by id, or a list; empty without results.

    Forks for several people may nest that dict or list under one more name.
    """
    tree = container.tree
    alone = _layout_of(tree, container.kind)
    if alone is not None:
        return {"0": alone}
    if found := _results_under(tree, ()):
        return found
    inner = tree.items() if isinstance(tree, dict) else ()
    return next((found for name, value in inner if (found := _results_under(value, (name,)))), {})


def _results_under(value: Any, at: KeyPath) -> dict[str, GvhmrLayout]:
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return {
        str(name): replace(_OFFICIAL, at=(*at, name)) for name, result in named if _layout_of(result, "") is not None
    }


def _layout_of(tree: Any, kind: str) -> GvhmrLayout | None:
    """The layout of one result; None if the value is not a result."""
    keys = set(tree) if isinstance(tree, dict) else set()
    if {_OFFICIAL.camera, _OFFICIAL.world} & keys:
        return _OFFICIAL
    if kind != "npz":
        return None
    if "smpl_params_incam_body_pose" in keys:
        return AMASS_LIKE
    joint = next((joint for joint in _JOINTS if f"{_OFFICIAL.camera}{joint}body_pose" in keys), None)
    if joint is not None:
        return replace(_OFFICIAL, joint=joint)
    return _PACKAGE if {"world_body_pose", "camera_body_pose"} <= keys else None
