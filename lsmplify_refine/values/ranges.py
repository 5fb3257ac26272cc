"""The ranges of numeric options, for the command line and for Python alike."""

from __future__ import annotations

import math
import re

from lsmplify_refine.errors import InputError

#: Smallest and largest value of each option; 0 is allowed too where `_OR_NONE` says so.
_RANGES: dict[str, tuple[float, float]] = {
    # a millisecond is less than a frame of any camera; ten seconds are a whole clip
    "smooth_seconds": (1e-3, 10.0),
    # a fisheye lens on a small picture, a telescope on a large one
    "focal_px": (1.0, 1e6),
    "passes": (1, 100),
    # a few frames to hours
    "only_worst": (0.1, 1e5),
    # time lapse to high-speed cameras
    "fps": (0.1, 10_000.0),
    "keypoint_fps": (0.1, 10_000.0),
    # a live result further back has hardly any frames before it in the window
    "lag_seconds": (0.0, 1.0),
}
_OR_NONE = ("smooth_seconds",)


def check_range(option: str, value: float) -> None:
    """Check an option's number.

    Raises:
        InputError: It is out of the option's range.
    """
    low, high = _RANGES[option]
    if not (math.isfinite(value) and low <= value <= high) and not (value == 0 and option in _OR_NONE):
        zero = "0, or " if option in _OR_NONE else ""
        raise InputError(f"{option} is {value:g}; give {zero}{low:g} to {high:g}")


def image_size(text: str) -> tuple[int, int]:
    """Width and height in pixels from a text such as `1920x1080`.

    Raises:
        InputError: The text does not have this form, a side is 0, or a side has more than six digits.
    """
    found = re.fullmatch(r"([0-9]{1,6})x([0-9]{1,6})", text.strip().lower())
    width, height = map(int, found.groups()) if found else (0, 0)
    if not width or not height:
        raise InputError(f"{text}: expected a size in pixels such as 1920x1080")
    return width, height
