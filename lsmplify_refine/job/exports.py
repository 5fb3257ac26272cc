"""Results of a job in the formats asked for: one file for each format, and for each person if it holds only one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.refinement import Refinement
from lsmplify_refine.formats.export import SEVERAL_PEOPLE, SUFFIXES, export_people
from lsmplify_refine.formats.gltf import check_gltf
from lsmplify_refine.options import OutputFormat
from lsmplify_refine.values.body_shape import BodyShape
from lsmplify_refine.values.notes import Note

#: Max length of a person's id in a file name.
_MAX_ID = 32


@dataclass(frozen=True)
class Export:
    """One file to write.

    Attributes:
        name: Its name.
        format: Its format.
        people: Indices of the people in it.
    """

    name: str
    format: OutputFormat
    people: tuple[int, ...]


def plan_exports(stem: str, formats: Sequence[OutputFormat], ids: Mapping[int, str]) -> tuple[Export, ...]:
    """The files of some formats: `<stem>.npz`; several formats and several files of one say what they are.

    Args:
        stem: Start of the names.
        formats: The formats, each once.
        ids: Index of each person -> the id.

    Raises:
        InputError: A format needs a package that is missing.
    """
    if "glb" in formats:
        check_gltf()
    plan = []
    for format in formats:
        tag = f"_{format}" if len(formats) > 1 else ""
        if format in SEVERAL_PEOPLE or len(ids) == 1:
            plan.append(Export(f"{stem}{tag}{SUFFIXES[format]}", format, tuple(ids)))
            continue
        for index, name in _file_names(ids).items():
            plan.append(Export(f"{stem}_{name}{tag}{SUFFIXES[format]}", format, (index,)))
    return tuple(plan)


def write_exports(
    plan: Sequence[Export], folder: Path, refinements: Mapping[int, Refinement], body: BodyModel
) -> tuple[Note, ...]:
    """Write the files of a plan into a folder; notes say what their formats change."""
    notes: list[Note] = []
    for file in plan:
        found = [refinements[index] for index in file.people]
        shapes = [BodyShape(each.after.betas, each.after.scale) for each in found]
        people = [each.refined for each in found]
        written = export_people(people, folder / file.name, file.format, body=body, shapes=shapes)
        tag = f"{file.format}: " if len({each.format for each in plan}) > 1 else ""
        notes += [Note(note.code, f"{tag}{note.text}", note.severity) for note in written]
    return tuple(dict.fromkeys(notes))


def _file_names(ids: Mapping[int, str]) -> dict[int, str]:
    """Ids as parts of file names: other characters than letters, digits and - become _, and no two are the same."""
    found: dict[int, str] = {}
    for index, text in ids.items():
        name = re.sub(r"[^A-Za-z0-9-]+", "_", text)[:_MAX_ID] or "_"
        taken = {other.casefold() for other in found.values()}
        found[index] = name if name.casefold() not in taken else f"{name}_{index}"
    return found
