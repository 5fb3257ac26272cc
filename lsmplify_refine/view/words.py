"""What the panel says: the legend of the colours, and the numbers of a frame. Texts of files are escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np

from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from lsmplify_refine.view.actor import Actor
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.clip import Stage as When
from lsmplify_refine.view.colors import KEYPOINT, RESIDUAL, RGB, STANDS, colors_of
from lsmplify_refine.view.stage import Stage

_SWATCH = '<span style="display:inline-block;width:.8em;height:.8em;border-radius:50%;background:rgb{}"></span> '
#: At most so many people have their own line in the legend.
_MAX_NAMED = 12


def legend(clips: Sequence[Clip]) -> list[tuple[RGB, str]]:
    """The colours of a clip's scenes, and what each stands for."""
    people = clips[0].people
    several = len(people) > 1
    entries: list[tuple[RGB, str]] = []
    for person, colors in list(zip(people, colors_of(len(people))))[:_MAX_NAMED]:
        whose = f", person {person.name}" if several else ""
        refined = "before" in person.figures
        names: dict[When, str] = {"before": "before", "after": "after"} if refined else {"after": "body"}
        entries += [(colors[stage], f"{name}{whose}") for stage, name in names.items()]
    if any(person.aim is not None for clip in clips for person in clip.people):
        entries += [(KEYPOINT, "keypoint"), (RESIDUAL, "residual, from the body's point to its keypoint")]
    if any(person.contacts is not None for person in people):
        entries.append((STANDS, "foot that stands"))
    return entries


def legend_html(clips: Sequence[Clip]) -> str:
    """The legend as HTML."""
    lines = [_SWATCH.format(color) + html.escape(text) for color, text in legend(clips)]
    return f'<div style="margin:.4em .9em;font-size:.85em">{"<br>".join(lines)}</div>'


def numbers_of(stage: Stage, frame: int, picked: tuple[int, int] | None) -> str:
    """The numbers of a frame, as Markdown; texts of files are code, which runs nothing.

    Args:
        stage: The visible scene.
        frame: The video frame.
        picked: Person and joint, by index, whose numbers are added.
    """
    clip = stage.clip
    lines = [f"**frame {frame}** of {clip.start} to {clip.stop - 1}, {clip.fps:g} fps"]
    for index, actor in enumerate(stage.actors):
        if index in stage.shown.hidden:
            continue
        lines.append(f"\nperson {_code(actor.person.name)}")
        row = actor.row("after", frame)
        if row is None:
            lines.append("- not in this frame")
            continue
        numbers = actor.person.numbers
        lines += [f"- {_code(key)}: {_code(values[row])}" for key, values in numbers.items() if values[row]]
        if picked is not None and picked[0] == index:
            lines += _of_joint(actor, row, picked[1])
    return "\n".join(lines)


def _of_joint(actor: Actor, row: int, joint: int) -> list[str]:
    """The numbers of a joint, as Markdown."""
    x, y, z = actor.bones["after"].positions[row, joint]
    numbers = {label: values[row, joint] for label, values in actor.person.joint_numbers.items()}
    known = [f"  - {label}: {value:.1f}" for label, value in numbers.items() if np.isfinite(value)]
    return [f"- **{JOINT_NAMES[joint]}** at {x:.3f}, {y:.3f}, {z:.3f} m", *known]


def _code(text: str) -> str:
    """Text as Markdown's inline code."""
    return "`" + text.replace("`", "'") + "`"
