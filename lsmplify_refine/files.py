"""`load` and `save`: any known estimator's file in, the same format out, through the adapters."""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

from lsmplify_refine.errors import InputError
from lsmplify_refine.estimate import Estimate
from lsmplify_refine.safe_load import inspect_file

#: Third parties add an adapter module under this entry-point group.
ENTRY_POINT_GROUP = "lsmplify_refine.adapters"

#: Found even where the package runs from a source tree without metadata.
_BUILT_IN = {"gvhmr": "lsmplify_refine.adapters.gvhmr"}


class Adapter(Protocol):
    """What an adapter module has: a name, and three functions."""

    NAME: str

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder is in this format, judged by its content first."""
        ...

    def read(self, path: Path) -> list[Estimate]:
        """One estimate a person."""
        ...

    def write(self, estimates: Sequence[Estimate], path: Path) -> None:
        """Write in the container that the estimates came from."""
        ...


@lru_cache(maxsize=1)
def adapters() -> dict[str, Adapter]:
    """The adapters by name: the built-in ones, then those of the entry-point group."""
    found: dict[str, Adapter] = {name: import_module(module) for name, module in _BUILT_IN.items()}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name in found:
            continue
        try:
            found[point.name] = point.load()
        # somebody else's package must not break the formats that work
        except Exception as error:
            warnings.warn(f"the adapter {point.name} ({point.value}) cannot be loaded: {error}", stacklevel=2)
    return found


def load(path: str | Path, *, format: str | None = None) -> list[Estimate]:
    """Read an estimator's result: one `Estimate` for each person in it.

    Args:
        path: The file, or the estimator's output folder.
        format: Name of an adapter; told from the content where it is None.

    Raises:
        InputError: No such file, no known format, or the content cannot be used; the message says which key.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    name = format or _recognise(path)
    if name not in adapters():
        raise InputError(f"format {name!r} is not known; known: {', '.join(adapters())}")
    return [estimate.replace(format=name) for estimate in adapters()[name].read(path)]


def _recognise(path: Path) -> str:
    for name, adapter in adapters().items():
        if adapter.recognises(path):
            return name
    known = ", ".join(adapters())
    if path.is_dir():
        raise InputError(f"{path}: no result of a known format ({known}) in this folder; give the result file itself")
    content = inspect_file(path)
    if content.container == "unknown":
        raise InputError(f"{path}: not a result file; the known formats ({known}) are torch, npz or pickle files")
    keys = f" with the keys {', '.join(content.keys[:6])}" if content.keys else ""
    raise InputError(f"{path}: a {content.container} file{keys} is not in a known format ({known})")


def save(estimates: Sequence[Estimate], path: str | Path, *, overwrite: bool = False) -> None:
    """Write estimates in the format and container that they were read from.

    The file appears whole or not at all: written under another name in the same folder, then renamed.

    Args:
        estimates: As `load` gave them, with refined fields changed.
        path: The file to write.
        overwrite: Replace a file that exists, be it the input itself.

    Raises:
        InputError: Estimates of no or of several formats, the file exists, or it cannot be written.
    """
    path = Path(path)
    names = {estimate.format for estimate in estimates}
    if len(names) != 1 or not names <= set(adapters()):
        raise InputError(f"{path}: only estimates that `load` read from one file can be saved")
    _check_target(path, estimates[0].source, overwrite)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        adapters()[names.pop()].write(estimates, temporary)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)  # noqa: PTH105 - says that it replaces
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _check_target(path: Path, source: Path | None, overwrite: bool) -> None:
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: the folder {path.parent} does not exist")
    if source is not None and path.suffix != source.suffix:
        raise InputError(f"{path}: the result is in the format of {source.name}; the name must end in {source.suffix}")
    if path.exists() and not overwrite:
        what = "is the input itself" if source is not None and source.exists() and path.samefile(source) else "exists"
        raise InputError(f"{path}: {what}; give another name, or ask to overwrite it")
