"""What a row's truth says about a refined clip: scores of the input and of the result, by stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.notes import Note

if TYPE_CHECKING:
    from lsmplify_refine.datasets.bodies import Bodies
    from lsmplify_refine.engine.refinement import Refinement


@dataclass(frozen=True)
class AgainstTruth:
    """The scores of one person.

    Attributes:
        stages: Stage of `Refinement.metrics` -> metric -> value; empty without a truth. Fitting the body changes no
            written value, so "input" and "calibrated" are the same.
        frames: Number of frames compared.
        note: Why there are none although the row has a truth; None if there are.
    """

    stages: Mapping[str, Mapping[str, float]]
    frames: int = 0
    note: Note | None = None


def against_truth(truth: str | None, refinement: Refinement, body_model: Path | None) -> AgainstTruth:
    """Score one person of a clip; a truth that cannot be used does not cost the clip.

    Args:
        truth: The row's, for `datasets.readers.read_truth`.
        refinement: The person.
        body_model: The user's body models; None for the open body.
    """
    if truth is None:
        return AgainstTruth({})
    from lsmplify_refine.datasets.readers import read_truth
    from lsmplify_refine.datasets.scores import score

    versions = {"input": refinement.estimate, "refined": refinement.refined}
    try:
        scores = score(versions, read_truth(truth), _bodies(body_model))
    except InputError as error:
        return AgainstTruth({}, note=Note("truth-unusable", f"not compared with the truth: {error}", "warning"))
    stages = {stage: dict(found.metrics) for stage, found in scores.items()}
    stages = {"input": stages["input"], "calibrated": stages["input"], "refined": stages["refined"]}
    return AgainstTruth(stages, scores["refined"].frames)


def truth_file(truth: str | None) -> Path | None:
    """The file that a row's truth names; None if there is none.

    Args:
        truth: The row's.
    """
    path = Path(truth.partition(":")[2]) if truth else None
    return path if path is not None and path.exists() else None


def moved_truth(truth: str, move: Callable[[Path], str]) -> str:
    """A row's truth with another path to the same file; a text without a path stays, for the reader to refuse.

    Args:
        truth: The row's.
        move: Gives the new path.
    """
    reader, colon, path = truth.partition(":")
    return f"{reader}:{move(Path(path))}" if colon and path else truth


def forget_bodies() -> None:
    """Open body models anew: their files may have changed."""
    _bodies.cache_clear()


@lru_cache(maxsize=1)
def _bodies(body_model: Path | None) -> Bodies:
    from lsmplify_refine.datasets.bodies import Bodies

    return Bodies(body_model)
