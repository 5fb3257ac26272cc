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
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from lsmplify_refine.errors import InputError
from lsmplify_refine.job.moves import COMMIT, NEW, OLD, Moves, part_of, sync_tree
from lsmplify_refine.job.run_lock import HeldError, RunLock, acquire, busy
from lsmplify_refine.stopping import held, leaves

#: Start of the names of hidden folders.
PREFIX = ".lsmplify_refine_"

#: What a file system answers to a name that it cannot store.
_BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


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
                yield files.hidden / NEW
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
        for part in (NEW, OLD):
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
        new = part_of(files.hidden, NEW, name)
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
    new = files.hidden / NEW
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
    new = files.hidden / NEW
    written = [name for name in files.names if part_of(files.hidden, NEW, name).exists()]
    for name in files.names:
        if name not in written and name not in files.optional:
            raise FileNotFoundError(f"{files.path(name)}: was not written")
    check_free(files, overwrite=overwrite)
    left_out = sorted({*files.names, *files.superseded} - {*written}) if overwrite else []
    moves = Moves(files.hidden, tuple(written), tuple(left_out), overwrite)
    sync_tree(new)
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


def _finish_dead(hidden: Path, *, undo: bool) -> None:
    """End what a dead run left in its hidden folder, whose lock is held here, and empty the folder."""
    moves = Moves.load(hidden)
    if moves is None:
        with suppress(OSError):  # not written by this program
            (hidden / COMMIT).unlink()
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
    if not (lock.folder / COMMIT).exists():
        _empty(lock.folder)
    lock.release()


def _empty(hidden: Path) -> None:
    with suppress(OSError):
        (hidden / f"{COMMIT}.part").unlink(missing_ok=True)
    for part in (NEW, OLD):
        shutil.rmtree(hidden / part, ignore_errors=True)


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
