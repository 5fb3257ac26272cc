"""Notes: what the user should know about a result, each with a code for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: "warning": something may be wrong, look at the input or the options; "info": what was decided or left out.
Severity = Literal["info", "warning"]

#: Every kind of note; a code never changes its meaning.
NoteCode = Literal[
    # frame rate, camera, axes, units
    "fps-assumed",
    "fps-from-keypoints",
    "fps-from-video",
    "fps-too-low",
    "frames-from-one",
    "frames-without-video",
    "focal-length-assumed",
    "focal-length-replaced",
    "camera-recovered",
    "camera-virtual",
    "camera-as-world",
    "frame-assumed",
    "up-assumed",
    "up-told",
    "unit-inferred",
    # keypoints
    "cameras-absent",
    "cameras-by-order",
    "columns-unused",
    "convention-chosen",
    "detector-model-unused",
    "image-landmarks-used",
    "hands-followed",
    "hands-ignored",
    "keypoints-aligned",
    "keypoints-borrowed",
    "keypoints-detected",
    "keypoints-doubtful",
    "keypoints-interpolated",
    "keypoints-mapped",
    "keypoints-matched",
    "keypoints-mirrored",
    "keypoints-missing",
    "keypoints-scaled",
    "landmarks-not-placed",
    "markers-on-skin",
    "sides-swapped",
    # feet in the world
    "feet-would-slide",
    # people and bodies
    "people-linked",
    "people-separate",
    "posed-from-keypoints",
    "shape-assumed",
    "shape-fitted",
    # files read
    "contacts-ignored",
    "fields-stale",
    "hands-unread",
    "net-outputs-raw",
    "net-outputs-refined",
    "objects-left-out",
    "pickle-trusted",
    "place-assumed",
    "side-file-ignored",
    "truth-unusable",
    "video-scaled",
    "world-only",
    # files written
    "betas-cut",
    "family-converted",
    "floor-elsewhere",
    "floor-placed",
    "gaps-bridged",
    "gaps-closed",
    "face-dropped",
    "hand-joints-dropped",
    "hand-mean-assumed",
    "hands-dropped",
    "hands-flat",
    "net-outputs-dropped",
    "page-failed",
    "pose-blends-dropped",
    "scene-failed",
    "shape-averaged",
    "shape-replaced",
    "skeleton-open",
    "video-failed",
    "video-ignored",
    "video-not-drawn",
    "video-on-cpu",
]


@dataclass(frozen=True)
class Note:
    """One note.

    Attributes:
        code: Its kind, for programs.
        text: One sentence for people.
        severity: Whether something may be wrong.
    """

    code: NoteCode
    text: str
    severity: Severity = "info"

    def __str__(self) -> str:
        return self.text
