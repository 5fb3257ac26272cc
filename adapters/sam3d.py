"""SAM 3D Body: the output of `process_one_image`, in any container. It has keypoints instead of SMPL parameters.

Its body model is MHR, with other joints and another shape than SMPL's. The reader takes the 70 keypoints, and the
engine poses the body from them (see `Estimate.points`). SAM 3D Body saves nothing itself, so containers differ:

    folder      one file per frame or per frame and person, as `lsmplify_refine.recorder.Sam3dRecorder` writes it
    one file    npz, npy, pickle, torch or JSON: a person, the people of an image, lists of people per frame, or a dict
                of them by frame

The camera follows from the keypoints and their pixels. People are linked by their ids, or else by their boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container, peek, write_container
from lsmplify_refine.formats.linking import name_people, rows_by_person, what_list_counts
from lsmplify_refine.formats.mhr_people import (
    HIPS,
    PERSON_KEYS,
    STALE_KEY,
    MhrPerson,
    mhr_points,
    read_mhr_person,
    with_mhr_points,
)
from lsmplify_refine.formats.nested_people import Lists, Place, find_people
from lsmplify_refine.formats.numbered_people import (
    NumberedPeople,
    files_of_people,
    people_of_file,
    people_of_folder,
)
from lsmplify_refine.formats.slot_writing import only_source
from lsmplify_refine.formats.tree import KeyPath, look_up, with_values
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import intrinsics_of_rows
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

OPTIONS = {"lists": ("people", "frames")}

_SUFFIXES = (".npz", ".npy", ".pkl", ".pt", ".pth", ".json")
_NOTE_LINKED = Note("people-linked", "track ids are missing or repeat in a frame; people were linked by their boxes")
_NOTE_STALE = Note(
    "fields-stale",
    f"refined people lose pred_vertices; {STALE_KEY} lists the keys that do not show the refined pose (MHR's "
    "parameters and joints)",
)


@dataclass(frozen=True)
class _Record:
    """An estimate's passthrough: the file as read, and where this person's rows are."""

    container: Container
    rows: tuple[KeyPath, ...]


def recognises(path: Path) -> bool:
    """Whether a file, or one of a folder's files, holds a dict of SAM 3D Body."""
    if path.is_dir():
        return bool(files_of_people(path, _SUFFIXES, PERSON_KEYS))
    container = peek(path)
    return container is not None and bool(find_people(container.tree, PERSON_KEYS))


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read all people.

    Raises:
        InputError: Keypoints are missing or have the wrong shape, or a list may count people or frames.
    """
    found = _found(path, (options or {}).get("lists"))
    rows = [read_mhr_person(found.container.tree, place, path) for place in found.places]
    frames = [row.place.frame for row in rows]
    names, linked = name_people(frames, [row.name for row in rows], np.stack([row.box for row in rows]))
    notes = (*found.notes, *([_NOTE_LINKED] if linked else []), _NOTE_STALE)
    pixels = [row.pixels for row in rows if row.pixels is not None]
    points = np.stack([row.points for row in rows])
    K = intrinsics_of_rows(np.array(frames), points, np.stack(pixels)) if len(pixels) == len(rows) else None
    people = rows_by_person(names, range(len(rows)))
    return [
        _person([rows[index] for index in own], None if K is None else K[own]).replace(
            fps=found.fps,
            track_id=name,
            notes=notes,
            source=path,
            passthrough=_Record(found.container, tuple(rows[index].place.at for index in own)),
        )
        for name, own in people.items()
    ]


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write to the same container: refined people get new keypoints, and what no longer fits is marked.

    Raises:
        InputError: The people were not read from one file.
    """
    records = [estimate.passthrough for estimate in estimates]
    container = only_source([each.container if isinstance(each, _Record) else None for each in records], path)
    values: dict[KeyPath, Any] = {}
    for estimate, record in zip(estimates, records, strict=True):
        assert estimate.points is not None  # `read` gave it
        for row, at in enumerate(record.rows):
            leaf = look_up(container.tree, at)
            before, points = mhr_points(leaf), estimate.points.positions[row]
            if before is None or not np.array_equal(points, before):
                K = None if estimate.camera is None else estimate.camera.K[row : row + 1]
                values[at] = with_mhr_points(leaf, points, K)
    write_container(container, with_values(container.tree, values) if values else container.tree, path)


def _found(path: Path, counted: str | None) -> NumberedPeople:
    """The places of the people of a file or folder; `counted` is what the user says that lists count."""
    if path.is_dir():
        return people_of_folder(path, files_of_people(path, _SUFFIXES, PERSON_KEYS), PERSON_KEYS)

    def tell_lists(tree: Any, found: list[KeyPath]) -> Lists:
        """Boxes beside each other are people of one image; boxes on each other are one person's frames."""
        boxes = np.stack([read_mhr_person(tree, Place(0, at), path).box for at in found])
        told = what_list_counts(boxes)
        if told is None:
            raise InputError(
                f"{path}: a list of {len(found)} dicts may be the people of one image or the frames of one person; "
                "choose one: --format sam3d:lists=people or lists=frames"
            )
        return told

    lists: Lists | None = None if counted is None else "frames" if counted == "frames" else "people"
    return people_of_file(path, PERSON_KEYS, lists, tell_lists)


def _person(rows: Sequence[MhrPerson], K: np.ndarray | None) -> Estimate:
    """One person's rows, with a body at rest that faces the camera; K (T, 3, 3) gives camera and image size."""
    frames, positions = len(rows), np.stack([row.points for row in rows])
    points = Keypoints("mhr70", positions, np.ones(positions.shape[:2]), "pred_keypoints_3d of SAM 3D Body")
    return Estimate(
        family="smpl",
        gender="neutral",
        global_orient=np.tile([np.pi, 0.0, 0.0], (frames, 1)),
        body_pose=np.zeros((frames, BODY_JOINTS["smpl"], 3)),
        betas=np.zeros((frames, 10)),
        transl=positions[:, HIPS].mean(axis=1) - MEAN_REST_PELVIS["smpl"],
        camera=None if K is None else Camera.centred(K),
        frame_ids=np.array([row.place.frame for row in rows]),
        boxes=np.stack([row.box for row in rows]) if rows[0].pixels is not None else None,
        keypoints=points,
        points=points,
        posed=False,
    )
