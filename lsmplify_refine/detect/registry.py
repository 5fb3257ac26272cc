"""Detectors by name: built-in ones first, then those of the entry-point group."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from lsmplify_refine.detect.protocol import Detector
from lsmplify_refine.errors import InputError, describe_error, did_you_mean

#: Third parties register a detector's class under this entry-point group.
ENTRY_POINT_GROUP = "lsmplify_refine.detectors"

#: Available even in a source tree without package metadata.
_BUILT_IN = {
    "mediapipe": "lsmplify_refine.detect.mediapipe:MediaPipe",
    "rtmpose": "lsmplify_refine.detect.rtmpose:RTMPose",
}


@lru_cache(maxsize=1)
def detectors() -> dict[str, EntryPoint]:
    """Entry points of the detectors, by name; they are imported on first use."""
    found = {name: EntryPoint(name, place, ENTRY_POINT_GROUP) for name, place in _BUILT_IN.items()}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        found.setdefault(point.name, point)
    return found


def open_detector(name: str, model: Path | None = None) -> Detector:
    """Create a detector.

    Args:
        name: A key of `detectors`.
        model: Its model file; None for the default, included or downloaded.

    Raises:
        InputError: The name is not known, or a package or model is missing.
    """
    if name not in detectors():
        raise InputError(
            f"--detector {name}: not known; known: {', '.join(detectors())}{did_you_mean(name, detectors())}"
        )
    point = detectors()[name]
    try:
        make: Callable[[Path | None], Detector] = point.load()
        return make(model)
    except InputError:
        raise
    # third-party code may raise anything
    except Exception as error:
        reason = describe_error(error)[:200]
        raise InputError(f"--detector {name}: cannot be started ({reason}); --debug shows where") from error
