"""Test sets: takes from motion in the layouts of AMASS, 3DPW and RICH, and from the results of estimators.

All takes have `TAKE_FPS` frames per second. Their world is that of the files, with y up if the direction is known; no
measurement depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.datasets import rich
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.formats.registry import adapters
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn, move_body, pelvis_position
from lsmplify_refine.geometry.smoothing import segments
from lsmplify_refine.learn.motion import (
    TAKE_FPS,
    TEST_SUBJECTS,
    VALIDATION_SUBJECTS,
    Take,
    find_takes,
    load_take,
    resample,
)
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.safe_load import load_pickle
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import JOINTS

Report = Callable[[int, int], None]
#: The parts of 3DPW and RICH that their papers test on.
_TEST_PART = "test"
_3DPW_PARTS = ("train", "validation", "test")
_RICH_PARTS = ("train", "val", "test")
#: Frame rate of 3DPW's videos.
_3DPW_FPS = 30.0
#: Max takes that SMPLify's pose prior is fitted to.
_MAX_PRIOR_TAKES = 200


@dataclass(frozen=True, eq=False)
class TakeSet:
    """Takes of one test set, and its name."""

    name: str
    takes: tuple[Take, ...]


@dataclass(frozen=True)
class Choice:
    """Which takes to read.

    Attributes:
        subjects: Only these subjects; None for the layout's usual test subjects.
        everybody: Every subject and every part, including training subjects.
    """

    subjects: tuple[str, ...] | None = None
    everybody: bool = False

    def parts(self, parts: Sequence[str]) -> tuple[str, ...]:
        """Choose the parts of a data set: the test part, unless subjects are named."""
        return tuple(parts) if self.everybody or self.subjects else (_TEST_PART,)

    def wants(self, subject: str, usual: Sequence[str] | None = None) -> bool:
        """Whether to read a subject; without `usual`, every subject of the chosen parts is usual."""
        if self.everybody:
            return True
        if self.subjects is not None:
            return subject in self.subjects
        return usual is None or subject in usual


def motion_set(folder: Path, choice: Choice, progress: Report | None = None) -> TakeSet:
    """Read the takes of a folder of motion; the layout is recognised.

    Raises:
        InputError: No such folder, no known layout, none of the chosen subjects, or an unusable file.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give a folder of motion (AMASS, 3DPW or RICH)")
    for name, find, read in (("3DPW", _find_3dpw, _read_3dpw), ("RICH", _find_rich, _read_rich)):
        if found := find(folder, choice):
            return _checked(TakeSet(f"{name} {folder.name}", tuple(_each(found, read, progress))), folder, choice)
    paths = [path for path in _find_amass(folder) if choice.wants(path.parent.name, TEST_SUBJECTS)]
    takes = _each(paths, lambda path: [load_take(path)], progress)
    return _checked(TakeSet(f"AMASS {folder.name}", tuple(takes)), folder, choice)


