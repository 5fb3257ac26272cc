"""Tell markers on the skin (Plug-in Gait's `LKNE`, OpenCap's `r_mknee`) from joint centres (`RKnee`), by their names.

A marker on the skin lies 3 to 8 cm from the joint that it is named after.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lsmplify_refine.values.conventions import CONVENTIONS

#: Names of markers next to a point of the body, without their side: Plug-in Gait's, and OpenCap's heel bone.
SKIN_POINTS = {
    "sho": "shoulder", "elb": "elbow", "wra": "wrist", "kne": "knee", "ank": "ankle", "hee": "heel", "toe": "big_toe",
    "calc": "heel",
}  # fmt: skip
#: Parts of names that only markers on the skin have: bones that lie under it, and codes of marker sets.
_SKIN_WORDS = (SKIN_POINTS.keys() - {"toe"}) | {
    "asis", "psis", "asi", "psi", "c7", "t6", "t8", "t10", "l4", "l5", "clav", "strn", "sternum", "sacr", "sacrum",
    "1meta", "5meta", "malleolus", "epicondyle", "acromion", "radius", "ulna", "wrb", "fhd", "bhd", "thi", "tib",
    "mknee", "mankle", "melbow", "mwrist",
}  # fmt: skip
#: Names that decide; some joint sets also have the seventh vertebra or the heel bone.
_MIN_SKIN = 3
#: Words for the inner side of a limb.
_INNER = ("m", "med", "medial")


def _spellings(point: str) -> set[str]:
    """A convention's name of a point, and OpenPose's way to spell it (`left_big_toe`, `LBigToe`), in lower case."""
    return {point, re.sub(r"^(l)eft_|^(r)ight_", r"\1\2", point).replace("_", "")}


#: Names of joint centres, in lower case; Pose2Sim calls the middle of the hips CHip.
_EXACT = {"chip"}.union(
    *(_spellings(point) for convention in CONVENTIONS.values() for point in convention.points),
    *({f"l{joint}jc", f"r{joint}jc"} for joint in "sewhka"),
)


def skin_markers(names: Sequence[str]) -> tuple[str, ...]:
    """The names that only markers on the skin have; empty if they are too few to decide."""
    found = tuple(name for name in names if _on_skin(name))
    return found if len(found) >= _MIN_SKIN else ()


def names_a_joint(name: str, names: Sequence[str]) -> bool:
    """Whether a name is exactly a joint's: OpenPose's (`RKnee`, in any case), a convention's (`right_knee`) or `RKJC`.

    Not if the file names its inner side in the same style: `RKnee` beside `RMKnee` is the outer side.
    """
    own = _bare(name)
    return own in _EXACT and _inner_sides(own).isdisjoint(map(_bare, names))


def _inner_sides(own: str) -> set[str]:
    """How the inner side of a limb is called in the style of its name."""
    joint = "_" if "_" in own else ""
    side, limb = own.split("_", 1) if joint else (own[:1], own[1:])
    inner = {joint.join(parts) for word in _INNER for parts in ((side, word, limb), (side, limb, word))}
    return inner | {f"{side}{joint}m{limb}"}


def _bare(name: str) -> str:
    """The name in lower case, without the subject."""
    return name.rsplit(":", 1)[-1].lower()


def _on_skin(name: str) -> bool:
    words = re.split(r"[^a-z0-9]+", _bare(name))
    return any(word in _SKIN_WORDS or (word[:1] in ("l", "r") and word[1:] in _SKIN_WORDS) for word in words)
