"""Output files: their names, checks before the work, and writing all of them or none."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.export import SUFFIXES
from lsmplify_refine.job.job import Outputs
from lsmplify_refine.options import OutputFormat


def name_outputs(source: Path, folder: Path | None, *, video: bool, format: OutputFormat | None = None) -> Outputs:
    """`<name>_refined.<same extension>` and its companions.

    Args:
        source: The results file that was read.
        folder: Where to write; None for beside `source`.
        video: Whether a comparison video is written.
        format: Another format than the input's.
    """
    source = source if source.name else source.resolve()  # "." has no name
    suffix = source.suffix if format is None else SUFFIXES[format]
    folder = source.parent if folder is None else folder
    return Outputs(
        results=folder / f"{source.stem}_refined{suffix}",
        report=folder / f"{source.stem}_report.json",
        comparison=folder / f"{source.stem}_comparison.mp4" if video else None,
    )


@contextmanager
def staged(outputs: Outputs, *, overwrite: bool) -> Iterator[Outputs]:
    """Check that `outputs` can be written, then yield hidden paths to write them to.

    The files move to their names together when the block ends. If it ends with an error (or Ctrl-C), none of them
    is left. Only the comparison video may be missing at the end: results do not depend on it.

    Raises:
        InputError: A file exists and `overwrite` is not set, or the folder cannot be written to.
    """
    folder = outputs.results.parent
    for path in outputs.all:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; move it away or choose another --output")
        if path.exists() and not overwrite:
            raise InputError(f"{path}: exists already; give --overwrite, or choose another --output")
    created = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        hidden = Path(tempfile.mkdtemp(prefix=".lsmplify_refine_", dir=folder))
    except OSError as error:
        _remove_empty(created)
        raise unwritable(folder, error) from error
    try:
        staging = outputs.within(hidden)
        yield staging
        for part, final in zip(staging.all, outputs.all, strict=True):
            if part != staging.comparison or part.exists():
                part.replace(final)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        _remove_empty(created)


def unwritable(folder: Path, error: OSError) -> InputError:
    """The error for a folder that cannot be written to."""
    return InputError(f"{folder}: cannot be written to ({error.strerror}); choose another --output")


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders, innermost first, that nothing was written into."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
