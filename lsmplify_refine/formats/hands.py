"""Hands and face on their way to another format: absolute finger rotations, and notes on what a format cannot hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.options import Family
from lsmplify_refine.values.estimate import EXTREMITIES, Estimate, Extremity
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.smpl_joints import HAND_JOINTS

HANDS: tuple[Extremity, ...] = ("left_hand_pose", "right_hand_pose")
FACE: tuple[Extremity, ...] = ("jaw_pose", "leye_pose", "reye_pose", "expression")
#: What follows the body in a full pose of each family, and its number of joints.
AFTER_BODY: dict[Family, dict[Extremity, int]] = {
    "smpl": {},
    "smplh": {"left_hand_pose": HAND_JOINTS, "right_hand_pose": HAND_JOINTS},
    "smplx": {
        **{"jaw_pose": 1, "leye_pose": 1, "reye_pose": 1},
        **{"left_hand_pose": HAND_JOINTS, "right_hand_pose": HAND_JOINTS},
    },
}


def with_flat_hands(estimate: Estimate, body: BodyModel | None) -> tuple[Estimate, list[Note]]:
    """The estimate with hand poses relative to the flat hand, as skeletons and AMASS have them.

    Args:
        estimate: The person.
        body: Its mean hands are added to hand poses that are relative to them.

    Returns:
        The estimate; without hands if they are relative to mean hands that no file holds. And notes.
    """
    hands = [name for name in HANDS if getattr(estimate, name) is not None]
    if not hands or estimate.flat_hand_mean:
        return estimate, []
    if estimate.flat_hand_mean is None:
        text = "the file does not say whether its hand poses are from the flat hand or the mean hand; flat is assumed"
        return estimate, [Note("hand-mean-assumed", text)]
    means = None if body is None else body.arrays.hand_means
    if means is None:
        text = "hands are relative to the model's mean hand, which the open body lacks, and are left out"
        note = Note("hands-dropped", f"{text}; give your SMPL-X file as --body-model", "warning")
        return estimate.replace(left_hand_pose=None, right_hand_pose=None), [note]
    added = {name: getattr(estimate, name) + means[HANDS.index(name)] for name in hands}
    return estimate.replace(flat_hand_mean=True, **added), []


def without_extremities(estimate: Estimate, names: Sequence[Extremity]) -> Estimate:
    """The estimate without some fields of hands and face."""
    return estimate.replace(**dict.fromkeys(names))


def dropped_notes(estimate: Estimate, target: str, names: Sequence[Extremity] = EXTREMITIES) -> list[Note]:
    """Notes on hands and face that a format or body cannot hold; none for those at rest.

    Args:
        estimate: The person.
        target: The format or body, in words.
        names: What it cannot hold.
    """
    given = estimate.extremities()
    moving = {name for name in names if name in given and np.any(given[name])}
    notes: list[Note] = []
    if moving & set(HANDS):
        notes.append(Note("hands-dropped", f"{target} holds no fingers; the hand poses are left out"))
    if moving & set(FACE):
        notes.append(Note("face-dropped", f"{target} does not hold all of the face; {_words(moving)} left out"))
    return notes


def _words(moving: set[Extremity]) -> str:
    words = {"jaw_pose": "the jaw", "leye_pose": "the eyes", "reye_pose": "the eyes", "expression": "the expression"}
    said = list(dict.fromkeys(words[name] for name in FACE if name in moving))
    return f"{' and '.join(said)} {'is' if said in (['the jaw'], ['the expression']) else 'are'}"
