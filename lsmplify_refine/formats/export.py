"""Export to another body family, frame or container, with a note for every loss.

`export` writes one person in one of these formats:

    amass       SMPL-X in AMASS's stageii layout, world with z up; opens in the SMPL-X Blender add-on
    smpl-npz    SMPL under smplx's argument names, in the estimate's own frame
    smplx-npz   the same for SMPL-X
    gvhmr       GVHMR's `hmr4d_results.pt` (SMPL-X, camera and world with y up)
    bvh         skeleton and rotations for animation tools, y up, centimetres
    glb         skinned meshes and their motion for animation tools (glTF), y up, metres; several people

All families share the 21 body joints. They differ in the rest position of the pelvis (see `geometry.coordinates`), in
hands and face (carried where the format holds them, else said), and in the shape space, which only SMPL and SMPL-H
share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.bvh import write_bvh
from lsmplify_refine.formats.clip_values import one_rate, one_shape
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.formats.families import to_family
from lsmplify_refine.formats.gltf import write_glb
from lsmplify_refine.formats.hands import dropped_notes, with_flat_hands
from lsmplify_refine.formats.plain import plain_arrays
from lsmplify_refine.formats.scene import blend_notes, figures_of
from lsmplify_refine.formats.world_root import root_in_world
from lsmplify_refine.options import OutputFormat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.estimate import Estimate, Extremity
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
    """Write people to one file.

    Args:
        people: Posed estimates.
        path: The file to write.
        format: The output format.
        body: See `export`.
        shapes: A fitted shape for each person, or None for the estimate's own.

    Returns:
        Notes on what was changed, assumed or left out.

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
            figures, notes = figures_of(people, body, shapes)
            if format == "bvh":
                write_bvh(path, figures[0])
            else:
                write_glb(path, figures)
                notes += blend_notes(figures)
        else:
            notes = writers[format](people[0], path, body)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    return (*notes, *_gap_notes(people, format))


def _gap_notes(people: Sequence[Estimate], format: OutputFormat) -> list[Note]:
    """What a format writes for frames without a person."""
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


def _write_amass(estimate: Estimate, path: Path, body: BodyModel | None) -> list[Note]:
    converted, notes = to_family(estimate, "smplx", body)
    converted, hand_notes = with_flat_hands(converted, body)
    orient, transl, more = root_in_world(converted, "z", body)
    fps, rate_notes = one_rate(estimate)
    frames = len(converted)
    pose = converted.body_pose.reshape(frames, -1)
    hands_and_face = _hands_and_face(converted)
    betas, shape_notes = one_shape(converted)
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
    if converted.expression is not None:
        arrays["expression"] = converted.expression.astype(np.float64)
    with path.open("wb") as stream:
        np.savez(stream, **arrays)
    if int(fps) < _ADD_ON_FPS:
        text = f"the Blender add-on rejects less than {_ADD_ON_FPS} fps ({fps:g} here) unless its target is lowered"
        rate_notes.append(Note("fps-too-low", text, "warning"))
    if not hands_and_face.any() and converted.expression is None:
        hand_notes.append(Note("hands-flat", "hands are flat and the face is at rest"))
    return [*notes, *more, *rate_notes, *shape_notes, *hand_notes]


def _hands_and_face(estimate: Estimate) -> Float[np.ndarray, "frames 99"]:
    """Jaw, eyes and both hands as SMPL-X's full pose ends; at rest where the estimate has none."""
    order: tuple[tuple[Extremity, int], ...] = (
        *(("jaw_pose", 3), ("leye_pose", 3), ("reye_pose", 3)),
        *(("left_hand_pose", 45), ("right_hand_pose", 45)),
    )
    given, frames = estimate.extremities(), len(estimate)
    parts = [given[name].reshape(frames, -1) if name in given else np.zeros((frames, width)) for name, width in order]
    return np.hstack(parts).astype(np.float64)


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
    more += dropped_notes(converted, "gvhmr")
    return [*notes, *more, Note("net-outputs-dropped", "net_outputs are not written: the input has none")]
