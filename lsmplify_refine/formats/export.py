"""Export to another body family, frame or container, with a note for every loss.

`export` writes one person in one of these formats:

    amass       SMPL-X in AMASS's stageii layout, world with z up; opens in the SMPL-X Blender add-on
    smpl-npz    SMPL under smplx's argument names, in the estimate's own frame
    smplx-npz   the same for SMPL-X
    gvhmr       GVHMR's `hmr4d_results.pt` (SMPL-X, camera and world with y up)
    bvh         skeleton and rotations for animation tools, y up, centimetres

All families share the 21 body joints. They differ in the rest position of the pelvis (see `geometry.coordinates`), in
hands and face (at rest here), and in the shape space, which only SMPL and SMPL-H share.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.bvh import write_bvh
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.formats.plain import plain_arrays
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, Axes, axis_turn, move_body, pelvis_position
from lsmplify_refine.options import DEFAULT_FPS, Family, OutputFormat
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import BODY_JOINTS

#: Default target frame rate of the SMPL-X Blender add-on; it truncates the file's rate and rejects lower ones.
_ADD_ON_FPS = 30
_BETAS = 10

#: File extension of each format.
SUFFIXES: dict[str, str] = {"amass": ".npz", "smpl-npz": ".npz", "smplx-npz": ".npz", "gvhmr": ".pt", "bvh": ".bvh"}


def export(estimate: Estimate, path: Path, format: OutputFormat, *, body: BodyModel | None = None) -> tuple[Note, ...]:
    """Write one person in another format.

    Args:
        estimate: The person.
        path: The file to write; an existing file is replaced.
        format: See the module's docstring.
        body: Its J0 (and, for BVH, its skeleton) are used if it has the right family. Otherwise the family's mean J0
            and the open body's skeleton are used.

    Returns:
        Notes on what was changed, assumed or left out.

    Raises:
        InputError: The estimate lacks a value that the format needs, or the file cannot be written.
    """
    writers: dict[str, Callable[[Estimate, Path, BodyModel | None], list[Note]]] = {
        "amass": _write_amass,
        "smpl-npz": _write_smpl,
        "smplx-npz": _write_smplx,
        "gvhmr": _write_gvhmr,
        "bvh": _write_bvh,
    }
    try:
        notes = writers[format](estimate, path, body)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    if not np.array_equal(estimate.frame_ids, np.arange(len(estimate))) and format in ("amass", "gvhmr", "bvh"):
        text = f"{format} has no frame numbers: rows are consecutive and gaps in the track are closed"
        notes.append(Note("gaps-closed", text))
    return tuple(notes)


def to_family(estimate: Estimate, family: Family, body: BodyModel | None = None) -> tuple[Estimate, list[Note]]:
    """Convert a posed body to another family; the pelvis keeps its position in camera and world.

    Args:
        estimate: The person.
        family: The target family.
        body: Its J0 is used if it has one of the two families.

    Returns:
        The converted estimate, and notes on what was lost.
    """
    if family == estimate.family:
        return estimate, []
    text = f"converted from {estimate.family} to {family}: 21 body joints and the pelvis position are kept"
    notes = [Note("family-converted", text)]
    shares_shape = {family, estimate.family} == {"smpl", "smplh"}
    betas = np.zeros((len(estimate), _BETAS), estimate.betas.dtype)
    if shares_shape:
        betas = estimate.betas[:, :_BETAS]
    else:
        text = f"{estimate.family} betas do not transfer to {family}; the mean shape is written"
        notes.append(Note("shape-replaced", text))
    if estimate.family == "smpl" and estimate.body_pose[:, 21:].any():
        text = "SMPL's two hand joints have no counterpart; their rotations are left out"
        notes.append(Note("hand-joints-dropped", text))
    before, after = rest_pelvis(estimate.family, estimate.betas, body), rest_pelvis(family, betas, body)
    converted = change_family(estimate, family, rest_pelvis_from=before, rest_pelvis_to=after, betas=betas)
    if estimate.world is not None:
        turned = estimate.replace(transl=estimate.world.transl)
        moved = change_family(turned, family, rest_pelvis_from=before, rest_pelvis_to=after, betas=betas)
        world = type(estimate.world)(estimate.world.global_orient, moved.transl, estimate.world.up)
        converted = converted.replace(world=world)
    return converted, notes


def rest_pelvis(family: Family, betas: np.ndarray, body: BodyModel | None = None) -> np.ndarray:
    """J0 (T, 3) of a shape (T, B): from `body` if it has that family, else the family's mean."""
    if body is not None and not body.is_open and body.family == family:
        return body.rest_pelvis(betas[:, : body.num_betas])
    return np.broadcast_to(np.array(MEAN_REST_PELVIS[family]), (len(betas), 3))


def root_in_world(
    estimate: Estimate, up: Literal["y", "z"], body: BodyModel | None = None
) -> tuple[np.ndarray, np.ndarray, list[Note]]:
    """Root rotation (T, 3) and `transl` (T, 3) in a world whose axis `up` is vertical, and notes on assumptions."""
    notes: list[Note] = []
    now: Axes = "camera"
    orient, transl = estimate.global_orient, estimate.transl
    if estimate.world is not None:
        orient, transl, now = estimate.world.global_orient, estimate.world.transl, estimate.world.up
    elif estimate.frame == "world":
        now = "y"
    else:
        notes.append(Note("camera-as-world", "the file has no world; a level camera is assumed and used as the world"))
    if now == up:
        return orient, transl, notes
    J0 = rest_pelvis(estimate.family, estimate.betas, body)
    orient, transl = move_body(orient, transl, J0, rotation=axis_turn(now, up), translation=np.zeros(3))
    return orient, transl, notes


