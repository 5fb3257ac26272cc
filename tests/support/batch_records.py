"""Records of batches that were never run: for the summary and its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.batch.clips import Clip
from lsmplify_refine.batch.record import WRITTEN, Record
from lsmplify_refine.batch.rows import Row

SPORTS = ("badminton", "boxing", "diving")
NOTE = {"code": "fps-assumed", "text": "30 frames per second are assumed", "severity": "warning"}


def person(before: float, after: float, *, frames: int = 90, notes: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """A person whose error, jitter and foot slide went from one value to another, with a truth."""

    def stages(scale: float, *names: str) -> dict[str, dict[str, float]]:
        values = {"input": before * scale, "calibrated": before * scale, "refined": after * scale}
        return {stage: dict.fromkeys(names, value) for stage, value in values.items()}

    return {
        "track_id": "0",
        "frames": frames,
        "fps": 30.0,
        "metrics": stages(0.1, "mpjpe_mm_body25", "jitter_10m_per_s3", "foot_slide_cm_per_s"),
        "truth": stages(1.0, "mpjpe_mm_smpl24_hips"),
        "truth_frames": frames,
        "counts": {"accepted": frames, "blended": 0, "held": 0, "doubtful": 0},
        "notes": list(notes),
    }


def done(name: str, *people: dict[str, Any], groups: dict[str, str] | None = None, **changed: Any) -> Clip:
    """A clip that is done; its files are called after it."""
    stem = name.rpartition("/")[2]
    files = {f"{name}/{stem}_{what}": 1 for what in ("refined.npz", "report.json", "comparison.mp4")}
    given: dict[str, Any] = {"outputs": files, "video": WRITTEN, "seconds": 0.5, "people": people} | changed
    return Clip(Row(name, Path("in") / name, groups=groups or {}), Record(name, "run", "done", **given))


def failed(name: str, reason: str) -> Clip:
    """A clip that failed."""
    return Clip(Row(name, Path("in") / name), Record(name, "run", "failed", reason, seconds=0.1))


def many(count: int) -> list[Clip]:
    """Clips of several sports; every 37th failed, and every 41st got worse."""
    random = np.random.default_rng(0)
    clips = []
    for number in range(count):
        sport = SPORTS[number % len(SPORTS)]
        name = f"{sport}/{number:05}/front"
        before = float(random.gamma(9, 8))
        after = before * float(1.2 if number % 41 == 7 else random.beta(6, 5))
        if number % 37 == 5:
            clips.append(failed(name, "hmr4d_results.pt: cut off"))
        else:
            clips.append(done(name, person(before, after, notes=(NOTE,)), groups={"sport": sport}))
    return clips
