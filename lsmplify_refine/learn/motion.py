"""Read motion in AMASS's layout: SMPL, SMPL-H and SMPL-X takes at any frame rate, split by subject.

The files (`*_poses.npz` of AMASS SMPL-H, `*_stageii.npz` of AMASS SMPL-X, SMPL files in the same layout) lie in
folders DATASET/SUBJECT/. All takes have the root and 21 body joints without hands and face, the position of the pelvis
*joint*, y up, and one frame rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import roma
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, axis_turn, move_body, pelvis_position
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import inspect_file, read_npz
from lsmplify_refine.values.smpl_joints import JOINTS

#: Frame rate that takes are resampled to, for training and evaluation.
TAKE_FPS = 30.0
#: CMU subjects that are never trained on.
TEST_SUBJECTS = ("02", "13")
#: The dancer's arms and legs vary about as much as the test subjects' (standard deviation 28 and 11 degrees against
#: 22-25 and 11-12). The walkers and runners (03, 07, 08, 09, 12) repeat one motion: settings chosen on them alone would
#: favour a prior that is too strong.
VALIDATION_SUBJECTS = ("05",)

_PATTERNS = ("*_poses.npz", "*_stageii.npz")
_FAMILY_BY_COLUMNS: dict[int, Family] = {72: "smpl", 156: "smplh", 165: "smplx"}
#: AMASS's two releases spell the frame rate differently; converters write the third.
_RATE_KEYS = ("mocap_framerate", "mocap_frame_rate", "fps")
#: `source` of SMPL takes retargeted from CMU's ASF/AMC and BVH files. Their `trans` is the pelvis joint, y up.
_PELVIS_JOINT_SOURCES = ("cmu_amc", "cmu_bvh")


@dataclass(frozen=True)
class Take:
    """One recorded motion of one subject.

    Attributes:
        name: DATASET/SUBJECT/STEM of its file.
        subject: Name of its folder.
        rotvec: (F, 22, 3) float32 parent-relative axis-angle of root and body joints, radians.
        pelvis: (F, 3) float32 position of the pelvis joint, metres, y up. If a file gives the model's translation,
            constant offsets of some centimetres remain, because the subject's own body model is not read.
        fps: Frames per second.
    """

    name: str
    subject: str
    rotvec: np.ndarray
    pelvis: np.ndarray
    fps: float

    def __len__(self) -> int:
        return len(self.rotvec)

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self) / self.fps


@dataclass(frozen=True)
class Split:
    """Takes by purpose; no subject is in two parts."""

    train: tuple[Take, ...]
    validation: tuple[Take, ...]
    test: tuple[Take, ...]

    def describe(self) -> dict[str, dict[str, object]]:
        """Subjects, takes, frames and minutes of each part, as plain values for JSON."""
        return {
            part: {
                "subjects": sorted({take.subject for take in takes}),
                "takes": len(takes),
                "frames": sum(map(len, takes)),
                "minutes": round(sum(take.seconds for take in takes) / 60, 1),
            }
            for part, takes in (("train", self.train), ("validation", self.validation), ("test", self.test))
        }


def find_takes(folder: str | Path) -> list[Path]:
    """List the motion files below a folder, sorted; `shape.npz` and `*_stagei.npz` are skipped.

    Raises:
        InputError: The folder does not exist, or has no motion file.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder above DATASET/SUBJECT/*.npz")
    # macOS leaves "._x_poses.npz" beside files in archives
    found = sorted(p for pattern in _PATTERNS for p in folder.rglob(pattern) if not p.name.startswith("."))
    if not found:
        raise InputError(f"{folder}: no {' or '.join(_PATTERNS)} below this folder; unpack AMASS's archives in it")
    return found


def load_takes(
    folder: str | Path, *, fps: float = TAKE_FPS, progress: Callable[[int, int], None] | None = None
) -> list[Take]:
    """Read every take below a folder, in the order of their paths.

    Args:
        folder: Above DATASET/SUBJECT/*.npz, at any depth.
        fps: Frame rate of the result.
        progress: Called with the number of finished takes and of all takes.

    Raises:
        InputError: As `find_takes` and `load_take`.
    """
    paths = find_takes(folder)
    takes = []
    for path in paths:
        takes.append(load_take(path, fps=fps))
        if progress:
            progress(len(takes), len(paths))
    return takes


def load_take(path: str | Path, *, fps: float = TAKE_FPS) -> Take:
    """Read one take and resample it between neighbouring frames: rotations by slerp, positions linearly.

    Args:
        path: A `*_poses.npz` or `*_stageii.npz`.
        fps: Frame rate of the result.

    Raises:
        InputError: The file is damaged, is not in AMASS's layout, has values that are not finite, or has fewer than
            two frames at `fps`.
    """
    path = Path(path).absolute()
    poses, trans, rate, pelvis_joint_y_up = _read(path)
    rotvec = poses[:, : 3 * JOINTS].reshape(-1, JOINTS, 3).astype(np.float64)
    pelvis = trans.astype(np.float64)
    if not pelvis_joint_y_up:
        rest = np.array(MEAN_REST_PELVIS[_FAMILY_BY_COLUMNS[poses.shape[1]]])
        turned = move_body(rotvec[:, 0], pelvis, rest, rotation=axis_turn("z", "y"), translation=np.zeros(3))
        rotvec[:, 0], pelvis = turned[0], pelvis_position(turned[1], rest)
    rotvec, pelvis = resample(rotvec, pelvis, rate, fps)
    if len(rotvec) < 2:
        raise InputError(f"{path}: poses: {len(poses)} frame(s) at {rate:g} fps are too short a take; remove the file")
    name = "/".join((*path.parts[-3:-1], path.stem))
    return Take(name, path.parent.name, rotvec.astype(np.float32), pelvis.astype(np.float32), fps)


def split_by_subject(
    takes: Iterable[Take],
    test: Sequence[str] = TEST_SUBJECTS,
    validation: Sequence[str] = VALIDATION_SUBJECTS,
) -> Split:
    """Split takes by the subject's name.

    A subject of the same name in another data set is held out too: losing a few takes costs less than training on a
    test subject.

    Args:
        takes: All takes.
        test: Subjects for the final figures.
        validation: Subjects for choosing settings.

    Raises:
        InputError: A subject is in both lists, or no take is left to train on.
    """
    both = set(test) & set(validation)
    if both:
        raise InputError(f"subject(s) {', '.join(sorted(both))} are in the test and the validation split; choose one")
    parts: dict[str, list[Take]] = {"train": [], "validation": [], "test": []}
    for take in takes:
        part = "test" if take.subject in test else "validation" if take.subject in validation else "train"
        parts[part].append(take)
    if not parts["train"]:
        raise InputError(
            f"no take is left to train on: test holds {', '.join(test)}, validation {', '.join(validation)}"
        )
    return Split(*(tuple(parts[part]) for part in ("train", "validation", "test")))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, float, bool]:
    """Poses (F, C), translation (F, 3), frames per second, and whether the translation is the pelvis joint, y up."""
    if inspect_file(path).container != "npz":
        raise InputError(f"{path}: not an npz file; give AMASS's .npz files")
    # SMPL-X files also hold pickled marker names
    data = read_npz(path, lambda *_: None)
    missing = [key for key in ("poses", "trans") if key not in data]
    rate_key = next((key for key in _RATE_KEYS if key in data), None)
    if missing or rate_key is None:
        what = ", ".join(missing) or "its frame rate (mocap_framerate or mocap_frame_rate)"
        raise InputError(f"{path}: not a motion file in AMASS's layout: missing {what}; move it elsewhere")
    objects = [key for key in ("poses", "trans", rate_key) if data[key] is None]
    if objects:
        raise InputError(f"{path}: {objects[0]}: not plain arrays; download it again")
    poses, trans, rate = (np.asarray(data[key]) for key in ("poses", "trans", rate_key))
    pelvis_joint_y_up = "source" in data and str(data["source"]) in _PELVIS_JOINT_SOURCES
    return *_checked(path, poses, trans, rate), pelvis_joint_y_up


def _checked(
    path: Path, poses: np.ndarray, trans: np.ndarray, rate: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    if poses.ndim != 2 or poses.shape[1] not in _FAMILY_BY_COLUMNS:
        raise InputError(f"{path}: poses: shape {poses.shape}; expected (F, 72), (F, 156) or (F, 165)")
    if trans.shape != (len(poses), 3):
        raise InputError(f"{path}: trans: shape {trans.shape}; expected ({len(poses)}, 3)")
    for key, array in (("poses", poses), ("trans", trans), ("frame rate", rate)):
        if array.dtype.kind not in "fiu":
            raise InputError(f"{path}: {key}: holds {array.dtype}, not numbers; download it again")
    for key, array in (("poses", poses[:, : 3 * JOINTS]), ("trans", trans)):
        if not np.isfinite(array).all():
            frame = int(np.argmin(np.isfinite(array).all(1)))
            raise InputError(f"{path}: {key}: NaN or infinite at frame {frame}; remove the file or cut the frame out")
    if rate.size != 1 or not 1 <= rate.item() <= 10_000:
        raise InputError(f"{path}: frame rate: {rate}; expected one number of frames per second")
    return poses, trans, float(rate.item())


def resample(rotvec: np.ndarray, pelvis: np.ndarray, rate: float, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Resample rotation vectors (F, J, 3) and positions (F, 3) from one frame rate to another.

    There is no low-pass before: training needs sharp motion, and users of AMASS also take every n-th frame.
    """
    if np.isclose(rate, fps, rtol=1e-4) or not len(rotvec):
        return rotvec, pelvis
    count = int((len(rotvec) - 1) * fps / rate + 1e-6) + 1
    place = np.arange(count) * rate / fps
    before = np.minimum(place.astype(int), len(rotvec) - 1)
    after = np.minimum(before + 1, len(rotvec) - 1)
    share = place - before
    first, last = (torch.as_tensor(rotvec[index]) for index in (before, after))
    turn = roma.rotvec_composition((roma.rotvec_inverse(first), last))
    turned = roma.rotvec_composition((first, torch.as_tensor(share)[:, None, None] * turn))
    return turned.numpy(), pelvis[before] + share[:, None] * (pelvis[after] - pelvis[before])
