"""Write a set of files together: all of them appear, or none does, whatever ends the run.

The files are written into a hidden folder beside their places, `.lsmplify_refine_<key>`, which holds

    lock       held by the run as long as it lives
    new/       the set while it is written
    old/       earlier files that the set replaces, while it moves into place
    commit     the names to move; it exists only while they move

If `commit` exists, the set is whole: the moves can be finished from any point, and undone from any point. Without it,
nothing has moved. The next run in the folder ends what a dead run left in one of these two ways.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.run_lock import HeldError, RunLock, acquire, busy
from lsmplify_refine.stopping import held, leaves

#: Start of the names of hidden folders.
PREFIX = ".lsmplify_refine_"

_NEW, _OLD, _COMMIT = "new", "old", "commit"

#: More bytes than any list of moves has.
_MAX_COMMIT_BYTES = 1 << 16

#: What a file system answers to a name that it cannot store.
_BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}

#: What `fsync` answers if a file system cannot do it.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


@dataclass(frozen=True)
class FileSet:
    """Files that belong together.

    Attributes:
        folder: Where they go. It is created if it is missing.
        key: What two runs have in common if they write the same set.
        names: Their names in the folder, `/` between subfolders.
        optional: Those of `names` that need not be written. If they replace earlier files, these go all the same.
        superseded: More names whose earlier files go if the set replaces earlier files.
        when_stopped: What a stop leaves behind once the set is written, for the message.
    """

    folder: Path
    key: str
    names: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    superseded: tuple[str, ...] = ()
    when_stopped: str = "the results were written already"

    @property
    def hidden(self) -> Path:
        """The hidden folder: one for a set, with a short name, also where `A` and `a` are the same file."""
        return self.folder / f"{PREFIX}{sha256(self.key.casefold().encode(errors='surrogateescape')).hexdigest()[:12]}"

    def path(self, name: str) -> Path:
        """A file in its place."""
        return self.folder.joinpath(*PurePosixPath(name).parts)


@contextmanager
def transaction(files: FileSet, *, overwrite: bool) -> Iterator[Path]:
    """Yield a hidden folder to write a set of files into; they move to their places when the block ends.

    If the block raises, nothing changes. If a move fails, those before it are undone. Signals wait for the moves.

    Args:
        files: The set.
        overwrite: Whether earlier files are replaced. They stay until the whole set is written.

    Raises:
        InputError: A file exists and `overwrite` is not set, another run is writing the set, or the folder cannot be
            written to.
    """
    missing = _missing(files.folder)
    try:
        lock = _begin(files, overwrite=overwrite)
        try:
            with _naming_files(files):
                yield files.hidden / _NEW
                with held():
                    _commit(files, overwrite=overwrite)
                    leaves(files.when_stopped)
        finally:
            with held():
                _end(lock)
    finally:
        _remove_empty(missing)


def recover(folder: Path) -> None:
    """End what dead runs left in a folder: whole sets move into place, the rest is removed."""
    for hidden in sorted(folder.glob(f"{PREFIX}*")):
        with suppress(OSError, HeldError):
            if hidden.is_dir() and not hidden.is_symlink():
                lock = acquire(hidden, wait=False)
                try:
                    _finish_dead(hidden, undo=False)
                finally:
                    _end(lock)


def _begin(files: FileSet, *, overwrite: bool) -> RunLock:
    """Lock the set, end what a dead run left of it, and check that it can be written."""
    first = files.path(files.names[0])
    try:
        files.folder.mkdir(parents=True, exist_ok=True)
        lock = acquire(files.hidden)
    except HeldError as error:
        raise busy(first, error) from error
    except (OSError, ValueError) as error:
        raise unwritable(files.folder, error) from error
    try:
        # undone and not finished: this run writes the same set
        _finish_dead(files.hidden, undo=True)
        recover(files.folder)
        for part in (_NEW, _OLD):
            (files.hidden / part).mkdir()
        _try_names(files)
        check_free(files, overwrite=overwrite)
    except OSError as error:
        _end(lock)
        raise unwritable(files.folder, error) from error
    except BaseException:
        _end(lock)
        raise
    return lock


def check_free(files: FileSet, *, overwrite: bool) -> None:
    """Check that no file is in the way.

    Raises:
        InputError: A folder has a file's name, or a file exists and `overwrite` is not set.
    """
    for path in map(files.path, files.names):
        if path.is_dir():
            raise InputError(f"{path}: is a folder; move it away or choose another --output")
        if os.path.lexists(path) and not overwrite:
            raise InputError(f"{path}: exists already; give --overwrite, or choose another --output")


def unwritable(folder: Path, error: OSError | ValueError) -> InputError:
    """The error for a folder that cannot be written to."""
    reason = (error.strerror if isinstance(error, OSError) else None) or error
    return InputError(f"{folder}: cannot be written to ({reason}); choose another --output")


def _try_names(files: FileSet) -> None:
    """Create every name once, so that one that the file system refuses is told before the work."""
    for name in files.names:
        new = _part(files.hidden, _NEW, name)
        try:
            new.parent.mkdir(parents=True, exist_ok=True)
            new.touch()
            new.unlink()
        except OSError as error:
            if error.errno not in _BAD_NAME:
                raise
            raise InputError(
                f"{files.path(name)}: no file can have this name ({error.strerror}); give the input another one"
            ) from error


@contextmanager
def _naming_files(files: FileSet) -> Iterator[None]:
    """Name the user's file in errors, and not the hidden one."""
    new = files.hidden / _NEW
    try:
        yield
    except InputError as error:
        text = str(error.args[0]) if error.args else ""  # as it was before it was escaped
        if str(new) not in text:
            raise
        raise InputError(text.replace(str(new), str(files.folder))) from error
    except OSError as error:
        place = str(error.filename or "")
        if not place.startswith(str(files.hidden)):
            raise
        name = place.replace(str(new), str(files.folder)) if place.startswith(str(new)) else files.path(files.names[0])
        raise InputError(f"{name}: cannot be written: {error.strerror}; nothing was changed") from error


