"""The tables of a batch: do nothing against refined for each group of clips, with confidence intervals over clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsmplify_refine.batch.figures import EQUAL, Figure, figures, got_worse, mean_of
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.errors import escaped

#: Draws of the bootstrap, share of them inside of an interval, and seed: a summary that is made again is the same.
_DRAWS, _LEVEL, _SEED = 2000, 0.95, 0

#: One person of one clip.
Person = tuple[Row, Mapping[str, Any]]


@dataclass(frozen=True)
class Table:
    """Figures by group, as texts.

    Attributes:
        groups: Names of the columns that tell the groups apart.
        heads: Heads of all columns, those included.
        lines: The cells of each group, and those of all clips last if there are several groups.
    """

    groups: tuple[str, ...]
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


#: What the line of all clips is called.
ALL = "all"


def tables(people: Sequence[Person]) -> list[Table]:
    """Tables of do nothing against refined; none if there is nothing to show.

    Args:
        people: The people of all clips that are done.
    """
    shown = figures(person for _, person in people)
    return [_one(people, columns, shown) for columns in _groupings(people)] if shown else []


def markdown(found: Sequence[Table], people: Sequence[Person]) -> str:
    """Tables as Markdown, with a legend.

    Args:
        found: As `tables` gives them.
        people: The people of all clips that are done.
    """
    if not found:
        return "No clip is done.\n" if not people else "No clip has a figure.\n"
    return "\n".join([*(line for each in found for line in [*_lines(each), ""]), *legend(people)]) + "\n"


def _lines(table: Table) -> list[str]:
    groups = len(table.groups)
    aligned = ["---"] * groups + ["---:"] * (len(table.heads) - groups)
    *lines, last = table.lines
    if len(table.lines) > 1:
        last = (f"**{ALL}**", *last[1:])
    return [_line(table.heads), _line(aligned), *map(_line, [*lines, last])]


def _groupings(people: Sequence[Person]) -> list[tuple[str, ...]]:
    """Columns of each table: the first two, then the first with each further one that has several values."""
    values: dict[str, set[str]] = {}
    for row, _ in people:
        for name, value in row.groups.items():
            values.setdefault(name, set()).add(value)
    names = list(values)
    return [tuple(names[:2]), *((names[0], name) for name in names[2:] if len(values[name]) > 1)]


def _one(people: Sequence[Person], columns: tuple[str, ...], shown: Sequence[Figure]) -> Table:
    heads = (*columns, "clips", "frames", *(figure.heading for figure in shown), "worse")
    groups = _groups(people, columns)
    lines = [(*values, *_cells(inside, shown)) for values, inside in groups.items()]
    if len(groups) > 1:
        lines.append((ALL, *[""] * (len(columns) - 1), *_cells(people, shown)))
    return Table(columns, heads, tuple(lines))


def interval(differences: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Confidence interval of a weighted mean, by the bootstrap over clips (Efron 1979): percentiles.

    Args:
        differences: (C,) a value for each clip.
        weights: (C,) frames of each clip.
    """
    generator = np.random.default_rng(_SEED)
    means = []
    for _ in range(_DRAWS):
        drawn = generator.integers(0, len(differences), len(differences))
        means.append((differences[drawn] * weights[drawn]).sum() / weights[drawn].sum())
    low, high = np.quantile(means, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)


def _groups(people: Sequence[Person], columns: Sequence[str]) -> dict[tuple[str, ...], list[Person]]:
    found: dict[tuple[str, ...], list[Person]] = {}
    for row, person in people:
        found.setdefault(tuple(row.groups.get(column, "") for column in columns), []).append((row, person))
    return dict(sorted(found.items()))


def _cells(people: Sequence[Person], shown: Sequence[Figure]) -> list[str]:
    worse = {row.name for row, person in people if got_worse(person)}
    frames = sum(int(person["frames"]) for _, person in people)
    names = {row.name for row, _ in people}
    return [str(len(names)), str(frames), *(_figure(people, figure) for figure in shown), str(len(worse))]


def _figure(people: Sequence[Person], figure: Figure) -> str:
    """`before -> after (change, interval)`: means over frames."""
    clips = _by_clip(people, figure)
    if not len(clips):
        return "-"
    frames, before, after = clips.T
    means = [float((values * frames).sum() / frames.sum()) for values in (before, after)]
    text = f"{means[0]:.1f} → {means[1]:.1f}"
    if len(clips) == 1:
        return text
    low, high = interval(after - before, frames)
    return f"{text} [{low:+.1f}, {high:+.1f}]"


def _by_clip(people: Sequence[Person], figure: Figure) -> np.ndarray:
    """(C, 3) frames, before, after of each clip that has the figure; the people of a clip are one draw."""
    inside: dict[str, list[Mapping[str, Any]]] = {}
    for row, person in people:
        inside.setdefault(row.name, []).append(person)
    found = [mean for mean in (mean_of(each, figure) for each in inside.values()) if mean[0]]
    return np.array(found).reshape(-1, 3)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(escaped(cell).replace("|", "\\|") for cell in cells) + " |"


def legend(people: Sequence[Person]) -> list[str]:
    """What the tables hold, in words.

    Args:
        people: The people of all clips that are done.
    """
    shown = figures(person for _, person in people)
    against = {figure.source for figure in shown}
    lines = [
        "Each cell: do nothing → refined, as means over frames; "
        f"in brackets the {100 * _LEVEL:.0f} % confidence interval of the change, by the bootstrap over clips.",
        f"worse: clips whose error rose by more than {EQUAL:g} in its unit.",
        "Metrics: " + ", ".join(f"{figure.heading} is `{figure.name}`" for figure in shown) + ".",
    ]
    if "truth" in against:
        lines.append("Errors, of accelerations too, are against the truth: do nothing is the result as it was read.")
    if "metrics" in against:
        lines.append("Other figures: do nothing is the same motion on the fitted body.")
    if "truth" not in against:
        lines.append("The true motion is not known: errors are those against the keypoints that were refined onto.")
    return lines
