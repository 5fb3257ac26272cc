"""Read and write containers, each as it was read: torch, npz, npy, pickle, joblib and JSON files, and folders."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.json_text import with_numbers
from lsmplify_refine.formats.pickles import joblib_dumped, pickled, read_object, torch_saved, write_object
from lsmplify_refine.formats.tree import KeyPath, is_list, look_up, with_changes, with_values
from lsmplify_refine.safe_load import (
    Budget,
    Pickled,
    inspect_file,
    open_zip,
    parse_json,
    read_input,
    read_npy,
    read_npz,
    to_numpy,
)

__all__ = [
    "Container",
    "KeyPath",
    "holds_names",
    "look_up",
    "peek",
    "peek_beside",
    "read_container",
    "read_folder",
    "to_numpy",
    "with_changes",
    "with_values",
    "write_container",
]


@dataclass(frozen=True)
class Container:
    """A file's content, and the details needed to write it back in the same way.

    Attributes:
        kind: "torch", "npz", "npy" (pickled dicts), "pickle", "joblib", "json" or "folder".
        tree: Nested dicts of arrays (tensors, numpy arrays, anything else), or a list of dicts, or of lists of them.
        protocol: Pickle protocol.
        compressed: Whether the npz is deflated.
        compressor: joblib's name for the compression of a pickle, or "".
        objects: The keys of an npz that hold object arrays.
        left_out: Object arrays of an npz that hold more than plain values, by key, and what they hold. They are not
            written: whoever loads the result with pickles allowed would run their code.
        indent: Indentation of a JSON file.
        text: A JSON file as it was read: numbers that do not change keep their digits.
        root: Path of a folder.
        parts: Files of a folder by relative name; None for a file that is copied unread.
    """

    kind: str
    tree: Any
    protocol: int = 4
    compressed: bool = False
    compressor: str = ""
    objects: frozenset[str] = frozenset()
    left_out: dict[str, str] = field(default_factory=dict)
    indent: int | None = None
    text: str | None = None
    root: Path | None = None
    parts: dict[str, Container | None] = field(default_factory=dict)


#: Object arrays of an npz (ROMP's) that an adapter needs.
_OBJECTS = ("results", "sequence_results", "outputs")

#: joblib's own level of compression.
_LEVEL = 3
#: Functions that compress, by joblib's name.
_COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "zlib": partial(zlib.compress, level=_LEVEL),
    "z-file": partial(zlib.compress, level=_LEVEL),
    "gzip": partial(gzip.compress, compresslevel=_LEVEL),
    "bz2": partial(bz2.compress, compresslevel=_LEVEL),
    "xz": partial(lzma.compress, preset=_LEVEL),
    "lzma": partial(lzma.compress, format=lzma.FORMAT_ALONE, preset=_LEVEL),
}


def peek(path: Path) -> Container | None:
    """What a file holds, or None if it does not hold named values. The content of the last file is cached.

    Raises:
        InputError: The file is damaged, or its pickle could run code.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return None if path.is_dir() else _peeked(path, state.st_mtime_ns, state.st_size)


def peek_beside(path: Path) -> Container | None:
    """As `peek`, but None for a file that is damaged or refused: any folder may hold one."""
    try:
        return peek(path)
    except InputError:
        return None


def holds_names(path: Path, names: Set[str]) -> bool:
    """Whether a file holds a dict with all of these names."""
    container = peek(path)
    return container is not None and isinstance(container.tree, dict) and set(container.tree) >= names


def read_container(path: Path) -> Container:
    """Read a file that holds named values: a dict, or a list of dicts.

    Raises:
        InputError: It is another kind of file, or damaged, or its pickle could run code.
    """
    container = peek(path)
    if container is None:
        raise InputError(f"{path}: not a torch, npz, npy, pickle or JSON file of named values (a dict)")
    return container


