"""GVHMR's benchmark bundles (`hmr4d_support`): VIMO's estimates and the labels of EMDB, RICH and 3DPW.

A file holds many clips. `--format hmr4d:clip=NAME` chooses one; the result holds that clip alone, in the same layout.
Estimates get camera and 2D keypoints from the files beside them. Labels are in world coordinates, and are read in the
camera's axes, without the frames that the benchmark leaves out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.assemble import assemble
from lsmplify_refine.formats.codings import Rotations
from lsmplify_refine.formats.containers import Container, peek, read_container
from lsmplify_refine.formats.hmr4d_bundle import FPS, image_size, values_beside
from lsmplify_refine.formats.leaves import frame_ids_of, gender_of, intrinsics_of, valid_frames
from lsmplify_refine.formats.seen_roots import SeenRoot, SeenTransl, camera_poses
from lsmplify_refine.formats.slot_writing import write_slots
from lsmplify_refine.formats.slots import Slot
from lsmplify_refine.formats.tree import KeyPath, look_up
from lsmplify_refine.geometry.crop_cameras import crop_to_full
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.geometry.rotations import RotationKind
from lsmplify_refine.keypoint_files import keypoints_from_array
from lsmplify_refine.options import Family
from lsmplify_refine.safe_load import to_numpy
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note

OPTIONS: Mapping[str, Sequence[str]] = {"clip": ()}

_ESTIMATES = "vimo_params"
#: Blocks of labels, and the body family of each.
_LABELS: dict[str, Family] = {"smpl_params": "smpl", "gt_smplx_params": "smplx"}
#: Keys of the frames that the benchmark counts.
_MASKS = ("mask_wham", "mask")
#: Coding of rotations by the number of columns of `pred_pose`.
_KINDS: dict[int, RotationKind] = {72: "axis-angle", 144: "6d-columns", 216: "matrix"}
#: Max relative difference between the estimate's depth and that of its crop under the right camera.
_SAME_DEPTH = 0.05
_NOTE_CAM = Note("fields-stale", "pred_cam: left unchanged; it does not follow the refined translation")

write = write_slots


def recognises(path: Path) -> bool:
    """Whether this is a torch file of clips with VIMO's estimates or with labels."""
    container = peek(path)
    if container is None or container.kind != "torch" or not isinstance(container.tree, dict) or not container.tree:
        return False
    return all(_block(clip) is not None for clip in container.tree.values())


