"""The figures of a person that are worth a line: how far the refined motion is from doing nothing."""

from __future__ import annotations

import math

from rich.text import Text

from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.errors import escaped

#: Beginning of a metric's name -> its name in a headline, and its unit if the figures themselves are shown.
_METRICS = {
    "reprojection_px_": ("keypoint error", "px"),
    "mpjpe_mm_": ("keypoint error", "mm"),
    "jitter_10m_per_s3": ("jitter", ""),
    "foot_slide_cm_per_s": ("foot slide", ""),
}

#: Percent below which a change has no colour.
_NO_CHANGE = 1.0


def headline(refinement: Refinement) -> Text:
    """Such as "person 0: keypoint error 18.3 -> 5.1 px (-72 %), jitter -50 %", for the terminal.

    The first figures are those of the calibrated input ("do nothing"), so that the fitted shape is not counted. After
    `fit`, there was nothing before.
    """
    text = Text(f"person {escaped(refinement.estimate.track_id)}:", style="bold")
    stages = refinement.metrics
    last = [*stages][-1]
    before, after = stages.get("calibrated", {}), stages[last]
    shown: set[str] = set()
    for begin, (name, unit) in _METRICS.items():
        metric = next((each for each in after if each.startswith(begin)), None)
        if metric is None or name in shown or not math.isfinite(after[metric]):
            continue
        figures = _figures(before.get(metric, math.nan), after[metric], unit)
        if figures.plain:
            text.append(", " if shown else " ").append(f"{name} ").append_text(figures)
            shown.add(name)
    return text


def _figures(before: float, after: float, unit: str) -> Text:
    """Before and after with their unit, and the change in percent."""
    if not math.isfinite(before) or before <= 0:
        return Text(f"{after:.1f} {unit}" if unit else "", style="not bold")
    percent = 100 * (after / before - 1)
    # rounded first: nothing is -0 %
    change = Text(f"{round(percent) + 0:+d} %" if round(percent) else "0 %", style=_style(percent))
    if not unit:
        return change
    return Text(f"{before:.1f} -> {after:.1f} {unit} (", style="not bold").append_text(change).append(")")


def _style(percent: float) -> str:
    if abs(percent) < _NO_CHANGE:
        return "not bold"
    return "green" if percent < 0 else "yellow"


def details(refinement: Refinement) -> list[str]:
    """What was read and assumed of a person, for `-v`."""
    estimate, keypoints, body = refinement.estimate, refinement.keypoints, refinement.after.body
    rate = "no frame rate" if estimate.fps is None else f"{estimate.fps:g} fps"
    model = "the open body" if body.is_open else f"{body.family} {body.gender}"
    lines = [
        f"person {estimate.track_id}: read as {estimate.format or 'keypoints'}, {estimate.family} {estimate.gender}, "
        f"{len(estimate)} frames, {rate}, in {estimate.frame} coordinates",
        f"keypoints: {keypoints.convention}, of {keypoints.source or 'the input'}",
        f"body: {model}, size {refinement.after.scale:.3f}",
    ]
    if refinement.camera is not None:
        size = refinement.camera.image_size
        images = "" if size is None else f", images of {size[0]}x{size[1]} px"
        lines.append(f"camera: focal length {refinement.camera.K[0, 0, 0]:.0f} px{images}")
    return lines
