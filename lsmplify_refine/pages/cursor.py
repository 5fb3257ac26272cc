"""What the script of a clip's page knows, for the cursor that figures, video and scene share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lsmplify_refine.pages import words
from lsmplify_refine.pages.film import Film

#: Frames up to which the page holds the numbers of each, for the cursor to show.
_MAX_READOUT = 20_000
#: How much a frame's time may differ from an even rate, as a share of a frame; `clip.js` allows for twice as much.
_EVEN_SHARE = 0.05


def cursor_data(people: Sequence[Mapping[str, Any]], film: Film | None) -> dict[str, Any]:
    """The times of the video's frames, and the numbers of each frame.

    Args:
        people: The report's people.
        film: The video that is linked, or None.
    """
    whole = sum(person["frames"] for person in people) <= _MAX_READOUT
    return {
        "times": None if film is None else _times(film),
        "people": [_readout(person) if whole else None for person in people],
    }


def _readout(person: Mapping[str, Any]) -> dict[str, Any]:
    name, frames = words.error_name(person), person["per_frame"]
    return {
        "name": person["track_id"],
        "unit": words.name_of(name)[1],
        "frames": frames["frame_id"],
        "before": frames[f"{name}_before"],
        "after": frames[f"{name}_after"],
        "status": frames["status"],
        "reason": frames["reason"],
    }


def _times(film: Film) -> dict[str, Any]:
    """The video's frames: evenly spaced, or each frame's time."""
    count = len(film.times)
    step = film.times[-1] / (count - 1) if count > 1 else 0.0
    if all(abs(time - step * index) <= _EVEN_SHARE * step for index, time in enumerate(film.times)):
        return {"count": count, "step": step}
    return {"count": count, "each": film.times}
