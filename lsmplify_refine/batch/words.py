"""Numbers of a batch in words."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """A time such as "2 h 5 min" or "40 s".

    Args:
        seconds: The time.
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def change(before: float, after: float) -> str:
    """A relative change such as "-37 %"; a dash if it has no meaning.

    Args:
        before, after: The two values.
    """
    if not (math.isfinite(before) and math.isfinite(after) and before > 0):
        return "–"
    percent = round(100 * (after / before - 1))
    return f"{percent:+d} %".replace("-", "\N{MINUS SIGN}") if percent else "unchanged"


def of_clips(count: int) -> str:
    """A number of clips, such as "1 clip".

    Args:
        count: The number.
    """
    return f"{count} clip" if count == 1 else f"{count} clips"
