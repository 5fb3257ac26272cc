"""SAM 3D Body: what `process_one_image` returns, in any container. There are no SMPL parameters in it.

Its body model is MHR, which has other joints and another shape. So the reader takes the 70 keypoints, from which the
body is then posed (see `Estimate.points`). The containers differ, since the model saves nothing itself:

    folder      one file per frame or per frame and person, as of `lsmplify_refine.recorder.Sam3dRecorder`
    one file    npz, npy, pickle, torch or JSON: a person, the people of an image, lists of people per frame, or a dict
                of them by frame

The camera is found from the keypoints and their pixels. People are linked by their ids, or else by their boxes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import number_of, text_of
from lsmplify_refine.formats.containers import Container, peek, read_container, read_folder, write_container
from lsmplify_refine.formats.linking import ids_repeat, link_boxes
from lsmplify_refine.formats.nested_people import (
    Lists,
    Place,
    find_people,
    frames_of_names,
    is_flat,
    people_in_file,
)
from lsmplify_refine.formats.slots import only_source
from lsmplify_refine.formats.tree import KeyPath, look_up, with_changes, with_values
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import intrinsics_from_pixels, project_to_image
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import MHR70
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

OPTIONS = {"lists": ("people", "frames")}

_SPACE, _PIXELS, _SHIFT, _FOCAL = "pred_keypoints_3d", "pred_keypoints_2d", "pred_cam_t", "focal_length"
_NAMES = frozenset({_SPACE, _SHIFT})
_IDS = ("track_id", "obj_id", "person_id", "id")
_RECORDING = "recording.json"
_SUFFIXES = (".npz", ".npy", ".pkl", ".pt", ".pth", ".json")
#: What the keypoints, once refined, no longer agree with.
_MESH = ("pred_vertices",)
_STALE = (
    "pred_joint_coords", "pred_global_rots", "global_rot", "body_pose_params", "hand_pose_params", "pred_pose_raw",
    "mhr_model_params",
)  # fmt: skip
#: The key that names them in what is written.
_MARK = "lsmplify_refine_stale"
_POINTS = len(MHR70.points)
_HIPS = [MHR70.points.index(name) for name in ("left_hip", "right_hip")]
#: Coordinates beyond this are no place before a camera, metres.
_MAX_M = 1e4
#: A camera that leaves more than this between a point and its pixel is not the camera, pixels.
_MAX_MISFIT_PX = 1.0
#: Focal lengths closer than this share are the same.
_SAME_FOCAL = 1e-4
#: One camera holds for all frames if it leaves no more than this, pixels.
_SAME_CAMERA_PX = 0.01

_NOTE_LINKED = Note("people-linked", "track ids are missing or repeat in a frame; people were linked by their boxes")
_NOTE_STALE = Note(
    "fields-stale",
    f"of refined people, pred_vertices are left out, and {_MARK} names what does not show the refined pose: MHR's "
    "parameters and joints",
)
_NOTE_ONE_BASED = Note("frames-from-one", "the images are numbered from 1: number 1 is taken as the video's frame 0")


@dataclass(frozen=True)
class _Record:
    """An estimate's passthrough: the file as read, and where this person's rows are."""

    container: Container
    rows: tuple[KeyPath, ...]


@dataclass(frozen=True)
class _Row:
    """One person in one frame: points in the camera's metres, their pixels if the file has them, box and id."""

    place: Place
    points: np.ndarray
    pixels: np.ndarray | None
    box: np.ndarray
    name: str


