"""Move a set of files into place, or back: a journal, the file `commit`, lets another process finish or undo it.

Both directions may start from any point, and start again. `job.transaction` says what the hidden folder holds.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Subfolders of the hidden folder, and the journal in it.
NEW, OLD, COMMIT = "new", "old", "commit"

#: Max size of a journal, bytes.
_MAX_COMMIT_BYTES = 1 << 16

#: What `fsync` answers if a file system cannot do it.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


@dataclass(frozen=True)
class Moves:
    """The moves of one set."""

    hidden: Path
    written: tuple[str, ...]
    left_out: tuple[str, ...]
    overwrite: bool

    def save(self) -> None:
        """Write the file `commit`, whole or not at all."""
        part = self.hidden / f"{COMMIT}.part"
        content = {"written": self.written, "left_out": self.left_out, "overwrite": self.overwrite}
        part.write_text(json.dumps(content), encoding="ascii")
        _sync(part)
        os.replace(part, self.hidden / COMMIT)  # noqa: PTH105 - the name says that it replaces
        _sync(self.hidden)

    @classmethod
    def load(cls, hidden: Path) -> Moves | None:
        """Read the file `commit`; None if there is none."""
        path = hidden / COMMIT
        if not path.is_file() or path.is_symlink() or path.stat().st_size > _MAX_COMMIT_BYTES:
            return None
        try:
            content = json.loads(path.read_text(encoding="ascii"))
            written, left_out = (tuple(map(_checked, content[key])) for key in ("written", "left_out"))
            return cls(hidden, written, left_out, content["overwrite"] is True)
        except (ValueError, TypeError, KeyError):
            return None

    def finish(self) -> None:
        """Move earlier files away and new ones into place; the file `commit` goes last."""
        for name in (*self.written, *self.left_out):
            new, old, final = (part_of(self.hidden, part, name) for part in (NEW, OLD, None))
            if name in self.written and not os.path.lexists(new):
                continue  # it is in its place
            if os.path.lexists(final) and (final.is_dir() or not self.overwrite):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(final))
            if os.path.lexists(final) and not os.path.lexists(old):
                _move(final, old)
            if name in self.written:
                _move(new, final)
        self._close()

    def undo(self) -> None:
        """Move new files back and earlier ones into place; the file `commit` goes last."""
        for name in (*self.written, *self.left_out):
            new, old, final = (part_of(self.hidden, part, name) for part in (NEW, OLD, None))
            if name in self.written and not os.path.lexists(new) and os.path.lexists(final):
                _move(final, new)
            if os.path.lexists(old):
                _move(old, final)
        self._close()

    def _close(self) -> None:
        for folder in {part_of(self.hidden, None, name).parent for name in (*self.written, *self.left_out)}:
            if folder.is_dir():
                _sync(folder)
        (self.hidden / COMMIT).unlink()
        _sync(self.hidden)


def part_of(hidden: Path, part: str | None, name: str) -> Path:
    """A file of the set: in `new`, in `old`, or (None) in its place."""
    return (hidden.parent if part is None else hidden / part).joinpath(*PurePosixPath(name).parts)


def _checked(name: str) -> str:
    """A name out of a file; it must not lead out of the folder."""
    path = PurePosixPath(name)
    leads_out = path.is_absolute() or ".." in path.parts or (sys.platform == "win32" and {"\\", ":"} & set(name))
    if leads_out or not path.parts:
        raise ValueError(name)
    return name


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)  # noqa: PTH105 - the name says that it replaces


def sync_tree(folder: Path) -> None:
    """Have the system write a folder and all in it to the disk."""
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Have the system write a file or a folder to the disk."""
    if sys.platform == "win32" and path.is_dir():
        return
    try:
        file = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            error.filename = error.filename or str(path)
            raise
