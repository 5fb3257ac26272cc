"""A batch of your own: name the clips in Python, give some of them options, and group them in the table.

    python examples/batch_with_own_rows.py

A row is one clip. Folders, manifests and data sets (docs/batch.md) become the same rows. Run it again: what is done
stays done.
"""

from __future__ import annotations

from pathlib import Path

from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.run import run_batch
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.batch.videos import parse_videos
from lsmplify_refine.job.demo import copy_input


def main(folder: Path) -> None:
    """Refine the demo twice: with the regressor, and with the projection alone."""
    clip = copy_input(folder / "demo")
    rows = [
        Row("demo/regressor", clip, groups={"method": "regressor"}),
        Row("demo/projection", clip, groups={"method": "projection"}, options={"weights": "none"}),
    ]
    # jobs=0 works in this process; a number starts so many worker processes
    settings = Settings(output=folder / "refined", jobs=0, videos=parse_videos("none"))
    outcome = run_batch(rows, settings)
    for failed in outcome.failed:
        print(f"{failed.name}: {failed.reason}")
    print((settings.output / "table.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(Path("example_output"))
