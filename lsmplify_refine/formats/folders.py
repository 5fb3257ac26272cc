"""Find the result in an estimator's output folder, for formats of a single file (WHAM, PHALP, VIBE)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.registry import Adapter

#: Endings of results.
_SUFFIXES = frozenset({".pkl", ".pk", ".pt", ".pth", ".npz", ".npy", ".smpl", ".json"})
#: Folders of results; PHALP has its own.
_PLACES = ("", "results")
#: More files than this are not results of one clip.
_MAX_FILES = 64


def result_in(folder: Path, adapters: Mapping[str, Adapter]) -> tuple[str, Path] | None:
    """The format and the path of the only result in a folder that is in no folder format; None if there is none.

    Args:
        folder: The folder.
        adapters: The formats to look for, by name.

    Raises:
        InputError: There are several results.
    """
    for place in _PLACES:
        inside = folder / place
        files = sorted(each for each in inside.glob("*") if each.is_file() and each.suffix.lower() in _SUFFIXES)
        found = [(name, path) for path in files[:_MAX_FILES] if (name := _format_of(path, adapters)) is not None]
        if len(found) > 1:
            names = ", ".join(path.name for _, path in found[:6])
            raise InputError(f"{folder}: several results ({names}); give one of them as --input")
        if found:
            return found[0]
    return None


def _format_of(path: Path, adapters: Mapping[str, Adapter]) -> str | None:
    try:
        return next((name for name, adapter in adapters.items() if adapter.recognises(path)), None)
    except InputError:  # a damaged or refused file beside the result
        return None
