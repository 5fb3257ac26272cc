"""The point layouts of files: a convention, possibly mixed with points that are not kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lsmplify_refine.values.conventions import (
    BODY25,
    BODY67,
    COCO65,
    CONVENTIONS,
    HALPE68,
    KINECT25,
    MEDIAPIPE33,
    Convention,
)


@dataclass(frozen=True)
class Layout:
    """The point order of a file: a convention, possibly mixed with points that no body model has (faces).

    Attributes:
        name: Its name; the convention's if there are no other points.
        convention: The convention of the points that are kept.
        count: Total number of points.
        columns: Indices of the points that are kept, in the convention's order.
        rest: What the further points are, in words.
        named_only: Whether a file must name it; its number of points alone means another layout.
    """

    name: str
    convention: Convention
    count: int
    columns: tuple[int, ...]
    rest: str = ""
    named_only: bool = False

    @property
    def extra(self) -> int:
        """Number of points that are not kept."""
        return self.count - len(self.columns)


def _layout(
    convention: Convention, name: str = "", count: int = 0, rest: str = "", *, face: int = 0, named_only: bool = False
) -> Layout:
    """A layout with the points of the face, if any, between body and hands."""
    body = len(CONVENTIONS[convention.body].points)
    columns = (*range(body), *range(body + face, len(convention.points) + face))
    return Layout(name or convention.name, convention, count or len(columns) + face, columns, rest, named_only)


#: Those that only a file or user that names them has: OpenPose's 25 points and EasyMocap's 65 are more common.
_NAMED_ONLY = (KINECT25, COCO65)

#: By name.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in [
        *(_layout(convention, named_only=convention in _NAMED_ONLY) for convention in CONVENTIONS.values()),
        _layout(COCO65, "coco133", rest="68 of the face", face=68),
        _layout(HALPE68, "halpe136", rest="68 of the face", face=68),
        _layout(BODY25, "body65", 65, "40 of the hands"),
        _layout(BODY67, "body137", 137, "70 of the face"),
        _layout(MEDIAPIPE33, "mediapipe543", 543, "42 of the hands, 468 of the face"),
        _layout(MEDIAPIPE33, "mediapipe553", 553, "42 of the hands, 478 of the face"),
    ]
}


def layouts_of(count: int, among: Sequence[str] | None = None) -> list[Layout]:
    """Layouts with this many points, optionally only among the named ones."""
    return [layout for layout in LAYOUTS.values() if layout.count == count and (among is None or layout.name in among)]
