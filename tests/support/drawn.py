"""Clips and people for the comparison video: a ball that goes from the left to the right."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from lsmplify_refine.values.conventions import COCO17
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison import DrawnBody, DrawnPerson, WorldBody
from lsmplify_refine.visual.comparison.style import PAPER
from lsmplify_refine.visual.encode import VideoWriter
from lsmplify_refine.visual.video import read_frames

WIDTH, HEIGHT = 320, 240
SPHERE = trimesh.creation.icosphere(subdivisions=2, radius=0.35)
K = np.array([[250.0, 0, 160], [0, 250, 120], [0, 0, 1]])
#: Where the ball is before and after, in a panel.
BALL_LEFT, BALL_RIGHT = (slice(105, 135), slice(70, 100)), (slice(105, 135), slice(220, 250))


def clip(path: Path, frames: int = 6, size: tuple[int, int] = (WIDTH, HEIGHT), pts: list[int] | None = None) -> Path:
    """A grey clip."""
    time_base = None if pts is None else Fraction(1, 90000)
    with VideoWriter(path, *size, Fraction(30000, 1001), time_base=time_base) as writer:
        for frame in range(frames):
            writer.write(np.full((size[1], size[0], 3), 128, np.uint8), None if pts is None else pts[frame])
    return path


def ball(*center: float) -> Callable[[np.ndarray], np.ndarray]:
    """A ball that stays where it is."""
    mesh = (SPHERE.vertices + center).astype(np.float32)
    return lambda rows: np.stack([mesh for _ in rows])


def person(
    frame_ids: Any,
    *,
    z: float = 3.0,
    before: Callable[[np.ndarray], np.ndarray] | None = None,
    after: Callable[[np.ndarray], np.ndarray] | None = None,
    errors: Any = None,
    **changes: Any,
) -> DrawnPerson:
    """A ball that is left before and right after; its errors are halved."""
    frame_ids = np.asarray(frame_ids)
    rows = len(frame_ids)
    figures: dict[str, Any] = {}
    halved: dict[str, Any] = {}
    if errors is not None:
        errors = np.asarray(errors, float)
        figures = {"errors": errors, "mean_error": float(np.nanmean(errors))}
        halved = {"errors": errors / 2, "mean_error": float(np.nanmean(errors) / 2)}
    values: dict[str, Any] = {
        "frame_ids": frame_ids,
        "faces": SPHERE.faces,
        "bodies": {
            "before": DrawnBody(before or ball(-0.9, 0.0, z), **figures),
            "after": DrawnBody(after or ball(0.9, 0.0, z), **halved),
        },
        "K": np.tile(K, (rows, 1, 1)),
    }
    return DrawnPerson(**{**values, **changes})


def in_world(frame_ids: Any, *, x: float = 0.0, **changes: Any) -> DrawnPerson:
    """A ball that stands on the floor of its world; refined, it is 1 m further along x."""
    rows = len(frame_ids)

    def standing(at: float) -> WorldBody:
        feet = np.tile(np.array([[at - 0.1, 0.0, 0.0], [at + 0.1, 0.0, 0.0]]), (rows, 1, 1))
        feet[:, :, 2] = np.linspace(0, 0.5, rows)[:, None]
        return WorldBody(ball(at, 0.35, 0.0), np.tile([at, 0.35, 0.0], (rows, 1)), feet)

    return person(frame_ids, world={"before": standing(x), "after": standing(x + 1.0)}, K=None, **changes)


def keypoints(rows: int, confidence: float, at: tuple[float, float] = (250.0, 60.0)) -> Keypoints:
    """COCO keypoints that are all in one place, by default in the top right corner."""
    count = len(COCO17.points)
    return Keypoints("coco17", np.tile(np.array(at), (rows, count, 1)), np.full((rows, count), confidence))


def pictures(path: Path) -> list[np.ndarray]:
    """The frames of a video, as numbers to calculate with."""
    return [frame.astype(int) for frame in read_frames(path)]


def has_body(patch: np.ndarray) -> bool:
    """Whether much of a patch has the hue of a person who is alone, instead of grey."""
    return bool((patch[..., 2] - patch[..., 0]).mean() > 7)


def of_color(picture: np.ndarray, color: tuple[int, int, int], paper: tuple[int, int, int] = PAPER) -> np.ndarray:
    """Whether each pixel is a colour, or one between it and the paper's, as at smooth edges."""
    way = np.array(color) - np.array(paper)
    moved = picture - np.array(paper)
    share = moved @ way / (way @ way)
    found: np.ndarray = (share > 0.3) & (np.abs(moved - share[..., None] * way).max(axis=-1) < 25)
    return found
