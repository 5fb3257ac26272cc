"""What the demos of GVHMR and GEM write beside a result: ViTPose's keypoints, boxes, and the video."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.side_files import first_of_length
from lsmplify_refine.keypoint_files import load_keypoints
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints

_VITPOSE, _BOXES, _VIDEO = "preprocess/vitpose.pt", "preprocess/bbx.pt", "0_input_video.mp4"


def with_demo_files(
    estimate: Estimate,
    path: Path,
    length: int,
    read_boxes: Callable[[Path], np.ndarray],
    *,
    rows: np.ndarray | slice = slice(None),
    keypoints: Mapping[str, Callable[[], Keypoints]] | None = None,
    boxes: Mapping[str, Callable[[], np.ndarray]] | None = None,
    alone: bool = True,
) -> Estimate:
    """Add keypoints, boxes and video to an estimate, and notes on what could not be read.

    Args:
        estimate: One person's.
        path: The result's file; the demo's files are beside it.
        length: Frames of the clip.
        read_boxes: Reads the demo's boxes, (L, 4) x1, y1, x2, y2.
        rows: The estimate's frames among the clip's.
        keypoints: Readers of keypoints in the result itself, by key; they take precedence over the demo's.
        boxes: The same for boxes.
        alone: Whether the result holds one person: the demo's keypoints and boxes belong to one person.
    """
    vitpose, corners, video = (path.parent / name for name in (_VITPOSE, _BOXES, _VIDEO))
    keypoint_sources, box_sources = dict(keypoints or {}), dict(boxes or {})
    if alone and vitpose.is_file():
        keypoint_sources[_VITPOSE] = lambda: replace(load_keypoints(vitpose), source=f"{_VITPOSE} (ViTPose)")
    if alone and corners.is_file():
        box_sources[_BOXES] = lambda: read_boxes(corners)
    keypoints_found = first_of_length(keypoint_sources, length, lambda found: len(found.positions))
    boxes_found = first_of_length(box_sources, length, len)
    (points, notes), (squares, box_notes) = keypoints_found, boxes_found
    if points is not None:
        points = replace(points, positions=points.positions[rows], confidence=points.confidence[rows])
    return estimate.replace(
        keypoints=points,
        boxes=None if squares is None else squares[rows],
        video=video if video.is_file() else None,
        notes=(*estimate.notes, *notes, *box_notes),
    )


def corners_of_squares(squares: np.ndarray, where: str) -> np.ndarray:
    """(L, 4) corners of boxes (L, 3) of centre and side, pixels.

    Raises:
        InputError: The boxes have another shape.
    """
    if squares.ndim != 2 or squares.shape[1] != 3:
        raise InputError(f"{where}: shape {squares.shape}; expected (L, 3) centres and sides of boxes")
    return np.hstack([squares[:, :2] - squares[:, 2:] / 2, squares[:, :2] + squares[:, 2:] / 2])
