"""`run.html`: what became of a batch, as one page that opens offline; all of it comes from the records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsmplify_refine.batch.clips import Clip, people_of
from lsmplify_refine.batch.figures import EQUAL, Figure, error_of, figures, got_worse, jitter, mean_of
from lsmplify_refine.batch.history import Run
from lsmplify_refine.batch.page_figures import Distribution, distribution
from lsmplify_refine.batch.page_rows import Place, places, table_data
from lsmplify_refine.batch.table import Table, legend
from lsmplify_refine.batch.words import change, duration, of_clips

#: Clips in each of the short lists; the table at the end has all of them.
_LISTED = 10

#: Clips that a distribution needs to be one.
_MIN_CLIPS = 5


@dataclass(frozen=True)
class Card:
    """A figure of the whole batch.

    Attributes:
        name: What it is.
        before, after: Means over frames.
        unit: Their unit.
        change: From one to the other, in words.
        is_better: Whether it fell; None if it is about the same.
    """

    name: str
    before: float
    after: float
    unit: str
    change: str
    is_better: bool | None


@dataclass(frozen=True)
class Ranked:
    """A clip in one of the short lists.

    Attributes:
        place: The clip and its files.
        before, after: Its error.
        unit: Of the error.
        change: In words.
    """

    place: Place
    before: float
    after: float
    unit: str
    change: str


@dataclass(frozen=True)
class NoteKind:
    """A kind of note.

    Attributes:
        code: The kind.
        clips: How many clips have it.
        is_warning: Whether something may be wrong with one of them.
        example: The text of the first one.
        place: The clip that has it.
    """

    code: str
    clips: int
    is_warning: bool
    example: str
    place: Place


def page(clips: Sequence[Clip], tables: Sequence[Table], runs: Sequence[Run]) -> str:
    """The page as HTML.

    Args:
        clips: All clips of the batch.
        tables: As `table.tables` gives them.
        runs: The last run of each share, the latest first.
    """
    from lsmplify_refine.pages.base import render

    people = people_of(clips)
    shown = _shown(people)
    at = dict(zip((clip.row.name for clip in clips), places(clips)))
    failed = [clip for clip in clips if clip.status == "failed"]
    ranked = _ranked(clips, at)
    worse = [ranked[name] for name in _worse(clips) if name in ranked]
    by_gain = sorted(ranked.values(), key=lambda each: each.after / each.before)
    return render(
        "run.html",
        scripts=("run.js",),
        title=_title(clips),
        headline=_headline(clips, people),
        failed=[(at[clip.row.name], clip.record.reason) for clip in failed[:_LISTED] if clip.record],
        failed_count=len(failed),
        left_count=sum(clip.status == "not begun" for clip in clips),
        cards=[_card([person for _, person in people], figure) for figure in shown],
        distributions=_distributions(clips, shown),
        tables=tables,
        legend=legend(people),
        worse=worse[:_LISTED],
        worse_count=len(worse),
        worst=by_gain[: -_LISTED - 1 : -1],
        # few clips are all in the first list
        best=by_gain[:_LISTED] if len(by_gain) > _LISTED else [],
        notes=_notes(clips, at),
        seconds=_seconds(clips, runs),
        settings=_settings(runs),
        versions=runs[0].versions if runs else {},
        data=table_data(clips, at),
        equal=EQUAL,
    )


def _title(clips: Sequence[Clip]) -> str:
    done = sum(clip.status == "done" for clip in clips)
    return f"{of_clips(done)} refined" if done == len(clips) else f"{done} of {of_clips(len(clips))} refined"


def _headline(clips: Sequence[Clip], people: Sequence[tuple[Any, Mapping[str, Any]]]) -> str:
    """The batch in one or two sentences."""
    everybody = [person for _, person in people]
    figure = error_of(everybody)
    if figure is None:
        return "No clip has an error that could be measured." if people else "No clip is done yet."
    _, before, after = mean_of(everybody, figure)
    against = "the ground truth" if figure.source == "truth" else "the keypoints"
    measured = [mean_of(clip.people, figure) for clip in clips if clip.people]
    fell = sum(value[2] < value[1] - EQUAL for value in measured)
    worse = len(_worse(clips))
    got = "No clip got worse." if not worse else f"{of_clips(worse)} got worse."
    where = "every clip" if fell == len(measured) else f"{fell} of {of_clips(len(measured))}"
    return (
        f"{figure.label} to {against} went from {before:.1f} to {after:.1f} {figure.unit} "
        f"({change(before, after)}). It fell in {where}. {got}"
    )


def _shown(people: Sequence[tuple[Any, Mapping[str, Any]]]) -> list[Figure]:
    everybody = [person for _, person in people]
    more = jitter(everybody)
    return [*figures(everybody), *([more] if more else [])]


def _card(people: Sequence[Mapping[str, Any]], figure: Figure) -> Card:
    _, before, after = mean_of(people, figure)
    near = not math.isfinite(before + after) or abs(after - before) <= 0.01 * abs(before)
    return Card(figure.heading, before, after, figure.unit, change(before, after), None if near else after < before)


def _worse(clips: Sequence[Clip]) -> list[str]:
    return [clip.row.name for clip in clips if any(map(got_worse, clip.people))]


def _ranked(clips: Sequence[Clip], at: Mapping[str, Place]) -> dict[str, Ranked]:
    """The clips that have an error."""
    found = {}
    for clip in clips:
        figure = error_of(clip.people)
        if figure is not None:
            _, before, after = mean_of(clip.people, figure)
            if before > 0:
                name = clip.row.name
                found[name] = Ranked(at[name], before, after, figure.unit, change(before, after))
    return found


def _distributions(clips: Sequence[Clip], shown: Sequence[Figure]) -> list[Distribution]:
    """The distribution of each figure over clips, if there are enough of them."""
    found = []
    for figure in shown:
        values = np.array([mean_of(clip.people, figure)[1:] for clip in clips if clip.people]).reshape(-1, 2)
        values = values[np.isfinite(values).all(1)]
        if len(values) >= _MIN_CLIPS:
            found.append(distribution(figure, values))
    return found


def _notes(clips: Sequence[Clip], at: Mapping[str, Place]) -> list[NoteKind]:
    """The kinds of notes, warnings first, then by how many clips have them."""
    counts: Counter[str] = Counter()
    first: dict[str, tuple[str, Place]] = {}
    warnings = set()
    for clip in clips:
        codes = set()
        for note in clip.notes():
            code = str(note["code"])
            codes.add(code)
            first.setdefault(code, (str(note["text"]), at[clip.row.name]))
            warnings |= {code} if note["severity"] == "warning" else set()
        counts.update(codes)
    kinds = [NoteKind(code, count, code in warnings, *first[code]) for code, count in counts.items()]
    return sorted(kinds, key=lambda kind: (not kind.is_warning, -kind.clips, kind.code))


def _seconds(clips: Sequence[Clip], runs: Sequence[Run]) -> list[str]:
    """How long it took, in sentences."""
    records = [clip.record for clip in clips if clip.record is not None]
    seconds = sum(record.seconds for record in records)
    frames = sum(int(person["frames"]) for clip in clips for person in clip.people)
    told = []
    if records:
        told.append(
            f"{frames} frames in {of_clips(len(records))} took {duration(seconds)} of work, "
            f"{seconds / len(records):.2f} s for each clip."
        )
    for run in runs:
        share = "" if run.shard == "1/1" else f" of share {run.shard}"
        if run.seconds is None:
            told.append(f"The last run{share} was broken off.")
        elif run.clips:
            rate = run.clips / max(run.seconds, 1e-3)
            took = f"{duration(run.seconds)}: {rate:.2f} clips per second"
            told.append(f"The last run{share} did {of_clips(run.clips)} in {took}.")
    return told


def _settings(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """The settings of the latest run as options of the command."""
    if not runs:
        return []
    return [(f"--{name.replace('_', '-')}", _text(value)) for name, value in runs[0].settings.items()]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
