"""Pickles and joblib files, read under a list of exact names."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._inflate import inflate
from lsmplify_refine.safe_load._limits import Budget, pickle_errors
from lsmplify_refine.safe_load._machine import Unpickler
from lsmplify_refine.safe_load._plain import make_plain
from lsmplify_refine.safe_load._torch import load_embedded
from lsmplify_refine.safe_load._trust import is_trusted


def restricted_loads(
    data: bytes, where: str, budget: Budget, *, encoding: str = "latin1", folder: Path | None = None
) -> Any:
    """Unpickle bytes; nothing in them gets to run.

    Args:
        data: The pickle, as Python or joblib write it.
        where: "file" or "file: key" for error messages.
        budget: Of the whole file, however many pickles it holds.
        encoding: For the text of Python 2 pickles; latin1 keeps numpy's bytes intact.
        folder: Where joblib before 0.10 put the arrays.

    Raises:
        InputError: The pickle asks for something else (it says for what), wants too much memory, or is damaged.
    """
    trusted = is_trusted(where)
    unpickler = Unpickler(
        io.BytesIO(data), where, budget, load_embedded, encoding=encoding, folder=folder, trusted=trusted
    )
    with pickle_errors(where):
        return make_plain(unpickler.load(), where, budget, trusted=trusted)


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
    budget = Budget(str(path), len(data))
    return restricted_loads(inflate(data, str(path)), str(path), budget, encoding=encoding, folder=path.parent)