def read(path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
    """Read one clip: VIMO's estimate, or its label in the frames that count.

    Raises:
        InputError: The clip is not in the file or not chosen, or keys are missing or have the wrong shape.
    """
    tree = read_container(path).tree
    clip = (options or {}).get("clip")
    if clip is None and len(tree) == 1:
        clip = next(iter(tree))
    if clip not in tree:
        names = [str(name) for name in list(tree)[:4]]
        more = ", ..." if len(tree) > len(names) else ""
        raise InputError(
            f"{path}: holds {len(tree)} clips ({', '.join(names)}{more}); choose one, as in "
            f"--format hmr4d:clip={names[0]}, or refine all with batch --layout hmr4d_support"
        )
    block = _block(tree[clip])
    if block is None:
        raise InputError(f"{path}: {clip}: neither {_ESTIMATES} nor {' nor '.join(_LABELS)}; not a clip of a bundle")
    container = Container("torch", {clip: tree[clip]})
    # a clip's own values take precedence over those of files beside it
    values = {**values_beside(path, str(clip)), **tree[clip]}
    reader = _read_estimate if block == _ESTIMATES else _read_label
    return [reader(container, (clip, block), values, path)]


def _block(clip: Any) -> str | None:
    """Name of the block of parameters in a clip."""
    if not isinstance(clip, dict):
        return None
    # many formats have blocks called smpl_params; labels have a camera too
    names = [name for name in (_ESTIMATES, *_LABELS) if name != "smpl_params" or "T_w2c" in clip]
    return next((name for name in names if isinstance(clip.get(name), dict)), None)


def _read_estimate(container: Container, at: KeyPath, values: Mapping[str, Any], path: Path) -> Estimate:
    block = look_up(container.tree, at)
    pose = _numbers(block, "pred_pose", path)
    frames = len(pose)
    kind = _KINDS.get(pose.size // frames if frames else 0)
    if kind is None:
        raise InputError(f"{path}: pred_pose: shape {pose.shape}; expected 72, 144 or 216 numbers for each frame")
    slots = [*_pose_slots((*at, "pred_rotmat"), "matrix"), *_pose_slots((*at, "pred_pose"), kind)]
    slots = [slot for slot in slots if look_up(container.tree, slot.paths[0]) is not None]
    slots += [Slot("betas", ((*at, "pred_shape"),)), Slot("transl", ((*at, "pred_trans"),))]
    camera, notes = _camera(block, values, frames, path)
    estimate = assemble(
        container,
        slots,
        frames,
        path=path,
        family="smpl",
        camera=camera,
        fps=FPS,
        frame_ids=_frame_ids(values, frames, path),
        track_id=str(at[0]),
        notes=(*([_NOTE_CAM] if "pred_cam" in block else []), *notes),
    )
    return estimate.replace(keypoints=_keypoints(values, np.arange(frames), path))


def _pose_slots(at: KeyPath, kind: RotationKind) -> list[Slot]:
    width = next(numbers for numbers, known in _KINDS.items() if known == kind) // 24
    return [
        Slot("global_orient", (at,), Rotations(kind, single=True), slice(0, width)),
        Slot("body_pose", (at,), Rotations(kind), slice(width, None)),
    ]


def _camera(
    block: Mapping[str, Any], values: Mapping[str, Any], frames: int, path: Path
) -> tuple[Camera | None, list[Note]]:
    """The camera that VIMO assumed: the label's, or one with the image's diagonal as focal length.

    VIMO's crop cameras tell which: with the boxes, only the right one gives VIMO's translations.
    """
    size = image_size(values)
    stated = intrinsics_of(values.get("K_fullimg"), frames, f"{path}: K_fullimg")
    assumed = None if size is None else default_intrinsics(*size, frames)
    found = [K for K in (stated, assumed) if K is not None]
    if not found:
        return None, []
    crop, box = to_numpy(block.get("pred_cam")), to_numpy(values.get("bbx_xys"))
    if crop is None or box is None or crop.size != 3 * frames or box.shape != (frames, 3):
        return Camera(found[-1], size), []
    depth = _numbers(block, "pred_trans", path).reshape(frames, 3)[:, 2]

    def apart(K: np.ndarray) -> float:
        """Relative difference between the estimate's depth and that of its crop under this camera."""
        there = crop_to_full(crop.reshape(frames, 3).astype(np.float64), box[:, :2], box[:, 2], K)[:, 2]
        return float(np.median(np.abs(there / depth - 1)))

    K = min(found, key=apart)
    notes = []
    if not apart(K) <= _SAME_DEPTH:
        text = "neither the label's camera nor the image's diagonal gives VIMO's translations; the nearer one is used"
        notes.append(Note("focal-length-assumed", text, "warning"))
    return Camera(K, size), notes


def _read_label(container: Container, at: KeyPath, values: Mapping[str, Any], path: Path) -> Estimate:
    block = look_up(container.tree, at)
    root = _numbers(block, "global_orient", path)
    frames, family = len(root), _LABELS[at[-1]]
    if "T_w2c" not in values:
        raise InputError(
            f"{path}: {at[0]}: its camera is in GVHMR's hmr4d/dataset/rich/resource/cam2params.pt; keep this "
            "folder in GVHMR's inputs, or copy that file beside it"
        )
    if root.shape[1:] != (3,):
        raise InputError(f"{path}: {at[0]}: global_orient: shape {root.shape}; expected (F, 3)")
    name = next((name for name in _MASKS if name in values), _MASKS[-1])
    rows = np.flatnonzero(valid_frames(values.get(name), frames, f"{path}: {at[0]}.{name}"))
    if not len(rows):
        raise InputError(f"{path}: {at[0]}: the mask leaves out every frame")
    rotation, translation = camera_poses(values["T_w2c"], rows, f"{path}: {at[0]}.T_w2c")
    slots = [
        Slot("global_orient", ((*at, "global_orient"),), SeenRoot(rotation, root[rows].astype(np.float64)), rows=rows),
        Slot("body_pose", ((*at, "body_pose"),), Rotations(), rows=rows),
        Slot("transl", ((*at, "transl"),), SeenTransl(rotation, translation, family), rows=rows),
        _betas_slot(block, (*at, "betas"), rows, frames),
    ]
    K = intrinsics_of(values.get("K_fullimg"), frames, f"{path}: {at[0]}.K_fullimg")
    estimate = assemble(
        container,
        slots,
        len(rows),
        path=path,
        family=family,
        gender=gender_of(values.get("gender"), f"{path}: {at[0]}.gender"),
        camera=None if K is None else Camera(K[rows], image_size(values)),
        fps=FPS,
        frame_ids=_frame_ids(values, frames, path)[rows],
        track_id=str(at[0]),
    )
    return estimate.replace(keypoints=_keypoints(values, rows, path))


def _betas_slot(block: Mapping[str, Any], at: KeyPath, rows: np.ndarray, frames: int) -> Slot:
    """Slots of a shape per frame, or of one for all frames."""
    betas = to_numpy(block.get("betas"))
    each = betas is not None and betas.ndim == 2 and len(betas) == frames
    return Slot("betas", (at,), rows=rows) if each else Slot("betas", (at,), shared=True)


def _numbers(block: Mapping[str, Any], name: str, path: Path) -> np.ndarray:
    array = to_numpy(block.get(name))
    if array is None or not array.ndim or array.dtype.kind not in "fiu":
        raise InputError(f"{path}: {name}: missing, or not an array of numbers")
    return array


def _frame_ids(values: Mapping[str, Any], frames: int, path: Path) -> np.ndarray:
    """The clip's frame numbers in its video; RICH's clips do not start at the video's start."""
    stated = to_numpy(values.get("frame_id"))
    return np.arange(frames) if stated is None or stated.size != frames else frame_ids_of(stated, frames, str(path))


def _keypoints(values: Mapping[str, Any], rows: np.ndarray, path: Path) -> Keypoints | None:
    """ViTPose's keypoints of these frames."""
    points = to_numpy(values.get("kp2d"))
    if points is None or points.ndim != 3 or len(points) <= rows.max(initial=0):
        return None
    found = keypoints_from_array(points[rows], where=f"{path}: kp2d", source="kp2d of the bundle")
    return found.without_placeholders()