def recognises(path: Path) -> bool:
    """Whether a file, or one of a folder's files, holds a dict of SAM 3D Body."""
    if path.is_dir():
        return bool(_files(path))
    container = peek(path)
    return container is not None and bool(find_people(container.tree, _NAMES))


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read everybody.

    Raises:
        InputError: Keypoints are missing or have the wrong shape, or a list may count people or frames.
    """
    lists: Lists | None = None
    if options and "lists" in options:
        lists = "frames" if options["lists"] == "frames" else "people"
    container, places, about, notes = _read_folder(path) if path.is_dir() else _read_file(path, lists)
    rows = [_row(container.tree, place, path) for place in places]
    K = _cameras(rows)
    names, linked = _people(rows)
    notes += [_NOTE_LINKED] * linked
    people: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        people.setdefault(name, []).append(index)
    fps = number_of(about.get("fps"))
    return [
        _person(container, [rows[index] for index in own], None if K is None else K[own], path, name, fps, notes)
        for name, own in people.items()
    ]


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write to the same container: refined people get their keypoints renewed, and what is stale marked.

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
            before, points = _points(leaf), estimate.points.positions[row]
            if before is None or not np.array_equal(points, before):
                K = None if estimate.camera is None else estimate.camera.K[row : row + 1]
                values[at] = _renewed(leaf, points, K)
    tree = container.tree
    if () in values:
        tree = values[()]
    elif values:
        tree = with_values(tree, values)
    write_container(container, tree, path)


def _files(folder: Path) -> list[str]:
    """Names of the folder's files that hold a dict of SAM 3D Body, or of those in its `people`."""
    for below in (folder / "people", folder):
        children = sorted(child for child in below.glob("*") if child.suffix in _SUFFIXES and child.is_file())
        # one file of another kind decides: nobody wants every image's parameters read twice
        first = next((child for child in children if child.name != _RECORDING), None)
        container = None if first is None else _peeked(first)
        if container is not None and find_people(container.tree, _NAMES):
            return [str(child.relative_to(folder)) for child in children if child.name != _RECORDING]
    return []


def _peeked(path: Path) -> Container | None:
    """What a file of a folder holds; None for one that is damaged or refused, which may lie in any folder."""
    try:
        return peek(path)
    except InputError:
        return None


def _read_folder(path: Path) -> tuple[Container, list[Place], dict[str, Any], list[Note]]:
    names = _files(path)
    if not names:
        raise InputError(f"{path}: no file with {', '.join(sorted(_NAMES))} in this folder")
    recorded = (path / _RECORDING).is_file()
    container = read_folder(path, names, [_RECORDING] if recorded else [])
    about = read_container(path / _RECORDING).tree if recorded else {}
    if not isinstance(about, dict):
        raise InputError(f"{path}: {_RECORDING}: not a recording of lsmplify_refine.recorder")
    numbers = np.array(frames_of_names(names))
    first = number_of(about.get("first_frame")) or 0.0 if recorded else float(numbers.min() == 1)
    places = []
    for name, number in zip(names, numbers - int(first)):
        found = find_people(container.tree[name], _NAMES)
        if len(found) > 1 and not is_flat(container.tree[name], found):
            raise InputError(f"{path}: {name}: several frames in one file of a folder; give the file itself")
        places += [Place(int(number), (name, *at)) for at in found]
    if not places or min(place.frame for place in places) < 0:
        raise InputError(f"{path}: no people, or a file numbered below the recording's first frame")
    places.sort(key=lambda place: place.frame)
    return container, places, about, [] if recorded or not first else [_NOTE_ONE_BASED]


def _read_file(path: Path, lists: Lists | None) -> tuple[Container, list[Place], dict[str, Any], list[Note]]:
    container = read_container(path)
    found = find_people(container.tree, _NAMES)
    if not found:
        raise InputError(f"{path}: not a result of SAM 3D Body: no {', '.join(sorted(_NAMES))} in it")
    if lists is None and is_flat(container.tree, found):
        lists = _what_a_list_counts(container.tree, found, path)
    places = people_in_file(container.tree, found, lists or "people")
    if min(place.frame for place in places) == 1 and all(_is_named(place) for place in places):
        # names of images, which ffmpeg numbers from 1
        return container, [Place(place.frame - 1, place.at) for place in places], {}, [_NOTE_ONE_BASED]
    return container, places, {}, []


def _is_named(place: Place) -> bool:
    """Whether a text with a number, such as an image's name, leads to this person."""
    return any(isinstance(key, str) and any(letter.isdigit() for letter in key) for key in place.at)


