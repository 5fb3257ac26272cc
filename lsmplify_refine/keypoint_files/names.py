"""Match names of markers and columns (TRC, C3D, CSV, MMPose's lists) to the points of a convention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS, Convention

#: Words that name a side, on their own or as a prefix of the first word.
_SIDES = {"l": "left", "left": "left", "r": "right", "right": "right", "c": "", "mid": "", "middle": "", "center": ""}
#: Other names of points, without their side -> names in the conventions, in order of preference.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "hip": ("mid_hip", "pelvis"),
    "pelvis": ("pelvis", "mid_hip"),
    "root": ("pelvis", "mid_hip"),
    "head": ("head", "head_top"),
    "top_head": ("head_top",),
    "head_top": ("head_top",),
    "thorax": ("neck",),
    "neck_base": ("jaw",),
    "neck_nose": ("jaw",),
    "bigtoe": ("big_toe",),
    "smalltoe": ("small_toe",),
    "little_toe": ("small_toe",),
    "foot_index": ("big_toe",),
    "foot": ("foot", "ankle"),
    "mouth": ("mouth",),
}
#: Human3.6M's own names: its thorax is where others have the neck.
_H36M_NAMES = {"thorax": "neck", "neck": "jaw"}
#: Min number of matched points.
_MIN_POINTS = 6
#: Words that may follow a side's letter without a separator, as in "lknee".
_LIMBS = frozenset({"shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear", "heel", "bigtoe", "smalltoe"})


@dataclass(frozen=True)
class Match:
    """A convention and the columns of its points.

    Attributes:
        convention: Its name.
        columns: The column of each of its points, -1 for none.
        unmapped: Names of the other columns.
    """

    convention: str
    columns: tuple[int, ...]
    unmapped: tuple[str, ...]


def find_convention(names: Sequence[str], wanted: str | None, where: str) -> Match:
    """Find the convention of columns by their names.

    The convention with the most matches wins; among several, the one whose points are all present.

    Args:
        names: Names of the columns, such as `RShoulder`, `right_shoulder` or `subject:R.Shoulder`.
        wanted: The user's choice of the convention.
        where: File, for error messages.

    Raises:
        InputError: Too few names are names of joints, or several conventions fit.
    """
    if wanted is not None and wanted not in CONVENTIONS:
        raise InputError(f"{where}: convention {wanted!r} is not known; known: {', '.join(CONVENTIONS)}")
    considered = [CONVENTIONS[wanted]] if wanted else list(CONVENTIONS.values())
    matches = [_match(convention, names) for convention in considered]
    maximum = max(_found(match) for match in matches)
    if maximum < _MIN_POINTS:
        raise InputError(
            f"{where}: only {maximum} of {len(names)} columns are named like joints "
            f"(such as right_shoulder or RShoulder; first: {', '.join(names[:4])}); surface markers cannot be used"
        )
    best = [match for match in matches if _found(match) == maximum]
    whole = [match for match in best if -1 not in match.columns]
    # exactly one convention is complete, or only one has the most matches
    chosen = whole if len(whole) == 1 else best
    if len(chosen) > 1:
        candidates = ", ".join(match.convention for match in chosen)
        raise InputError(f"{where}: its points may be {candidates}; choose one with --keypoint-convention")
    return chosen[0]


def _found(match: Match) -> int:
    return sum(column >= 0 for column in match.columns)


def _match(convention: Convention, names: Sequence[str]) -> Match:
    variants = [{}, _H36M_NAMES] if convention.name == "h36m17" else [{}]
    return max((_match_with(convention, names, variant) for variant in variants), key=_found)


def _match_with(convention: Convention, names: Sequence[str], own_names: dict[str, str]) -> Match:
    columns = [-1] * len(convention.points)
    unmapped = []
    for column, name in enumerate(names):
        point = next((point for point in _points(name, own_names) if point in convention.points), None)
        place = None if point is None else convention.points.index(point)
        if place is None or columns[place] >= 0:
            unmapped.append(name)
        else:
            columns[place] = column
    return Match(convention.name, tuple(columns), tuple(unmapped))


def _points(name: str, own_names: dict[str, str]) -> list[str]:
    """The points that a name may mean, most likely first."""
    side, rest = _words(name)
    base = own_names.get(rest, rest)
    # "mouth_left" is "left_mouth"; "hip" without a side is the middle one
    others = _OTHER_NAMES.get(base, ()) if base == rest else ()
    if side:
        return [f"{side}_{each}" for each in (base, *(other for other in others if other not in ("mid_hip", "pelvis")))]
    return [base, *others]


def _words(name: str) -> tuple[str, str]:
    """Side ("left", "right" or "") and the rest in snake case."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name.rsplit(":", 1)[-1])
    words = [word.lower() for word in words]
    if len(words) == 1 and words[0][:1] in ("l", "r") and words[0][1:] in _LIMBS:
        words = [words[0][0], words[0][1:]]
    side = next((_SIDES[word] for word in words if _SIDES.get(word)), "")
    # "left_middle1" is a finger
    rest = [word for word in words if word not in _SIDES or (side and not _SIDES[word])]
    # "spine1" is one word in the conventions
    return side, re.sub(r"_(\d+)$", r"\1", "_".join(rest))
