"""Output files of a job: their names, and writing all of them or none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lsmplify_refine.job.job import Outputs
from lsmplify_refine.job.transaction import FileSet, transaction


def name_outputs(source: Path, folder: Path | None, verb: str = "refined", snapshots: Sequence[int] = ()) -> Outputs:
    """`<name>_refined.<same extension>` and its companions, the comparison video included.

    Args:
        source: The file that was read.
        folder: Where to write; None for beside `source`.
        verb: What was done to it; the companions of another verb's results say it too.
        snapshots: Frames that are written as pictures.
    """
    source = source if source.name else source.resolve()  # "." has no name
    folder = source.parent if folder is None else folder
    stem = source.stem if verb == "refined" else f"{source.stem}_{verb}"
    return Outputs(
        results=folder / f"{source.stem}_{verb}{source.suffix}",
        report=folder / f"{stem}_report.json",
        comparison=folder / f"{stem}_comparison.mp4",
        page=folder / f"{stem}_report.html",
        snapshots=tuple(folder / f"{stem}_frame_{frame}.png" for frame in dict.fromkeys(snapshots)),
    )


@contextmanager
def staged(
    outputs: Outputs, *, overwrite: bool, video: bool = True, page: bool = True, snapshots: bool = True
) -> Iterator[Outputs]:
    """Check that `outputs` can be written, then yield hidden paths to write them to.

    The files move to their names together when the block ends (see `transaction`). Only the comparison video, snapshots
    and the page may be missing then: results do not depend on them. Earlier ones of these names show other results, so
    they go.

    Args:
        outputs: The files.
        overwrite: Whether to replace earlier ones.
        video: Whether the comparison video is written.
        page: Whether the report is written as a page too.
        snapshots: Whether the snapshots are written.

    Raises:
        InputError: A file exists and `overwrite` is not set, another run is writing them, or the folder cannot be
            written to.
    """
    shown = tuple(path.name for path in (outputs.comparison, outputs.page, *outputs.snapshots) if path is not None)
    written = outputs if snapshots else outputs.without_pictures()
    written = written if video else written.without_comparison()
    written = written if page else written.without_page()
    files = FileSet(
        outputs.report.parent,
        key=outputs.report.name,  # runs on a.pkl and on a.npz write the same report
        names=tuple(path.name for path in written.all),
        optional=frozenset(shown),
        superseded=shown,
    )
    with transaction(files, overwrite=overwrite) as hidden:
        yield written.within(hidden)
