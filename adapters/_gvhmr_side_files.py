"""What the GVHMR demo leaves beside its result: keypoints, boxes and the video."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import to_numpy
from lsmplify_refine.keypoint_files import keypoints_from_array, load_keypoints
from lsmplify_refine.safe_load import load_torch
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note


def with_side_files(estimate: Estimate, tree: dict[str, Any], path: Path) -> Estimate:
    """Keypoints and boxes of the file itself or else of the demo's folder, and its video."""
    notes = list(estimate.notes)
    folder = path.parent

    def first_usable(sources: dict[str, Callable[[], Any]]) -> Any:
        for name, get in sources.items():
            try:
                value = get()
            except InputError as error:
                notes.append(Note("side-file-ignored", f"{name} is ignored: {error}", "warning"))
                continue
            length = None if value is None else len(value.positions if isinstance(value, Keypoints) else value)
            if length == len(estimate):
                return value
            if length is not None:
                text = f"{name} is ignored: it has {length} frames, the result has {len(estimate)}"
                notes.append(Note("side-file-ignored", text, "warning"))
        return None

    kp2d, bbx_xys = to_numpy(tree.get("kp2d")), to_numpy(tree.get("bbx_xys"))
    vitpose, bbx = folder / "preprocess" / "vitpose.pt", folder / "preprocess" / "bbx.pt"
    keypoints = first_usable(
        {
            "kp2d": lambda: None if kp2d is None else keypoints_from_array(kp2d, where=f"{path}: kp2d", source="kp2d"),
            "preprocess/vitpose.pt": lambda: load_keypoints(vitpose) if vitpose.is_file() else None,
        }
    )
    if keypoints is not None and keypoints.source == vitpose.name:
        keypoints = replace(keypoints, source="preprocess/vitpose.pt (ViTPose)")
    boxes = first_usable(
        {
            "bbx_xys": lambda: None if bbx_xys is None else _square_to_corners(bbx_xys, f"{path}: bbx_xys"),
            "preprocess/bbx.pt": lambda: _boxes(bbx) if bbx.is_file() else None,
        }
    )
    video = folder / "0_input_video.mp4"
    return estimate.replace(
        keypoints=keypoints, boxes=boxes, video=video if video.is_file() else None, notes=tuple(notes)
    )


def _boxes(path: Path) -> np.ndarray:
    """(L, 4) corners of the demo's bbx.pt."""
    content = load_torch(path)
    corners = content.get("bbx_xyxy") if isinstance(content, dict) else None
    if not isinstance(corners, torch.Tensor) or corners.ndim != 2 or corners.shape[1] != 4:
        raise InputError(f"{path}: bbx_xyxy: missing, or not of shape (L, 4)")
    return corners.numpy().copy()


def _square_to_corners(xys: np.ndarray, where: str) -> np.ndarray:
    """(L, 4) corners of boxes given as centre and side."""
    if xys.ndim != 2 or xys.shape[1] != 3:
        raise InputError(f"{where}: shape {xys.shape}; expected (L, 3)")
    return np.hstack([xys[:, :2] - xys[:, 2:] / 2, xys[:, :2] + xys[:, 2:] / 2])
