"""One person's part of the report: metrics, and what happened in each frame and to each keypoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lsmplify_refine.geometry.metrics import (
    confidence_weighted_means,
    frame_jitter_10m_per_s3,
    keypoint_error_name,
    keypoint_errors,
)
from lsmplify_refine.options import DEFAULT_FPS
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.smpl_joints import JOINTS

if TYPE_CHECKING:
    from lsmplify_refine.engine.refinement import BodyTrack, Refinement

#: A keypoint that keeps less than this share of its weight is counted as distrusted.
_DISTRUSTED = 0.5
#: Digits of the curves that only the page shows.
_DIGITS = 4


def person_report(refinement: Refinement) -> dict[str, Any]:
    """A person's part of the report, as plain values and arrays."""
    estimate = refinement.estimate
    errors = {
        "before": _errors(refinement, refinement.before),
        "after": _errors(refinement, refinement.after),
    }
    return {
        "track_id": estimate.track_id,
        "family": estimate.family,
        "gender": estimate.gender,
        "frames": len(estimate),
        "fps": estimate.fps,
        "keypoints": {"convention": refinement.keypoints.convention, "source": refinement.keypoints.source},
        "alignment": _alignment(refinement),
        "shape": {"betas": refinement.after.betas, "scale": refinement.after.scale},
        "image_size": refinement.camera and refinement.camera.image_size,
        "notes": [asdict(note) for note in (*estimate.notes, *refinement.notes)],
        "metrics": refinement.metrics,
        "counts": counts(refinement),
        "per_keypoint": _per_keypoint(refinement, errors),
        "per_frame": _per_frame(refinement, errors),
    }


def counts(refinement: Refinement) -> dict[str, int]:
    """Frames of each status."""
    found = Counter(str(status) for status in refinement.status)
    return {status: found[status] for status in ("accepted", "blended", "held", "doubtful")}


def _alignment(refinement: Refinement) -> dict[str, Any] | None:
    """How 3D keypoints came into the estimate's frame, None for 2D ones."""
    found = refinement.alignment
    if found is None:
        return None
    return {
        "mode": found.mode,
        "per": found.per,
        "unit": found.unit,
        "scale": found.transform.scale,
        "residuals_mm": found.residuals_mm,
        "borrowed_frames": int((~found.transform.known).sum()),
    }


def _errors(refinement: Refinement, track: BodyTrack) -> npt.NDArray[np.floating]:
    """(T, K) keypoint errors, px or mm."""
    keypoints = refinement.keypoints
    return keypoint_errors(track.keypoints(keypoints.convention), refinement.camera, keypoints)


def _per_keypoint(refinement: Refinement, errors: dict[str, npt.NDArray[np.floating]]) -> dict[str, Any]:
    """Columns with one value for each keypoint."""
    keypoints, name = refinement.keypoints, keypoint_error_name(refinement.keypoints)
    seen = keypoints.confidence > 0
    columns: dict[str, Any] = {"name": CONVENTIONS[keypoints.convention].points}
    for stage, values in errors.items():
        columns[f"{name}_{stage}"] = _short(confidence_weighted_means(values, keypoints.confidence, 0))
    columns["seen_share"] = _short(seen.mean(0))
    if refinement.repairs is not None:
        found = np.maximum(seen.sum(0), 1)
        columns["distrusted_share"] = _short((seen & (refinement.repairs.trust < _DISTRUSTED)).sum(0) / found)
        columns["swapped_share"] = _short((seen & refinement.repairs.swapped).sum(0) / found)
    return columns


def _per_frame(refinement: Refinement, errors: dict[str, npt.NDArray[np.floating]]) -> dict[str, Any]:
    """Columns with one value for each frame."""
    name = keypoint_error_name(refinement.keypoints)
    columns: dict[str, Any] = {
        "frame_id": refinement.estimate.frame_ids,
        "status": refinement.status,
        "blend": refinement.blend,
    }
    for stage, values in errors.items():
        columns[f"{name}_{stage}"] = confidence_weighted_means(values, refinement.keypoints.confidence, 1)
    columns["reason"] = refinement.reasons
    return columns | dict(_motion(refinement)) | dict(_feet(refinement)) | dict(_repairs(refinement))


def _motion(refinement: Refinement) -> Iterator[tuple[str, Any]]:
    ids, fps = refinement.estimate.frame_ids, refinement.estimate.fps or DEFAULT_FPS
    for stage, track in (("before", refinement.before), ("after", refinement.after)):
        joints = track.joints()[:, :JOINTS]
        yield f"jitter_10m_per_s3_{stage}", _short(frame_jitter_10m_per_s3(joints, ids, fps))


def _feet(refinement: Refinement) -> Iterator[tuple[str, Any]]:
    """Whether each foot stands, ankle or toes, and how fast what stands slides in the mean."""
    feet = refinement.feet
    if feet is None:
        return
    # left and right alternate in `FEET`
    for side, first in (("left", 0), ("right", 1)):
        yield f"{side}_foot_stands", feet.stand[:, first::2].any(1).astype(int)
    standing = np.maximum(feet.stand.sum(1), 1)
    for stage, slide in (("before", feet.slide_before), ("after", feet.slide_after)):
        mean = np.where(feet.stand.any(1), np.nansum(slide, axis=1) / standing, np.nan)
        yield f"foot_slide_cm_per_s_{stage}", _short(mean)


def _repairs(refinement: Refinement) -> Iterator[tuple[str, Any]]:
    """How many keypoints were swapped back, and how many hardly count."""
    if refinement.repairs is None:
        return
    seen = refinement.keypoints.confidence > 0
    yield "keypoints_swapped", (seen & refinement.repairs.swapped).sum(1)
    yield "keypoints_distrusted", (seen & (refinement.repairs.trust < _DISTRUSTED)).sum(1)


def _short(values: npt.NDArray[np.floating]) -> list[float]:
    """Numbers with as many digits as a curve needs."""
    return [float(f"{value:.{_DIGITS}g}") for value in values]
