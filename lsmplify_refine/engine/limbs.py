"""Limbs: which points of a convention belong to arms, legs, trunk and head, and from which point each one hangs."""

from __future__ import annotations

from typing import Literal

from lsmplify_refine.values.conventions import CONVENTIONS

Part = Literal["arms", "legs", "shoulders", "hips", "head"]

_WORDS: dict[Part, tuple[str, ...]] = {
    "arms": ("elbow", "wrist", "hand", "pinky", "ring", "middle", "index", "thumb", "olecranon", "cubital"),
    "legs": ("knee", "ankle", "heel", "toe", "foot"),
    "shoulders": ("shoulder", "collar", "acromion"),
    "hips": ("hip",),
    "head": ("eye", "ear", "mouth"),
}
#: Kinds of points from the trunk outwards; the last ones of each chain hang from the one before them.
_CHAINS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))


def part(name: str) -> Part | None:
    """The body part of a left or right point; None for points on the midline."""
    words = [word.rstrip("123") for word in name.split("_")]
    if words[0] not in ("left", "right"):
        return None
    return next((part for part, kinds in _WORDS.items() if any(kind in words for kind in kinds)), None)


def points_of(convention: str, wanted: Part) -> list[int]:
    """Indices of a part's points, left and right."""
    return [index for index, name in enumerate(CONVENTIONS[convention].points) if part(name) == wanted]


def bones(convention: str) -> list[tuple[int, int]]:
    """(parent, child) of the long bones of arms and legs, those nearest to the trunk first."""
    points = CONVENTIONS[convention].points
    found = []
    for level in (0, 1):
        for chain in _CHAINS:
            for side in ("left", "right"):
                parent, child = f"{side}_{chain[level]}", f"{side}_{chain[level + 1]}"
                if parent in points and child in points:
                    found.append((points.index(parent), points.index(child)))
    return found
