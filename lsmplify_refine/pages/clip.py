"""The page of a clip: its report, to look at. Everything on it comes from the report, but for the video beside it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from lsmplify_refine.pages import plots, words
from lsmplify_refine.pages.base import render
from lsmplify_refine.pages.cursor import cursor_data
from lsmplify_refine.pages.figures import Drawn
from lsmplify_refine.pages.film import Film
from lsmplify_refine.pages.moments import moments

#: People up to which each has all figures; of more, each has its errors over time and its worst moment.
_MAX_DETAILED = 6

#: What each stage is, in a line; its name; its class in the style.
_STAGES = {
    "input": ("as read", "The file's own motion, on the open body or yours, where the file puts it.", "soft"),
    "calibrated": (
        "calibrated",
        "The same motion, only shape and place fitted to the keypoints: doing nothing, the column to beat.",
        "before",
    ),
    "refined": ("refined", "What was written: corrected towards the keypoints, freed of jitter, feet kept.", "after"),
    "fitted": ("fitted", "What was written: a body fitted to the keypoints, without an estimate.", "after"),
}


@dataclass(frozen=True)
class Beside:
    """What lies beside a page, or is embedded in it.

    Attributes:
        results: Name of the results.
        report: Name of the JSON report.
        more: Names of further results.
        comparison: Name of the comparison video, or None.
        film: That video where it is now, or None.
        scene: The motion in 3D as a page of its own, or None.
    """

    results: str
    report: str
    more: Sequence[str] = ()
    comparison: str | None = None
    film: Film | None = None
    scene: str | None = None


def clip_page(report: Mapping[str, Any], beside: Beside) -> str:
    """The page as HTML.

    Args:
        report: As the JSON report holds it.
        beside: What lies beside the page.
    """
    count = len(report["people"])
    detailed = count <= _MAX_DETAILED
    people = [
        _person(index, person, alone=count == 1, detailed=detailed) for index, person in enumerate(report["people"])
    ]
    # moments that follow each other are not the clip's frames
    film = None if beside.comparison is None or report["settings"].get("only_worst") else beside.film
    found = [
        moment
        for index, person in enumerate(report["people"])
        for moment in moments(person, index)[: None if detailed else 1]
    ]
    pictures = film.pictures(moment.frame for moment in found) if film else {}
    source = report["settings"].get("input") or beside.results
    return render(
        "clip.html",
        scripts=("clip.js",),
        has_scene=beside.scene is not None,
        title=f"{source} – refinement report",
        source=source,
        headline=_headline(report["people"]),
        people=people,
        detailed=detailed,
        stages=[_STAGES[stage] for stage in _STAGES if any(stage in person["metrics"] for person in report["people"])],
        notes=_sorted_notes(report["notes"]),
        settings={name: value for name, value in report["settings"].items() if value not in (None, [], False)},
        versions=report["versions"],
        files=[beside.results, *beside.more, *([beside.comparison] if beside.comparison else []), beside.report],
        comparison=beside.comparison,
        linked=film is not None,
        moments=[(moment, pictures[moment.frame]) for moment in found if moment.frame in pictures],
        scene=None if beside.scene is None else Markup(escape(beside.scene)),
        view_command=shlex.join(["lsmplify-refine", "view", beside.results]),
        data=cursor_data(report["people"], film),
    )


def _headline(people: Sequence[Mapping[str, Any]]) -> str:
    if len(people) == 1:
        return words.headline(people[0]["metrics"])
    return words.several(people)


def _person(index: int, person: Mapping[str, Any], *, alone: bool, detailed: bool) -> dict[str, Any]:
    name = words.error_name(person)
    unit = words.name_of(name)[1]
    frames, points = person["per_frame"], person["per_keypoint"]
    who = "" if alone else f"Person {person['track_id']}: "
    return {
        "index": index,
        "report": person,
        "alone": alone,
        "headline": words.headline(person["metrics"]),
        "decisions": words.decisions(person["counts"], person["frames"], fitted="fitted" in person["metrics"]),
        "changes": words.changes(person["metrics"]),
        "rows": list(_metric_rows(person["metrics"])),
        "stages": [(stage, *_STAGES.get(stage, (stage, "", ""))) for stage in person["metrics"]],
        "errors": _error_plot(frames, name, unit, who),
        "points": plots.keypoint_bars(points, name, unit=unit, words=f"{who}{_keypoint_words(points, name, unit)}")
        if detailed
        else None,
        "error_name": name,
        "points_seen": sum(1 for share in points["seen_share"] if share),
        "point_rows": list(_point_rows(points, name)),
        "reasons": Counter(reason for reason in frames["reason"] if reason).most_common(),
        "unseen": [point for point, value in zip(points["name"], points[f"{name}_after"]) if value is None],
        "jitter": _jitter_plot(frames, who) if detailed else None,
        "feet": _foot_plot(frames, who) if detailed and "left_foot_stands" in frames else None,
        "span": (frames["frame_id"][0], frames["frame_id"][-1]),
        "repairs": _repairs(person),
        "notes": _sorted_notes(person["notes"]),
    }


def _error_plot(frames: Mapping[str, Any], name: str, unit: str, who: str) -> Drawn | None:
    if not _has_values(frames, name):
        return None
    text = (
        f"{who}Mean distance to the keypoints in each frame, in {unit}, {_from_to(frames, name)}. Strips below mark "
        "frames that keep a part of the correction or none, and frames with repaired keypoints."
    )
    label = f"distance, {unit}"
    return plots.over_time(frames, name, label=label, words=text, strips=plots.decision_strips(frames))


def _jitter_plot(frames: Mapping[str, Any], who: str) -> Drawn | None:
    name = "jitter_10m_per_s3"
    if not _has_values(frames, name):
        return None
    text = f"{who}Jitter of the joints in each frame, in 10 m/s³ on a logarithmic axis, {_from_to(frames, name)}."
    return plots.over_time(frames, name, label="jitter, 10 m/s³", words=text, strips={}, log=True)


def _foot_plot(frames: Mapping[str, Any], who: str) -> Drawn | None:
    name = "foot_slide_cm_per_s"
    if not _has_values(frames, name):
        return None
    text = (
        f"{who}Speed along the ground of feet that stand, in cm/s, {_from_to(frames, name)}. Strips below mark when "
        "the left and the right foot stand."
    )
    return plots.over_time(frames, name, label="slide, cm/s", words=text, strips=plots.foot_strips(frames))


def _has_values(frames: Mapping[str, Any], name: str) -> bool:
    return any(value is not None for stage in ("before", "after") for value in frames[f"{name}_{stage}"])


def _from_to(frames: Mapping[str, Any], name: str) -> str:
    """The range of a curve before and after, in words."""
    said = []
    for stage in ("before", "after"):
        known = [value for value in frames[f"{name}_{stage}"] if value is not None]
        said.append(f"{min(known):.3g} to {max(known):.3g} {stage}" if known else f"unknown {stage}")
    return ", ".join(said)


def _keypoint_words(points: Mapping[str, Any], name: str, unit: str) -> str:
    pairs = zip(points["name"], points[f"{name}_before"], points[f"{name}_after"])
    said = [
        f"{point.replace('_', ' ')} {before:.3g} to {after:.3g}"
        for point, before, after in pairs
        if before is not None and after is not None
    ]
    return f"Mean distance of each keypoint before and after, in {unit}: {', '.join(said)}."


def _point_rows(points: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """A row for each keypoint that was seen."""
    columns = (points["name"], points[f"{name}_before"], points[f"{name}_after"], points["seen_share"])
    for index, (point, before, after, seen) in enumerate(zip(*columns, strict=True)):
        if seen:
            yield {"index": index, "name": point, "before": before, "after": after, "seen": seen}


def _metric_rows(metrics: Mapping[str, Mapping[str, float | None]]) -> Iterator[dict[str, Any]]:
    """A row for each metric; the change is that of the last stage against doing nothing."""
    for key in dict.fromkeys(key for stage in metrics.values() for key in stage):
        name, unit = words.name_of(key)
        old, new = (metrics.get(stage, {}).get(key) for stage in ("calibrated", "refined"))
        yield {
            "key": key,
            "name": name,
            "unit": unit,
            "values": [(stage, metrics[stage].get(key)) for stage in metrics],
            "change": words.change_words(old, new),
        }


def _repairs(person: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which keypoints were repaired, the most repaired first."""
    points = person["per_keypoint"]
    if "swapped_share" not in points:
        return None
    rows = [
        (index, name, swapped, distrusted)
        for index, (name, swapped, distrusted) in enumerate(
            zip(points["name"], points["swapped_share"], points["distrusted_share"])
        )
        if swapped or distrusted
    ]
    frames = person["per_frame"]
    return {
        "rows": sorted(rows, key=lambda row: -(row[2] + row[3])),
        "swapped": sum(1 for count in frames["keypoints_swapped"] if count),
        "distrusted": sum(1 for count in frames["keypoints_distrusted"] if count),
    }


def _sorted_notes(notes: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Warnings first."""
    return sorted(notes, key=lambda note: note["severity"] != "warning")
