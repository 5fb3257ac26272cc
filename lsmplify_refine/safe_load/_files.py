"""Open the files that a user names: the one way into the package for their bytes."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import free_memory

#: Bytes that are read at once.
_BUFFER = 1 << 18


def open_input(path: Path) -> io.BufferedReader:
    """Open a file for reading.

    Raises:
        InputError: It cannot be read, or is not a regular file: a pipe may never end, a device has no size.
    """
    try:
        # opening a pipe without a writer would wait for one
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # a name with a NUL
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: cannot be read: {reason}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "is a folder" if stat.S_ISDIR(mode) else "is not a regular file"
        raise InputError(f"{path}: {what}; give the file itself, or copy its content to one")
    return io.BufferedReader(io.FileIO(descriptor, "r"), _BUFFER)


def check_input(path: Path) -> int:
    """The size of a file that another library is about to open.

    Raises:
        InputError: As for `open_input`.
    """
    with open_input(path) as stream:
        return os.fstat(stream.fileno()).st_size


def read_input(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputError: As for `open_input`, or the file is larger than half of the free memory.
    """
    with open_input(path) as stream:
        size, free = os.fstat(stream.fileno()).st_size, free_memory()
        if 2 * size > free:
            raise InputError(f"{path}: {size >> 20} MB is more than half of the free memory, {free >> 20} MB")
        try:
            return stream.read(size)
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without a byte order mark.

    Raises:
        InputError: As for `read_input`, or the file is not UTF-8.
    """
    try:
        return read_input(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text in UTF-8 ({error.reason}); save it as UTF-8, or copy it again") from error
