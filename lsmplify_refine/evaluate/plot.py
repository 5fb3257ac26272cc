"""Plot the sweeps: error over noise, missing keypoints and outliers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lsmplify_refine.errors import escaped
from lsmplify_refine.evaluate.cases import Case
from lsmplify_refine.evaluate.run import Result
from lsmplify_refine.evaluate.scores import PVE

#: Group of rows -> swept setting, factor to the unit shown, label.
_SWEEPS = {
    "noise": ("noise_m", 100, "keypoint noise, cm"),
    "dropout": ("missing", 100, "missing keypoints, %"),
    "garbage": ("outliers", 100, "garbage keypoints, %"),
}


def draw_curves(results: Sequence[Result], path: Path) -> None:
    """Draw a row of panels per test set, a panel per sweep, and a line per method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sets = list(dict.fromkeys(result.test_set for result in results))
    panels = list(dict.fromkeys(_panel(result) for result in results if result.group in _SWEEPS))
    figure = Figure(figsize=(3.2 * len(panels), 3.2 * len(sets) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(sets), len(panels), squeeze=False)
    for line, name in enumerate(sets):
        for column, panel in enumerate(panels):
            rows = [row for row in results if row.test_set == name and row.group in _SWEEPS and _panel(row) == panel]
            axis = axes[line][column]
            _, factor, label = _SWEEPS[panel[0]]
            for method in rows[0].scores if rows else ():
                values = [row.scores[method].metrics[PVE] for row in rows]
                axis.plot([factor * _swept(row) for row in rows], values, marker=".", label=method)
            # a dollar sign would begin a formula
            axis.set(title=f"{escaped(name)}\n{panel[1]}".replace("$", r"\$"), xlabel=label, ylim=(0, None))
            axis.title.set_fontsize(8)
        axes[line][0].set_ylabel(PVE)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), fontsize=8)
    figure.savefig(path, dpi=110)


def _panel(result: Result) -> tuple[str, str]:
    """The group, and the name of the case without the swept setting."""
    assert isinstance(result.case, Case)
    base = replace(result.case, **{_SWEEPS[result.group][0]: 0.0})  # type: ignore[arg-type]
    return result.group, base.name.removesuffix(", exact") if result.group == "noise" else base.name


def _swept(result: Result) -> float:
    return float(getattr(result.case, _SWEEPS[result.group][0]))
