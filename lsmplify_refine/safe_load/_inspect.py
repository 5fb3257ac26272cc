"""Recognise the container of a file by its first bytes, and load enough to recognise its format."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._inflate import compression_of
from lsmplify_refine.safe_load._torch import load_torch
from lsmplify_refine.safe_load._unpickle import LEGACY_MAGIC, Pickled, read_pickle
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
        pickled: How a pickle was written.
    """

    container: Container
    value: Any = None
    keys: tuple[str, ...] = ()
    pickled: Pickled | None = None


def container_of(path: Path) -> Container:
    """Recognise the container by its first bytes.

    Raises:
        InputError: The file cannot be read.
    """
    with open_input(path) as stream:
        head = stream.read(64)
        stream.seek(-1 if head else 0, os.SEEK_END)
        last = stream.read(1)
    if head.startswith(b"PK"):
        return _archive(path)
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"\x80"):
        return "torch" if head.startswith(LEGACY_MAGIC) else "pickle"
    if compression_of(head):
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
    pickled = read_pickle(path) if container in ("pickle", "compressed") else None
    value = pickled.value if pickled else load_torch(path) if container == "torch" else None
    return Content(container, value, tuple(map(str, value)) if isinstance(value, dict) else (), pickled)


def _archive(path: Path) -> Container:
    names = _names(path)
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if any(name.endswith(".npy") for name in names) else "unknown"


def _names(path: Path) -> list[str]:
    with open_zip(path, str(path), "npz or torch") as archive:
        return archive.namelist()
