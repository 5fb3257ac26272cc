"""The moments of a clip worth a look: its worst frame, its best, and the one that changed most."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lsmplify_refine.pages.words import error_name

#: Why a moment is worth a look, and what makes it so, from its errors before and after.
_RANKS: dict[str, Callable[[float, float], float]] = {
    "Worst after refining": lambda before, after: after,
    "Changed most": lambda before, after: abs(before - after),
    "Best after refining": lambda before, after: -after,
}


@dataclass(frozen=True)
class Moment:
    """A frame worth a look.

    Attributes:
        person: Index of the person in the report.
        frame: The video frame.
        title: Why it is worth one.
        before, after: Keypoint errors there.
        row: The person's row of that frame.
    """

    person: int
    frame: int
    title: str
    before: float
    after: float
    row: int


def moments(person: Mapping[str, Any], index: int) -> list[Moment]:
    """Up to three moments of a person, each of another frame."""
    frames = person["per_frame"]
    name = error_name(person)
    pairs = zip(frames["frame_id"], frames[f"{name}_before"], frames[f"{name}_after"])
    known = [(row, *each) for row, each in enumerate(pairs) if None not in each]
    found: list[Moment] = []
    for title, rank in _RANKS.items():
        left = [each for each in known if each[0] not in {moment.row for moment in found}]
        if left:
            row, frame, before, after = max(left, key=lambda each: rank(*each[2:]))
            found.append(Moment(index, frame, title, before, after, row))
    return found