def _write_amass(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    converted, notes = to_family(estimate, "smplx", body)
    orient, transl, more = root_in_world(converted, "z", body)
    fps, rate_notes = _rate(estimate)
    frames = len(converted)
    pose = converted.body_pose.reshape(frames, -1)
    hands_and_face = np.zeros((frames, 99))
    betas, shape_notes = _one_shape(converted)
    arrays: dict[str, Any] = {
        "gender": np.array(converted.gender),
        "surface_model_type": np.array("smplx"),
        "mocap_frame_rate": np.array(fps),
        "mocap_time_length": np.array(frames / fps),
        "trans": transl.astype(np.float64),
        "poses": np.hstack([orient, pose, hands_and_face]),
        "betas": betas.astype(np.float64),
        "num_betas": np.array(len(betas)),
        "root_orient": orient.astype(np.float64),
        "pose_body": pose.astype(np.float64),
        "pose_jaw": hands_and_face[:, :3],
        "pose_eye": hands_and_face[:, 3:9],
        "pose_hand": hands_and_face[:, 9:],
    }
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    if int(fps) < _ADD_ON_FPS:
        text = f"the Blender add-on rejects less than {_ADD_ON_FPS} fps ({fps:g} here) unless its target is lowered"
        rate_notes.append(Note("fps-too-low", text, "warning"))
    return [*notes, *more, *rate_notes, *shape_notes, Note("hands-flat", "hands are flat and the face is at rest")]


def _write_smpl(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    return _write_plain(*to_family(estimate, "smpl", body), path)


def _write_smplx(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    return _write_plain(*to_family(estimate, "smplx", body), path)


def _write_plain(estimate: Estimate, notes: list[Note], path: Path) -> list[Note]:
    """Write smplx's argument names, which the generic adapter reads."""
    with path.open("wb") as stream:
        np.savez(stream, **plain_arrays(estimate))
    return notes


def _write_gvhmr(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    if estimate.frame != "camera" or estimate.camera is None:
        raise InputError(
            f"{estimate.source}: --output-format gvhmr needs camera coordinates and intrinsics; the file lacks them"
        )
    converted, notes = to_family(estimate, "smplx", body)
    orient, transl, more = root_in_world(converted, "y", body)
    shape = np.zeros((len(converted), _BETAS))
    count = min(_BETAS, converted.betas.shape[1])
    shape[:, :count] = converted.betas[:, :count]
    if converted.betas[:, _BETAS:].any():
        more.append(Note("betas-cut", f"only the first {_BETAS} of {converted.betas.shape[1]} betas are written"))
    shared = {"body_pose": converted.body_pose.reshape(len(converted), -1), "betas": shape}
    blocks = {
        "smpl_params_global": {**shared, "global_orient": orient, "transl": transl},
        "smpl_params_incam": {**shared, "global_orient": converted.global_orient, "transl": converted.transl},
    }
    results: dict[str, Any] = {
        block: {name: torch.tensor(np.ascontiguousarray(value)).float() for name, value in values.items()}
        for block, values in blocks.items()
    }
    results["K_fullimg"] = torch.tensor(np.ascontiguousarray(estimate.camera.K)).float()
    write_container(Container("torch", results), results, path)
    return [*notes, *more, Note("net-outputs-dropped", "net_outputs are not written: the input has none")]


def _write_bvh(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    orient, transl, notes = root_in_world(estimate, "y", body)
    fps, rate_notes = _rate(estimate)
    pelvis = transl + rest_pelvis(estimate.family, estimate.betas, body)
    own = body if body is not None and not body.is_open and body.family == estimate.family else None
    if own is None:
        notes.append(Note("skeleton-open", "the skeleton is the open body's; its bone lengths are not the person's"))
    skeleton = own or BodyModel.open()
    betas = np.median(estimate.betas, axis=0)[: own.num_betas] if own is not None else np.zeros(1)
    write_bvh(path, skeleton, betas, orient, estimate.body_pose, pelvis, fps)
    return [*notes, *rate_notes]


def _rate(estimate: Estimate) -> tuple[float, list[Note]]:
    if estimate.fps is not None:
        return estimate.fps, []
    return DEFAULT_FPS, [Note("fps-assumed", f"the frame rate is unknown; {DEFAULT_FPS:g} fps is written", "warning")]


def _one_shape(estimate: Estimate) -> tuple[np.ndarray, list[Note]]:
    """One shape for the clip, and a note if it replaces several."""
    if np.ptp(estimate.betas, axis=0).max() == 0:
        return estimate.betas[0], []
    return np.median(estimate.betas, axis=0), [
        Note("shape-averaged", "the shape changes over the clip; its median is written")
    ]


def change_family(
    estimate: Estimate, family: Family, *, rest_pelvis_from: np.ndarray, rest_pelvis_to: np.ndarray, betas: np.ndarray
) -> Estimate:
    """Convert the pose to another family; the pelvis keeps its position.

    All families share the first 21 body joints. SMPL's two hand joints are set to rest or dropped.

    Args:
        estimate: The track to convert.
        family: The target family.
        rest_pelvis_from: (3,) or (T, 3) J0 under the estimate's own model and shape.
        rest_pelvis_to: (3,) or (T, 3) J0 under the new model with `betas`.
        betas: (T, B) shape in the new family; shapes do not transfer, so the caller gives it.
    """
    joints = BODY_JOINTS[family]
    body_pose = np.zeros((len(estimate), joints, 3), dtype=estimate.body_pose.dtype)
    shared = min(joints, estimate.body_pose.shape[1])
    body_pose[:, :shared] = estimate.body_pose[:, :shared]
    transl = pelvis_position(estimate.transl, rest_pelvis_from) - rest_pelvis_to
    return estimate.replace(family=family, body_pose=body_pose, betas=betas, transl=transl)
