"""Recognise the container of a file by its first bytes, and load enough to recognise its format."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._inflate import is_compressed
from lsmplify_refine.safe_load._torch import LEGACY_MAGIC, load_torch
from lsmplify_refine.safe_load._unpickler import load_pickle
from lsmplify_refine.safe_load._zip import open_zip

Container = Literal["torch", "npz", "npy", "pickle", "compressed", "json", "unknown"]

#: How pickles of protocols 0 and 1, which have no header, begin: with a container, or the name of a function.
_OLD_PICKLE = re.compile(rb"\([dltcIFLSVNKJMXUTG(\]})]|[\]}][q(.]|\)[q.]|c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n")


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        container: Recognised by the first bytes, not the extension. "pickle" includes joblib's; "compressed" is a
            compressed pickle (mostly joblib's).
        value: Loaded content of a torch file or pickle; None for other containers.
        keys: Keys of the outermost dict, or names of an npz's arrays.
    """

    container: Container
    value: Any = None
    keys: tuple[str, ...] = ()


def container_of(path: Path) -> Container:
    """Recognise the container by its first bytes.

    Raises:
        InputError: The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(64)
            stream.seek(-1 if head else 0, os.SEEK_END)
            last = stream.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"\x80"):
        return "torch" if head.startswith(LEGACY_MAGIC) else "pickle"
    if is_compressed(head):
        return "compressed"
    if last == b"." and _OLD_PICKLE.match(head):
        return "pickle"
    return "json" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[") else "unknown"


def inspect_file(path: Path) -> Content:
    """Load as much of a file as is needed to recognise its format.

    Raises:
        InputError: The file cannot be read, or is refused (see `load_pickle`).
    """
    container = container_of(path)
    if container == "npz":
        names = [name.removesuffix(".npy") for name in _names(path) if name.endswith(".npy")]
        return Content(container, keys=tuple(names))
    loaders: dict[str, Callable[[Path], Any]] = {
        "torch": load_torch,
        "pickle": load_pickle,
        "compressed": load_pickle,
    }
    if container not in loaders:
        return Content(container)
    value = loaders[container](path)
    return Content(container, value, tuple(map(str, value)) if isinstance(value, dict) else ())


def _archive(path: Path) -> Container:
    names = _names(path)
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if any(name.endswith(".npy") for name in names) else "unknown"


def _names(path: Path) -> list[str]:
    with open_zip(path, str(path), "npz or torch") as archive:
        return archive.namelist()
