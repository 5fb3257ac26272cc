"""Colours and sizes of the comparison video; colours are Okabe and Ito's, which colour-blind people tell apart."""

from __future__ import annotations

from typing import Literal

import cv2

#: RGB.
Color = tuple[int, int, int]

#: The input as read; with only shape and place fitted; and refined.
Stage = Literal["input", "before", "after"]

#: Titles, own points, residuals and curves of each stage.
STAGE_COLORS: dict[Stage, Color] = {"input": (190, 190, 190), "before": (230, 159, 0), "after": (86, 180, 233)}
STAGE_TITLES: dict[Stage, str] = {"input": "AS READ", "before": "BEFORE", "after": "AFTER"}
#: The body of a person who is alone.
BODY_COLOR: Color = (150, 168, 188)
#: The bodies of several people, in their order.
PEOPLE_COLORS: tuple[Color, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (0, 114, 178),
    (213, 94, 0),
    (240, 228, 66),
)
#: What the gate did; frames that it accepted have no mark.
STATUS_COLORS: dict[str, Color] = {"blended": (240, 228, 66), "held": (213, 94, 0), "doubtful": (204, 121, 167)}
REPAIR_COLOR: Color = (0, 158, 115)
KEYPOINT_COLOR: Color = (240, 228, 66)
TEXT_COLOR: Color = (235, 235, 235)
DIM_COLOR: Color = (150, 154, 160)
#: Background of the strip and of the world.
PAPER: Color = (26, 29, 34)

#: How much of the picture a body hides: the person behind it is seen.
OPACITY = 0.6
FONT = cv2.FONT_HERSHEY_DUPLEX


def body_color(index: int, people: int) -> Color:
    """The colour of a person's body, the same in all frames."""
    return BODY_COLOR if people == 1 else PEOPLE_COLORS[index % len(PEOPLE_COLORS)]


def lighter(color: Color, share: float) -> Color:
    """A colour mixed with a share of light grey."""
    red, green, blue = (round((1 - share) * channel + share * 225) for channel in color)
    return red, green, blue
