"""Fake detectors, whose results a test sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.detect import registry


class Replay:
    """Returns the people of one frame per call, from a list."""

    name = "replay"
    convention = "coco17"
    model = ""

    def __init__(self, people: Sequence[np.ndarray]) -> None:
        self.people = list(people)
        self.seen: list[tuple[tuple[int, ...], float]] = []

    def detect(self, image: np.ndarray, seconds: float) -> np.ndarray:
        self.seen.append((image.shape, seconds))
        return self.people[len(self.seen) - 1]


def install(monkeypatch: pytest.MonkeyPatch, **made: Callable[[Path | None], object]) -> None:
    """Register detectors by name, as an installed package would."""
    for name, make in made.items():
        monkeypatch.setattr(f"{__name__}.MADE_{name}", make, raising=False)
    points = [EntryPoint(name, f"{__name__}:MADE_{name}", registry.ENTRY_POINT_GROUP) for name in made]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.ENTRY_POINT_GROUP else [])
    registry.detectors.cache_clear()