def estimates_set(path: Path, progress: Report | None = None) -> TakeSet:
    """Read the poses of every estimator's result at or below a path; they count as the truth.

    Raises:
        InputError: The path does not exist, or holds no result of a known format.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; give results of an estimator")
    found = list(_results_below(path))
    if not found:
        load(path)  # raises with the reason, if it is a file
        raise InputError(f"{path}: no result of a known format ({', '.join(adapters())}) in or below this folder")
    takes = _each(found, lambda result: [take for person in load(result) for take in estimate_takes(person)], progress)
    if not takes:
        raise InputError(f"{path}: no two consecutive frames in any result")
    return TakeSet(f"estimates {path.name}", tuple(takes))


def estimate_takes(estimate: Estimate) -> list[Take]:
    """Turn a track from camera coordinates (y down) to y up, and cut it where frames are missing."""
    rest = np.array(MEAN_REST_PELVIS[estimate.family])
    turn = axis_turn("camera" if estimate.frame == "camera" else "y", "y")
    root, transl = move_body(estimate.global_orient, estimate.transl, rest, rotation=turn, translation=np.zeros(3))
    rotvec = np.concatenate([root[:, None], estimate.body_pose[:, : JOINTS - 1]], 1)
    name = f"{estimate.source.parent.name}/{estimate.source.stem}" if estimate.source else "estimate"
    where = (f"{name}/{estimate.track_id}", estimate.track_id, estimate.fps or DEFAULT_FPS)
    return _takes(*where, rotvec, pelvis_position(transl, rest), estimate.frame_ids)


def training_poses(folder: Path, choice: Choice = Choice()) -> np.ndarray | None:
    """Read (F, 22, 3) poses for SMPLify's prior from the training subjects; None if there are none.

    If every subject is tested, the prior has seen the tested subjects, as the regressor has.
    """
    held_out = {*TEST_SUBJECTS, *VALIDATION_SUBJECTS, *(choice.subjects or ())}
    try:
        paths = [path for path in find_takes(folder) if path.parent.name not in held_out]
    except InputError:
        return None
    chosen = paths[:: -(-len(paths) // _MAX_PRIOR_TAKES) or 1]
    return np.concatenate([load_take(path).rotvec for path in chosen]) if chosen else None


def at_rate(take: Take, fps: float) -> Take:
    """Resample a take to another frame rate."""
    rotvec, pelvis = resample(take.rotvec.astype(np.float64), take.pelvis.astype(np.float64), take.fps, fps)
    return Take(take.name, take.subject, rotvec.astype(np.float32), pelvis.astype(np.float32), fps)


def _each(items: Sequence[Any], read: Callable[[Any], list[Take]], progress: Report | None) -> list[Take]:
    takes: list[Take] = []
    for index, item in enumerate(items):
        takes += read(item)
        if progress:
            progress(index + 1, len(items))
    return takes


def _checked(found: TakeSet, folder: Path, choice: Choice) -> TakeSet:
    if choice.subjects and not choice.everybody:
        found = TakeSet(found.name, tuple(take for take in found.takes if choice.wants(take.subject)))
    if not found.takes:
        wanted = ", ".join(choice.subjects or TEST_SUBJECTS)
        raise InputError(f"{folder}: no take of the subject(s) {wanted}; name others by --subjects, or --all-subjects")
    return found


def _takes(
    name: str, subject: str, fps: float, rotvec: np.ndarray, pelvis: np.ndarray, frame_ids: np.ndarray
) -> list[Take]:
    """Takes of consecutive frames, resampled to `TAKE_FPS`; single frames are dropped."""
    takes = []
    for rows in segments(np.asarray(frame_ids)):
        take = Take(f"{name}@{frame_ids[rows.start]}", subject, rotvec[rows], pelvis[rows], fps)
        if len(take) >= 2 and len(resampled := at_rate(take, TAKE_FPS)) >= 2:
            takes.append(resampled)
    return takes


def _find_amass(folder: Path) -> list[Path]:
    try:
        return find_takes(folder)
    except InputError as error:
        raise InputError(
            f"{folder}: no motion below this folder: neither *_poses.npz or *_stageii.npz (AMASS), nor "
            "sequenceFiles/test/*.pkl (3DPW), nor test_body/SEQUENCE/FRAME/SUBJECT.pkl (RICH)"
        ) from error


def _results_below(path: Path) -> Iterable[Path]:
    if any(adapter.recognises(path) for adapter in adapters().values()):
        yield path
    elif path.is_dir():
        for child in sorted(path.iterdir()):
            yield from _results_below(child)


def _find_3dpw(folder: Path, choice: Choice) -> list[Path]:
    root = folder / "sequenceFiles" if (folder / "sequenceFiles").is_dir() else folder
    return sorted(path for part in choice.parts(_3DPW_PARTS) for path in (root / part).glob("*.pkl"))


def _read_3dpw(path: Path) -> list[Take]:
    """The people of one sequence: poses in the frames with an aligned camera."""
    data = load_pickle(path)
    keys = ("poses", "trans", "campose_valid")
    missing = [key for key in keys if not isinstance(data, dict) or key not in data]
    if missing:
        raise InputError(f"{path}: {missing[0]}: missing; not a sequence of 3DPW")
    takes = []
    for person, (poses, trans, valid) in enumerate(zip(*(data[key] for key in keys))):
        poses, trans = _numbers(poses, 72, f"{path}: poses"), _numbers(trans, 3, f"{path}: trans")
        if not len(poses) == len(trans) == np.size(valid):
            raise InputError(f"{path}: person {person}: poses, trans and campose_valid differ in length")
        usable = np.reshape(valid, -1).astype(bool) & np.isfinite(poses).all(1) & np.isfinite(trans).all(1)
        rows = np.flatnonzero(usable)
        rotvec = poses[rows].reshape(-1, 24, 3)[:, :JOINTS]
        pelvis = pelvis_position(trans[rows], np.array(MEAN_REST_PELVIS["smpl"]))
        takes += _takes(f"{path.stem}/{person}", path.stem, _3DPW_FPS, rotvec, pelvis, rows) if len(rows) else []
    return takes


def _find_rich(folder: Path, choice: Choice) -> list[list[Path]]:
    """The files of each sequence and subject in frame order, as unpacked or in the layout of RICH's toolkit."""
    parts = choice.parts(_RICH_PARTS)
    roots = [root for part in parts for root in (folder / f"{part}_body", folder / "bodies" / part, folder / part)]
    files = [path for root in roots for path in root.glob("*/*/*") if path.suffix in (".pkl", ".npz")]
    files = [path for path in files if path.parent.name.isdigit()]
    files.sort(key=lambda path: (str(path.parent.parent), path.stem, int(path.parent.name)))
    return [list(group) for _, group in groupby(files, key=lambda path: (path.parent.parent, path.stem))]


def _read_rich(files: list[Path]) -> list[Take]:
    """One person in one sequence; there is one file per frame."""
    rows = [rich.read_frame(path) for path in files]
    root, pose, transl = (np.concatenate([row[key] for row in rows]) for key in rich.KEYS)
    rotvec = np.concatenate([root, pose], 1).reshape(-1, JOINTS, 3)
    pelvis = pelvis_position(transl, np.array(MEAN_REST_PELVIS["smplx"]))
    frames = np.array([int(path.parent.name) for path in files])
    return _takes(f"{files[0].parents[1].name}/{files[0].stem}", files[0].stem, rich.FPS, rotvec, pelvis, frames)


def _numbers(value: Any, width: int, where: str) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 2 or array.shape[1] != width or array.dtype.kind not in "fiu":
        raise InputError(f"{where}: shape {array.shape} of {array.dtype}; expected (F, {width}) numbers")
    return array.astype(np.float64)
