"""`Painter`: one frame of the comparison video, in any layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8

from lsmplify_refine.options import VideoLayout
from lsmplify_refine.visual.comparison.keypoints import MIN_FILLED
from lsmplify_refine.visual.comparison.layouts import (
    Errors,
    draw_captions,
    draw_people,
    draw_titles,
    wipe,
    wipe_edge,
)
from lsmplify_refine.visual.comparison.legend import Item
from lsmplify_refine.visual.comparison.people import Actor, DrawnPerson, frames_where, over_frames
from lsmplify_refine.visual.comparison.sheet import Sheet, arrange
from lsmplify_refine.visual.comparison.strip import Strip, Timeline
from lsmplify_refine.visual.comparison.style import (
    KEYPOINT_COLOR,
    STATUS_COLORS,
    TEXT_COLOR,
    Stage,
    body_color,
)
from lsmplify_refine.visual.comparison.text import text_size
from lsmplify_refine.visual.comparison.world import World
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.video import VideoInfo


class Painter:
    """Draws the frames of a comparison, one after another.

    Args:
        video: The clip.
        people: Whom to draw.
        layout: How.
        as_read: Whether the input as read is shown as well.
        kept: Frames that the video shows, for the strip; None for all.
    """

    def __init__(
        self,
        video: VideoInfo,
        people: Sequence[DrawnPerson],
        *,
        layout: VideoLayout = "side-by-side",
        as_read: bool = False,
        kept: Bool[np.ndarray, " frames"] | None = None,
    ) -> None:
        self._video, self._layout, self._fps = video, layout, float(video.fps)
        self._stages: tuple[Stage, ...] = ("input", "before", "after") if as_read else ("before", "after")
        self._panels = _panels(layout, self._stages)
        in_world = layout == "world"
        self._actors = [
            Actor(
                person,
                body_color(index, len(people)),
                {stage: (person.world if in_world else person.bodies)[stage].vertices for stage in self._stages},
            )
            for index, person in enumerate(people)
        ]
        self._errors, self._unit = _errors(people, self._stages, video.frames), people[0].unit if people else ""
        sheet = arrange(video.width, video.height, len(self._panels))
        timeline = _timeline(people, self._errors, video, self._unit, kept)
        size = 0.62 * text_size(sheet.width, sheet.height)
        self._strip = Strip(timeline, _legend(people, in_world=in_world), sheet.size[0], size)
        self._sheet = replace(sheet, footer=self._strip.height + (sheet.size[1] + self._strip.height) % 2)
        self._world = (
            World(self._actors, self._stages, frames=video.frames, fps=self._fps, size=(sheet.width, sheet.height))
            if in_world
            else None
        )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, pixels."""
        return self._sheet.size

    def paint(
        self, image: UInt8[np.ndarray, "height width 3"], frame: int, renderer: MeshRenderer
    ) -> UInt8[np.ndarray, "sheet_height sheet_width 3"]:
        """Draw a frame.

        Args:
            image: The clip's picture, not changed.
            frame: Its number.
            renderer: Draws the meshes.
        """
        sheet = self._sheet
        picture = np.empty((sheet.size[1], sheet.size[0], 3), np.uint8)
        panels = sheet.panels(picture)
        if self._world is not None:
            panels[0][:] = self._world.draw(frame, image, renderer)
        else:
            fitted = _fitted(image, sheet)
            for panel, stages in zip(panels, self._panels):
                panel[:] = fitted
                if stages and self._layout == "wipe":
                    self._wipe(panel, frame, renderer)
                elif stages:
                    draw_people(panel, frame, stages, self._actors, renderer, sheet.scale)
            for panel in panels[len(self._panels) :]:
                panel[:] = 0
        for panel, stages in zip(panels, self._panels):
            draw_titles(panel, frame, stages, self._errors, self._unit)
        draw_captions(panels[len(self._panels) - 1], frame, self._actors)
        for column in range(1, sheet.columns):
            picture[: sheet.rows * sheet.height, column * sheet.width] = 24
        self._strip.draw(picture[sheet.rows * sheet.height :], frame)
        return picture

    def _wipe(self, panel: UInt8[np.ndarray, "height width 3"], frame: int, renderer: MeshRenderer) -> None:
        before = panel.copy()
        draw_people(before, frame, ["before"], self._actors, renderer, self._sheet.scale)
        draw_people(panel, frame, ["after"], self._actors, renderer, self._sheet.scale)
        wipe(before, panel, wipe_edge(frame, self._fps, panel.shape[1]))


