"""`load_tracks` and `load_keypoints`: read any known keypoint file or folder, recognised by content."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import aistpp, c3d_files, json_files, nlf, table, trc, wham
from lsmplify_refine.keypoint_files.arrays import keypoints_from_array, track_of_array, track_of_npz
from lsmplify_refine.keypoint_files.track import KeypointTrack
from lsmplify_refine.safe_load import inspect_file, load_npy, load_npz, open_input, to_numpy
from lsmplify_refine.values.keypoints import Keypoints

#: File names of freemocap's body keypoints, newest first.
_FREEMOCAP = ("mediapipe_body_3d_xyz.npy", "mediapipe_skeleton_3d.npy", "mediaPipeSkel_3d_body_hands_face.npy")
_HELP = (
    "give JSON of OpenPose, COCO, AlphaPose, MMPose, EasyMocap or MediaPipe, a .trc, .c3d, .npy, .pt, WHAM's "
    "tracking_results.pth, or a .npz or .csv as docs/keypoints.md describes"
)


def load_tracks(
    path: str | Path, *, convention: str | None = None, image_size: tuple[int, int] | None = None
) -> list[KeypointTrack]:
    """Read the keypoints of all people from a file, or from a folder with one file per frame.

    Args:
        path: One of the formats in docs/keypoints.md, recognised by content.
        convention: The convention of the points if the file does not say, a key of `values.conventions.LAYOUTS`.
        image_size: (width, height) in pixels, needed for MediaPipe's normalised coordinates.

    Returns:
        One track per person, the one with the highest total confidence first.

    Raises:
        InputError: The format is not known, or several conventions fit.
    """
    path = Path(path)
    if path.is_dir():
        tracks = _load_folder(path, convention, image_size)
    elif path.exists():
        tracks = _load_file(path, convention, image_size)
    else:
        raise InputError(f"{path}: no such keypoint file")
    tracks = [replace(track, keypoints=track.keypoints.without_placeholders()) for track in tracks]
    return sorted(tracks, key=lambda track: -float(track.keypoints.confidence.sum()))


def load_keypoints(
    path: str | Path, *, convention: str | None = None, image_size: tuple[int, int] | None = None
) -> Keypoints:
    """Read the keypoints of one person, in the rows of the file; see `load_tracks`.

    Raises:
        InputError: As for `load_tracks`, or there are several people.
    """
    tracks = load_tracks(path, convention=convention, image_size=image_size)
    if len(tracks) > 1:
        raise InputError(f"{path}: keypoints of {len(tracks)} people; expected one")
    return tracks[0].keypoints


def _load_folder(folder: Path, wanted: str | None, image_size: tuple[int, int] | None) -> list[KeypointTrack]:
    # sorted by frame number, since the digits may not be padded
    files = sorted(folder.glob("*.json"), key=lambda file: [int(n) for n in re.findall(r"\d{1,18}", file.name)])
    if len(files) == 1 and not json_files.is_one_frame(files[0]):
        return _load_file(files[0], wanted, image_size)
    if files:
        return json_files.read_folder(folder, files, wanted=wanted)
    inner = folder / "keypoints3d"  # EasyMocap's output folder
    if inner.is_dir():
        return _load_folder(inner, wanted, image_size)
    for name in _FREEMOCAP:
        for place in (folder, folder / "output_data"):
            if (place / name).is_file():
                return _load_file(place / name, wanted, image_size)
    raise InputError(f"{folder}: no keypoint files in this folder; {_HELP}")


def _load_file(path: Path, wanted: str | None, image_size: tuple[int, int] | None) -> list[KeypointTrack]:
    with open_input(path) as stream:
        head = stream.read(1000)
    if trc.is_trc(head):
        return [trc.read(path, wanted)]
    if table.is_table(head):
        return table.read(path, wanted)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return json_files.read_file(path, wanted=wanted, image_size=image_size)
    if c3d_files.is_c3d(head) and not head.startswith(b"PK"):
        return [c3d_files.read(path, wanted)]
    content = inspect_file(path)
    if content.container == "npz":
        if nlf.is_output(dict.fromkeys(content.keys)):
            return nlf.read(load_npz(path), path, wanted)
        return track_of_npz(path, wanted=wanted, image_size=image_size)
    if content.container == "npy":
        return [track_of_array(load_npy(path), path=path, wanted=wanted, image_size=image_size)]
    if nlf.is_output(content.value):
        return nlf.read(content.value, path, wanted)
    if wham.is_tracking(content.value):
        return wham.read(content.value, path, wanted)
    if aistpp.is_keypoints(content.value):
        return [aistpp.read(content.value, path, wanted)]
    array = to_numpy(content.value) if isinstance(content.value, torch.Tensor) else None
    if array is not None:
        return [_track_of_tensor(array, path, wanted, image_size)]
    raise InputError(f"{path}: not a keypoint file; {_HELP}")


def _track_of_tensor(
    array: np.ndarray, path: Path, wanted: str | None, image_size: tuple[int, int] | None
) -> KeypointTrack:
    """A track of a tensor: COCO-17 or BODY_25 as in GVHMR's vitpose.pt, else a bare array."""
    if wanted is None and array.ndim == 3 and array.shape[1] in (17, 25):
        keypoints = keypoints_from_array(array, where=str(path), source=path.name)
        return KeypointTrack(keypoints, np.arange(len(array)))
    return track_of_array(array, path=path, wanted=wanted, image_size=image_size)
