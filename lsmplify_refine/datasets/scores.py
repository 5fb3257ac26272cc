"""Scores of an estimate against the true motion of a clip: MPJPE, PA-MPJPE, PVE, acceleration error.

As in the evaluations of GVHMR and WHAM, both are in the camera's axes and aligned at the middle of the hips, frame by
frame. Only frames that count are compared, and accelerations only over three frames in a row that count (those
evaluations join the frames across gaps). The joints are SMPL's own, those that both bodies have; papers on 3DPW use 14
joints of another regressor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import roma
import torch
from jaxtyping import Bool, Float, Int

from lsmplify_refine.body import BodyModel
from lsmplify_refine.datasets.bodies import Bodies
from lsmplify_refine.datasets.matching import common_rows, nearest
from lsmplify_refine.datasets.truth import Truth
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.targets import betas_on_body, pose_on_body
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.metrics import accel_error_m_per_s2
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import joint_indices

_HIPS = ("left_hip", "right_hip")
#: Points that a similarity transform needs, and frames whose vertices are in memory at once.
_MIN_POINTS, _BATCH = 3, 128


@dataclass(frozen=True)
class TruthScores:
    """How far an estimate is from the truth.

    Attributes:
        metrics: By name, with unit, joints and alignment; see `score`.
        frames: Number of frames compared.
        person: The truth's name of the person.
    """

    metrics: dict[str, float]
    frames: int
    person: str


@dataclass(frozen=True)
class _Points:
    """T frames of points in metres.

    Attributes:
        joints: The points that are compared.
        track: The posed body, for its vertices; None for bare points.
    """

    joints: Float[np.ndarray, "frames points 3"]
    track: BodyTrack | None = None


def score(
    estimates: Mapping[str, Estimate], truths: Sequence[Truth], bodies: Bodies | None = None
) -> dict[str, TruthScores]:
    """Score versions of one person's track, such as the input and the refined one, against the truth.

    The metrics are means over frames: `mpjpe_mm_<joints>_<alignment>`, `pa_mpjpe_mm_<joints>`, `pve_mm_<alignment>` and
    `accel_m_per_s2_<joints>`, the error of the acceleration. Joints are "smpl24", on a SMPL-X or SMPL-H body "smpl22",
    or the convention of the truth's points. The alignment is "hips"; it is "turned_hips" if estimate and truth are not
    in the same axes, so that one rotation for the whole clip is taken out first. PVE needs bodies with the same
    vertices. Each is posed on a body of its own family where there is one, with its shape.

    Args:
        estimates: By name; the first one says who is compared.
        truths: Everybody in the clip.
        bodies: The bodies; the open one if not given.

    Raises:
        InputError: No frame can be compared, or a body is missing.
    """
    bodies = bodies or Bodies()
    first = next(iter(estimates.values()))
    truth = nearest(first, truths)
    rows = common_rows(first, truth)
    if truth.body is not None:
        bodies.check_genders([first.gender, truth.body.gender])
    frame_ids, fps = truth.frame_ids[rows.truth], truth.fps or first.fps or DEFAULT_FPS
    joints = _joint_count(first, truth, bodies)
    true = _true_points(truth, rows.truth, bodies, joints)
    seen = None if truth.points is None else truth.points.confidence[rows.truth] > 0
    return {
        name: TruthScores(
            _metrics(
                _posed(estimate, rows.estimate, bodies, truth, joints),
                true,
                np.ones(true.joints.shape[:2], bool) if seen is None else seen,
                frame_ids,
                fps,
                truth,
                turned=truth.frame != estimate.frame or truth.frame == "world",
                joints=joints,
            ),
            len(frame_ids),
            truth.person,
        )
        for name, estimate in estimates.items()
    }


def _body_of(estimate: Estimate, truth: Truth, bodies: Bodies) -> BodyModel:
    """The estimate's own body, or else the truth's."""
    other = () if truth.body is None else (truth.body.family,)
    return bodies.of(estimate.gender, estimate.family, *other)


def _joint_count(estimate: Estimate, truth: Truth, bodies: Bodies) -> int:
    """SMPL's joints that both bodies have: 24, or the 22 of SMPL-H and SMPL-X. A pose does not turn the hand joints."""
    both = [estimate, *([truth.body] if truth.body else [])]
    return min(_body_of(each, truth, bodies).joint_count for each in both)


def _true_points(truth: Truth, rows: Int[np.ndarray, " rows"], bodies: Bodies, joints: int) -> _Points:
    if truth.points is not None:
        return _Points(truth.points.positions[rows].astype(np.float64))
    assert truth.body is not None  # `Truth` has one of them
    body = bodies.of(truth.body.gender, truth.body.family)
    # the open body has one size: what it compares are poses
    scale = 1.0 if body.is_open else truth.scale
    return _pose(truth.body, rows, body, joints, scale)


def _posed(estimate: Estimate, rows: Int[np.ndarray, " rows"], bodies: Bodies, truth: Truth, joints: int) -> _Points:
    """The estimate's joints, or its points of the truth's convention."""
    body = _body_of(estimate, truth, bodies)
    if truth.points is None:
        return _pose(estimate, rows, body, joints, 1.0)
    points = _track(estimate, rows, body, 1.0).keypoints(truth.points.convention)
    return _Points(points.astype(np.float64))


