"""Ten faults for the self-test of `fuzz_readers.py`: each takes one of the readers' protections away."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from lsmplify_refine.body import checks
from lsmplify_refine.keypoint_files import markers, names, table
from lsmplify_refine.safe_load import _inflate, _limits, _numpy, _plain, _unpickle, _zip


def _replace(owner: Any, name: str, value: Any) -> None:
    setattr(owner, name, value)


def _any_class() -> None:
    found = _unpickle.Unpickler.find_class

    def find_class(self: _unpickle.Unpickler, module: str, name: str) -> Any:
        """The list, and then whatever can be imported."""
        if (module, name) in self._names:
            return found(self, module, name)
        return getattr(importlib.import_module(module), name)

    _replace(_unpickle.Unpickler, "find_class", find_class)


def _no_budget() -> None:
    for name in ("take", "spend"):
        _replace(_limits.Budget, name, lambda self, count: None)


def _no_archive_check() -> None:
    _replace(_zip, "_check_members", lambda *_: None)


def _columns_in_order() -> None:
    found = names.find_convention

    def find_convention(*arguments: Any) -> names.Match:
        """The convention, with its points taken in the order of the file."""
        match = found(*arguments)
        present = iter(sorted(column for column in match.columns if column >= 0))
        columns = tuple(next(present) if column >= 0 else column for column in match.columns)
        return type(match)(**{**vars(match), "columns": columns})

    for module in (table, markers):
        _replace(module, "find_convention", find_convention)


def _one_stream() -> None:
    read = _inflate._Inflated._next

    def next_of_first(self: Any, count: int) -> bytes:
        """What the first stream holds."""
        return b"" if self._machine.eof else read(self, count)

    _replace(_inflate._Inflated, "_next", next_of_first)


def _any_key() -> None:
    for kind in (_numpy.Name, _numpy.StandIn):
        _replace(kind, "__hash__", object.__hash__)
    _replace(_plain._Check, "_check_keys", lambda self, keys: None)


def _byte_order_ignored() -> None:
    _replace(_numpy.Dtype, "__setstate__", lambda self, state: None)


def _errors_let_through() -> None:
    _replace(_unpickle, "pickle_errors", lambda *_: contextlib.nullcontext())


def _any_index() -> None:
    _replace(checks, "_check_indices", lambda *_: None)


def _short_lists() -> None:
    def plain(self: _numpy.Array, budget: _limits.Budget) -> Any:
        """The array of a state that nobody has checked."""
        version, shape, dtype, fortran, data = self.state
        array: Any = np.ndarray(0, np.int8)
        array.__setstate__((version, shape, _numpy.dtype_of(dtype), fortran, data))
        return array

    _replace(_numpy.Array, "plain", plain)


#: What is wrong -> puts it into this process.
FAULTS: dict[str, Callable[[], None]] = {
    "any class can be imported": _any_class,
    "the memory limits are off": _no_budget,
    "an archive may declare any size": _no_archive_check,
    "an array of objects may be longer than its list": _short_lists,
    "named columns are taken in the order of the file": _columns_in_order,
    "only the first stream of a compressed file is read": _one_stream,
    "anything may be a key": _any_key,
    "the byte order of arrays is ignored": _byte_order_ignored,
    "errors of the unpickler are let through": _errors_let_through,
    "faces and joints may point anywhere": _any_index,
}
