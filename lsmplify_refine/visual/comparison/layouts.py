"""The layouts that draw over the picture: panels beside each other, bodies over each other, and a wipe."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, UInt8

from lsmplify_refine.visual.comparison.keypoints import draw_keypoints, draw_residuals
from lsmplify_refine.visual.comparison.people import Actor
from lsmplify_refine.visual.comparison.style import (
    OPACITY,
    STAGE_COLORS,
    STAGE_TITLES,
    TEXT_COLOR,
    Color,
    Stage,
    lighter,
)
from lsmplify_refine.visual.comparison.text import Line, block, extent, put, text_size
from lsmplify_refine.visual.mesh import MeshRenderer

#: How much an earlier stage's body hides where both are in one picture.
_BEHIND_OPACITY = 0.45
#: Time in which the edge of a wipe goes from left to right and back, seconds, and how far it goes.
_WIPE_SECONDS, _WIPE_SHARE = 5.0, 0.9

Panel = UInt8[np.ndarray, "height width 3"]
#: Errors of each stage over the frames, the mean of everybody's, and the mean of the clip.
Errors = dict[Stage, tuple[Float[np.ndarray, " frames"], float]]


def draw_people(
    panel: Panel, frame: int, stages: Sequence[Stage], actors: Sequence[Actor], renderer: MeshRenderer, scale: float
) -> None:
    """Draw everybody's bodies, keypoints and residuals into a picture.

    Args:
        panel: Changed.
        frame: Of the video.
        stages: Whose bodies are drawn; the last one's is on top.
        actors: Everybody.
        renderer: Draws the meshes.
        scale: Pixels of the panel per pixel of the video.
    """
    there = [(actor, row) for actor in actors if (row := actor.row(frame)) is not None]
    if len(there) > 1:
        # the nearest is drawn last, on top
        there.sort(key=lambda found: -float(found[0].mesh(stages[-1], found[1])[0][:, 2].mean()))
    for actor, row in there:
        person = actor.person
        assert person.K is not None  # these layouts need a camera
        K = person.K[row] * np.array([[scale], [scale], [1.0]])
        for stage in stages:
            mesh, surface = actor.mesh(stage, row)
            color, opacity = body_look(actor, stage, stages, alone=len(actors) == 1)
            renderer.overlay(panel, mesh, K, surface, color=color, opacity=opacity)
        if person.keypoints is not None:
            draw_keypoints(panel, person.keypoints, row, scale)
            for stage in stages:
                points = person.bodies[stage].points
                if points is not None:
                    draw_residuals(panel, points[row], person.keypoints, row, scale, STAGE_COLORS[stage])
        if len(actors) > 1:
            _tag(panel, actor, row, stages[-1], scale)


def body_look(actor: Actor, stage: Stage, stages: Sequence[Stage], *, alone: bool) -> tuple[Color, float]:
    """Colour and opacity of a body in a picture that shows some stages."""
    if stage == stages[-1]:
        return actor.color, OPACITY
    return STAGE_COLORS[stage] if alone else lighter(actor.color, 0.6), _BEHIND_OPACITY


def draw_titles(panel: Panel, frame: int, stages: Sequence[Stage], errors: Errors, unit: str) -> None:
    """Write the stages of a picture with their errors of the frame and of the clip."""
    size = text_size(panel.shape[1], panel.shape[0])
    lines: list[Line] = []
    for stage in stages:
        figures = _figures(errors[stage], frame, unit) if stage in errors else ""
        if len(stages) == 1:
            lines.append(Line(STAGE_TITLES[stage], size, STAGE_COLORS[stage]))
            lines += [Line(figures, 0.68 * size, TEXT_COLOR)] if figures else []
        else:
            lines.append(Line(f"{STAGE_TITLES[stage]}  {figures}".strip(), 0.75 * size, STAGE_COLORS[stage]))
    block(panel, lines or [Line("CLIP", size, TEXT_COLOR)], "top-left")


def _figures(errors: tuple[Float[np.ndarray, " frames"], float], frame: int, unit: str) -> str:
    now, clip = errors[0][frame], errors[1]
    if not math.isfinite(clip):
        return ""
    return f"{f'{now:.1f}' if math.isfinite(now) else '-'} {unit} (clip {clip:.1f})"


def draw_captions(panel: Panel, frame: int, actors: Sequence[Actor]) -> None:
    """Write what the gate did in a frame, at the bottom, where few people stand."""
    said: dict[str, list[str]] = {}
    for actor in actors:
        if caption := actor.caption(frame):
            said.setdefault(caption, []).append(actor.person.name)
    if said:
        alone = len(actors) == 1
        text = "; ".join(caption if alone else f"{', '.join(names)}: {caption}" for caption, names in said.items())
        block(panel, [Line(text, 0.68 * text_size(panel.shape[1], panel.shape[0]), TEXT_COLOR)], "bottom-left")


def wipe_edge(frame: int, fps: float, width: int) -> int:
    """Column of a wipe's edge: it goes to and fro, so that each part is seen before and after."""
    phase = 2 * math.pi * frame / fps / _WIPE_SECONDS
    return round(width * (0.5 - 0.5 * _WIPE_SHARE * math.cos(phase)))


def wipe(before: Panel, after: Panel, edge: int) -> None:
    """Replace what is left of an edge by another picture."""
    after[:, :edge] = before[:, :edge]
    half = max(1, after.shape[1] // 640)
    after[:, max(0, edge - half) : edge + half] = TEXT_COLOR


def _tag(panel: Panel, actor: Actor, row: int, stage: Stage, scale: float) -> None:
    """The person's name above the body."""
    points = actor.person.bodies[stage].points
    if points is None or not np.isfinite(points[row]).all():
        return
    line = Line(actor.person.name, 0.6 * text_size(panel.shape[1], panel.shape[0]), actor.color)
    width, height, _ = extent(line.text, line.size)
    top = points[row, points[row, :, 1].argmin()] * scale
    left, base = round(float(top[0])) - width // 2, round(float(top[1])) - 2 * height
    if 0 <= left < panel.shape[1] - width and height < base < panel.shape[0]:
        plate = panel[base - height - 3 : base + 4, max(0, left - 3) : left + width + 3]
        plate[:] = plate // 3
        put(panel, line, left, base)
