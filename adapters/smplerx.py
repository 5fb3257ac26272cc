"""SMPLer-X's output folder, and `lsmplify_refine.recorder`'s of SMPLest-X and OSX: a file per frame and box.

`smplx/{frame:05}_{id}.npz` holds the parameters. `meta/{frame:05}_{id}.json` holds the box and its virtual camera,
which becomes the frame's intrinsics. SMPLer-X's ids only count detections in a frame, so people are linked by boxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, read_container, read_folder
from lsmplify_refine.formats.extremities import part_slot, usable_slots
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.linking import link_boxes, rows_by_person
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import look_up
from lsmplify_refine.geometry.projection import intrinsics
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate
from lsmplify_refine.values.notes import Note

_FILE = re.compile(r"(\d+)_(\d+)\.npz")
_RECORDING = "recording.json"
#: ffmpeg numbers images from 1.
_FIRST_FRAME = 1
_NOTE_CAMERA = Note(
    "camera-virtual", "every box has its own virtual camera (5000 px in the crop); the translations refer to it"
)
_NOTE_LINKED = Note(
    "people-linked", "the file's ids only count the detections of a frame; people were linked by their boxes"
)

write = write_slots


@dataclass(frozen=True)
class _Detection:
    frame: int
    name: str  # of both files, without extension
    person: int


def recognises(path: Path) -> bool:
    """Whether the folder has SMPLer-X's two folders."""
    return path.is_dir() and bool(_detections(path))


def read(path: Path) -> list[Estimate]:
    """Read all people of the folder.

    Raises:
        InputError: A parameter or box file is missing or incomplete.
    """
    detections = _detections(path) if path.is_dir() else []
    if not detections:
        raise InputError(f"{path}: not a SMPLer-X folder: expected smplx/00001_0.npz, ... and meta/00001_0.json, ...")
    for detection in detections:
        if not (path / f"meta/{detection.name}.json").is_file():
            raise InputError(
                f"{path}: meta/{detection.name}.json is missing; without the box's camera the translation "
                "cannot be placed in the image"
            )
    names = [f"{kind}/{d.name}.{end}" for d in detections for kind, end in (("smplx", "npz"), ("meta", "json"))]
    container = read_folder(path, names, others=[_RECORDING] if (path / _RECORDING).is_file() else [])
    about = read_container(path / _RECORDING).tree if (path / _RECORDING).is_file() else {}
    boxes = np.stack([_meta(container, detection, "bbox", 4) for detection in detections])
    boxes[:, 2:] += boxes[:, :2]
    tracks = np.array([detection.person for detection in detections])
    linked = not about.get("tracked") and len(set(tracks)) > 1
    if linked:
        tracks = link_boxes([detection.frame for detection in detections], boxes)
    rows = rows_by_person(tracks.tolist(), range(len(tracks)))
    notes = (_NOTE_CAMERA, *([_NOTE_LINKED] if linked else []))
    return [
        _person(container, [detections[row] for row in own], boxes[own], path, str(track), about, notes)
        for track, own in rows.items()
    ]


def _detections(folder: Path) -> list[_Detection]:
    found = []
    for child in (folder / "smplx").glob("*.npz"):
        match = _FILE.fullmatch(child.name)
        if match:
            found.append(_Detection(int(match[1]), child.stem, int(match[2])))
    return sorted(found, key=lambda detection: (detection.frame, detection.person))


def _person(
    container: Container,
    detections: list[_Detection],
    boxes: np.ndarray,
    path: Path,
    track_id: str,
    about: dict[str, Any],
    notes: tuple[Note, ...],
) -> Estimate:
    def at(key: str) -> tuple[tuple[str, str], ...]:
        """The path of a key, for each detection."""
        return tuple((f"smplx/{detection.name}.npz", key) for detection in detections)

    slots = [
        Slot("global_orient", at("global_orient"), Rotations(single=True)),
        Slot("body_pose", at("body_pose"), Rotations()),
        Slot("betas", at("betas")),
        Slot("transl", at("transl")),
    ]
    # hands are relative to the mean hand
    parts = [part_slot(name, at(name)) for name in EXTREMITIES]
    hands, hand_notes = usable_slots(container.tree, parts, len(detections), str(path))
    focal, centre = (
        np.stack([_meta(container, detection, key, 2) for detection in detections]) for key in ("focal", "princpt")
    )
    return assemble(
        container,
        [*slots, *hands],
        len(detections),
        path=path,
        family="smplx",
        camera=Camera(intrinsics(focal, centre)),
        boxes=boxes,
        fps=number_of(about.get("fps")),
        frame_ids=np.array([detection.frame for detection in detections]) - _FIRST_FRAME,
        track_id=track_id,
        flat_hand_mean=False,
        notes=(*notes, *hand_notes),
    )


def _meta(container: Container, detection: _Detection, key: str, count: int) -> np.ndarray:
    name = f"meta/{detection.name}.json"
    value = to_numpy(look_up(container.tree, (name, key)))
    if value is None or value.size != count:
        raise InputError(f"{container.root}: {name}: {key}: missing, or not {count} numbers")
    return value.reshape(count)
