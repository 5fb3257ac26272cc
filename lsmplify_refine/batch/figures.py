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

#: Names and units of figures by the beginning of a metric's name, in the order of the table.
_NAMES = {
    "mpjpe_mm": ("MPJPE", "mm"),
    "pa_mpjpe_mm": ("PA-MPJPE", "mm"),
    "pve_mm": ("PVE", "mm"),
    "reprojection_px": ("2D error", "px"),
    "accel_m_per_s2": ("Accel", "m/s²"),
    "accel_mm_per_frame2": ("Accel", "mm/frame²"),
    "foot_slide_cm_per_s": ("Foot slide", "cm/s"),
    "jitter_10m_per_s3": ("Jitter", "10 m/s³"),
}

#: Figures that the table leaves out; the page shows them.
_ON_THE_PAGE = ("jitter_10m_per_s3",)

#: The figures that are errors, in the order of preference.
_ERRORS = ("mpjpe_mm", "pve_mm", "reprojection_px")


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
    def label(self) -> str:
        """Its name, as papers have it."""
        return self._named[0]

    @property
    def unit(self) -> str:
        """Its unit."""
        return self._named[1]

    @property
    def heading(self) -> str:
        """Its name and unit, and what an error is against."""
        against = "" if self.source == "truth" else " to the keypoints"
        return f"{self.label} {self.unit}".strip() + (against if self.is_error else "")

    @property
    def is_error(self) -> bool:
        """Whether it is an error of positions."""
        return self.name.startswith(_ERRORS)

    @property
    def _named(self) -> tuple[str, str]:
        return next((named for start, named in _NAMES.items() if self.name.startswith(start)), (self.name, ""))

    def of(self, person: Mapping[str, Any], stage: str) -> float:
        """Its value at a stage of a person's record; NaN if there is none.

        Args:
            person: A person of a record (see `Record.people`).
            stage: One of `STAGES`.
        """
        value = (person.get(self.source) or {}).get(stage, {}).get(self.name)
        return math.nan if value is None else float(value)

    def before(self, person: Mapping[str, Any]) -> float:
        """Its value if nothing is done: the truth is compared with the file as read, keypoints with the fitted body.

        Args:
            person: A person of a record.
        """
        return self.of(person, "input" if self.source == "truth" else "calibrated")

    def frames(self, person: Mapping[str, Any]) -> int:
        """Frames that it is a mean of.

        Args:
            person: A person of a record.
        """
        return int(person["truth_frames" if self.source == "truth" else "frames"])


def figures(people: Iterable[Mapping[str, Any]]) -> list[Figure]:
    """The figures of these people that have a heading, in the order of the table, those against the truth first.

    Args:
        people: People of records.
    """
    found = {
        Figure(source, name): None
        for person in people
        for source in _sources()
        for name in (person.get(source) or {}).get("refined", {})
        if _rank(name) < len(_NAMES) and not name.startswith(_ON_THE_PAGE)
    }
    ordered = sorted(found, key=lambda figure: (_sources().index(figure.source), _rank(figure.name), figure.name))
    told = {_kind(figure) for figure in ordered if figure.source == "truth"}
    # what the truth tells need not be told by the keypoints
    return [figure for figure in ordered if figure.source == "truth" or _kind(figure) not in told]


def jitter(people: Iterable[Mapping[str, Any]]) -> Figure | None:
    """The figure of jitter that these people have; None if they have none.

    Args:
        people: People of records.
    """
    names = dict.fromkeys(name for person in people for name in person["metrics"].get("refined", {}))
    return next((Figure("metrics", name) for name in sorted(names, key=len) if name.startswith(_ON_THE_PAGE)), None)


def error_of(people: Iterable[Mapping[str, Any]]) -> Figure | None:
    """The error of these people: the first figure that is one, against the truth if it is known; None without one.

    Args:
        people: People of records.
    """
    return next((figure for figure in figures(people) if figure.name.startswith(_ERRORS)), None)


def mean_of(people: Iterable[Mapping[str, Any]], figure: Figure) -> tuple[float, float, float]:
    """Frames, and the mean over them before and after; (0, NaN, NaN) if nobody has the figure.

    Args:
        people: People of records.
        figure: The figure.
    """
    frames = before = after = 0.0
    for person in people:
        weight, values = figure.frames(person), (figure.before(person), figure.of(person, "refined"))
        if weight and all(map(math.isfinite, values)):
            frames, before, after = frames + weight, before + weight * values[0], after + weight * values[1]
    return (frames, before / frames, after / frames) if frames else (0.0, math.nan, math.nan)


def primary(person: Mapping[str, Any]) -> tuple[float, float]:
    """The error of a person before (do nothing) and after; NaN without one.

    Args:
        person: A person of a record.
    """
    figure = error_of([person])
    return (math.nan, math.nan) if figure is None else (figure.before(person), figure.of(person, "refined"))


def got_worse(person: Mapping[str, Any]) -> bool:
    """Whether the error of a person rose by more than what counts as equal.

    Args:
        person: A person of a record.
    """
    before, after = primary(person)
    return after > before + EQUAL


def _sources() -> tuple[Source, Source]:
    return "truth", "metrics"


def _rank(name: str) -> int:
    return next((at for at, start in enumerate(_NAMES) if name.startswith(start)), len(_NAMES))


def _kind(figure: Figure) -> str:
    return list(_NAMES)[_rank(figure.name)].partition("_m")[0]