def _panels(layout: VideoLayout, stages: tuple[Stage, ...]) -> list[tuple[Stage, ...]]:
    """The stages that each panel shows."""
    each: list[tuple[Stage, ...]] = [(stage,) for stage in stages]
    if layout == "side-by-side":
        return each
    return [(), *each] if layout == "triptych" else [stages]


def _fitted(
    image: UInt8[np.ndarray, "height width 3"], sheet: Sheet
) -> UInt8[np.ndarray, "panel_height panel_width 3"]:
    """A picture in the size of a panel."""
    if image.shape[:2] == (sheet.height, sheet.width):
        return image
    way = cv2.INTER_AREA if sheet.scale < 1 else cv2.INTER_CUBIC
    fitted: np.ndarray = cv2.resize(image, (sheet.width, sheet.height), interpolation=way)
    return fitted


def _errors(people: Sequence[DrawnPerson], stages: Sequence[Stage], frames: int) -> Errors:
    """Errors of each stage: the mean of everybody's."""
    found: Errors = {}
    for stage in stages:
        clips = [person.bodies[stage].mean_error for person in people if stage in person.bodies]
        if np.isfinite(clips).any():
            found[stage] = _mean(over_frames(people, stage, frames)), float(np.nanmean(clips))
    return found


def _mean(errors: Float[np.ndarray, "people frames"]) -> Float[np.ndarray, " frames"]:
    known = np.isfinite(errors)
    count = known.sum(0)
    return np.where(count > 0, np.where(known, errors, 0.0).sum(0) / np.maximum(count, 1), np.nan)


def _timeline(
    people: Sequence[DrawnPerson],
    errors: Errors,
    video: VideoInfo,
    unit: str,
    kept: Bool[np.ndarray, " frames"] | None,
) -> Timeline:
    return Timeline(
        errors={stage: curve for stage, (curve, _) in errors.items()},
        status={
            status: frames_where((person, _equal(person.status, status)) for person in people)
            for status in STATUS_COLORS
        },
        repaired=frames_where((person, person.repaired) for person in people),
        frames=video.frames,
        unit=unit,
        times=_times(video),
        kept=kept,
    )


def _times(video: VideoInfo) -> Float[np.ndarray, " frames"]:
    """When each frame is shown, seconds from the first."""
    if video.pts is None:
        return np.arange(video.frames) / float(video.fps)
    times: np.ndarray = (video.pts - video.pts[0]) * float(video.time_base)
    return times


def _equal(values: np.ndarray | None, value: str) -> np.ndarray | None:
    return None if values is None else values == value


def _legend(people: Sequence[DrawnPerson], *, in_world: bool) -> list[Item]:
    """What the marks in the panels mean."""
    items: list[Item] = []
    if in_world:
        items.append(Item("text", TEXT_COLOR, "lines on the ground: the last 3 s of the feet"))
    elif any(person.keypoints is not None for person in people):
        items.append(Item("dot", KEYPOINT_COLOR, "keypoint"))
        items.append(Item("ring", KEYPOINT_COLOR, f"confidence below {MIN_FILLED}"))
        if any(body.points is not None for person in people for body in person.bodies.values()):
            items.append(Item("link", TEXT_COLOR, "body's own point, residual"))
    if len(people) > 1:
        items.append(Item("text", TEXT_COLOR, f"errors: mean of {len(people)} people"))
    return items
