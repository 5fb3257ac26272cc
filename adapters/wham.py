"""WHAM: `wham_output.pkl` (joblib, or a plain pickle of the same dict), several people by id.

Camera and world share the body pose. `trans_world` is the middle of the hips, not the model's translation. The adapter
converts between the two with the hip offset of the mean shape. It also reads WHAM's keypoints from
`tracking_results.pth` beside the file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble, note_stale
from lsmplify_refine.formats.codings import Coding, Fields, Rotations
from lsmplify_refine.formats.contacts import contacts_from_frames
from lsmplify_refine.formats.containers import peek, read_container
from lsmplify_refine.formats.leaves import frame_ids_of
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, people_with
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

_NAMES = {"pose", "trans", "pose_world", "trans_world", "betas", "frame_ids"}
#: File of each person's keypoints that WHAM's tracker writes beside the result.
_TRACKING = "tracking_results.pth"
#: Offset from the pelvis to the middle of the hips of SMPL's neutral mean shape, metres; it rotates with the root.
_HIPS_FROM_PELVIS = np.array([0.0009, -0.0910, -0.0056])

write = write_slots


class _MidHip(Coding):
    """A translation stored as the middle of the hips."""

    depends = ("world_orient",)

    def decode(self, stored: np.ndarray, fields: Fields) -> np.ndarray:
        """`transl` (T, 3) from the middle of the hips."""
        transl: np.ndarray = (stored - _mid_hip(fields["world_orient"])).astype(stored.dtype)
        return transl

    def encode(self, values: np.ndarray, fields: Fields) -> np.ndarray:
        """The middle of the hips (T, 3) from `transl`."""
        mid_hip: np.ndarray = values + _mid_hip(fields["world_orient"])
        return mid_hip


def _mid_hip(orient: np.ndarray) -> np.ndarray:
    """(T, 3) middle of the hips of a body with zero translation."""
    mid_hip: np.ndarray = MEAN_REST_PELVIS["smpl"] + rotvec_to_rotmat(orient) @ _HIPS_FROM_PELVIS
    return mid_hip


def recognises(path: Path) -> bool:
    """Whether this is a dict of people with WHAM's keys."""
    container = peek(path)
    return container is not None and bool(people_with(_NAMES, container.tree))


def read(path: Path) -> list[Estimate]:
    """Read all people of the file.

    Raises:
        InputError: Keys are missing or have the wrong shape.
    """
    container = read_container(path)
    people = people_with(_NAMES, container.tree)
    if not people:
        raise InputError(f"{path}: not a WHAM result: expected track ids with {', '.join(sorted(_NAMES))}")
    estimates = []
    for name, person in people.items():
        ids = to_numpy(person["frame_ids"])
        if ids is None:
            raise InputError(f"{path}: {name}.frame_ids: not an array of numbers")
        contacts, contact_notes = contacts_from_frames(person.get("contact"), ids.size, f"{name}.contact")
        estimates.append(
            assemble(
                container,
                _slots((name,)),
                ids.size,
                path=path,
                family="smpl",
                frame_ids=frame_ids_of(ids, ids.size, f"{path}: {name}.frame_ids"),
                track_id=str(name),
                contacts=contacts,
                notes=(*note_stale(["verts"] if "verts" in person else []), *contact_notes),
            )
        )
    tracking = path.parent / _TRACKING
    return _with_keypoints(estimates, tracking) if tracking.is_file() else estimates


def _with_keypoints(estimates: list[Estimate], tracking: Path) -> list[Estimate]:
    """Add the tracker's keypoints to each person, or a note that says why there are none."""
    try:
        tracks = {track.person: track for track in load_tracks(tracking)}
    except InputError as error:
        return [_noted(estimate, f"{_TRACKING} is ignored: {error}") for estimate in estimates]
    found = []
    for estimate in estimates:
        track = tracks.get(estimate.track_id)
        if track is None or not np.isin(estimate.frame_ids, track.frame_ids).any():
            text = f"{_TRACKING} is ignored: it has no keypoints of person {estimate.track_id} in these frames"
            found.append(_noted(estimate, text))
        else:
            keypoints = replace(track.rows(estimate.frame_ids), source=f"{_TRACKING} (ViTPose)")
            found.append(estimate.replace(keypoints=keypoints))
    return found


def _noted(estimate: Estimate, text: str) -> Estimate:
    return estimate.replace(notes=(*estimate.notes, Note("side-file-ignored", text, "warning")))


def _slots(at: KeyPath) -> list[Slot]:
    root, joints = Rotations(single=True), Rotations()
    pose, pose_world = ((*at, "pose"),), ((*at, "pose_world"),)
    return [
        Slot("global_orient", pose, root, slice(0, 3)),
        Slot("body_pose", pose, joints, slice(3, 72)),
        Slot("world_orient", pose_world, root, slice(0, 3)),
        Slot("body_pose", pose_world, joints, slice(3, 72)),
        Slot("transl", ((*at, "trans"),)),
        Slot("world_transl", ((*at, "trans_world"),), _MidHip()),
        Slot("betas", ((*at, "betas"),)),
    ]
