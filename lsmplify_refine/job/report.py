"""The report of a job: what was done and how well, as JSON."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.geometry.metrics import keypoint_error_name, keypoint_errors
from lsmplify_refine.versions import versions

if TYPE_CHECKING:
    from lsmplify_refine.engine.refinement import BodyTrack, Refinement
    from lsmplify_refine.job.job import JobOptions, Outcome

#: Version of the report's layout, for programs that read it; other values of a key raise it, further metrics do not.
LAYOUT = 3


#: Options that a report leaves out: it lies in the output folder, and a moved or repeated run has the same report.
_ELSEWHERE = ("output",)


def build_report(job: JobOptions, outcome: Outcome, *, device: str) -> dict[str, Any]:
    """The report as plain values that JSON can hold."""
    report: dict[str, Any] = {
        "layout": LAYOUT,
        "versions": versions(),
        "settings": {name: value for name, value in asdict(job).items() if name not in _ELSEWHERE} | {"device": device},
        "outputs": {key: _names(value) for key, value in asdict(outcome.outputs).items()},
        "notes": [asdict(note) for note in outcome.notes],
        "people": [_person(refinement) for refinement in outcome.refinements],
    }
    return {key: plain(value) for key, value in report.items()}


def _names(paths: Path | Sequence[Path] | None) -> str | list[str] | None:
    """File names without their folder."""
    if paths is None:
        return None
    return paths.name if isinstance(paths, Path) else [path.name for path in paths]


def write_report(report: dict[str, Any], path: Path) -> None:
    """Write a report as JSON.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps(report, indent=1, allow_nan=False, ensure_ascii=False)
    # a list of plain values belongs on one line; a line break inside brackets cannot be part of a string
    text = re.sub(r"\[\n\s*([^][{}]*?)\n\s*\]", lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text)
    try:
        # names of files need not be UTF-8
        path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def plain(value: Any) -> Any:
    """Any value as JSON can hold it: arrays to lists, paths to strings, NaN and infinity to null; text is escaped."""
    if isinstance(value, dict):
        return {escaped(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, str):
        return escaped(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return rounded(value) if math.isfinite(value) else None
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return escaped(value)


def rounded(value: float) -> float:
    """A number with the six digits that a report holds."""
    return float(f"{value:.6g}")


def counts(refinement: Refinement) -> dict[str, int]:
    """Frames of each status."""
    found = Counter(str(status) for status in refinement.status)
    return {status: found[status] for status in ("accepted", "blended", "held", "doubtful")}


def _person(refinement: Refinement) -> dict[str, Any]:
    estimate = refinement.estimate
    error_name = keypoint_error_name(refinement.keypoints)
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
        "per_frame": {
            "frame_id": estimate.frame_ids,
            "status": refinement.status,
            "blend": refinement.blend,
            f"{error_name}_before": _frame_errors(refinement, refinement.before),
            f"{error_name}_after": _frame_errors(refinement, refinement.after),
            "reason": refinement.reasons,
        },
    }


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


def _frame_errors(refinement: Refinement, track: BodyTrack) -> np.ndarray:
    """Confidence-weighted mean keypoint error of each frame (T,), NaN where a frame has no keypoints."""
    keypoints = refinement.keypoints
    errors = keypoint_errors(track.keypoints(keypoints.convention), refinement.camera, keypoints)
    weight = keypoints.confidence.sum(1)
    return np.where(weight > 0, (errors * keypoints.confidence).sum(1) / np.maximum(weight, 1e-9), np.nan)
