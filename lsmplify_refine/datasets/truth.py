"""`Truth`: the true motion of one person in one clip, in the frames that count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Int

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints


@dataclass(frozen=True)
class Truth:
    """One person's true motion: a posed body, or points in space. Frames that do not count have no row.

    Attributes:
        frame_ids: The video frame of each row, ascending.
        frames: Number of frames in the whole clip, with those that do not count.
        frame: "camera" (x right, y down, z forward) or "world".
        body: SMPL parameters, a row for each frame id; None where only points are known.
        points: 3D keypoints in metres, a row for each frame id; None where a body is known.
        scale: Uniform size of the person about the pelvis, for data sets that scale the body.
        fps: Frames per second; None if it is not known.
        person: The data set's name of this person.
        camera: Intrinsics of the frames, if they are known.
        source: The file.
    """

    frame_ids: Int[np.ndarray, " rows"]
    frames: int
    frame: Literal["camera", "world"]
    body: Estimate | None = None
    points: Keypoints | None = None
    scale: float = 1.0
    fps: float | None = None
    person: str = "0"
    camera: Camera | None = None
    source: Path | None = None

    def __post_init__(self) -> None:
        rows = [len(self.body)] if self.body is not None else []
        rows += [len(self.points.positions)] if self.points is not None else []
        if rows != [len(self.frame_ids)]:
            raise InputError(f"{self.source or 'truth'}: {len(self.frame_ids)} frame ids for {rows} rows of truth")
        if not len(self.frame_ids) or (np.diff(self.frame_ids) <= 0).any() or self.frame_ids[-1] >= self.frames:
            raise InputError(f"{self.source or 'truth'}: no frame counts, or the frames do not ascend")


def truth_of(estimate: Estimate) -> Truth:
    """A person as read by an adapter, as the truth.

    Args:
        estimate: The person.
    """
    return Truth(
        estimate.frame_ids,
        int(estimate.frame_ids[-1]) + 1,
        estimate.frame,
        body=estimate,
        fps=estimate.fps,
        person=estimate.track_id,
        camera=estimate.camera if estimate.frame == "camera" else None,
        source=estimate.source,
    )


def check_options(reader: str, options: Mapping[str, str], known: tuple[str, ...]) -> None:
    """Check the names of a reader's options.

    Args:
        reader: The reader's name.
        options: The options that were given.
        known: Those that the reader has.

    Raises:
        InputError: One is not known.
    """
    unknown = [name for name in options if name not in known]
    if unknown:
        raise InputError(f"truth {reader},{unknown[0]}=...: no such option; known: {', '.join((*known, 'person'))}")
