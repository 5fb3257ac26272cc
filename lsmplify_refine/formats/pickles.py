"""Write pickles that NumPy 1 and 2 can read, and read object arrays under the list of names.

NumPy 2 moved `numpy.core` to `numpy._core` and still reads both. Estimators and Blender often run with NumPy 1, which
fails on the new name, so only the old one is written.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FunctionType, SimpleNamespace
from typing import IO, Any, ClassVar

import numpy as np
import torch
from joblib.numpy_pickle import NumpyPickler
from numpy.lib import format as npy_format

from lsmplify_refine.safe_load import Budget, Pickled, load_pickled

#: Protocol 5 names a function of `numpy.core.numeric`, for which NumPy 2 gives a warning.
_MAX_PROTOCOL = 4
#: Missing in the type stubs.
_save_global: Callable[[pickle._Pickler, Any, str | None], None] = vars(pickle._Pickler)["save_global"]


class _NumPy1Pickler(pickle._Pickler):
    """Spells numpy's modules as NumPy 1 does; NumPy 2 reads both spellings."""

    # attributes of the base class that the type stubs lack
    proto: int
    save: Callable[[Any], None]
    write: Callable[[bytes], object]
    memoize: Callable[[Any], None]

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Pickle a class or function by name, as the base class does."""
        module = getattr(obj, "__module__", None) or ""
        if not module.startswith("numpy._core."):
            _save_global(self, obj, name)
            return
        module, name = module.replace("numpy._core.", "numpy.core."), name or obj.__name__
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode("ascii"))
        self.memoize(obj)

    # Python functions have their own entry in the dispatch table, which bypasses an overridden `save_global`
    dispatch: ClassVar[dict[type, Callable[..., Any]]] = {**pickle._Pickler.dispatch, FunctionType: save_global}


def pickled(tree: Any, protocol: int) -> bytes:
    """A pickle of `tree`."""
    stream = io.BytesIO()
    _NumPy1Pickler(stream, protocol=min(protocol, _MAX_PROTOCOL)).dump(tree)
    return stream.getvalue()


def joblib_dumped(tree: Any, *, compressed: bool) -> bytes:
    """What `joblib.dump` writes of `tree`, before it is compressed."""
    stream = io.BytesIO()
    pickler = NumpyPickler(stream)
    save = pickler.save

    def save_array_of_objects(value: Any) -> None:
        """Save anything; joblib pickles the items of an array of objects by itself."""
        if not (isinstance(value, np.ndarray) and value.dtype.hasobject):
            save(value)
            return
        save(pickler._create_array_wrapper(value))
        pickler.framer.commit_frame(force=True)
        stream.write(pickled(value, pickler.proto))

    pickler.buffered = compressed
    pickler.save = save_array_of_objects
    pickler.save_global = partial(_NumPy1Pickler.save_global, pickler)
    pickler.dispatch = {**pickler.dispatch, FunctionType: _NumPy1Pickler.save_global}
    pickler.dump(tree)
    return stream.getvalue()


def torch_saved(tree: Any) -> memoryview:
    """What `torch.save` writes of `tree`."""
    stream = io.BytesIO()
    torch.save(tree, stream)
    if b"numpy._core" in stream.getbuffer().tobytes():  # arrays beside tensors
        stream = io.BytesIO()
        torch.save(tree, stream, pickle_module=SimpleNamespace(__name__="pickle", Pickler=_NumPy1Pickler))
    return stream.getbuffer()


def read_object(stream: IO[bytes], where: str, budget: Budget) -> Pickled:
    """The pickle of an object array, read under the list of names; a single object comes without its array.

    Raises:
        InputError: It asks for anything else, or takes too much memory.
    """
    found = load_pickled(stream, where, budget, encoding="latin1", folder=None)
    value = found.value
    return replace(found, value=value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value)


def write_object(value: Any, stream: IO[bytes]) -> None:
    """Write an object array, or one object in a 0-dimensional array, as `np.save` stores dicts."""
    array = np.empty((), dtype=object)
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        array = value
    else:
        array[()] = value
    npy_format.write_array_header_1_0(stream, npy_format.header_data_from_array_1_0(array))
    stream.write(pickled(array, 4))