@lru_cache(maxsize=1)
def _peeked(path: Path, modified: int, size: int) -> Container | None:
    content = inspect_file(path)
    if content.container == "npz":
        return _read_npz(path)
    if content.container == "json":
        return _read_json(path)
    found = _read_object_npy(path) if content.container == "npy" else content.pickled
    value = found.value if found else content.value
    if not isinstance(value, dict) and not _holds_dicts(value):
        return None
    if found is None:
        return Container("torch", value)
    kind = "npy" if content.container == "npy" else "joblib" if found.joblib else "pickle"
    return Container(kind, value, found.protocol, compressor=found.compression)


def _holds_dicts(value: Any, depth: int = 2) -> bool:
    """Whether a list, or a list of lists, holds a dict."""
    return is_list(value) and any(
        isinstance(item, dict) or (depth > 1 and _holds_dicts(item, depth - 1)) for item in value
    )


def read_folder(root: Path, names: Sequence[str], others: Sequence[str] = ()) -> Container:
    """Read files of a folder as one tree: relative name -> the file's tree.

    Args:
        root: The folder.
        names: Files to read.
        others: Files to copy when the folder is written.
    """
    parts: dict[str, Container | None] = {name: read_container(root / name) for name in names}
    tree = {name: part.tree for name, part in parts.items() if part is not None}
    return Container("folder", tree, root=root, parts=parts | dict.fromkeys(others))


def write_container(container: Container, tree: Any, path: Path) -> None:
    """Write `tree` as the same kind of file as `container`; unchanged files of a folder are copied."""
    if container.kind == "folder":
        assert container.root is not None
        for name, part in container.parts.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            if part is None or tree[name] is part.tree:
                shutil.copy2(container.root / name, path / name)
            else:
                write_container(part, tree[name], path / name)
        return
    with path.open("wb") as stream:
        if container.kind == "torch":
            # written straight to the file, torch would hide a full disk
            stream.write(torch_saved(tree))
        elif container.kind == "npz":
            _write_npz(container, tree, stream)
        elif container.kind == "npy":
            write_object(tree, stream)
        elif container.kind == "json":
            text = None if container.text is None else with_numbers(container.text, container.tree, tree)
            text = json.dumps(tree, indent=container.indent, ensure_ascii=False) if text is None else text
            stream.write(text.encode())
        else:
            compressed = bool(container.compressor)
            in_joblib = container.kind == "joblib"
            data = joblib_dumped(tree, compressed=compressed) if in_joblib else pickled(tree, container.protocol)
            stream.write(_COMPRESS[container.compressor](data))


def _read_npz(path: Path) -> Container:
    objects: set[str] = set()
    left_out: dict[str, str] = {}

    def read_objects(stream: IO[bytes], where: str, budget: Budget) -> Any:
        """The plain values of an object array; one that holds more is left out, unless an adapter needs it."""
        key = where.removeprefix(f"{path}: ")
        try:
            found = read_object(stream, where, budget)
        except InputError as error:
            if key in _OBJECTS:
                raise
            left_out[key] = str(error).removeprefix(f"{where}: ")
            return None
        objects.add(key)
        return found.value

    tree = read_npz(path, read_objects)
    for key in left_out:
        del tree[key]
    with open_zip(path, str(path)) as archive:
        compressed = any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
    return Container("npz", tree, compressed=compressed, objects=frozenset(objects), left_out=left_out)


def _write_npz(container: Container, tree: dict[str, Any], stream: IO[bytes]) -> None:
    method = zipfile.ZIP_DEFLATED if container.compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method, allowZip64=True) as archive:
        for key, value in tree.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                if key in container.objects:
                    write_object(value, member)
                else:
                    npy_format.write_array(member, np.asanyarray(value), allow_pickle=False)


def _read_object_npy(path: Path) -> Pickled | None:
    value = read_npy(path, read_object)
    return value if isinstance(value, Pickled) else None


def _read_json(path: Path) -> Container:
    data = read_input(path)
    indented = re.match(rb"[\[{]\n( +)", data[:1000])
    indent = len(indented[1]) if indented else None
    return Container("json", parse_json(data, str(path)), indent=indent, text=data.decode())
