"""Named keypoint conventions: which points, in which order, joined how."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Convention:
    """A keypoint convention.

    Attributes:
        name: Its name, as in `Keypoints.convention`.
        points: Point names in order; the same name in two conventions need not be the same point on the body.
        edges: Index pairs to draw as a skeleton.
    """

    name: str
    points: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def mirror(self) -> tuple[int, ...]:
        """For each point the index of its left-right partner (itself on the midline)."""
        swap = {"left": "right", "right": "left"}
        partner = ["_".join(swap.get(part, part) for part in point.split("_")) for point in self.points]
        return tuple(self.points.index(point) for point in partner)


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

CONVENTIONS = {convention.name: convention for convention in (COCO17, BODY25)}
