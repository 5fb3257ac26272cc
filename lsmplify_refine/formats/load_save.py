"""`load` and `save`: any known estimator's file in, the same format out, through the adapters."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import peek
from lsmplify_refine.formats.registry import AdapterWithOptions, adapters
from lsmplify_refine.safe_load import inspect_file
from lsmplify_refine.values.estimate import Estimate


def load(path: str | Path, *, format: str | None = None) -> list[Estimate]:
    """Read an estimator's result: one `Estimate` for each person in it.

    Args:
        path: The file, or the estimator's output folder.
        format: Name of an adapter; None to recognise it by content. Options follow behind a colon, as in
            "generic:family=smplx,rot6d=rows".

    Raises:
        InputError: No such file, no known format, or the content cannot be used; the message says which key.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    name, _, text = (format or _recognise(path)).partition(":")
    if name not in adapters():
        raise InputError(f"format {name!r} is not known; known: {', '.join(adapters())}")
    adapter = adapters()[name]
    options = _options(name, text, adapter.OPTIONS if isinstance(adapter, AdapterWithOptions) else {})
    try:
        if isinstance(adapter, AdapterWithOptions) and options:
            estimates = adapter.read(path, options)
        else:
            estimates = adapter.read(path)
        return [estimate.replace(format=name) for estimate in estimates]
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error
    except _UNFORESEEN as error:
        raise InputError(
            f"{path}: not a whole result of format {name} ({_in_short(error)}); --debug shows where"
        ) from error


#: A file may be wrong in more ways than an adapter checks.
_UNFORESEEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)


def _in_short(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


def _options(name: str, text: str, known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The options behind a format's name, checked against those that its adapter knows."""
    options = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    for option, value in options.items():
        if option not in known:
            has = ", ".join(known) or "none"
            raise InputError(f"--format {name}:{option}={value}: format {name} has no such option; it has: {has}")
        if known[option] and value not in known[option]:
            raise InputError(f"--format {name}:{option}={value}: {option} is one of {', '.join(known[option])}")
    return options


def _recognise(path: Path) -> str:
    for name, adapter in adapters().items():
        if adapter.recognises(path):
            return name
    known = ", ".join(adapters())
    if path.is_dir():
        inside = ", ".join(sorted(child.name for child in path.iterdir())[:6]) or "nothing"
        raise InputError(
            f"{path}: no result of a known format ({known}) in this folder, which holds {inside}; "
            "give the result file itself"
        )
    content = inspect_file(path)
    if content.container == "unknown":
        raise InputError(f"{path}: not a result file; the known formats ({known}) are torch, npz, pickle or JSON files")
    keys = content.keys or _top_level_keys(path)
    seen = f" with the keys {', '.join(keys[:8])}" if keys else ""
    raise InputError(f"{path}: a {content.container} file{seen} is not in a known format ({known})")


def _top_level_keys(path: Path) -> tuple[str, ...]:
    container = peek(path)
    return () if container is None or not isinstance(container.tree, dict) else tuple(map(str, container.tree))


def save(estimates: Sequence[Estimate], path: str | Path, *, overwrite: bool = False) -> None:
    """Write estimates in the format and container that they were read from.

    The file (or folder, where a format is one) appears whole or not at all: written under another name beside it,
    then renamed.

    Args:
        estimates: As `load` gave them, with refined fields changed.
        path: The file to write.
        overwrite: Replace a file that exists, be it the input itself.

    Raises:
        InputError: The estimates are not of exactly one format, the file exists, or it cannot be written.
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
    # as where it was read
    except _UNFORESEEN as error:
        raise InputError(f"{path}: cannot be written ({_in_short(error)}); --debug shows where") from error
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _check_target(path: Path, source: Path | None, overwrite: bool) -> None:
    if path.is_dir():
        wanted = "another folder's name" if source is not None and source.is_dir() else "a file name"
        raise InputError(f"{path}: is a folder; give {wanted}")
    if not path.parent.is_dir():
        raise InputError(f"{path}: cannot be written: the folder {path.parent} does not exist")
    if source is not None and path.suffix != source.suffix:
        raise InputError(f"{path}: the result is in the format of {source.name}; the name must end in {source.suffix}")
    if path.exists() and not overwrite:
        what = "is the input itself" if source is not None and source.exists() and path.samefile(source) else "exists"
        raise InputError(f"{path}: {what}; give another name, or ask to overwrite it")
