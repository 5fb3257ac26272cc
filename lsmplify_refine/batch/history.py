"""`Run`: how the last run of each share of the clips went, and with which settings and versions; the page shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from lsmplify_refine.batch.record import STATE, write_whole
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.report import plain
from lsmplify_refine.safe_load import load_json
from lsmplify_refine.versions import versions

#: Version of the file's layout.
LAYOUT = 1

_NAME = re.compile(r"run_\d+_of_\d+\.json")

#: Settings that say nothing of how clips are refined.
_LEFT_OUT = ("output", "options", "shard", "force", "pack")


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        run: Its name, as in the records.
        shard: Its share of the clips, such as "2/8".
        clips: How many clips it did.
        seconds: How long it took; None if it was broken off.
        settings: Its settings, and the options that were given.
        versions: Of the packages that decide results.
    """

    run: str
    shard: str
    clips: int
    seconds: float | None
    settings: Mapping[str, Any]
    versions: Mapping[str, str]

    def save(self, output: Path) -> None:
        """Write it, whole or not at all; the last run of this share goes.

        Args:
            output: The batch's output folder.

        Raises:
            OSError: It cannot be written.
        """
        path = output / STATE / f"run_{self.shard.replace('/', '_of_')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"layout": LAYOUT, **asdict(self)}))


def begun(run: str, settings: Settings) -> Run:
    """A run that begins.

    Args:
        run: Its name.
        settings: Its settings.
    """
    given = {each.name: getattr(settings, each.name) for each in fields(settings) if each.name not in _LEFT_OUT}
    shown = {
        name: str(value) if name == "videos" else value for name, value in given.items() if value not in (None, ())
    }
    return Run(run, str(settings.shard), 0, None, plain({**shown, **settings.options}), versions())


def load_runs(output: Path) -> list[Run]:
    """The last run of each share, the latest first.

    Args:
        output: The batch's output folder.
    """
    paths = [path for path in (output / STATE).glob("run_*.json") if _NAME.fullmatch(path.name)]
    latest_first = sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return [run for run in map(_load, latest_first) if run is not None]


def _load(path: Path) -> Run | None:
    try:
        content = load_json(path)
        if content.pop("layout") != LAYOUT:
            return None
        run = Run(**content)
        int(run.clips), float(run.seconds or 0), run.settings.items(), run.versions.items()
    except (InputError, KeyError, TypeError, AttributeError, ValueError):
        return None
    return run
