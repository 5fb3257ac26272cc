"""A reader of BVH files that knows nothing of ours: joints and angles over time, by the file's own channels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation


@dataclass(frozen=True)
class Bvh:
    """A BVH file's motion.

    Attributes:
        positions: Joints (T, 3) by name, centimetres.
        angles: Channels (T, 3) by joint, degrees, as the file has them.
        orders: Axis order by joint.
        rotations: Parent-relative rotations (T, 3, 3) by joint.
        frame_time: Seconds.
    """

    positions: dict[str, np.ndarray]
    angles: dict[str, np.ndarray]
    orders: dict[str, str]
    rotations: dict[str, np.ndarray]
    frame_time: float


def read_bvh(path: Path, *, halfway: bool = False) -> Bvh:
    """Read a file; with `halfway` at the times half way between its frames, by interpolating every channel."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    orders: dict[str, str] = {}
    stack: list[int] = []
    hierarchy, motion = path.read_text().split("MOTION\n")
    for line in map(str.split, hierarchy.splitlines()):
        if line[0] in ("ROOT", "JOINT", "End"):
            parents.append(stack[-1] if stack else -1)
            names.append(line[1] if line[0] != "End" else f"end of {names[stack[-1]]}")
        elif line[0] == "{":
            stack.append(len(names) - 1)
        elif line[0] == "}":
            stack.pop()
        elif line[0] == "OFFSET":
            offsets.append([float(number) for number in line[1:]])
        elif line[0] == "CHANNELS":
            assert int(line[1]) == len(line) - 2
            orders[names[-1]] = "".join(word[0] for word in line[-3:])
    frames, time, *rows = motion.splitlines()
    numbers = np.array([[float(number) for number in row.split()] for row in rows])
    assert int(frames.split(":")[1]) == len(numbers)
    if halfway:
        numbers = (numbers[:-1] + numbers[1:]) / 2
    positions: list[np.ndarray] = []
    turned: list[np.ndarray] = []
    angles: dict[str, np.ndarray] = {}
    rotations: dict[str, np.ndarray] = {}
    column = 3
    for name, parent, offset in zip(names, parents, offsets):
        if parent < 0:
            at, before = numbers[:, :3], np.tile(np.eye(3), (len(numbers), 1, 1))
        else:
            at, before = positions[parent] + turned[parent] @ np.array(offset), turned[parent]
        if not name.startswith("end of"):
            angles[name], column = numbers[:, column : column + 3], column + 3
            first, second, third = (
                Rotation.from_euler(axis.lower(), angles[name][:, place, None], degrees=True).as_matrix()
                for place, axis in enumerate(orders[name])
            )
            rotations[name] = first @ second @ third
            before = before @ rotations[name]
        positions.append(at)
        turned.append(before)
    assert column == numbers.shape[1]
    return Bvh(dict(zip(names, positions)), angles, orders, rotations, float(re.split(r":\s*", time)[1]))
