"""Write the files of an evaluation: JSON, Markdown and curves, all of them or none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lsmplify_refine.evaluate.datasets import TakeSet
from lsmplify_refine.evaluate.methods import Panel
from lsmplify_refine.evaluate.motion import MotionResult
from lsmplify_refine.evaluate.plot import draw_curves
from lsmplify_refine.evaluate.run import EvaluateConfig, Result
from lsmplify_refine.evaluate.scores import PROBES
from lsmplify_refine.evaluate.table import main_tables, markdown, motion_tables, other_tables
from lsmplify_refine.job.report import plain, write_report
from lsmplify_refine.job.transaction import FileSet, check_free, transaction, unwritable
from lsmplify_refine.versions import versions

FILES = ("evaluation.json", "evaluation.md", "curves.png")
#: Version of the JSON's layout, for programs that read it.
LAYOUT = 1


def prepare(folder: Path, *, overwrite: bool) -> None:
    """Check before measuring that the results can be written.

    Raises:
        InputError: The results already exist, or the folder cannot be created.
    """
    check_free(_files(folder), overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def describe(
    sets: Sequence[TakeSet],
    panels: dict[str, Panel],
    weights: dict[str, Path],
    config: EvaluateConfig,
    *,
    pose_prior: bool,
) -> dict[str, Any]:
    """Describe methods, test sets and settings; `pose_prior` tells whether SMPLify had a pose prior."""
    return {
        "layout": LAYOUT,
        "versions": versions(),
        "settings": asdict(config),
        "smplify_pose_prior": pose_prior,
        "vertices": PROBES,
        "methods": {name: {column.name: column.solvers for column in panel.columns} for name, panel in panels.items()},
        "weights": {name: {"file": path.name, "sha256": sha256(path)} for name, path in weights.items()},
        "test_sets": {
            found.name: {
                "takes": len(found.takes),
                "frames": sum(map(len, found.takes)),
                "subjects": sorted({take.subject for take in found.takes}),
            }
            for found in sets
        },
    }


def write(
    results: Sequence[Result],
    motion: Sequence[MotionResult],
    description: dict[str, Any],
    folder: Path,
    *,
    overwrite: bool = False,
) -> list[Path]:
    """Write all files, or none; returns their paths."""
    files = _files(folder)
    with transaction(files, overwrite=overwrite) as hidden:
        report, page, curves = (hidden / name for name in FILES)
        rows, motion_rows = ([asdict(result) for result in part] for part in (results, motion))
        write_report(plain({**description, "rows": rows, "motion": motion_rows}), report)
        tables = [*main_tables(results), *motion_tables(motion), *other_tables(results)]
        page.write_text(markdown("Evaluation", _facts(description), tables), encoding="utf-8")
        draw_curves(results, curves)
    return [files.path(name) for name in FILES]


def _files(folder: Path) -> FileSet:
    return FileSet(folder, "evaluation", FILES)


def sha256(path: Path) -> str:
    """Hash a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _facts(description: dict[str, Any]) -> list[str]:
    settings, protocol = description["settings"], description["settings"]["protocol"]
    facts = [
        f"{settings['pairs']} pairs a row, seed {settings['seed']}; open body, BODY_25 keypoints in metres; errors "
        f"over {description['vertices']} vertices; lower is better",
        f"shapes sigma {protocol['shape_sigma']}, estimator error {protocol['estimator_angle']} rad x U(0, 1) a joint "
        f"axis and {100 * protocol['estimator_shift_m']:g} cm of the pelvis",
        f"whole takes: at most {settings['takes'] or 'all'} of a set, of {settings['take_seconds'] or 'all their'} s",
    ]
    if settings["smplify_frames"] and not description["smplify_pose_prior"]:
        facts.append("SMPLify has no pose prior: no motion was given to fit it to")
    for name, found in description["test_sets"].items():
        subjects = ", ".join(found["subjects"][:12]) + (", ..." if len(found["subjects"]) > 12 else "")
        facts.append(f"{name}: {found['takes']} takes, {found['frames']} frames, subjects {subjects}")
    facts += [f"{name}: {file['file']}, sha256 {file['sha256']}" for name, file in description["weights"].items()]
    return facts
