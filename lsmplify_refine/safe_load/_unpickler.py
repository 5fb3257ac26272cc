"""Load pickles and joblib files under the allow-list of names."""

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
    """Unpickle bytes without running any code in them.

    Args:
        data: The pickle, as Python or joblib writes it.
        where: "file" or "file: key" for error messages.
        budget: Budget of the whole file, which may hold several pickles.
        encoding: Encoding of text in Python 2 pickles; latin1 keeps numpy's bytes intact.
        folder: The folder of the array files that joblib before 0.10 wrote.

    Raises:
        InputError: The pickle names a class or function that is not on the list, takes too much memory, or is damaged.
    """
    trusted = is_trusted(where)
    unpickler = Unpickler(
        io.BytesIO(data), where, budget, load_embedded, encoding=encoding, folder=folder, trusted=trusted
    )
    with pickle_errors(where):
        return make_plain(unpickler.load(), where, budget, trusted=trusted)


def load_pickle(path: Path, *, encoding: str = "latin1") -> Any:
    """Load a pickle or joblib file, compressed or not.

    Args:
        path: The file.
        encoding: Encoding of text in Python 2 pickles.

    Raises:
        InputError: The file cannot be read, or holds anything but arrays, tensors and plain values.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    budget = Budget(str(path), len(data))
    return restricted_loads(inflate(data, str(path)), str(path), budget, encoding=encoding, folder=path.parent)
