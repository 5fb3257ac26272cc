"""Export to another body family, frame or container, with a note for every loss.

`export` writes one person in one of these formats:

    amass       SMPL-X in AMASS's stageii layout, world with z up; opens in the SMPL-X Blender add-on
    smpl-npz    SMPL under smplx's argument names, in the estimate's own frame
    smplx-npz   the same for SMPL-X
    gvhmr       GVHMR's `hmr4d_results.pt` (SMPL-X, camera and world with y up)
    bvh         skeleton and rotations for animation tools, y up, centimetres
    glb         skinned meshes and their motion for animation tools (glTF), y up, metres; several people

All families share the 21 body joints. They differ in the rest position of the pelvis (see `geometry.coordinates`), in
hands and face (at rest here), and in the shape space, which only SMPL and SMPL-H share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.bvh import write_bvh
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.formats.families import rest_pelvis, to_family
from lsmplify_refine.formats.figure import Figure, on_floor
from lsmplify_refine.formats.gltf import write_glb
from lsmplify_refine.formats.plain import plain_arrays
from lsmplify_refine.geometry.coordinates import Axes, axis_turn, move_body
from lsmplify_refine.options import DEFAULT_FPS, OutputFormat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note

#: Default target frame rate of the SMPL-X Blender add-on; it truncates the file's rate and rejects lower ones.
_ADD_ON_FPS = 30
_BETAS = 10

#: File extension of each format.
SUFFIXES: dict[OutputFormat, str] = {
    "amass": ".npz",
    "smpl-npz": ".npz",
    "smplx-npz": ".npz",
    "gvhmr": ".pt",
    "bvh": ".bvh",
    "glb": ".glb",
}
#: Formats that hold several people.
SEVERAL_PEOPLE: tuple[OutputFormat, ...] = ("glb",)


def export(
    estimate: Estimate,
    path: Path,
    format: OutputFormat,
    *,
    body: BodyModel | None = None,
    shape: BodyShape | None = None,
) -> tuple[Note, ...]:
    """Write one person in another format.

    Args:
        estimate: The person.
        path: The file to write; an existing file is replaced.
        format: See the module's docstring.
        body: Its J0 is used if it has the right family, else the family's mean J0. For BVH and glTF also its skeleton
            and mesh, else the open body's.
        shape: For BVH and glTF, the person's shape on `body` (or the open body). By default the estimate's betas if
            `body` has its family, else the mean shape.

    Returns:
        Notes on what was changed, assumed or left out.

    Raises:
        InputError: The estimate lacks a value that the format needs, or the file cannot be written.
    """
    return export_people([estimate], path, format, body=body, shapes=[shape])


def export_people(
    people: Sequence[Estimate],
    path: Path,
    format: OutputFormat,
    *,
    body: BodyModel | None = None,
    shapes: Sequence[BodyShape | None] | None = None,
) -> tuple[Note, ...]:
    """Write people to one file; as `export`, with one shape for each of them.

    Raises:
        InputError: As `export`, or the format holds one person and there are several.
    """
    if len(people) > 1 and format not in SEVERAL_PEOPLE:
        raise InputError(f"{path}: --output-format {format}: a file holds one person, not {len(people)}")
    shapes = shapes or [None] * len(people)
    for estimate in people:
        estimate.check_posed()
    writers: dict[str, Callable[[Estimate, Path, BodyModel | None], list[Note]]] = {
        "amass": _write_amass,
        "smpl-npz": _write_smpl,
        "smplx-npz": _write_smplx,
        "gvhmr": _write_gvhmr,
    }
    try:
        if format in ("bvh", "glb"):
            figures, notes = _figures(people, body, shapes)
            if format == "bvh":
                write_bvh(path, figures[0])
            else:
                write_glb(path, figures)
                notes += _blend_notes(figures)
        else:
            notes = writers[format](people[0], path, body)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return (*notes, *_gap_notes(people, format))


def _gap_notes(people: Sequence[Estimate], format: OutputFormat) -> list[Note]:
    """What a format makes of frames in which there is nobody."""
    if format in ("amass", "gvhmr", "bvh") and not np.array_equal(people[0].frame_ids, np.arange(len(people[0]))):
        text = f"{format} has no frame numbers: rows are consecutive and gaps in the track are closed"
        return [Note("gaps-closed", text)]
    starts, ends = ({int(person.frame_ids[end]) for person in people} for end in (0, -1))
    gaps = any((np.diff(person.frame_ids) > 1).any() for person in people)
    if format == "glb" and (gaps or len(starts) > 1 or len(ends) > 1):
        return [
            Note("gaps-bridged", "across gaps the motion is interpolated; before and after their track people freeze")
        ]
    return []


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


def _figures(
    people: Sequence[Estimate], body: BodyModel | None, shapes: Sequence[BodyShape | None]
) -> tuple[list[Figure], list[Note]]:
    """People as bodies in motion on the floor of a world with y up, and notes on what was assumed."""
    figures, notes = [], []
    for person, shape in zip(people, shapes, strict=True):
        orient, transl, more = root_in_world(person, "y", body)
        fps, rate_notes = _rate(person)
        own, own_shape, shape_notes = _shaped_body(person, body, shape)
        joints = min(1 + person.body_pose.shape[1], own.joint_count)
        rotvec = np.concatenate([orient[:, None], person.body_pose], axis=1)[:, :joints].astype(np.float64)
        pelvis = (transl + rest_pelvis(person.family, person.betas, body)).astype(np.float64)
        figures.append(Figure(f"person_{person.track_id}", own, own_shape, rotvec, pelvis, person.frame_ids, fps))
        notes += [*more, *rate_notes, *shape_notes]
    in_world = all(person.world is not None or person.frame == "world" for person in people)
    placed, floor_notes = on_floor(figures, has_floor=in_world)
    return placed, list(dict.fromkeys([*notes, *floor_notes]))


def _shaped_body(
    estimate: Estimate, body: BodyModel | None, shape: BodyShape | None
) -> tuple[BodyModel, BodyShape, list[Note]]:
    """The body whose skeleton and mesh stand for a person, and the person's shape on it."""
    if shape is not None:
        shown = body or BodyModel.open()
        text = "the body is the open body in the shape that was fitted to the person"
        return shown, shape, [Note("skeleton-open", text)] if shown.is_open else []
    if body is not None and not body.is_open and body.family == estimate.family:
        betas, notes = _one_shape(estimate)
        return body, BodyShape(betas[: body.num_betas]), notes
    text = "the skeleton is the open body's; its bone lengths are not the person's"
    return BodyModel.open(), BodyShape(np.zeros(1)), [Note("skeleton-open", text)]


def _blend_notes(figures: Sequence[Figure]) -> list[Note]:
    if all(figure.body.arrays.posedirs is None for figure in figures):
        return []
    text = "glb has no pose blend shapes: the skin at bent joints differs from the body model's; joints do not"
    return [Note("pose-blends-dropped", text)]


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
