"""Write BVH: a skeleton and its rotations as text, which animation tools read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.geometry.euler import best_euler

_CENTIMETRES = 100.0
#: Length of the end site that BVH requires on the last joint of a chain, centimetres.
_END = 5.0
#: Preferred order of the three axes: the middle one turns least. Knees bend about x, elbows about y, heads turn about
#: y, and all of them tilt about z. (T-pose, y up, facing z.)
_ORDER = "YZX"
#: Arms are raised about z, so shoulders and wrists have x, the twist, in the middle; fingers bend about z.
_ORDERS = {"shoulder": "YXZ", "wrist": "YXZ"} | dict.fromkeys(("index", "middle", "pinky", "ring"), "ZYX")


def write_bvh(path: Path, figure: Figure) -> None:
    """Write a motion: y up, centimetres, intrinsic Euler angles in degrees that are continuous over time.

    Args:
        path: The file.
        figure: The body in motion; the skeleton is the rest pose of its shape.
    """
    count = figure.rotvec.shape[1]
    rest = figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)[1][:count] * _CENTIMETRES
    rotations = figure.rotations()
    turned = [best_euler(rotations[:, joint], preferred_order(figure.names[joint])) for joint in range(count)]
    skeleton = _Skeleton(figure.names, list(figure.body.arrays.parents[:count]), rest, [order for order, _ in turned])
    lines = ["HIERARCHY"]
    in_file = skeleton.add(lines, 0, 0)
    rows = np.hstack([figure.pelvis * _CENTIMETRES, *(turned[joint][1] for joint in in_file)])
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {1 / figure.fps:.8f}"]
    lines += [" ".join(f"{number:.6f}" for number in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def preferred_order(joint: str) -> str:
    """The axis order of a joint, by its name."""
    return _ORDERS.get(joint.rstrip("123").rpartition("_")[2], _ORDER)


class _Skeleton:
    """A rest skeleton in centimetres, and the axis order of each joint."""

    def __init__(
        self, names: list[str], parents: list[int], rest: Float[np.ndarray, "joints 3"], orders: list[str]
    ) -> None:
        self.names, self.parents, self.rest, self.orders = names, parents, rest, orders

    def add(self, lines: list[str], joint: int, depth: int) -> list[int]:
        """Append a joint and its descendants to `lines`; returns their indices in file order."""
        pad = "  " * depth
        offset = np.zeros(3) if joint == 0 else self.rest[joint] - self.rest[self.parents[joint]]
        rotations = " ".join(f"{axis}rotation" for axis in self.orders[joint])
        channels = f"6 Xposition Yposition Zposition {rotations}" if joint == 0 else f"3 {rotations}"
        lines += [
            f"{pad}{'ROOT' if joint == 0 else 'JOINT'} {bone_name(self.names[joint])}",
            f"{pad}{{",
            f"{pad}  OFFSET {_numbers(offset)}",
            f"{pad}  CHANNELS {channels}",
        ]
        order = [joint]
        below = [child for child in range(joint + 1, len(self.parents)) if self.parents[child] == joint]
        for child in below:
            order += self.add(lines, child, depth + 1)
        if not below:
            direction = offset / max(float(np.linalg.norm(offset)), 1e-6) * _END
            lines += [f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET {_numbers(direction)}", f"{pad}  }}"]
        lines.append(f"{pad}}}")
        return order


def bone_name(name: str) -> str:
    """A joint's name as animation tools write it: `left_hip` becomes `L_Hip`."""
    return name.title().replace("Left_", "L_").replace("Right_", "R_")


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.6f}" for value in values)