def _what_a_list_counts(tree: Any, found: list[KeyPath], path: Path) -> Lists:
    """People of one image lie beside each other, frames of one person on each other; all else is asked."""
    boxes = np.stack([_row(tree, Place(0, at), path).box for at in found])
    tracks = len(set(link_boxes(range(len(boxes)), boxes).tolist()))
    if tracks == len(boxes):
        return "people"
    if tracks == 1:
        return "frames"
    raise InputError(
        f"{path}: a list of {len(found)} dicts, which may be the people of one image or one person's frames; choose "
        "one: --format sam3d:lists=people or lists=frames"
    )


def _points(leaf: dict[str, Any]) -> np.ndarray | None:
    """(70, 3) in camera coordinates, metres; None if the numbers are not there."""
    relative, shift = to_numpy(leaf[_SPACE]), to_numpy(leaf[_SHIFT])
    if relative is None or shift is None or relative.size != 3 * _POINTS or shift.size != 3:
        return None
    placed: np.ndarray = relative.reshape(_POINTS, 3).astype(np.float64) + shift.reshape(3).astype(np.float64)
    return placed


def _row(tree: Any, place: Place, path: Path) -> _Row:
    leaf = look_up(tree, place.at)
    where = f"{path}: {'.'.join(map(str, (*place.at, _SPACE)))}"
    points = _points(leaf)
    if points is None:
        raise InputError(f"{where}, {_SHIFT}: expected ({_POINTS}, 3) and (3,) numbers")
    if not (np.abs(np.nan_to_num(points, nan=np.inf)) < _MAX_M).all():
        raise InputError(f"{where}: NaN, infinite or impossible values; repair or cut them")
    pixels = to_numpy(leaf.get(_PIXELS))
    pixels = pixels.reshape(_POINTS, 2) if pixels is not None and pixels.size == 2 * _POINTS else None
    box = to_numpy(leaf.get("bbox"))
    if box is not None and box.size == 4 and np.isfinite(box).all():
        box = box.reshape(4).astype(np.float64)
    else:
        # without pixels, an image plane at one metre does
        flat = pixels if pixels is not None else points[:, :2] / np.maximum(points[:, 2:], 1e-3)
        box = np.nan_to_num(np.concatenate([flat.min(0), flat.max(0)]).astype(np.float64))
    names = (_name(leaf.get(key)) for key in _IDS)
    return _Row(place, points, pixels, box, next((name for name in names if name), ""))


def _name(leaf: Any) -> str:
    """An id, a whole number or a text; "" for anything else."""
    value = to_numpy(leaf)
    if value is not None and value.size == 1 and float(value.reshape(-1)[0]).is_integer():
        return str(int(value.reshape(-1)[0]))
    return text_of(leaf)


def _people(rows: Sequence[_Row]) -> tuple[list[str], bool]:
    """The person of each row, and whether some had to be found by the boxes."""
    frames, names = [row.place.frame for row in rows], [row.name for row in rows]
    named = [index for index, name in enumerate(names) if name]
    usable = not ids_repeat([frames[index] for index in named], [names[index] for index in named])
    if usable and len(named) == len(rows):
        return names, False
    if len(set(frames)) == 1:
        return [str(index) for index in range(len(rows))], False
    tracks = link_boxes(frames, np.stack([row.box for row in rows]))
    if not usable or not named:
        return [str(track) for track in tracks], True
    return _filled(frames, names, tracks), True


def _filled(frames: list[int], names: list[str], tracks: np.ndarray) -> list[str]:
    """Names for the rows that have none: that of the nearest frame of the same track, if it is free in the frame."""
    filled, taken = list(names), set(zip(frames, names, strict=True))
    for index, (frame, name) in enumerate(zip(frames, names)):
        if name:
            continue
        same = [other for other in np.flatnonzero(tracks == tracks[index]) if names[other]]
        near = names[min(same, key=lambda other: abs(frames[other] - frame))] if same else ""
        filled[index] = near if near and (frame, near) not in taken else f"linked {tracks[index]}"
        taken.add((frame, filled[index]))
    return filled