def _pose(estimate: Estimate, rows: Int[np.ndarray, " rows"], body: BodyModel, joints: int, scale: float) -> _Points:
    track = _track(estimate, rows, body, scale)
    return _Points(track.joints()[:, :joints].astype(np.float64), track)


def _track(estimate: Estimate, rows: Int[np.ndarray, " rows"], body: BodyModel, scale: float) -> BodyTrack:
    pose = pose_on_body(estimate, body)
    betas = betas_on_body(estimate, body)
    return BodyTrack(body, pose.rotations.numpy()[rows], pose.pelvis.numpy()[rows], betas, scale)


def _metrics(
    found: _Points,
    true: _Points,
    seen: Bool[np.ndarray, "frames points"],
    frame_ids: Int[np.ndarray, " frames"],
    fps: float,
    truth: Truth,
    *,
    turned: bool,
    joints: int,
) -> dict[str, float]:
    """The metrics of posed points, (T, K, 3) each, in points that are `seen`."""
    set_name = f"smpl{joints}" if truth.points is None else truth.points.convention
    hips = joint_indices(*_HIPS) if truth.points is None else tuple(map(CONVENTIONS[set_name].points.index, _HIPS))
    usable = seen[:, hips].all(1) & (seen.sum(1) >= _MIN_POINTS)
    if not usable.any():
        raise InputError(f"{truth.source or 'truth'}: no frame has both hips and another point")
    seen, frame_ids = seen[usable], frame_ids[usable]
    at_hips = [part.joints[usable] - part.joints[usable][:, hips].mean(1, keepdims=True) for part in (found, true)]
    turn = _rotation(at_hips[0], at_hips[1], seen) if turned else np.eye(3)
    points, wanted = at_hips[0] @ turn.T, at_hips[1]
    alignment = "turned_hips" if turned else "hips"
    metrics = {
        f"mpjpe_mm_{set_name}_{alignment}": _mean_mm(points - wanted, seen),
        f"pa_mpjpe_mm_{set_name}": _mean_mm(_similar(points, wanted, seen) - wanted, seen),
        f"accel_m_per_s2_{set_name}": accel_error_m_per_s2(points, wanted, seen, frame_ids, fps),
    }
    if found.track is not None and true.track is not None and len(set(map(_vertex_count, (found, true)))) == 1:
        metrics[f"pve_mm_{alignment}"] = _pve_mm(found, true, np.flatnonzero(usable), hips, turn)
    return {name: value for name, value in metrics.items() if np.isfinite(value)}


def _vertex_count(points: _Points) -> int:
    return 0 if points.track is None else len(points.track.body.arrays.v_template)


def _pve_mm(
    found: _Points,
    true: _Points,
    rows: Int[np.ndarray, " rows"],
    hips: tuple[int, ...],
    turn: Float[np.ndarray, "3 3"],
) -> float:
    """The mean distance of vertices, aligned at the hips, mm; a few frames at a time, since clips may be long."""
    total = 0.0
    for begin in range(0, len(rows), _BATCH):
        batch = rows[begin : begin + _BATCH]
        meshes = [
            part.track.vertices(batch) - part.joints[batch][:, hips].mean(1, keepdims=True)
            for part in (found, true)
            if part.track is not None
        ]
        total += float(np.linalg.norm(meshes[0] @ turn.T - meshes[1], axis=-1).mean(1).sum())
    return 1000 * total / len(rows)


def _rotation(
    points: Float[np.ndarray, "frames points 3"],
    true: Float[np.ndarray, "frames points 3"],
    seen: Bool[np.ndarray, "frames points"],
) -> Float[np.ndarray, "3 3"]:
    """The rotation about the hips that fits a whole clip best."""
    rotation: np.ndarray = roma.special_procrustes(torch.from_numpy(true[seen].T @ points[seen])).numpy()
    return rotation


def _similar(
    points: Float[np.ndarray, "frames points 3"],
    true: Float[np.ndarray, "frames points 3"],
    seen: Bool[np.ndarray, "frames points"],
) -> Float[np.ndarray, "frames points 3"]:
    """The points after each frame's best similarity transform (Procrustes)."""
    found, wanted = torch.from_numpy(points), torch.from_numpy(np.where(seen[..., None], true, 0.0))
    weights = torch.from_numpy(seen.astype(np.float64))
    turn, shift, scale = roma.rigid_points_registration(found, wanted, weights, compute_scaling=True)
    aligned: np.ndarray = (scale[:, None, None] * (found @ turn.transpose(-1, -2)) + shift[:, None]).numpy()
    return aligned


def _mean_mm(difference: Float[np.ndarray, "frames points 3"], seen: Bool[np.ndarray, "frames points"]) -> float:
    """The mean over frames of the mean over seen points, mm."""
    lengths = np.where(seen, np.linalg.norm(difference, axis=-1), 0.0)
    return 1000 * float((lengths.sum(1) / seen.sum(1)).mean())
