"""C++ libraries log to the process's standard error, past Python; here their lines become Python's log records."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_STDERR = 2


@contextmanager
def native_log(name: str) -> Iterator[None]:
    """Log what is written to standard error in the block, to the logger of this name, at the level INFO.

    It catches the lines of all threads, so use it for short blocks: loading a model, and its first run.
    """
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        try:
            kept = os.dup(_STDERR)
        except OSError:
            # a program without standard error has nothing to keep clean
            yield
            return
        os.dup2(caught.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(kept, _STDERR)
            os.close(kept)
            caught.seek(0)
            for line in caught.read().decode("utf-8", "replace").splitlines():
                logging.getLogger(name).info("%s", line)
