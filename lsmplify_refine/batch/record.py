"""`Record`: what became of one clip, as a JSON file in the output folder; runs resume from records."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from lsmplify_refine.batch.fingerprint import FileState
from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import load_json

#: The folder in the output folder that holds the records, the manifest and the locks.
STATE = ".batch"

#: Version of the record's layout.
LAYOUT = 1

#: What a record says of a comparison video that is there.
WRITTEN = "written"

Status = Literal["done", "failed"]


@dataclass(frozen=True)
class Record:
    """What became of one clip.

    Attributes:
        name: The clip's name.
        run: Which run wrote it.
        status: Whether its results are written.
        reason: Why not; "" if they are.
        options: Hash of the options and the version.
        inputs: The files it was made from.
        outputs: Files written, by path relative to the output folder, with their sizes in bytes.
        footage: The video, if there is one that a comparison can be drawn on.
        video: "written", why the comparison video is missing, or "" if none was asked for.
        seconds: How long it took.
        notes: Notes on the job as a whole.
        people: For each person: track_id, frames, fps, metrics and truth by stage, counts, notes.
    """

    name: str
    run: str
    status: Status
    reason: str = ""
    options: str = ""
    inputs: tuple[FileState, ...] = ()
    outputs: Mapping[str, int] = field(default_factory=dict)
    footage: str = ""
    video: str = ""
    seconds: float = 0.0
    notes: tuple[Mapping[str, Any], ...] = ()
    people: tuple[Mapping[str, Any], ...] = ()

    def is_valid(self, output: Path, options: str, given: set[str]) -> bool:
        """Whether the clip is done: outputs complete, inputs, options and version unchanged.

        Args:
            output: The batch's output folder.
            options: Hash of the options now.
            given: Files that the clip names now.
        """
        return (
            self.status == "done"
            and self.options == options
            and given <= {each.path for each in self.inputs}
            and all(size_of(output / path) == size for path, size in self.outputs.items())
            and all(each.is_unchanged() for each in self.inputs)
        )

    def save(self, output: Path) -> None:
        """Write the record, whole or not at all.

        Args:
            output: The batch's output folder.

        Raises:
            OSError: It cannot be written.
        """
        path = record_path(output, self.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        # file names that are not UTF-8 stay as they are: JSON writes them as escapes
        write_whole(path, json.dumps({"layout": LAYOUT, **asdict(self)}))


def record_path(output: Path, name: str) -> Path:
    """Where a clip's record lies; a file name of its own, because a clip's may be as long as a name can be.

    Args:
        output: The batch's output folder.
        name: The clip's name.
    """
    return output / STATE / "records" / name / "record.json"


def load_record(output: Path, name: str) -> Record | None:
    """A clip's record; None if there is none that can be used.

    Args:
        output: The batch's output folder.
        name: The clip's name.
    """
    try:
        content = load_json(record_path(output, name))
        if content.pop("layout") != LAYOUT:
            return None
        content["inputs"] = tuple(FileState(**each) for each in content["inputs"])
        content["notes"], content["people"] = tuple(content["notes"]), tuple(content["people"])
        record = Record(**content)
    except (InputError, KeyError, TypeError, AttributeError, ValueError):
        return None
    return record if isinstance(record.outputs, dict) and record.name == name else None


def write_whole(path: Path, text: str) -> None:
    """Write a text file under another name, and move it into place.

    Args:
        path: The file.
        text: Its content.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f"{path.name}.part")  # what a killed run leaves is replaced by the next
    try:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(part, path)  # noqa: PTH105 - the name says that it replaces
    except OSError:
        part.unlink(missing_ok=True)
        raise


def size_of(path: Path) -> int:
    """Bytes in a file, or in the files of a folder; -1 if there is none.

    Args:
        path: A file or a folder.
    """
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path.is_file() else -1
