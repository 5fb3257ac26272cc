"""Keypoint conventions: point names, order, skeleton edges.

A name shared with BODY_25 (nose, neck, mid_hip, left_big_toe, ...) marks about the same place in every convention. It
need not be the same point: each convention has its own regressor (`body/regressors.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal


@dataclass(frozen=True)
class Convention:
    """A keypoint convention.

    Attributes:
        name: Its name, as in `Keypoints.convention`.
        points: Point names in order; the same name in two conventions need not be the same point on the body.
        edges: Index pairs to draw as a skeleton.
        unfollowed: Points that a body without moving fingers cannot follow; they do not count.
        wrist_ahead: How far the wrists lie ahead of SMPL's wrist joint, as a share of the way on to the middle knuckle.
        body: The convention of its points without the hands, which the body is fitted to; its own name if it has none.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    unfollowed: frozenset[str] = frozenset()
    body: str = ""
    wrist_ahead: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "body", self.body or self.name)

    @property
    def has_hands(self) -> bool:
        """Whether it holds the points of both hands, see `HAND_POINTS`."""
        return "left_thumb_tip" in self.points

    @property
    def body_points(self) -> tuple[int, ...]:
        """Indices of the points of `body`, in that convention's order."""
        return tuple(self.points.index(point) for point in CONVENTIONS[self.body].points)

    def hand_points(self, side: Literal["left", "right"]) -> tuple[int, ...]:
        """Indices of a hand's points in the order of `HAND_POINTS`."""
        wrist, *fingers = HAND_POINTS
        # hands from their own detector have another wrist than the body's
        wrist = wrist if f"{side}_{wrist}" in self.points else "wrist"
        return tuple(self.points.index(f"{side}_{point}") for point in (wrist, *fingers))

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each point the index of its left-right partner (itself on the midline)."""
        return tuple(self.points.index(_other_side(point)) for point in self.points)


def _other_side(point: str) -> str:
    swap = {"left": "right", "right": "left"}
    return "_".join(swap.get(part, part) for part in point.split("_"))


def _convention(
    name: str, points: str, *chains: str, unfollowed: frozenset[str] = frozenset(), wrist_ahead: float = 0.0
) -> Convention:
    """Build a convention from point names and chains of connected points; left chains are mirrored to the right."""
    order = tuple(points.split())
    pairs: dict[tuple[int, int], None] = {}
    for chain in chains:
        names = chain.split()
        for side in (names, [_other_side(point) for point in names]):
            pairs.update(dict.fromkeys(_pair(order.index(a), order.index(b)) for a, b in pairwise(side)))
    return Convention(name, order, tuple(pairs), unfollowed, wrist_ahead=wrist_ahead)


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

#: Fingers in the order of the detectors.
FINGERS = ("thumb", "index", "middle", "ring", "pinky")
#: Finger joints from the tip inwards, named as SMPL-H's: index1 is the knuckle.
_FINGERS = tuple(f"{finger}{part}" for finger in FINGERS for part in ("_tip", "3", "2", "1"))


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
        " ".join(f"left_{part}" for part in reversed(_FINGERS) if part.startswith(finger)) for finger in FINGERS
    ),
    "left_wrist left_middle1",
    unfollowed=frozenset(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in (
            *(joint for joint in _FINGERS if joint.startswith("thumb") or not joint.endswith("1")),
            "olecranon", "cubital_fossa", "acromion",
        )
    ),
    # 2 cm, in all eight arms of four people
    wrist_ahead=0.23,
)  # fmt: skip

#: Human3.6M's own 32 joints. Some lie on each other: the lower back on the root, the collars on the thorax (`neck`),
#: the hands on the wrists, the ends of the hands on the palms. The toe's end is called the big toe.
H36M32 = _convention(
    "h36m32",
    "mid_hip right_hip right_knee right_ankle right_toe_base right_big_toe left_hip left_knee left_ankle left_toe_base "
    "left_big_toe lower_back spine neck jaw head_top left_collar left_shoulder left_elbow left_wrist left_hand "
    "left_thumb left_palm left_palm_end right_collar right_shoulder right_elbow right_wrist right_hand right_thumb "
    "right_palm right_palm_end",
    _LEG, _ARM, "left_hip mid_hip spine neck jaw head_top", "neck left_shoulder", "left_wrist left_palm",
    "left_wrist left_thumb", "left_ankle left_toe_base left_big_toe",
)  # fmt: skip

#: Leeds Sports Pose: right leg upwards, left leg downwards, right arm inwards, left arm outwards.
LSP14 = _convention(
    "lsp14",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow right_shoulder "
    "left_shoulder left_elbow left_wrist neck head_top",
    _LEG, _ARM, _TRUNK, "head_top neck left_shoulder",
)  # fmt: skip

#: Kinect v2 (`JointType`): its spine base is called mid_hip here.
KINECT25 = _convention(
    "kinect25",
    "mid_hip spine neck head left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist "
    "right_hand left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot spine_shoulder "
    "left_hand_tip left_thumb right_hand_tip right_thumb",
    "mid_hip spine spine_shoulder neck head", "mid_hip left_hip left_knee left_ankle left_foot",
    "spine_shoulder left_shoulder left_elbow left_wrist left_hand left_hand_tip", "left_wrist left_thumb",
)  # fmt: skip

#: Azure Kinect (`k4abt_joint_id_t`): its pelvis is called mid_hip here.
KINECT32 = _convention(
    "kinect32",
    "mid_hip spine_navel spine_chest neck left_clavicle left_shoulder left_elbow left_wrist left_hand left_hand_tip "
    "left_thumb right_clavicle right_shoulder right_elbow right_wrist right_hand right_hand_tip right_thumb left_hip "
    "left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot head nose left_eye left_ear right_eye "
    "right_ear",
    "mid_hip spine_navel spine_chest neck head nose", "mid_hip left_hip left_knee left_ankle left_foot",
    "spine_chest left_clavicle left_shoulder left_elbow left_wrist left_hand left_hand_tip", "left_wrist left_thumb",
    "nose left_eye left_ear",
)  # fmt: skip

#: A hand's 21 points without their side, in the order of OpenPose, COCO-WholeBody, Halpe and MediaPipe: the wrist, then
#: each finger from its root to its tip. Joints 1 to 3 are SMPL-X's of the same name.
HAND_POINTS = (
    "hand_wrist",
    *(
        f"{finger}{part}"
        for finger in ("thumb", "index", "middle", "ring", "pinky")
        for part in ("1", "2", "3", "_tip")
    ),
)


def _with_hands(body: Convention, name: str) -> Convention:
    """A convention followed by the points of the left hand and of the right hand."""
    start, count = len(body.points), len(HAND_POINTS)
    # four points for each finger, which begins at the wrist
    bones = [(0 if index % 4 == 1 else index - 1, index) for index in range(1, count)]
    edges = [(side + a, side + b) for side in (start, start + count) for a, b in bones]
    hands = tuple(f"{side}_{point}" for side in ("left", "right") for point in HAND_POINTS)
    return Convention(name, (*body.points, *hands), (*body.edges, *edges), body=body.name)


#: OpenPose's BODY_25 and hands.
BODY67 = _with_hands(BODY25, "body67")
#: COCO-WholeBody without its face.
COCO65 = _with_hands(COCO23, "coco65")
#: Halpe's body and hands.
HALPE68 = _with_hands(HALPE26, "halpe68")
#: MediaPipe's holistic landmarks without the face.
MEDIAPIPE75 = _with_hands(MEDIAPIPE33, "mediapipe75")

CONVENTIONS = {
    convention.name: convention
    for convention in (
        *(COCO17, BODY25, COCO18, COCO23, HALPE26, MEDIAPIPE33, H36M17, SMPL24),
        *(SMPL22, MHR70, H36M32, LSP14, KINECT25, KINECT32, BODY67, COCO65, HALPE68, MEDIAPIPE75),
    )
}
