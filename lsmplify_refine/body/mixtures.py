"""Which landmarks of a body make up the points of each convention, see `body.regressors`."""

from __future__ import annotations

from collections.abc import Mapping

from lsmplify_refine.values.conventions import CONVENTIONS

#: Landmark -> its share; shares sum to one. Landmarks are `coco17:<point>`, `body25:<point>`, `joint:<name>`,
#: `vertex:<smplx's name>`.
Mixture = Mapping[str, float]

#: SMPL's hand joint lies at the middle finger's knuckle.
_PALM: tuple[Mixture, ...] = ({"joint:left_hand": 1.0}, {"joint:left_middle1": 1.0})

#: In Human3.6M's own skeletons the spine is half way from root to thorax, the head's end below the top of the skull.
_H36M: dict[str, tuple[Mixture, ...]] = {
    "spine": ({"joint:spine1": 0.5, "joint:spine2": 0.5},),
    "jaw": ({"body25:nose": 0.3, "joint:head": 0.7},),
    "head_top": ({"vertex:head_top": 0.7, "joint:head": 0.3},),
}

#: Points that are not a single landmark on every body, for the left side and the midline. A body uses the first mixture
#: whose landmarks it has. The shares were set on the rest pose, by anatomy.
_MIXTURES: dict[str, dict[str, tuple[Mixture, ...]]] = {
    "halpe26": {"head_top": ({"vertex:head_top": 1.0},)},
    "lsp14": {"head_top": ({"vertex:head_top": 1.0},)},
    "h36m17": _H36M,
    # the offsets of its skeleton in the rest pose: the toe's base at two thirds of the foot, the palm of the hand
    "h36m32": {
        **_H36M,
        "left_toe_base": ({"body25:left_ankle": 0.32, "body25:left_big_toe": 0.68},),
        "left_hand": ({"joint:left_wrist": 1.0},),
        "left_thumb": ({"joint:left_wrist": 0.25, "vertex:lthumb": 0.75},),
        **dict.fromkeys(("left_palm", "left_palm_end"), ({"joint:left_wrist": 0.33, "vertex:lmiddle": 0.67},)),
        "lower_back": ({"body25:mid_hip": 1.0},),
        "left_collar": ({"body25:neck": 1.0},),
    },
    "kinect25": {
        "spine": ({"joint:spine1": 0.5, "joint:spine2": 0.5},),
        "spine_shoulder": ({"body25:neck": 1.0},),
        "neck": ({"joint:neck": 1.0},),
        # the middle of the head
        "head": ({"coco17:left_ear": 0.5, "coco17:right_ear": 0.5},),
        "left_foot": ({"joint:left_foot": 1.0},),
        "left_hand": _PALM,
        "left_hand_tip": ({"vertex:lmiddle": 1.0},),
        "left_thumb": ({"vertex:lthumb": 1.0},),
    },
    "kinect32": {
        "spine_navel": ({"joint:spine1": 0.8, "joint:spine2": 0.2},),
        "spine_chest": ({"joint:spine3": 1.0},),
        "neck": ({"joint:neck": 1.0},),
        "head": ({"joint:head": 1.0},),
        "left_clavicle": ({"joint:left_collar": 1.0},),
        "left_foot": ({"joint:left_foot": 1.0},),
        "left_hand": _PALM,
        "left_hand_tip": ({"vertex:lmiddle": 1.0},),
        "left_thumb": ({"vertex:lthumb": 1.0},),
    },
    "mediapipe33": {
        "left_eye_inner": ({"coco17:left_eye": 0.75, "coco17:right_eye": 0.25},),
        "left_eye_outer": ({"coco17:left_eye": 0.7, "coco17:left_ear": 0.3},),
        # below the nose by as much as the eyes are above it, a little back, and to the side
        "left_mouth": (
            {"coco17:nose": 1.575, "joint:head": 0.25, "coco17:left_eye": -0.0125, "coco17:right_eye": -0.8125},
        ),
        # the knuckles: SMPL-H and SMPL-X have them, elsewhere they lie half way to the finger tips
        "left_pinky": ({"joint:left_pinky1": 1.0}, {"joint:left_wrist": 0.47, "vertex:lpinky": 0.53}),
        "left_index": ({"joint:left_index1": 1.0}, {"joint:left_wrist": 0.47, "vertex:lindex": 0.53}),
        "left_thumb": ({"joint:left_thumb2": 1.0}, {"joint:left_wrist": 0.4, "vertex:lthumb": 0.6}),
        "left_big_toe": ({"body25:left_big_toe": 0.75, "body25:left_small_toe": 0.25},),
    },
    "smpl24": {"left_hand": _PALM},
    # MHR's wrist lies 2 cm nearer to the fingers than SMPL's; the skin about a joint, which does not count, is drawn at
    # the joint
    "mhr70": {
        "left_wrist": ({"joint:left_wrist": 0.88, "vertex:lmiddle": 0.12},),
        "left_olecranon": ({"joint:left_elbow": 1.0},),
        "left_cubital_fossa": ({"joint:left_elbow": 1.0},),
        "left_acromion": ({"joint:left_shoulder": 1.0},),
    },
}

#: In the order of the joints of SMPL-H and SMPL-X.
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
#: A hand's points, for the left side. SMPL-H and SMPL-X have the joints; elsewhere they lie on the line from the wrist
#: to the tip, at about these shares of a flat hand.
_HAND_MIXTURES: dict[str, tuple[Mixture, ...]] = {
    "left_hand_wrist": ({"joint:left_wrist": 1.0},),
    **{
        f"left_{finger}{joint}": (
            {f"joint:left_{finger}{joint}": 1.0},
            {"joint:left_wrist": 1 - share, f"vertex:l{finger}": share},
        )
        for finger in FINGERS
        for joint, share in enumerate((0.25, 0.6, 0.8) if finger == "thumb" else (0.53, 0.73, 0.87), start=1)
    },
    **{f"left_{finger}_tip": ({f"vertex:l{finger}": 1.0},) for finger in FINGERS},
}

#: The convention that supplies all other points; BODY_25 supplies the points it lacks.
LIKE = {
    **dict.fromkeys(("coco18", "coco23", "halpe26", "mediapipe33"), "coco17"),
    **dict.fromkeys(("h36m17", "h36m32", "lsp14", "kinect25", "kinect32", "mhr70"), "body25"),
}
#: Conventions whose points are SMPL's joints.
SMPL = ("smpl24", "smpl22")


def mixtures_of(convention: str) -> Mapping[str, tuple[Mixture, ...]]:
    """The mixtures among a convention's points."""
    found = CONVENTIONS[convention]
    own = _MIXTURES.get(found.body, {})
    return {**_HAND_MIXTURES, **own} if found.has_hands else own
