"""What decides a clip's result: the content of its files, its options, and the program's version."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from lsmplify_refine._version import __version__
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job
from lsmplify_refine.options import VideoOptions

#: Files up to this size are compared by content; larger ones (videos) by size, time, and their two ends.
_MAX_HASHED_BYTES = 64 << 20
_END_BYTES = 1 << 20

#: Fields of a job that do not change its results.
_NOT_RESULTS = (
    *("output", "overwrite", "write_video", "write_page", "scene"),
    *(each.name for each in fields(VideoOptions)),
)


@dataclass(frozen=True)
class FileState:
    """A file as it was when it was used.

    Attributes:
        path: Absolute path.
        size: In bytes.
        mtime_ns: When it was changed.
        sha256: Of its content; of a large file, of its two ends.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> FileState:
        """A file's state now.

        Args:
            path: The file.

        Raises:
            OSError: It cannot be read.
        """
        status = path.stat()
        return cls(str(path), status.st_size, status.st_mtime_ns, _digest(path, status.st_size))

    def is_unchanged(self) -> bool:
        """Whether the file has still this content; one that was only touched or copied has."""
        try:
            now = FileState.of(Path(self.path))
        except (OSError, ValueError):
            return False
        same = (now.size, now.sha256) == (self.size, self.sha256)
        return same and (now.size <= _MAX_HASHED_BYTES or now.mtime_ns == self.mtime_ns)


def states(paths: Iterable[Path]) -> tuple[FileState, ...]:
    """The states of files, and of the files in folders.

    Args:
        paths: Files and folders.

    Raises:
        InputError: One of them cannot be read.
    """
    try:
        files = sorted({file.absolute() for path in paths for file in _files(path)})
        return tuple(map(FileState.of, files))
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a name with a NUL, or that no file system can hold
        raise InputError(f"a path that no file can have: {error}") from error


def given_paths(job: Job) -> list[Path]:
    """The paths that a job's options name.

    Args:
        job: The job of a clip.
    """
    values = (getattr(job, each.name) for each in fields(job) if each.name != "output")
    return [value for value in values if isinstance(value, Path)]


def options_digest(job: Job, more: Mapping[str, Any]) -> str:
    """The options that decide the results, and the program's version, as a hash.

    Args:
        job: The clip's job; absolute paths in it make the same clip the same.
        more: What else decides what is recorded of the clip.
    """
    options = {name: str(value) for name, value in asdict(job).items() if name not in _NOT_RESULTS}
    text = json.dumps([__version__, options, dict(more)], sort_keys=True)
    return sha256(text.encode(errors="surrogateescape")).hexdigest()


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path):
        yield from (Path(folder, name) for name in names if Path(folder, name).is_file())


def _digest(path: Path, size: int) -> str:
    digest = sha256()
    with path.open("rb") as file:
        if size <= _MAX_HASHED_BYTES:
            while block := file.read(_END_BYTES):
                digest.update(block)
        else:
            digest.update(file.read(_END_BYTES))
            file.seek(-_END_BYTES, os.SEEK_END)
            digest.update(file.read(_END_BYTES))
    return digest.hexdigest()
