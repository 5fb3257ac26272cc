"""The colours of a scene, which colour-blind eyes tell apart too (Okabe and Ito's palette)."""

from __future__ import annotations

from lsmplify_refine.view.clip import Stage

RGB = tuple[int, int, int]

#: One person alone: orange before, blue after.
_ALONE: dict[Stage, RGB] = {"before": (230, 159, 0), "after": (86, 180, 233)}
#: Several people after refinement, one colour each; before, each has a paler one.
_PEOPLE: tuple[RGB, ...] = ((86, 180, 233), (204, 121, 167), (0, 158, 115), (213, 94, 0), (0, 114, 178))
#: Share of white in the paler colour.
_PALE = 0.6
KEYPOINT: RGB = (240, 228, 66)
RESIDUAL: RGB = (213, 94, 0)
STANDS: RGB = (0, 158, 115)
JOINT: RGB = (204, 121, 167)
#: Of the picture.
FRAME: RGB = (120, 128, 138)
PICKED: RGB = (213, 94, 0)


def colors_of(people: int) -> list[dict[Stage, RGB]]:
    """The colours of everybody, before and after."""
    if people == 1:
        return [_ALONE]
    chosen = [_PEOPLE[index % len(_PEOPLE)] for index in range(people)]
    return [{"before": _pale(color), "after": color} for color in chosen]


def _pale(color: RGB) -> RGB:
    red, green, blue = (round(channel + (255 - channel) * _PALE) for channel in color)
    return red, green, blue