def _cameras(rows: Sequence[_Row]) -> np.ndarray | None:
    """(N, 3, 3) intrinsics of each row: one camera if it holds for all, else one per frame; None if there is none."""
    if any(row.pixels is None for row in rows):
        return None
    common = _camera(rows)
    if common is not None and _misfit_px(rows, common) < _SAME_CAMERA_PX:
        return np.repeat(common, len(rows), axis=0)
    cameras = np.zeros((len(rows), 3, 3))
    for frame in {row.place.frame for row in rows}:
        here = [index for index, row in enumerate(rows) if row.place.frame == frame]
        own = _camera([rows[index] for index in here])
        if own is None or _misfit_px([rows[index] for index in here], own) > _MAX_MISFIT_PX:
            return None
        cameras[here] = own
    return cameras


def _camera(rows: Sequence[_Row]) -> np.ndarray | None:
    pixels = [row.pixels for row in rows if row.pixels is not None]
    return intrinsics_from_pixels(np.concatenate([row.points for row in rows]), np.concatenate(pixels))


def _misfit_px(rows: Sequence[_Row], K: np.ndarray) -> float:
    """Max distance between projected points and their pixels."""
    return max(
        float(np.abs(project_to_image(row.points[None], K)[0] - row.pixels).max())
        for row in rows
        if row.pixels is not None
    )


def _person(
    container: Container,
    rows: Sequence[_Row],
    K: np.ndarray | None,
    path: Path,
    track_id: str,
    fps: float | None,
    notes: Sequence[Note],
) -> Estimate:
    frames = len(rows)
    positions = np.stack([row.points for row in rows])
    points = Keypoints("mhr70", positions, np.ones((frames, _POINTS)), "pred_keypoints_3d of SAM 3D Body")
    size = None if K is None else tuple(round(2 * float(K[0, axis, 2])) for axis in (0, 1))
    return Estimate(
        family="smpl",
        gender="neutral",
        # at rest, facing the camera
        global_orient=np.tile([np.pi, 0.0, 0.0], (frames, 1)),
        body_pose=np.zeros((frames, BODY_JOINTS["smpl"], 3)),
        betas=np.zeros((frames, 10)),
        transl=positions[:, _HIPS].mean(axis=1) - MEAN_REST_PELVIS["smpl"],
        camera=None if K is None else Camera(K, (size[0], size[1]) if size and min(size) > 0 else None),
        fps=fps,
        frame_ids=np.array([row.place.frame for row in rows]),
        track_id=track_id,
        boxes=np.stack([row.box for row in rows]) if rows[0].pixels is not None else None,
        keypoints=points,
        points=points,
        posed=False,
        notes=(*notes, _NOTE_STALE),
        source=path,
        passthrough=_Record(container, tuple(row.place.at for row in rows)),
    )


def _renewed(leaf: dict[str, Any], points: np.ndarray, K: np.ndarray | None) -> dict[str, Any]:
    """A person's dict with other points (70, 3), without the mesh, with the names of what is stale.

    The translation moves as the hips do, so that the keypoints stay about the same origin.
    """
    before, shift = _points(leaf), to_numpy(leaf[_SHIFT])
    assert before is not None and shift is not None  # `read` has been here
    moved = shift.reshape(3) + (points[_HIPS] - before[_HIPS]).mean(axis=0)
    values = {_SHIFT: moved, _SPACE: points - moved}
    if K is not None:
        values[_PIXELS] = project_to_image(points[None], K)[0]
        focal = number_of(leaf.get(_FOCAL))
        if focal is not None and abs(K[0, 0, 0] / focal - 1) > _SAME_FOCAL:
            values[_FOCAL] = K[0, 0, :1]
    renewed = {key: value for key, value in leaf.items() if key not in _MESH}
    for key, value in values.items():
        renewed[key] = with_changes(leaf[key], value, np.ones(value.shape, dtype=bool))
    renewed[_MARK] = [key for key in _STALE if key in leaf]
    return renewed
