"""Stand-ins for classes that are never imported: they keep the pickled state and are replaced by arrays at the end."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any, ClassVar, Protocol

import numpy as np
import scipy.sparse

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._inflate import inflate
from lsmplify_refine.safe_load._npy import read_exactly, read_plain_npy
from lsmplify_refine.safe_load._numbers import byte_count, checked_text, empty_array, set_array_state


class Source(Protocol):
    """What a stand-in may read: the stream after the pickle, and the files beside it."""

    stream: IO[bytes]
    where: str
    folder: Path | None
    side_files: dict[str, Any]

    def remaining(self) -> int:
        """Bytes left in the stream."""

    def nested(self) -> Any:
        """Load a pickle within the stream."""


class Inert:
    """Stands for a class: keeps the pickled state and does nothing."""

    state: Any = None
    # an unfinished object must not become a dict key
    __hash__: ClassVar[None] = None  # type: ignore[assignment]

    def built(self, source: Source) -> Any:
        """The object that replaces it once its state is set; may read further from the file."""
        return self

    def plain(self) -> Any:
        """The plain value; stand-ins in the state have been replaced before."""
        raise NotImplementedError


class Chumpy(Inert):
    """`chumpy.ch.Ch`: `x` of the state is the array."""

    def plain(self) -> np.ndarray:
        """The array."""
        return np.asarray(self.state["x"])


class Select(Inert):
    """`chumpy.reordering.Select`: entries `idxs` of `a`, reshaped."""

    def plain(self) -> np.ndarray:
        """The selected entries."""
        selected: np.ndarray = np.ravel(self.state["a"])[self.state["idxs"]]
        if "preferred_shape" in self.state:
            selected = selected.reshape(self.state["preferred_shape"])
        return selected


class _Sparse(Inert):
    """A scipy sparse matrix or array."""

    kind: ClassVar[type]

    def plain(self) -> Any:
        """The matrix, its indices checked."""
        state = self.state
        shape = state["_shape"] if "_shape" in state else state["shape"]
        # indptr, whose length follows from the shape, is in the file too
        if issubclass(self.kind, (scipy.sparse.coo_matrix, scipy.sparse.coo_array)):
            where = state["coords"] if "coords" in state else (state["row"], state["col"])
            matrix = self.kind((state["data"], tuple(where)), shape=shape)
            # the constructor has checked the indices
            return matrix
        matrix = self.kind((state["data"], state["indices"], state["indptr"]), shape=shape)
        # indices out of range would write outside the matrix
        matrix.check_format(full_check=True)
        return matrix


def _sparse(kind: type) -> type[_Sparse]:
    return type(f"_{kind.__name__}", (_Sparse,), {"kind": kind})


class _Read(Inert):
    """An array that is read as soon as the state is set; the state is then `[array]`."""

    def became(self, array: Any) -> Any:
        """Keep the array for other references to this object."""
        self.state = [array]
        return array

    def plain(self) -> Any:
        """The array."""
        return self.state[0]


class JoblibArray(_Read):
    """`joblib.numpy_pickle.NumpyArrayWrapper`: the array's bytes follow in the stream."""

    def built(self, source: Source) -> Any:
        """Read the array."""
        shape, dtype = self.state["shape"], self.state["dtype"]
        if isinstance(dtype, np.dtype) and dtype.hasobject:
            return self.became(source.nested())
        if self.state.get("numpy_array_alignment_bytes") is not None:  # joblib from 1.2
            source.stream.read(source.stream.read(1)[0])
        size, left = byte_count(shape, dtype), source.remaining()
        if size > left:
            raise InputError(f"{source.where}: an array declares {size} bytes where {left} are left; it is damaged")
        flat = checked_text(read_exactly(source.stream, size, source.where).view(dtype))
        fortran = self.state["order"] == "F"
        return self.became(flat.reshape(shape, order="F" if fortran else "C"))


class JoblibSideFile(_Read):
    """`NDArrayWrapper` of joblib before 0.10: the array is a separate file beside the pickle."""

    def built(self, source: Source) -> Any:
        """Read the array."""
        name = self.state["filename"]
        if not isinstance(name, str) or source.folder is None or Path(name).name != name or name in ("", ".", ".."):
            raise InputError(f"{source.where}: refused: the pickle names a file in another folder, {name!r:.80}")
        if name not in source.side_files:
            path = source.folder / name
            if not path.is_file():
                raise InputError(f"{source.where}: the file {name} belongs to it and is missing; copy them together")
            source.side_files[name] = self.read(path)
        return self.became(source.side_files[name])

    def read(self, path: Path) -> np.ndarray:
        """The array in the file."""
        with path.open("rb") as stream:
            return read_plain_npy(stream, path.stat().st_size, str(path))


class JoblibPackedSideFile(JoblibSideFile):
    """`ZNDArrayWrapper`: a compressed file of array data without a header."""

    def read(self, path: Path) -> np.ndarray:
        """The array in the file."""
        array = empty_array()
        set_array_state(array, (*self.state["state"], inflate(path.read_bytes(), str(path))))
        return array


_SPARSE_MODULES = {"csc": ("csc", "_csc"), "csr": ("csr", "_csr"), "coo": ("coo", "_coo")}

#: (module, name) -> stand-in.
STAND_INS: dict[tuple[str, str], type[Inert]] = {
    ("chumpy.ch", "Ch"): Chumpy,
    ("chumpy", "Ch"): Chumpy,
    ("chumpy.reordering", "Select"): Select,
    ("joblib.numpy_pickle", "NumpyArrayWrapper"): JoblibArray,
    **{
        (f"{package}{module}", name): kind
        for package in ("joblib.", "sklearn.externals.joblib.")
        for module in ("numpy_pickle", "numpy_pickle_compat")
        for name, kind in (("NDArrayWrapper", JoblibSideFile), ("ZNDArrayWrapper", JoblibPackedSideFile))
    },
    ("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper"): JoblibArray,
    **{
        (f"scipy.sparse.{module}", f"{layout}_{noun}"): _sparse(getattr(scipy.sparse, f"{layout}_{noun}"))
        for layout, modules in _SPARSE_MODULES.items()
        for module in modules
        for noun in ("matrix", "array")
    },
}
