"""Load npz and npy files; the caller decides how object arrays are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._npy import read_data, read_header
from lsmplify_refine.safe_load._trust import file_budget
from lsmplify_refine.safe_load._unpickle import restricted_load
from lsmplify_refine.safe_load._zip import open_zip

T = TypeVar("T")
#: Reads an object array from the stream after its header, "file: key" and the file's budget.
ReadObjects = Callable[[IO[bytes], str, Budget], T]


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """Load the arrays of an npz, in file order.

    Raises:
        InputError: The file is damaged, holds an object array, or declares more data than it can hold.
    """
    return read_npz(path, _refuse_objects)


def load_npy(path: Path) -> np.ndarray:
    """Load the array of an npy.

    Raises:
        InputError: The file is damaged, holds objects, or declares more data than it has.
    """
    return read_npy(path, _refuse_objects)


def unpickle_objects(stream: IO[bytes], where: str, budget: Budget) -> Any:
    """Read an object array under the rules of `load_pickle`; a `read_objects` for `read_npz` and `read_npy`."""
    return restricted_load(stream, where, budget)


def read_npz(path: Path, read_objects: ReadObjects[T]) -> dict[str, np.ndarray | T]:
    """Load the arrays of an npz in file order; `read_objects` gets the stream of each object array after its header."""
    arrays: dict[str, np.ndarray | T] = {}
    with open_zip(path, str(path)) as archive:
        budget = file_budget(path)
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            key = member.filename.removesuffix(".npy")
            with archive.open(member) as stream:
                arrays[key] = _read(stream, member.file_size, f"{path}: {key}", budget, read_objects)
    return arrays


def read_npy(path: Path, read_objects: ReadObjects[T]) -> np.ndarray | T:
    """Load the array of an npy; `read_objects` gets the stream of an object array after its header."""
    budget = file_budget(path)
    with open_input(path) as stream:
        return _read(stream, budget.size, str(path), budget, read_objects)


def _refuse_objects(stream: IO[bytes], where: str, budget: Budget) -> NoReturn:
    raise InputError(f"{where}: holds pickled Python objects, which could run code; save it again as plain arrays")


def _read(stream: IO[bytes], room: int, where: str, budget: Budget, read_objects: ReadObjects[T]) -> np.ndarray | T:
    header = read_header(stream, where)
    return read_objects(stream, where, budget) if header[2].hasobject else read_data(stream, header, room, where)
