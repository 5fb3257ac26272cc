"""`Clip`: a clip of a batch and what became of it, for the summary and its page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lsmplify_refine.batch.record import Record, load_record
from lsmplify_refine.batch.rows import Row


@dataclass(frozen=True)
class Clip:
    """A clip and what became of it.

    Attributes:
        row: The clip.
        record: What became of it; None: nothing yet.
    """

    row: Row
    record: Record | None

    @property
    def status(self) -> str:
        """ "done", "failed" or "not begun"."""
        return "not begun" if self.record is None else self.record.status

    @property
    def people(self) -> tuple[Mapping[str, Any], ...]:
        """The people of a clip that is done (see `Record.people`)."""
        return self.record.people if self.record is not None and self.record.status == "done" else ()

    def notes(self) -> Iterator[Mapping[str, Any]]:
        """The notes of a clip that is done, on the job and on its people."""
        if self.record is not None and self.record.status == "done":
            yield from self.record.notes
            for person in self.record.people:
                yield from person["notes"]


def load_clips(rows: Sequence[Row], output: Path) -> list[Clip]:
    """The clips of a batch and their records.

    Args:
        rows: All clips of the batch.
        output: The batch's output folder.
    """
    return [Clip(row, load_record(output, row.name)) for row in rows]


def people_of(clips: Iterable[Clip]) -> list[tuple[Row, Mapping[str, Any]]]:
    """The people of all clips that are done, each with its clip.

    Args:
        clips: All clips of the batch.
    """
    return [(clip.row, person) for clip in clips for person in clip.people]
