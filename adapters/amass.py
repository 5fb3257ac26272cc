"""AMASS: SMPL-H `*_poses.npz` and SMPL-X `*_stageii.npz`. Motion capture in a z-up world, without a camera.

The pose is written to `poses` and, in stageii files, to its copies `root_orient` and `pose_body`. Object arrays (marker
data) pass through unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import peek, read_container
from lsmplify_refine.formats.extremities import full_pose_slots, part_slot, usable_slots
from lsmplify_refine.formats.leaves import gender_of, number_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot, read_fields
from lsmplify_refine.formats.world_axes import AXES_OPTIONS, choose_axes
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate

#: Body family by the number of columns of `poses`.
_FAMILY_OF_WIDTH: dict[int, Family] = {156: "smplh", 165: "smplx"}
#: Both spellings of the frame rate; Blender's add-on reads either.
_RATES = ("mocap_framerate", "mocap_frame_rate")

#: Some converters write this layout with other axes.
OPTIONS = AXES_OPTIONS

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is an npz with AMASS's keys and one of its two pose widths."""
    container = peek(path)
    if container is None or container.kind != "npz" or not {"poses", "trans", "betas"} <= set(container.tree):
        return False
    return _width(container.tree) in _FAMILY_OF_WIDTH and any(rate in container.tree for rate in _RATES)


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read the person of a motion capture take.

    Args:
        path: The file.
        options: See `OPTIONS`.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    tree = container.tree
    family = _FAMILY_OF_WIDTH.get(_width(tree))
    if family is None:
        raise InputError(f"{path}: poses: missing, or not (T, 156) for SMPL-H or (T, 165) for SMPL-X")
    root, joints = Rotations(single=True), Rotations()
    slots = [
        Slot("global_orient", (("poses",),), root, slice(0, 3)),
        Slot("body_pose", (("poses",),), joints, slice(3, 66)),
    ]
    if "root_orient" in tree:
        slots.append(Slot("global_orient", (("root_orient",),), root))
    if "pose_body" in tree:
        slots.append(Slot("body_pose", (("pose_body",),), joints))
    slots += [Slot("transl", (("trans",),)), Slot("betas", (("betas",),), shared=True)]
    hands, hand_notes = usable_slots(tree, _hands_and_face(family), len(tree["poses"]), str(path))
    rate = next((tree[name] for name in _RATES if name in tree), None)
    frames = len(tree["poses"])
    orient = read_fields(tree, slots[:1], frames, str(path))["global_orient"]
    up, notes = choose_axes(options or {}, orient, usual="z", name="amass", stated=True)
    estimate = assemble(
        container,
        [*slots, *hands],
        frames,
        path=path,
        family=family,
        up=up,
        gender=gender_of(tree.get("gender"), f"{path}: gender"),
        fps=number_of(rate),
        flat_hand_mean=True,
        notes=(*notes, *hand_notes),
    )
    return [estimate]


def _hands_and_face(family: Family) -> list[Slot]:
    """Slots in `poses` and in stageii's copies."""
    copies = [
        Slot("left_hand_pose", (("pose_hand",),), Rotations(), slice(0, 45)),
        Slot("right_hand_pose", (("pose_hand",),), Rotations(), slice(45, 90)),
        part_slot("jaw_pose", (("pose_jaw",),)),
        Slot("leye_pose", (("pose_eye",),), Rotations(single=True), slice(0, 3)),
        Slot("reye_pose", (("pose_eye",),), Rotations(single=True), slice(3, 6)),
        part_slot("expression", (("expression",),)),
    ]
    return [*full_pose_slots((("poses",),), family), *copies]


def _width(tree: dict[str, Any]) -> int:
    poses = to_numpy(tree.get("poses"))
    return poses.shape[1] if poses is not None and poses.ndim == 2 else 0
