"""Any `.npz`, `.pkl`, `.pt`, `.npy` or `.json` of SMPL, SMPL-H or SMPL-X parameters under their usual names.

The file holds one person, or a dict of people by id. Keys and shapes determine the body family and the rotations. If
they are ambiguous, the error names the option that decides, as in `--format generic:family=smplx,rot6d=rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, frame_ids_of, gender_of, intrinsics_of, number_of, text_of
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.pose_layouts import PoseLayout, family_of, pose_layout, root_layout
from lsmplify_refine.formats.slots import Slot, write_slots
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

#: The options and their values; the error messages say when one is needed.
OPTIONS: Mapping[str, Sequence[str]] = {
    "family": ("smpl", "smplh", "smplx"),
    "rot6d": ("interleaved", "columns", "rows"),
    "frame": ("camera", "world"),
    "up": ("y", "z"),
}

#: Names in use, most common first; compared in lower case.
_NAMES: dict[str, tuple[str, ...]] = {
    "root": ("global_orient", "root_orient", "root_pose", "global_rot", "orient"),
    "body": ("body_pose", "pose_body"),
    "full": ("poses", "pose", "fullpose", "full_pose", "smpl_thetas", "thetas", "theta", "pred_rotmat", "rotmat"),
    "betas": ("betas", "shape", "beta", "shapes", "smpl_betas", "pred_shape"),
    "transl": ("transl", "trans", "translation", "cam_trans", "smpl_trans", "pred_trans"),
    "K": ("K", "K_fullimg", "intrinsics", "cam_K", "cam_int", "camera_matrix"),
    "focal": ("focal", "focal_length", "img_focal"),
    "centre": ("princpt", "principal_point", "img_center", "center", "camera_center"),
    "fps": ("fps", "mocap_framerate", "mocap_frame_rate", "frame_rate", "framerate"),
    "frames": ("frame_ids", "frames", "frame_id", "frame"),
    "family": ("model_type", "surface_model_type", "body_model", "smpl_family"),
    "gender": ("gender",),
}
#: Blocks that the parameters may be nested in.
_BLOCKS = ("smpl", "smplx", "smplh", "smpl_params", "smplx_params", "params", "parameters")

_NOTE_FRAME = Note(
    "frame-assumed",
    "the file does not state the frame of its translation; the camera's (x right, y down) is assumed; "
    "override with --format generic:frame=world",
)
_NOTE_UP = Note(
    "up-assumed",
    "world coordinates with z up are assumed, as in motion capture files; override with --format generic:up=y",
)

write = write_slots


def recognises(path: Path) -> bool:
    """Whether the file holds a pose and a translation, or people with both."""
    container = peek(path)
    return container is not None and isinstance(container.tree, dict) and bool(_people(container.tree))


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read everybody in the file.

    Args:
        path: The file.
        options: See `OPTIONS`.

    Raises:
        InputError: A value is missing, has the wrong shape, or is ambiguous without an option.
    """
    container = read_container(path)
    people = _people(container.tree) if isinstance(container.tree, dict) else {}
    if not people:
        raise InputError(
            f"{path}: no pose with a translation; expected names such as global_orient, body_pose, betas, transl, "
            "or poses, trans, betas"
        )
    return [_Person(container, block, path, dict(options or {})).read(str(name)) for name, block in people.items()]


def _people(tree: Mapping[Any, Any]) -> dict[Any, KeyPath]:
    """Path of each person's block, by track id."""
    if _is_body(tree):
        return {"0": ()}
    for name in _BLOCKS:
        if _is_body(tree.get(name)):
            return {"0": (name,)}
    found: dict[Any, KeyPath] = {key: (key,) for key, value in tree.items() if _is_body(value)}
    for key, value in tree.items():
        inner = next((name for name in _BLOCKS if isinstance(value, Mapping) and _is_body(value.get(name))), None)
        if key not in found and inner is not None:
            found[key] = (key, inner)
    return found


def _is_body(block: Any) -> bool:
    return _has(block, "transl") and (_has(block, "full") or (_has(block, "root") and _has(block, "body")))


def _has(block: Any, what: str) -> bool:
    """Whether a block has a parameter under any of its names."""
    keys = {key.lower() for key in block if isinstance(key, str)} if isinstance(block, Mapping) else set()
    return any(name.lower() in keys for name in _NAMES[what])


