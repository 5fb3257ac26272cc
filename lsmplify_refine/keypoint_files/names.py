"""Match names of markers and columns (TRC, C3D, CSV, MMPose's lists) to the points of a convention."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files.skin_markers import SKIN_POINTS, names_a_joint, skin_markers
from lsmplify_refine.values.conventions import CONVENTIONS, Convention
from lsmplify_refine.values.notes import Note

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
    # Visual3D's and OpenSim's joint centres
    **{f"{limb[0]}jc": (limb,) for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")},
    **{code: (point,) for code, point in SKIN_POINTS.items()},
    # Kinect's
    "spine_base": ("mid_hip",),
    "spine_naval": ("spine_navel",),
    "handtip": ("hand_tip",),
}
#: Human3.6M's own names: its thorax is where others have the neck.
_H36M_NAMES = {"thorax": "neck", "neck": "jaw"}
#: Min number of matched points.
_MIN_POINTS = 6
#: Words that may follow a side's letter without a separator, as in "lknee".
_LIMBS = frozenset(
    {"shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear", "heel", "bigtoe", "smalltoe"}
    | {name for name in _OTHER_NAMES if name.endswith("jc")}
    | SKIN_POINTS.keys()
)
#: Points of a whole body. Names that fit several conventions alike decide only if all of them are there.
_WHOLE_BODY = frozenset(
    f"{side}_{limb}" for side in ("left", "right") for limb in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
)


@dataclass(frozen=True)
class Match:
    """A convention and the columns of its points.

    Attributes:
        convention: Its name.
        columns: The column of each of its points, -1 for none.
        unmapped: Names of the other columns.
        notes: What was chosen that the names do not say.
    """

    convention: str
    columns: tuple[int, ...]
    unmapped: tuple[str, ...]
    notes: tuple[Note, ...] = ()

    @property
    def points(self) -> dict[str, int]:
        """The column of each point that has one."""
        return {
            point: column for point, column in zip(CONVENTIONS[self.convention].points, self.columns) if column >= 0
        }


def find_convention(names: Sequence[str], wanted: str | None, where: str) -> Match:
    """Find the convention of columns by their names.

    The convention with the most matches wins; among several, the one whose points are all present. If several mean the
    same points by the names of a whole body, BODY_25 or the first is taken, with a note. Joint centres win over markers
    on the skin; these are only used if the user names a convention.

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
    skin = skin_markers(names)
    matches = [_match(convention, names, on_skin=bool(skin)) for convention in considered]
    if skin and wanted and _found(matches[0]) < _MIN_POINTS:
        note = Note(
            "markers-on-skin",
            f"markers on the skin ({', '.join(skin[:4])}, ...) are taken as the points of {wanted}, which lie "
            "centimetres deeper",
            "warning",
        )
        matches = [replace(_match(considered[0], names, on_skin=False), notes=(note,))]
    maximum = max(_found(match) for match in matches)
    if maximum < _MIN_POINTS:
        raise _too_few(maximum, names, skin, where)
    best = _without_absent_hands([match for match in matches if _found(match) == maximum])
    whole = [match for match in best if -1 not in match.columns]
    # exactly one convention is complete, or only one has the most matches
    chosen = whole if len(whole) == 1 else best
    if len(chosen) > 1:
        chosen = [_one_of_equals(chosen, where)]
    return chosen[0]


def _too_few(found: int, names: Sequence[str], skin: Sequence[str], where: str) -> InputError:
    others = "the points need names of joints"
    if skin:
        others = (
            f"others are markers on the skin ({', '.join(skin[:4])}, ...), centimetres from the joints; "
            "add --keypoint-convention NAME to use them as joints anyway"
        )
    return InputError(
        f"{where}: only {found} of {len(names)} columns are named like joints "
        f"(such as right_shoulder or RShoulder; first: {', '.join(names[:4])}); {others}"
    )


def _one_of_equals(matches: Sequence[Match], where: str) -> Match:
    """One of several matches, if they mean the same points of a whole body.

    Raises:
        InputError: The conventions mean different points.
    """
    candidates = ", ".join(match.convention for match in matches)
    same = all(match.points == matches[0].points for match in matches)
    if not same or _WHOLE_BODY - matches[0].points.keys():
        raise InputError(f"{where}: its points may be {candidates}; choose one with --keypoint-convention")
    taken = next((match for match in matches if match.convention == "body25"), matches[0])
    text = (
        f"the point names fit {candidates}, which mean the same points; {taken.convention} is used, "
        "--keypoint-convention chooses another"
    )
    return replace(taken, notes=(Note("convention-chosen", text),))


def _without_absent_hands(matches: Sequence[Match]) -> list[Match]:
    """The matches, without conventions with hands whose body alone matches as many names."""
    names = {match.convention for match in matches}
    return [match for match in matches if CONVENTIONS[match.convention].body not in names - {match.convention}]


def _found(match: Match) -> int:
    return len(match.points)


def _match(convention: Convention, names: Sequence[str], *, on_skin: bool) -> Match:
    """The columns of a convention's points.

    Args:
        convention: The convention.
        names: Names of the columns.
        on_skin: The file has markers on the skin, so that only exact names of joints count.
    """
    variants = [{}, _H36M_NAMES] if convention.name == "h36m17" else [{}]
    return max((_match_with(convention, names, variant, on_skin=on_skin) for variant in variants), key=_found)


def _match_with(convention: Convention, names: Sequence[str], own_names: dict[str, str], *, on_skin: bool) -> Match:
    columns = [-1] * len(convention.points)
    # exact names first: "RKnee" is the joint where "r_knee" is a marker
    for column, name in sorted(enumerate(names), key=lambda each: not names_a_joint(each[1], names)):
        if on_skin and not names_a_joint(name, names):
            continue
        point = next((point for point in _points(name, own_names) if point in convention.points), None)
        place = None if point is None else convention.points.index(point)
        if place is not None and columns[place] < 0:
            columns[place] = column
    unmapped = tuple(name for column, name in enumerate(names) if column not in columns)
    return Match(convention.name, tuple(columns), unmapped)


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
