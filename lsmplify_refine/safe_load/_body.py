"""SMPL-family model files, old chumpy pickles included, without chumpy."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
import scipy.sparse

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._arrays import read_npz
from lsmplify_refine.safe_load._unpickler import RESULTS, AllowList, Inert, load_pickle, restricted_loads


class _Chumpy(Inert):
    """`chumpy.ch.Ch`: its state's `x` is the array."""


class _Select(Inert):
    """`chumpy.reordering.Select`: entries `idxs` of `a`, reshaped."""


class _Sparse(Inert):
    """A scipy sparse matrix in csc form."""


class _Object:
    """Stands for `object`, which `copy_reg._reconstructor` is given as base class."""


def _reconstructor(kind: Any, base: Any, state: Any) -> Any:
    if not (isinstance(kind, type) and issubclass(kind, Inert)) or base is not _Object:
        raise ValueError("an object is built that is no part of a body model")
    return kind()


_BODY: AllowList = {
    **RESULTS,
    ("chumpy.ch", "Ch"): _Chumpy,
    ("chumpy", "Ch"): _Chumpy,
    ("chumpy.reordering", "Select"): _Select,
    ("scipy.sparse.csc", "csc_matrix"): _Sparse,
    ("scipy.sparse._csc", "csc_matrix"): _Sparse,
    ("copy_reg", "_reconstructor"): _reconstructor,
    ("copyreg", "_reconstructor"): _reconstructor,
    ("__builtin__", "object"): _Object,
    ("builtins", "object"): _Object,
}


def load_body_pickle(path: Path) -> dict[str, Any]:
    """A SMPL-family `.pkl` as numpy arrays (sparse regressors as scipy csc matrices).

    Raises:
        InputError: It is damaged, no dict, or asks for anything that a body model does not need.
    """
    value = load_pickle(path, allow=_BODY)
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; a body model file holds a dict of arrays")
    return {str(key): _plain(item, f"{path}: {key}") for key, item in value.items()}


def load_body_npz(path: Path) -> dict[str, Any]:
    """A SMPL-family `.npz`; SMPL-X's own holds dicts as object arrays, read under the same allow-list.

    Raises:
        InputError: It is damaged, or asks for anything that a body model does not need.
    """

    def read_objects(stream: IO[bytes], where: str) -> Any:
        return _plain(restricted_loads(stream.read(), where, allow=_BODY), where)

    return read_npz(path, read_objects)


def _plain(value: Any, where: str) -> Any:
    """Stand-ins turned into arrays."""
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 0:
        return _plain(value.item(), where)
    if not isinstance(value, Inert):
        return value
    state = value.state
    try:
        if isinstance(value, _Sparse):
            shape = state["_shape"] if "_shape" in state else state["shape"]
            matrix = scipy.sparse.csc_matrix((state["data"], state["indices"], state["indptr"]), shape=shape)
            # indices beyond the matrix would be written outside its memory
            matrix.check_format(full_check=True)
            return matrix
        if isinstance(value, _Select):
            selected = np.ravel(_plain(state["a"], where))[state["idxs"]]
            return selected.reshape(state["preferred_shape"]) if "preferred_shape" in state else selected
        return np.asarray(_plain(state["x"], where))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(f"{where}: cannot be read as an array: {error}") from error
