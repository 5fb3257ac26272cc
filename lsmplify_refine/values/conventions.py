"""Keypoint conventions (point names, order, skeleton edges), and the point layouts of files.

A name shared with BODY_25 (nose, neck, mid_hip, left_big_toe, ...) marks about the same place in every convention. It
need not be the same point: each convention has its own regressor (`body/regressors.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Convention:
    """A keypoint convention.

    Attributes:
        name: Its name, as in `Keypoints.convention`.
        points: Point names in order; the same name in two conventions need not be the same point on the body.
        edges: Index pairs to draw as a skeleton.
        unfollowed: Points that a body without moving fingers cannot follow; they do not count.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    unfollowed: frozenset[str] = frozenset()

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each point the index of its left-right partner (itself on the midline)."""
        return tuple(self.points.index(_other_side(point)) for point in self.points)


def _other_side(point: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(part, part) for part in point.split("_"))


def _convention(name: str, points: str, *chains: str, unfollowed: frozenset[str] = frozenset()) -> Convention:
    """Build a convention from point names and chains of connected points; left chains are mirrored to the right."""
    order = tuple(points.split())
    pairs: dict[tuple[int, int], None] = {}
    for chain in chains:
        names = chain.split()
        for side in (names, [_other_side(point) for point in names]):
            pairs.update(dict.fromkeys(_pair(order.index(a), order.index(b)) for a, b in pairwise(side)))
    return Convention(name, order, tuple(pairs), unfollowed)


def _pair(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


COCO17 = Convention(
    "coco17",
    (
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    (
        (5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12),
        (11, 13), (13, 15), (12, 14), (14, 16), (0, 1), (0, 2), (1, 3), (2, 4),
    ),
)  # fmt: skip

BODY25 = Convention(
    "body25",
    (
        "nose",
        "neck",
        "right_shoulder",
        "right_elbow",
        "right_wrist",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
        "mid_hip",
        "right_hip",
        "right_knee",
        "right_ankle",
        "left_hip",
        "left_knee",
        "left_ankle",
        "right_eye",
        "left_eye",
        "right_ear",
        "left_ear",
        "left_big_toe",
        "left_small_toe",
        "left_heel",
        "right_big_toe",
        "right_small_toe",
        "right_heel",
    ),
    (
        (1, 0), (1, 2), (2, 3), (3, 4), (1, 5), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (10, 11), (8, 12),
        (12, 13), (13, 14), (0, 15), (15, 17), (0, 16), (16, 18), (14, 19), (19, 20), (14, 21),
        (11, 22), (22, 23), (11, 24),
    ),
)  # fmt: skip

_LEG, _ARM = "left_hip left_knee left_ankle", "left_shoulder left_elbow left_wrist"
_FOOT = "left_ankle left_big_toe left_small_toe left_heel left_ankle"
_FACE = "nose left_eye left_ear"
_TRUNK = "right_shoulder left_shoulder left_hip right_hip"
_FEET = "left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"

#: OpenPose's older body: COCO's points in another order, and the neck between the shoulders.
COCO18 = _convention(
    "coco18",
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip right_knee "
    "right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear",
    _LEG, _ARM, _FACE, "nose neck left_shoulder", "neck left_hip",
)  # fmt: skip

#: COCO-WholeBody without face and hands.
COCO23 = _convention("coco23", " ".join(COCO17.points) + f" {_FEET}", _LEG, _ARM, _FACE, _TRUNK, _FOOT)

HALPE26 = _convention(
    "halpe26",
    " ".join(COCO17.points) + " head_top neck mid_hip left_big_toe right_big_toe left_small_toe right_small_toe "
    "left_heel right_heel",
    _LEG, _ARM, _FACE, _FOOT, "head_top nose neck left_shoulder", "neck mid_hip left_hip",
)  # fmt: skip

#: MediaPipe's pose landmarks (BlazePose); its "foot index" is called the big toe here.
MEDIAPIPE33 = _convention(
    "mediapipe33",
    "nose left_eye_inner left_eye left_eye_outer right_eye_inner right_eye right_eye_outer left_ear right_ear "
    "left_mouth right_mouth left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_pinky right_pinky left_index right_index left_thumb right_thumb left_hip right_hip left_knee right_knee "
    "left_ankle right_ankle left_heel right_heel left_big_toe right_big_toe",
    _LEG, _ARM, _TRUNK, "nose left_eye_inner left_eye left_eye_outer left_ear", "left_mouth right_mouth",
    "left_wrist left_pinky left_index left_wrist left_thumb", "left_ankle left_heel left_big_toe left_ankle",
)  # fmt: skip

#: Human3.6M's usual 17 joints: its root is called mid_hip here, its thorax neck, its neck (or nose) jaw.
H36M17 = _convention(
    "h36m17",
    "mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle spine neck jaw head_top "
    "left_shoulder left_elbow left_wrist right_shoulder right_elbow right_wrist",
    _LEG, _ARM, "left_hip mid_hip spine neck jaw head_top", "neck left_shoulder",
)  # fmt: skip

#: The joints of the SMPL model.
SMPL24 = _convention(
    "smpl24",
    "pelvis left_hip right_hip spine1 left_knee right_knee spine2 left_ankle right_ankle spine3 left_foot right_foot "
    "neck left_collar right_collar head left_shoulder right_shoulder left_elbow right_elbow left_wrist right_wrist "
    "left_hand right_hand",
    "pelvis spine1 spine2 spine3 neck head", "pelvis left_hip left_knee left_ankle left_foot",
    "spine3 left_collar left_shoulder left_elbow left_wrist left_hand",
)  # fmt: skip

#: SMPL's joints without the hands, as HumanML3D and the motion generators trained on it (MDM) have them.
SMPL22 = _convention(
    "smpl22",
    " ".join(SMPL24.points[:22]),
    "pelvis spine1 spine2 spine3 neck head", "pelvis left_hip left_knee left_ankle left_foot",
    "spine3 left_collar left_shoulder left_elbow left_wrist",
)  # fmt: skip

#: Finger joints from the tip inwards, named as SMPL-H's: index1 is the knuckle.
_FINGERS = tuple(
    f"{finger}{part}" for finger in ("thumb", "index", "middle", "ring", "pinky") for part in ("_tip", "3", "2", "1")
)


def _hand(side: str) -> str:
    return " ".join(f"{side}_{part}" for part in _FINGERS)


#: The keypoints of SAM 3D Body (its body model is MHR), which Sapiens' 308 points start with.
MHR70 = _convention(
    "mhr70",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow left_hip right_hip "
    "left_knee right_knee left_ankle right_ankle left_big_toe left_small_toe left_heel right_big_toe right_small_toe "
    f"right_heel {_hand('right')} right_wrist {_hand('left')} left_wrist left_olecranon right_olecranon "
    "left_cubital_fossa right_cubital_fossa left_acromion right_acromion neck",
    _LEG, _ARM, _FACE, _TRUNK, _FOOT,
    *(
        " ".join(["left_wrist", *(f"left_{part}" for part in reversed(_FINGERS) if part.startswith(finger))])
        for finger in ("thumb", "index", "middle", "ring", "pinky")
    ),
    unfollowed=frozenset(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in (
            *(finger for finger in _FINGERS if not finger.endswith("1")), "olecranon", "cubital_fossa", "acromion",
        )
    ),
)  # fmt: skip

CONVENTIONS = {
    convention.name: convention
    for convention in (COCO17, BODY25, COCO18, COCO23, HALPE26, MEDIAPIPE33, H36M17, SMPL24, SMPL22, MHR70)
}


@dataclass(frozen=True)
class Layout:
    """The point order of a file: a convention, possibly followed by points that no body model has (face, hands).

    Attributes:
        name: Its name; the convention's if there are no further points.
        convention: The convention that the first points are in.
        count: Total number of points.
        rest: What the further points are, in words.
    """

    name: str
    convention: Convention
    count: int
    rest: str = ""

    @property
    def extra(self) -> int:
        """Number of points beyond the convention's."""
        return self.count - len(self.convention.points)


def _layouts(layouts: Iterable[Layout]) -> dict[str, Layout]:
    return {layout.name: layout for layout in layouts}


LAYOUTS = _layouts(
    [
        *(Layout(name, convention, len(convention.points)) for name, convention in CONVENTIONS.items()),
        Layout("coco133", COCO23, 133, "68 of the face, 42 of the hands"),
        Layout("halpe68", HALPE26, 68, "42 of the hands"),
        Layout("halpe136", HALPE26, 136, "68 of the face, 42 of the hands"),
        Layout("body65", BODY25, 65, "40 of the hands"),
        Layout("body67", BODY25, 67, "42 of the hands"),
        Layout("body137", BODY25, 137, "42 of the hands, 70 of the face"),
        Layout("mediapipe543", MEDIAPIPE33, 543, "42 of the hands, 468 of the face"),
        Layout("mediapipe553", MEDIAPIPE33, 553, "42 of the hands, 478 of the face"),
    ]
)


def layouts_of(count: int, among: Sequence[str] | None = None) -> list[Layout]:
    """Layouts with this many points, optionally only among the named ones."""
    return [layout for layout in LAYOUTS.values() if layout.count == count and (among is None or layout.name in among)]
