"""The report beside a result, as far as the viewer shows it. Like any file, it may be damaged or hostile."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load import load_json
from lsmplify_refine.values.body_shape import BodyShape

_REFINED, _REPORT = "_refined", "_report.json"
_STANDS = ("left_foot_stands", "right_foot_stands")
#: Sizes of a person against the open body; others are not a person's.
_MIN_SCALE, _MAX_SCALE = 0.2, 5.0


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        settings: Of the run.
        people: What it says of each person, by track id.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    people: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @staticmethod
    def of(tree: Any) -> Report:
        """A report from JSON's values; empty if they are not one."""
        if not isinstance(tree, dict):
            return Report()
        settings, listed = tree.get("settings"), tree.get("people")
        if not isinstance(settings, dict) or not isinstance(listed, list):
            return Report()
        return Report(settings, {str(each.get("track_id")): each for each in listed if isinstance(each, dict)})

    @staticmethod
    def beside(result: Path) -> Report:
        """The report beside a result; empty if there is none that can be read."""
        path = result.with_name(result.stem.removesuffix(_REFINED) + _REPORT)
        try:
            return Report.of(load_json(path)) if path.is_file() else Report()
        except InputError:
            return Report()

    def text(self, name: str) -> str | None:
        """A setting that is a text, or None."""
        value = self.settings.get(name)
        return value if isinstance(value, str) and value else None

    @property
    def is_of_fit(self) -> bool:
        """Whether `fit` wrote it: its input is a keypoint file, and its result has a format of its own."""
        return "units" in self.settings

    def format_of_result(self) -> str | None:
        """The format that the input was read with, if the result is in the same one."""
        return self.text("format") if self.settings.get("output_format") is None else None

    def path(self, setting: str, result: Path) -> Path | None:
        """A file that a setting names: beside the result, or where it was; None if it is gone."""
        named = self.text(setting)
        if named is None:
            return None
        for path in (result.parent / Path(named).name, Path(named)):
            # a folder that was refined in place holds its own result
            if path.exists() and path.resolve() != result.resolve():
                return path
        return None

    def shape(self, track_id: str) -> BodyShape | None:
        """The shape that was fitted to a person, if it is the open body's."""
        found = self.people.get(track_id, {}).get("shape")
        if self.settings.get("body_model") is not None or not isinstance(found, dict):
            return None
        try:
            betas, scale = np.array(found["betas"], float), float(found["scale"])
        except (KeyError, TypeError, ValueError):
            return None
        sound = betas.ndim == 1 and np.isfinite(betas).all() and math.isfinite(scale)
        return BodyShape(betas, scale) if sound and _MIN_SCALE < scale < _MAX_SCALE else None

    def stands(self, track_id: str, frames: int) -> Float[np.ndarray, "frames 2"] | None:
        """Whether a person's left and right foot stand in each frame, 1 or 0; None if the report does not say."""
        found = self.people.get(track_id, {}).get("per_frame")
        sides: list[Any] = [found.get(name) for name in _STANDS] if isinstance(found, dict) else []
        if not sides or not all(isinstance(side, list) and len(side) == frames for side in sides):
            return None
        stands: np.ndarray = np.array([[float(each == 1) for each in side] for side in sides]).T
        return stands

    def numbers(self, track_id: str, frames: int) -> dict[str, list[str]]:
        """A person's values for each frame, as text."""
        found = self.people.get(track_id, {}).get("per_frame")
        if not isinstance(found, dict):
            return {}
        columns = {key: value for key, value in found.items() if isinstance(value, list) and len(value) == frames}
        return {
            escaped(key): ["" if each is None else escaped(each) for each in value] for key, value in columns.items()
        }
