"""`load` reads any known estimator's file, `save` writes it back in the same format; both through the adapters."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from lsmplify_refine.errors import InputError, did_you_mean, escaped
from lsmplify_refine.formats.containers import peek
from lsmplify_refine.formats.folders import result_in
from lsmplify_refine.formats.plain import check_plain, write_plain
from lsmplify_refine.formats.registry import AdapterWithOptions, adapters
from lsmplify_refine.formats.unread import known_format, what_it_is
from lsmplify_refine.safe_load import inspect_file
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.notes import Note


def load(path: str | Path, *, format: str | None = None) -> list[Estimate]:
    """Read an estimator's result: one `Estimate` per person.

    Args:
        path: The file, or the estimator's output folder.
        format: Name of an adapter; None to recognise the format by content. Options follow after a colon, as in
            "generic:family=smplx,rot6d=rows".

    Raises:
        InputError: The file does not exist, its format is not known, or a key cannot be used.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    name, _, text = (format or "").partition(":")
    if name and name not in adapters():
        raise InputError(
            f"format {name!r} is not known; known: {', '.join(adapters())}{did_you_mean(name, adapters())}"
        )
    name, path = _in_folder(path, name) if path.is_dir() else (name or _recognise(path), path)
    adapter = adapters()[name]
    options = _options(name, text, adapter.OPTIONS if isinstance(adapter, AdapterWithOptions) else {})
    try:
        if isinstance(adapter, AdapterWithOptions) and options:
            estimates = adapter.read(path, options)
        else:
            estimates = adapter.read(path)
        return _with_notes_on_objects(path, [estimate.replace(format=name) for estimate in estimates])
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path}: {error}") from error
    except _UNFORESEEN as error:
        raise InputError(
            f"{path}: not a whole result of format {name} ({_in_short(error)}); --debug shows where"
        ) from error


#: Exceptions that an adapter may raise on malformed files beyond its own checks.
_UNFORESEEN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)


def _with_notes_on_objects(path: Path, estimates: list[Estimate]) -> list[Estimate]:
    """The estimates, with a warning for each object array that the result will not have."""
    container = peek(path) if path.suffix == ".npz" else None
    notes = tuple(
        Note(
            "objects-left-out",
            f"{key}: left out of the result, because it holds more than plain values: {what}",
            "warning",
        )
        for key, what in (container.left_out.items() if container else ())
    )
    return [estimate.replace(notes=(*estimate.notes, *notes)) for estimate in estimates] if notes else estimates


def _in_short(error: Exception) -> str:
    return escaped(f"{type(error).__name__}: {error}", 200)


def _options(name: str, text: str, known: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The options after a format's name, checked against the adapter's."""
    options = dict(part.strip().partition("=")[::2] for part in text.split(",") if part.strip())
    for option, value in options.items():
        if option not in known:
            has = ", ".join(known) or "none"
            raise InputError(f"--format {name}:{option}={value}: format {name} has no such option; it has: {has}")
        if known[option] and value not in known[option]:
            raise InputError(f"--format {name}:{option}={value}: {option} must be one of {', '.join(known[option])}")
    return options


def _in_folder(path: Path, wanted: str) -> tuple[str, Path]:
    """The format and the path of the result: the folder, or the only result in it.

    Raises:
        InputError: There is none, or there are several.
    """
    considered = {wanted: adapters()[wanted]} if wanted else adapters()
    whole = next((name for name, adapter in considered.items() if adapter.recognises(path)), None)
    found = (whole, path) if whole else result_in(path, considered)
    if found is not None:
        return found
    return wanted or _recognise(path), path


def _recognise(path: Path) -> str:
    found = next((name for name, adapter in adapters().items() if adapter.recognises(path)), None)
    # the generic adapter may take other bodies' parameters for SMPL's
    if found not in (None, "generic"):
        return found
    what = known_format(path) or (None if found else what_it_is(path))
    if what is not None:
        raise InputError(f"{path}: {what}")
    if found:
        return found
    known = ", ".join(adapters())
    if path.is_dir():
        inside = ", ".join(sorted(child.name for child in path.iterdir())[:6]) or "nothing"
        raise InputError(
            f"{path}: no result in a known format ({known}); the folder holds {inside}; give the result file itself"
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

    Estimates that were made in Python, by `Refiner.fit` or from a stream, are written under smplx's argument names: to
    .npz (one person), .pkl or .pt (a dict of several people by track id). `load` reads these files.

    Writing is atomic: the file (or folder) is written under a temporary name beside `path`, then renamed.

    Args:
        estimates: As returned by `load`, with refined fields replaced; or made in Python.
        path: The file to write.
        overwrite: Replace an existing file, even the input itself.

    Raises:
        InputError: The estimates have different formats, the file exists, or it cannot be written.
    """
    path = Path(path)
    names = {estimate.format for estimate in estimates}
    if len(names) != 1 or not names <= {"", *adapters()}:
        raise InputError(f"{path}: only estimates that `load` read from one file can be saved in one file")
    name = names.pop()
    _check_target(path, estimates[0].source, overwrite)
    if not name:
        check_plain(estimates, path)
    # a short name: the file's own may be as long as the file system allows
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        (adapters()[name].write if name else write_plain)(estimates, temporary)
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)  # noqa: PTH105 - says that it replaces
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    # as in `load`
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
        raise InputError(f"{path}: the result has the format of {source.name}; the name must end in {source.suffix}")
    if path.exists() and not overwrite:
        what = "is the input itself" if source is not None and source.exists() and path.samefile(source) else "exists"
        raise InputError(f"{path}: {what}; give another name, or ask to overwrite it")