class _Person:
    """Reads the block of one person."""

    def __init__(self, container: Container, at: KeyPath, path: Path, options: dict[str, str]) -> None:
        self.container, self.at, self.path, self.options = container, at, path, options
        self.block = look_up(container.tree, at)
        self.keys = {key.lower(): key for key in self.block if isinstance(key, str)}
        self.rot6d = options.get("rot6d")
        transl = self._array("transl")
        if transl.size % 3 or not transl.size:
            raise InputError(f"{self._where('transl')}: shape {transl.shape}; expected (T, 3)")
        self.frames = transl.size // 3

    def read(self, track_id: str) -> Estimate:
        """The estimate."""
        camera = self._camera()
        slots, family = self._pose_slots()
        slots.append(Slot("transl", (self._path("transl"),)))
        slots += self._betas_slots()
        up, notes = self._up(camera)
        return assemble(
            self.container,
            slots,
            self.frames,
            path=self.path,
            family=family,
            up=up,
            gender=gender_of(self._value("gender"), self._where("gender")),
            camera=camera,
            fps=number_of(self._value("fps")),
            frame_ids=frame_ids_of(self._value("frames"), self.frames, self._where("frames")),
            track_id=track_id,
            notes=notes,
        )

    def _key(self, what: str) -> str | None:
        return next((self.keys[name.lower()] for name in _NAMES[what] if name.lower() in self.keys), None)

    def _path(self, what: str) -> KeyPath:
        return (*self.at, self._key(what))

    def _value(self, what: str) -> Any:
        key = self._key(what)
        if key is not None:
            return self.block[key]
        # the outermost dict may hold one rate, camera or gender for everybody
        shared = {name.lower(): value for name, value in self.container.tree.items() if isinstance(name, str)}
        return next((shared[name.lower()] for name in _NAMES[what] if name.lower() in shared), None)

    def _where(self, what: str) -> str:
        return f"{self.path}: {'.'.join(map(str, (*self.at, self._key(what) or _NAMES[what][0])))}"

    def _array(self, what: str) -> np.ndarray:
        array = to_numpy(self.block.get(self._key(what)))
        if array is None:
            raise InputError(f"{self._where(what)}: missing, or not an array of numbers")
        return array

    def _pose_slots(self) -> tuple[list[Slot], Family]:
        """Slots of every copy of root and body, and the body family."""
        slots: list[Slot] = []
        family: Family | None = None
        parts = self._key("root") is not None and self._key("body") is not None
        if self._key("full") is not None:
            layout = pose_layout(
                self._array("full").shape, self.frames, self._where("full"), full=True, rot6d=self.rot6d
            )
            family = self._family("full", layout)
            at, body = (self._path("full"),), layout.columns(1, 23 if family == "smpl" else 21)
            slots = [
                Slot("global_orient", at, layout.coding(single=True), layout.columns(0, 1)),
                Slot("body_pose", at, layout.coding(), body),
            ]
        if parts:
            root = root_layout(self._array("root").shape, self.frames, self._where("root"), self.rot6d)
            layout = pose_layout(
                self._array("body").shape, self.frames, self._where("body"), full=False, rot6d=self.rot6d
            )
            family = family or self._family("body", layout)
            slots += [
                Slot("global_orient", (self._path("root"),), root.coding(single=True)),
                Slot("body_pose", (self._path("body"),), layout.coding()),
            ]
        assert family is not None  # `_is_body`
        return slots, family

    def _family(self, what: str, layout: PoseLayout) -> Family:
        stated = self.options.get("family") or text_of(self._value("family")).lower()
        padding = None
        if layout.joints == 24:
            numbers = self._array(what).reshape(self.frames, -1)[:, layout.columns(22, 2)]
            padding = layout.coding().decode(numbers, {})
        return family_of(
            layout.joints,
            self.keys,
            stated if stated in OPTIONS["family"] else "",
            self._where(what),
            padding=padding,
        )

    def _betas_slots(self) -> list[Slot]:
        """The slot of the shape; none if the file has no shape."""
        if self._key("betas") is None:
            return []
        shape = self._array("betas").shape
        if not shape:
            raise InputError(f"{self._where('betas')}: one number; expected (B,) or ({self.frames}, B)")
        shared = len(shape) == 1 or (shape[0] == 1 and self.frames > 1)
        return [Slot("betas", (self._path("betas"),), shared=shared)]

    def _camera(self) -> Camera | None:
        K = to_numpy(self._value("K"))
        focal, centre = to_numpy(self._value("focal")), to_numpy(self._value("centre"))
        if K is None and focal is not None and centre is not None:
            # fx and fy of one camera, not focal lengths of two frames
            focal = focal[None] if focal.shape == centre.shape == (2,) else focal
            try:
                K = np.broadcast_to(intrinsics(focal, centre), (self.frames, 3, 3))
            except ValueError:
                raise InputError(
                    f"{self._where('focal')}: shapes {focal.shape} and {centre.shape} of focal length and principal "
                    "point; expected (2,) or (T, 2)"
                ) from None
        K = intrinsics_of(K, self.frames, self._where("K"))
        return None if K is None else Camera(K)

    def _up(self, camera: Camera | None) -> tuple[Literal["y", "z"] | None, tuple[Note, ...]]:
        """The vertical axis (None in the camera's frame), and a note for each assumption."""
        frame, up = self.options.get("frame"), self.options.get("up")
        if frame == "camera" or (frame is None and up is None and camera is not None):
            return None, ()
        if up is not None:
            return ("y" if up == "y" else "z"), ()
        if frame == "world" or {"mocap_framerate", "mocap_frame_rate"} & set(self.keys):
            return "z", (_NOTE_UP,)
        return None, (_NOTE_FRAME,)
