"""Joint limits: which bends are within a joint's range."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.engine.joint_limits import beyond_range
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat


@pytest.mark.parametrize(
    ("joint", "rotvec", "within"),
    [
        (4, (1.8, 0, 0), True),
        (4, (-0.5, 0, 0), False),
        (18, (0, -2.0, 0), True),
        (18, (0, 0.6, 0), False),
        (19, (0, 2.0, 0), True),
        (15, (1.5, 0, 0), False),
    ],
)
def test_joint_ranges(joint: int, rotvec: tuple[float, float, float], within: bool) -> None:
    pose = np.zeros((1, 24, 3))
    pose[0, joint] = rotvec
    assert (beyond_range(rotvec_to_rotmat(pose))[0, joint] == 0) == within
