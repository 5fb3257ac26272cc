"""`Settings`: what a batch does with its clips, and how; and the job of each clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lsmplify_refine.batch.fingerprint import given_paths, options_digest, states
from lsmplify_refine.batch.record import Record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.shards import WHOLE, Shard
from lsmplify_refine.batch.truth import truth_file
from lsmplify_refine.batch.videos import DEFAULT_VIDEOS, Videos
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job
from lsmplify_refine.options import WEIGHTS_NAMES, Device


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a batch does.

    Attributes:
        output: Folder of the outputs.
        options: Options of all clips, as `Job` names them; a row's own go before.
        device: Where to compute.
        videos: Which comparison videos to write.
        force: Whether clips that are done are done again.
        jobs: Worker processes; 0 works in this process.
        cluster: Address of a Dask scheduler; None for this machine.
        shard: The share of the clips that this run does.
        clip_seconds: Time limit of a clip; None for none.
        pack: Clips in a task; None to choose by how long they take.
        trusted: Files that may run code in their pickles.
    """

    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)
    device: Device = "auto"
    videos: Videos = DEFAULT_VIDEOS
    force: bool = False
    jobs: int = 1
    cluster: str | None = None
    shard: Shard = WHOLE
    clip_seconds: float | None = None
    pack: int | None = None
    trusted: tuple[Path, ...] = ()

    def job(self, row: Row, *, video: bool = False) -> Job:
        """The job of a clip.

        Args:
            row: The clip.
            video: Whether the comparison video and the page are written.
        """
        own = {name: _absolute(value) for name, value in {**self.options, **row.job_options()}.items()}
        if (weights := own.get("weights")) not in (None, *WEIGHTS_NAMES):
            own["weights"] = Path(weights).absolute()  # a changed file does the clip again, as other inputs
        return Job(
            row.input.absolute(),
            video=_absolute(row.video),
            keypoints=_absolute(row.keypoints),
            calibration=_absolute(row.calibration),
            output=self.output.absolute().joinpath(*PurePosixPath(row.name).parts),
            device=self.device,
            write_video=video,
            # both are for looking at a clip
            write_page=video,
            overwrite=True,
            **own,
        )

    def given(self, row: Row) -> list[Path]:
        """The paths that a clip and the options name, the truth's included if it is there.

        Args:
            row: The clip.
        """
        truth = truth_file(row.truth)
        return [*given_paths(self.job(row)), *([truth] if truth else [])]

    def trusted_of(self, row: Row) -> list[Path]:
        """The trusted files that are a clip's own, or lie in its folders.

        Args:
            row: The clip.
        """
        given = self.given(row)
        return [file for file in self.trusted if any(path == file or path in file.parents for path in given)]

    def digest(self, row: Row) -> str:
        """The options that decide what is recorded of a clip, as a hash.

        Args:
            row: The clip.
        """
        return options_digest(self.job(row), {"truth": row.truth})

    def is_done(self, row: Row, record: Record | None, *, video: bool) -> bool:
        """Whether a record says that a clip is done, with a video if one is wanted; and nothing changed since.

        Args:
            row: The clip.
            record: What became of it, if anything.
            video: Whether a comparison video is wanted.
        """
        if record is None or (video and not record.video):
            return False
        try:
            given = {state.path for state in states(self.given(row))}
        except InputError:
            return False
        return record.is_valid(self.output, self.digest(row), given)


def _absolute(value: Any) -> Any:
    return value.absolute() if isinstance(value, Path) else value
