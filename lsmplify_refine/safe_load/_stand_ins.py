"""Stand-ins for classes of chumpy, scipy and joblib, which are never imported for a pickle: they end as arrays."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import scipy.sparse

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._inflate import inflated
from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._npy import read_plain_npy
from lsmplify_refine.safe_load._numpy import Array, StandIn, byte_count, checked_text, dtype_of, element_count
from lsmplify_refine.safe_load._opcodes import read_into


class Reading(Protocol):
    """What joblib's wrappers read from: the stream after the pickle, and the files beside it."""

    where: str
    folder: Path | None
    stream: IO[bytes]
    budget: Budget
    side_files: dict[str, Any]

    def nested(self) -> Any:
        """Load a pickle that begins here in the stream."""


class Chumpy(StandIn):
    """`chumpy.ch.Ch`: `x` of the state is the array."""

    def plain(self, budget: Budget) -> np.ndarray:
        """The array."""
        return _array(self.state["x"])


class Select(StandIn):
    """`chumpy.reordering.Select`: entries `idxs` of `a`, reshaped."""

    def plain(self, budget: Budget) -> np.ndarray:
        """The selected entries."""
        values, places = _array(self.state["a"]), _array(self.state["idxs"])
        # a few places may select much, again and again; to make one dimension may copy
        budget.spend(values.nbytes + places.size * values.itemsize)
        selected: np.ndarray = np.ravel(values)[places]
        if "preferred_shape" in self.state:
            selected = selected.reshape(self.state["preferred_shape"])
        return selected


def _array(value: Any) -> np.ndarray:
    """An array of numbers; numpy makes something else of anything, at any size."""
    if isinstance(value, (int, float)):
        return np.asarray(value)
    if type(value) is not np.ndarray or value.dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"chumpy holds a {type(value).__name__} that is not an array of numbers")
    return value


class _Sparse(StandIn):
    """A scipy sparse matrix or array."""

    kind: ClassVar[type]

    def plain(self, budget: Budget) -> Any:
        """The matrix, its indices checked."""
        state = self.state
        shape = state["_shape"] if "_shape" in state else state["shape"]
        # most readers make it dense
        budget.spend(element_count(shape) * state["data"].itemsize)
        if issubclass(self.kind, (scipy.sparse.coo_matrix, scipy.sparse.coo_array)):
            where = state["coords"] if "coords" in state else (state["row"], state["col"])
            # the constructor checks the indices
            return self.kind((state["data"], tuple(where)), shape=shape)
        matrix = self.kind((state["data"], state["indices"], state["indptr"]), shape=shape)
        # indices out of range would write outside the matrix
        matrix.check_format(full_check=True)
        return matrix


class _Read(StandIn):
    """An array of joblib's, read as soon as the state is set; the state is then the array."""

    reading: ClassVar[Reading]

    def plain(self, budget: Budget) -> Any:
        """The array."""
        return self.state


class JoblibArray(_Read):
    """`joblib.numpy_pickle.NumpyArrayWrapper`: the array's bytes follow in the stream."""

    def __setstate__(self, state: Any) -> None:
        reading, dtype = self.reading, dtype_of(state["dtype"])
        if dtype.hasobject:
            self.state = reading.nested()
            return
        if state.get("numpy_array_alignment_bytes") is not None:  # joblib from 1.2
            reading.stream.read(reading.stream.read(1)[0])
        size = byte_count(state["shape"], dtype)
        if size > reading.budget.data:
            raise InputError(f"{reading.where}: refused: an array declares {size} bytes, far more memory than it has")
        reading.budget.take(size)
        flat = np.empty(size, np.uint8)  # untouched pages cost nothing
        if read_into(reading.stream, flat.data) != size:
            raise InputError(f"{reading.where}: an array declares {size} bytes where fewer are left; it is damaged")
        array = checked_text(flat.view(dtype))
        self.state = array.reshape(state["shape"], order="F" if state["order"] == "F" else "C")


class JoblibSideFile(_Read):
    """`NDArrayWrapper` of joblib before 0.10: the array is a separate file beside the pickle."""

    def __setstate__(self, state: Any) -> None:
        name, reading = state["filename"], self.reading
        if not isinstance(name, str) or reading.folder is None or Path(name).name != name or name in ("", ".", ".."):
            raise InputError(f"{reading.where}: refused: the pickle names a file in another folder, {name!r:.80}")
        if name not in reading.side_files:
            path = reading.folder / name
            if not path.is_file():
                raise InputError(f"{reading.where}: the file {name} belongs to it and is missing; copy them together")
            reading.side_files[name] = self.read(path, state)
        self.state = reading.side_files[name]

    def read(self, path: Path, state: Any) -> Any:
        """The array in the file."""
        with open_input(path) as stream:
            return read_plain_npy(stream, path.stat().st_size, str(path))


class JoblibPackedSideFile(JoblibSideFile):
    """`ZNDArrayWrapper`: a compressed file of array data without a header."""

    def read(self, path: Path, state: Any) -> Any:
        """The array in the file."""
        _, shape, dtype, _ = state["state"]
        size = byte_count(shape, dtype_of(dtype))
        budget = Budget(str(path), path.stat().st_size)
        budget.take(size)
        with open_input(path) as stream:
            return Array((*state["state"], inflated(stream, str(path)).read(size + 1)))


_SPARSE_MODULES = {"csc": ("csc", "_csc"), "csr": ("csr", "_csr"), "coo": ("coo", "_coo")}

#: (module, name) -> stand-in.
STAND_INS: dict[tuple[str, str], type[StandIn]] = {
    ("chumpy.ch", "Ch"): Chumpy,
    ("chumpy", "Ch"): Chumpy,
    ("chumpy.reordering", "Select"): Select,
    **{
        (f"scipy.sparse.{module}", f"{layout}_{noun}"): type(
            f"_{layout}_{noun}", (_Sparse,), {"kind": getattr(scipy.sparse, f"{layout}_{noun}")}
        )
        for layout, modules in _SPARSE_MODULES.items()
        for module in modules
        for noun in ("matrix", "array")
    },
}

_JOBLIB: dict[str, tuple[type[_Read], tuple[str, ...]]] = {
    "NumpyArrayWrapper": (JoblibArray, ("numpy_pickle",)),
    "NDArrayWrapper": (JoblibSideFile, ("numpy_pickle", "numpy_pickle_compat")),
    "ZNDArrayWrapper": (JoblibPackedSideFile, ("numpy_pickle", "numpy_pickle_compat")),
}


def joblib_names(reading: Reading) -> dict[tuple[str, str], type[StandIn]]:
    """(module, name) -> joblib's wrapper, reading from here."""
    bound: Callable[[type[_Read]], type[_Read]] = lambda kind: type(kind.__name__, (kind,), {"reading": reading})  # noqa: E731
    return {
        (f"{package}.{module}", name): bound(kind)
        for name, (kind, modules) in _JOBLIB.items()
        for module in modules
        for package in ("joblib", "sklearn.externals.joblib")
    }
