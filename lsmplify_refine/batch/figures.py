"""The figures of a clip that the summary shows, out of its record: against the truth where it is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Stages of `Refinement.metrics`: as read, the body fitted and nothing else done, refined.
STAGES = ("input", "calibrated", "refined")

#: A result that is worse by less than this counts as equal: in the metric's own unit, mm or px.
EQUAL = 0.1

Source = Literal["truth", "metrics"]

#: Headings by the beginning of a metric's name, in the order of the table.
_HEADINGS = {
    "mpjpe_mm": "MPJPE mm",
    "pa_mpjpe_mm": "PA-MPJPE mm",
    "pve_mm": "PVE mm",
    "reprojection_px": "2D error px",
    "accel_m_per_s2": "Accel m/s²",
    "accel_mm_per_frame2": "Accel mm/frame²",
    "foot_slide_cm_per_s": "Foot slide cm/s",
}


@dataclass(frozen=True)
class Figure:
    """A metric of the records.

    Attributes:
        source: Whether it compares with the true motion.
        name: The metric's name.
    """

    source: Source
    name: str

    @property
    def heading(self) -> str:
        """Its heading, as papers have it."""
        start = next((start for start in _HEADINGS if self.name.startswith(start)), None)
        heading = self.name if start is None else _HEADINGS[start]
        against = "" if self.source == "truth" else " to the keypoints"
        return heading + (against if self.name.startswith(("mpjpe", "reprojection")) else "")

    def of(self, person: Mapping[str, Any], stage: str) -> float:
        """Its value at a stage of a person's record; NaN if there is none."""
        value = (person.get(self.source) or {}).get(stage, {}).get(self.name)
        return math.nan if value is None else float(value)

    def before(self, person: Mapping[str, Any]) -> float:
        """Its value if nothing is done: the truth is compared with the file as read, keypoints with the fitted body."""
        return self.of(person, "input" if self.source == "truth" else "calibrated")

    def frames(self, person: Mapping[str, Any]) -> int:
        """Frames that it is a mean of."""
        return int(person["truth_frames" if self.source == "truth" else "frames"])


def figures(people: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """The figures of these people that have a heading, in the order of the table, those against the truth first."""
    found = {
        Figure(source, name): None
        for person in people
        for source in _sources()
        for name in (person.get(source) or {}).get("refined", {})
        if _rank(name) < len(_HEADINGS)
    }
    ordered = sorted(found, key=lambda figure: (_sources().index(figure.source), _rank(figure.name), figure.name))
    told = {_kind(figure) for figure in ordered if figure.source == "truth"}
    # what the truth tells need not be told by the keypoints
    return [figure for figure in ordered if figure.source == "truth" or _kind(figure) not in told]


def primary(person: Mapping[str, Any]) -> tuple[float, float]:
    """The error before (do nothing) and after: the first figure that is an error; NaN without one."""
    for figure in figures([person]):
        if figure.name.startswith(("mpjpe_mm", "pve_mm", "reprojection_px")):
            return figure.before(person), figure.of(person, "refined")
    return math.nan, math.nan


def got_worse(person: Mapping[str, Any]) -> bool:
    """Whether the error of a person rose by more than what counts as equal."""
    before, after = primary(person)
    return after > before + EQUAL


def _sources() -> tuple[Source, Source]:
    return "truth", "metrics"


def _rank(name: str) -> int:
    return next((at for at, start in enumerate(_HEADINGS) if name.startswith(start)), len(_HEADINGS))


def _kind(figure: Figure) -> str:
    return list(_HEADINGS)[_rank(figure.name)].partition("_m")[0]
