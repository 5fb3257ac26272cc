"""Meshcapade's `.smpl` (smplcodec): a flat npz with its own names, one person, no camera.

smplcodec's reader fails on unknown names, so none is ever added to the file. `bodyTranslation` and `shapeParameters`
are optional: without them the body is at the origin and has the mean shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import peek, read_container
from lsmplify_refine.formats.extremities import part_slot, usable_slots
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Field, Slot, read_fields
from lsmplify_refine.formats.world_axes import AXES_OPTIONS, choose_axes
from lsmplify_refine.options import Family, Gender
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_FAMILIES: dict[int, Family] = {0: "smpl", 1: "smplh", 2: "smplx"}
#: smplcodec's other bodies, outside SMPL, SMPL-H and SMPL-X.
_OTHERS = {3: "SUPR", 4: "SMPL++", 5: "SKEL", 6: "SMIL", 7: "SMPL-XS"}
#: Joints of `headPose`.
_HEAD: tuple[Field, ...] = ("jaw_pose", "leye_pose", "reye_pose")
_GENDERS: dict[int, Gender] = {0: "neutral", 1: "male", 2: "female"}
_HANDS_AND_FACE = (
    part_slot("left_hand_pose", (("leftHandPose",),)),
    part_slot("right_hand_pose", (("rightHandPose",),)),
    *(
        Slot(field, (("headPose",),), Rotations(single=True), slice(3 * place, 3 * place + 3))
        for place, field in enumerate(_HEAD)
    ),
    part_slot("expression", (("expressionParameters",),)),
)
_NOTE_PLACE = Note(
    "place-assumed",
    "the file has no bodyTranslation; the body starts at the origin, and bodyTranslation is written if it moves",
)
#: The format does not state its axes.
OPTIONS = AXES_OPTIONS

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is an npz with smplcodec's keys."""
    container = peek(path)
    return container is not None and container.kind == "npz" and {"bodyPose", "smplVersion"} <= set(container.tree)


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read the file's person.

    Args:
        path: The file.
        options: See `OPTIONS`.

    Raises:
        InputError: The body is not SMPL, SMPL-H or SMPL-X, or keys are missing.
    """
    container = read_container(path)
    tree = container.tree
    pose, version = to_numpy(tree.get("bodyPose")), to_numpy(tree.get("smplVersion"))
    number = -1 if version is None or version.dtype.kind == "f" or version.size != 1 else int(version.reshape(-1)[0])
    if number not in _FAMILIES:
        name = f" ({_OTHERS[number]})" if number in _OTHERS else ""
        raise InputError(f"{path}: smplVersion {number}{name} cannot be read; use 0 (SMPL), 1 (SMPL-H) or 2 (SMPL-X)")
    if pose is None or pose.ndim != 3:
        raise InputError(f"{path}: bodyPose: missing, or not (F, 22 or 24, 3)")
    gender = number_of(tree.get("gender"))
    slots = [
        Slot("global_orient", (("bodyPose",),), Rotations(single=True), slice(0, 3)),
        Slot("body_pose", (("bodyPose",),), Rotations(), slice(3, None)),
        Slot("transl", (("bodyTranslation",),), default=np.zeros(3, np.float32)),
        *([Slot("betas", (("shapeParameters",),), shared=True)] if "shapeParameters" in tree else []),
    ]
    up, notes = choose_axes(
        options or {}, read_fields(tree, slots[:1], len(pose), str(path))["global_orient"], usual="y", name="smplcodec"
    )
    hands, hand_notes = usable_slots(tree, _HANDS_AND_FACE, len(pose), str(path))
    estimate = assemble(
        container,
        [*slots, *hands],
        len(pose),
        path=path,
        family=_FAMILIES[number],
        up=up,
        gender=_GENDERS.get(int(gender or 0), "neutral"),
        fps=number_of(tree.get("frameRate")),
        notes=(*notes, *([] if "bodyTranslation" in tree else [_NOTE_PLACE]), *hand_notes),
    )
    return [estimate]
