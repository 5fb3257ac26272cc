"""Containers that adapters write back as they read them: torch files, npz archives and pickles of dicts."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import inspect_file, load_npz

#: Where a value lies in nested dicts.
KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Container:
    """A file's content, with what its reader may depend on.

    Attributes:
        kind: "torch", "npz" or "pickle".
        tree: Nested dicts of arrays (tensors, numpy arrays, anything else).
        protocol: The pickle protocol.
        numpy1_names: The pickle spells `numpy.core`, so that NumPy 1 (Blender's) can read it.
        compressed: The npz is deflated.
    """

    kind: str
    tree: dict[str, Any]
    protocol: int = 4
    numpy1_names: bool = False
    compressed: bool = False


def read_container(path: Path) -> Container:
    """Read a torch, npz or pickle file that holds a dict.

    Raises:
        InputError: It is another kind of file, or damaged, or asks to run code.
    """
    content = inspect_file(path)
    if content.container == "npz":
        with zipfile.ZipFile(path) as archive:
            compressed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
        return Container("npz", load_npz(path), compressed=compressed)
    if content.container not in ("torch", "pickle"):
        raise InputError(f"{path}: is no torch, npz or pickle file")
    if not isinstance(content.value, dict):
        raise InputError(f"{path}: holds a {type(content.value).__name__}; expected a dict")
    if content.container == "torch":
        return Container("torch", content.value)
    data = path.read_bytes()
    numpy1 = b"numpy.core." in data and b"numpy._core." not in data
    return Container("pickle", content.value, protocol=data[1], numpy1_names=numpy1)


def write_container(container: Container, tree: dict[str, Any], path: Path) -> None:
    """Write `tree` as the kind of file that `container` was."""
    with path.open("wb") as stream:
        if container.kind == "torch":
            torch.save(tree, stream)
        elif container.kind == "npz":
            (np.savez_compressed if container.compressed else np.savez)(stream, **tree)
        else:
            stream.write(_pickled(tree, container.protocol, container.numpy1_names))


class _NumPy1Pickler(pickle._Pickler):  # type: ignore[name-defined, misc]
    """Spells numpy's modules as NumPy 1 does; NumPy 2 reads both spellings."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = getattr(obj, "__module__", None) or ""
        if not module.startswith("numpy._core."):
            super().save_global(obj, name)
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
    dispatch: ClassVar = {**pickle._Pickler.dispatch, FunctionType: save_global}  # type: ignore[attr-defined]


def _pickled(tree: Any, protocol: int, numpy1_names: bool) -> bytes:
    if not numpy1_names:
        return pickle.dumps(tree, protocol=protocol)
    stream = io.BytesIO()
    _NumPy1Pickler(stream, protocol=protocol).dump(tree)
    return stream.getvalue()


def look_up(tree: Mapping[str, Any], path: KeyPath) -> Any:
    """The value at a path, or None where there is none."""
    value: Any = tree
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value


def with_values(tree: dict[str, Any], values: Mapping[KeyPath, Any]) -> dict[str, Any]:
    """A copy of nested dicts (types and key order kept) with the values at some paths replaced."""
    changed = copy.copy(tree)
    for key in tree:
        if (key,) in values:
            changed[key] = values[(key,)]
        below = {path[1:]: value for path, value in values.items() if path[0] == key and len(path) > 1}
        if below:
            changed[key] = with_values(tree[key], below)
    return changed


def to_numpy(leaf: Any) -> np.ndarray | None:
    """The array in a leaf as an independent copy, or None where it is no array of numbers."""
    if isinstance(leaf, torch.Tensor):
        leaf = leaf.detach().cpu().numpy()
    if not isinstance(leaf, np.ndarray) or leaf.dtype.kind not in "fiu":
        return None
    return leaf.copy(order="K")


def with_changes(leaf: Any, values: np.ndarray, changed: np.ndarray) -> Any:
    """A leaf with new values where `changed`; type, dtype, shape, strides and its other bytes stay.

    Args:
        leaf: Tensor or numpy array.
        values: New values, in the shape of the leaf or one that reshapes to it.
        changed: Booleans of the shape of `values`.
    """
    if not changed.any():
        return leaf
    if isinstance(leaf, torch.Tensor):
        renewed = leaf.clone()  # keeps the strides
        mask = torch.as_tensor(changed.reshape(tuple(leaf.shape)))
        renewed[mask] = torch.as_tensor(values.reshape(tuple(leaf.shape)))[mask].to(leaf.dtype)
        return renewed
    array = leaf.copy(order="K")
    mask = changed.reshape(leaf.shape)
    array[mask] = values.reshape(leaf.shape)[mask].astype(leaf.dtype)
    return array