def _commit(files: FileSet, *, overwrite: bool) -> None:
    """Move the set into place. From the file `commit` on, the set is whole."""
    new = files.hidden / _NEW
    written = [name for name in files.names if _part(files.hidden, _NEW, name).exists()]
    for name in files.names:
        if name not in written and name not in files.optional:
            raise FileNotFoundError(f"{files.path(name)}: was not written")
    check_free(files, overwrite=overwrite)
    left_out = sorted({*files.names, *files.superseded} - {*written}) if overwrite else []
    moves = _Moves(files.hidden, tuple(written), tuple(left_out), overwrite)
    _sync_tree(new)
    moves.save()
    try:
        moves.finish()
    except OSError as error:
        place = error.filename2 or error.filename or files.folder
        try:
            moves.undo()
        except OSError as worse:
            raise InputError(
                f"{place}: cannot be moved into place ({error.strerror}), nor the others back ({worse.strerror}); "
                "the next run with this --output mends it"
            ) from error
        raise InputError(f"{files.folder}: cannot be written to ({error.strerror}); nothing was changed") from error


@dataclass(frozen=True)
class _Moves:
    """The moves of one set. Both directions may be begun at any point, and begun again."""

    hidden: Path
    written: tuple[str, ...]
    left_out: tuple[str, ...]
    overwrite: bool

    def save(self) -> None:
        """Write the file `commit`, whole or not at all."""
        part = self.hidden / f"{_COMMIT}.part"
        content = {"written": self.written, "left_out": self.left_out, "overwrite": self.overwrite}
        part.write_text(json.dumps(content), encoding="ascii")
        _sync(part)
        os.replace(part, self.hidden / _COMMIT)  # noqa: PTH105 - the name says that it replaces
        _sync(self.hidden)

    @classmethod
    def load(cls, hidden: Path) -> _Moves | None:
        """Read the file `commit`; None if there is none."""
        path = hidden / _COMMIT
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
            new, old, final = (_part(self.hidden, part, name) for part in (_NEW, _OLD, None))
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
            new, old, final = (_part(self.hidden, part, name) for part in (_NEW, _OLD, None))
            if name in self.written and not os.path.lexists(new) and os.path.lexists(final):
                _move(final, new)
            if os.path.lexists(old):
                _move(old, final)
        self._close()

    def _close(self) -> None:
        for folder in {_part(self.hidden, None, name).parent for name in (*self.written, *self.left_out)}:
            if folder.is_dir():
                _sync(folder)
        (self.hidden / _COMMIT).unlink()
        _sync(self.hidden)


def _finish_dead(hidden: Path, *, undo: bool) -> None:
    """End what a dead run left in its hidden folder, whose lock is held here, and empty the folder."""
    moves = _Moves.load(hidden)
    if moves is None:
        with suppress(OSError):  # not written by this program
            (hidden / _COMMIT).unlink()
    elif undo:
        moves.undo()
    else:
        try:
            moves.finish()
        except FileExistsError:
            # somebody else's file took a place meanwhile; it stays
            moves.undo()
    _empty(hidden)


def _end(lock: RunLock) -> None:
    """Remove the hidden folder and give back its lock. Moves that could neither be finished nor undone stay."""
    if not (lock.folder / _COMMIT).exists():
        _empty(lock.folder)
    lock.release()


def _empty(hidden: Path) -> None:
    with suppress(OSError):
        (hidden / f"{_COMMIT}.part").unlink(missing_ok=True)
    for part in (_NEW, _OLD):
        shutil.rmtree(hidden / part, ignore_errors=True)


def _part(hidden: Path, part: str | None, name: str) -> Path:
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


def _sync_tree(folder: Path) -> None:
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


def _missing(folder: Path) -> list[Path]:
    """The folders to create, innermost first."""
    try:
        return [each for each in (folder, *folder.parents) if not each.exists()]
    except OSError as error:
        raise unwritable(folder, error) from error


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove the folders, innermost first, that nothing was written into."""
    for folder in folders:
        with suppress(OSError, ValueError):
            folder.rmdir()
