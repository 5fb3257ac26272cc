"""Pickles and joblib files, read under a list of exact names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._inflate import inflate
from lsmplify_refine.safe_load._limits import budget_of, one_line
from lsmplify_refine.safe_load._machine import Unpickler
from lsmplify_refine.safe_load._plain import make_plain
from lsmplify_refine.safe_load._trust import is_trusted


def restricted_loads(data: bytes, where: str, *, encoding: str = "latin1", folder: Path | None = None) -> Any:
    """Unpickle bytes; nothing in them gets to run.

    Args:
        data: The pickle, as Python or joblib write it.
        where: "file" or "file: key" for error messages.
        encoding: For the text of Python 2 pickles; latin1 keeps numpy's bytes intact.
        folder: Where joblib before 0.10 put the arrays.

    Raises:
        InputError: The pickle asks for something else (it says for what), wants too much memory, or is damaged.
    """
    with budget_of(where, len(data)) as budget, pickle_errors(where):
        value = Unpickler(io.BytesIO(data), where, budget, encoding=encoding, folder=folder).load()
        return make_plain(value, where, budget, trusted=is_trusted(where))


@contextmanager
def pickle_errors(where: str, kind: str = "pickle") -> Iterator[None]:
    """Whatever a damaged or hostile stream provokes is the file's fault."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        raise InputError(f"{where}: not a readable {kind}: {reason}") from error


def load_pickle(path: Path, *, encoding: str = "latin1") -> Any:
    """What a pickle or joblib file holds, compressed or not.

    Args:
        path: The file.
        encoding: For the text of Python 2 pickles.

    Raises:
        InputError: It cannot be read, or asks for anything but arrays, tensors and plain values.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    with budget_of(str(path), len(data)):
        return restricted_loads(inflate(data, str(path)), str(path), encoding=encoding, folder=path.parent)
