"""One person's values in a block of named parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container
from lsmplify_refine.formats.extremities import full_pose_slots, part_slot, usable_slots
from lsmplify_refine.formats.hands import AFTER_BODY
from lsmplify_refine.formats.leaves import frame_ids_of, intrinsics_of, text_of
from lsmplify_refine.formats.parameter_names import NAMES, key_of
from lsmplify_refine.formats.pose_layouts import PoseLayout, family_of, pose_layout, root_layout
from lsmplify_refine.formats.seen_roots import camera_poses
from lsmplify_refine.formats.shares import Share
from lsmplify_refine.formats.slots import Slot, intrinsics_slots
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import EXTREMITIES
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import JOINTS


class NamedBlock:
    """One person's part of a block.

    Attributes:
        frames: Rows of the person.
        rows: Which rows of the file these are; None for all.
    """

    def __init__(
        self, container: Container, at: KeyPath, share: Share, path: Path, options: Mapping[str, str] | None = None
    ) -> None:
        self.container, self.at, self.share, self.path, self.options = container, at, share, path, options or {}
        self.block = look_up(container.tree, at)
        transl = self.array("transl")
        if transl.size % 3 or not transl.size:
            raise InputError(f"{self.where('transl')}: shape {transl.shape}; expected (T, 3)")
        self.stored = transl.size // 3
        self.rows = share.rows
        self.frames = self.stored if self.rows is None else len(self.rows)

    def key(self, what: str) -> str | None:
        """The block's key for a parameter."""
        return key_of(self.block, what)

    def value(self, what: str) -> Any:
        """This person's part of a value in the block, or else of one that all people share in the outermost dict."""
        for block in (self.block, self.container.tree):
            key = key_of(block, what)
            if key is not None:
                return self.share.of(what, block[key])
        return None

    def where(self, what: str) -> str:
        """File and key, for error messages."""
        return f"{self.path}: {'.'.join(map(str, (*self.at, self.key(what) or NAMES[what][0])))}"

    def array(self, what: str) -> np.ndarray:
        """A parameter's numbers, in the shape of the file.

        Raises:
            InputError: It is missing, or not an array of numbers.
        """
        key = self.key(what)
        array = None if key is None else to_numpy(self.share.of(what, self.block[key]))
        if array is None:
            raise InputError(f"{self.where(what)}: missing, or not an array of numbers")
        return array

    def slots(self) -> tuple[list[Slot], Family]:
        """Slots of every copy of root and body, then of translation and shape; and the body family.

        Raises:
            InputError: The joints, the rotations or the family are ambiguous.
        """
        slots, family = self._pose_slots()
        slots.append(Slot("transl", self._paths("transl")))
        if self.key("betas") is not None:  # else the mean shape
            shape = self.array("betas").shape
            if not shape:
                raise InputError(f"{self.where('betas')}: one number; expected (B,) or ({self.stored}, B)")
            shared = len(shape) == 1 or (shape[0] == 1 and self.stored > 1)
            slots.append(Slot("betas", self._paths("betas"), shared=shared))
        return [slot if slot.shared else replace(slot, rows=self.rows) for slot in slots], family

    def hand_slots(self, family: Family) -> tuple[list[Slot], tuple[Note, ...]]:
        """Slots of hands and face, in the full pose and under their own names; and a note on unusable ones."""
        slots: list[Slot] = []
        width = 3 * (JOINTS + sum(AFTER_BODY[family].values()))
        if self.key("full") is not None and self.array("full").size == self.stored * width:
            slots = full_pose_slots(self._paths("full"), family)
        if family != "smpl":
            slots += [part_slot(name, self._paths(name)) for name in EXTREMITIES if self.key(name) is not None]
        mine = [replace(slot, rows=self.rows) for slot in slots]
        return usable_slots(self.container.tree, mine, self.frames, str(self.path))

    def flat_hand_mean(self) -> bool | None:
        """Whether hand poses are relative to the flat hand; None if the file does not say."""
        stated = self.value("flat")
        is_bool = isinstance(stated, (bool, np.bool_)) or (isinstance(stated, np.ndarray) and stated.dtype == bool)
        return bool(np.all(stated)) if is_bool else None

    def camera(self) -> np.ndarray | None:
        """(T, 3, 3) intrinsics, from a matrix or from focal length and principal point; None without any.

        Raises:
            InputError: The shapes do not fit, or the matrix is not a camera's.
        """
        K = to_numpy(self.value("K"))
        focal, centre = to_numpy(self.value("focal")), to_numpy(self.value("centre"))
        if K is None and focal is not None and centre is not None:
            # fx and fy of one camera, not focal lengths of two frames
            focal = focal[None] if focal.shape == centre.shape == (2,) else focal
            try:
                K = np.broadcast_to(intrinsics(focal, centre), (self.stored, 3, 3))
            except ValueError:
                raise InputError(
                    f"{self.where('focal')}: shapes {focal.shape} and {centre.shape} of focal length and principal "
                    "point; expected (2,) or (T, 2)"
                ) from None
        K = intrinsics_of(K, self.stored, self.where("K"))
        return K if K is None or self.rows is None else K[self.rows]

    def camera_slots(self) -> list[Slot]:
        """The slot of the matrices; none if there are none, or focal length and principal point instead."""
        for at, block in ((self.at, self.block), ((), self.container.tree)):
            key = key_of(block, "K")
            if key is not None:
                inner = (self.share.index,) if self.share.has_axis("K", block[key]) else ()
                return intrinsics_slots(self.container.tree, (*at, key, *inner), self.rows)
        return []

    def camera_pose(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Rotation (T, 3, 3) and translation (T, 3) from the world to the camera; None if the file has none.

        Raises:
            InputError: The matrices have another shape, or hold no rotations.
        """
        leaf = self.value("extrinsics")
        rows = np.arange(self.stored) if self.rows is None else self.rows
        return None if leaf is None else camera_poses(leaf, rows, self.where("extrinsics"))

    def frame_numbers(self) -> np.ndarray:
        """(T,) the video frame of each row."""
        leaf = self.value("frames")
        numbers = to_numpy(leaf)
        counts = (
            numbers is not None and numbers.size == 1 and self.stored > 1 and int(numbers.reshape(-1)[0]) == self.stored
        )
        if numbers is None or counts:  # `frames` may be their number
            return np.arange(self.stored) if self.rows is None else self.rows
        if self.rows is not None and numbers.size == self.stored:
            numbers = numbers.reshape(-1)[self.rows]
        return frame_ids_of(numbers, self.frames, self.where("frames"))

    def _paths(self, what: str) -> tuple[KeyPath, ...]:
        key = self.key(what)
        inner = (self.share.index,) if self.share.has_axis(what, self.block[key]) else ()
        return ((*self.at, key, *inner),)

    def _pose_slots(self) -> tuple[list[Slot], Family]:
        slots: list[Slot] = []
        family: Family | None = None
        parts = self.key("root") is not None and self.key("body") is not None
        rot6d = self.options.get("rot6d")
        if self.key("full") is not None:
            layout = pose_layout(self.array("full").shape, self.stored, self.where("full"), full=True, rot6d=rot6d)
            family = self._family("full", layout)
            at, body = self._paths("full"), layout.columns(1, 23 if family == "smpl" else 21)
            slots = [
                Slot("global_orient", at, layout.coding(single=True), layout.columns(0, 1)),
                Slot("body_pose", at, layout.coding(), body),
            ]
        if parts:
            root = root_layout(self.array("root").shape, self.stored, self.where("root"), rot6d)
            layout = pose_layout(self.array("body").shape, self.stored, self.where("body"), full=False, rot6d=rot6d)
            family = family or self._family("body", layout)
            slots += [
                Slot("global_orient", self._paths("root"), root.coding(single=True)),
                Slot("body_pose", self._paths("body"), layout.coding()),
            ]
        assert family is not None  # `find_blocks`
        return slots, family

    def _family(self, what: str, layout: PoseLayout) -> Family:
        stated = self.options.get("family") or text_of(self.value("family")).lower()
        padding = None
        if layout.joints == 24:
            numbers = self.array(what).reshape(self.stored, -1)[:, layout.columns(22, 2)]
            padding = layout.coding().decode(numbers, {})
        keys = {key.lower(): key for key in self.block if isinstance(key, str)}
        known = stated if stated in ("smpl", "smplh", "smplx") else ""
        return family_of(layout.joints, keys, known, self.where(what), padding=padding)
