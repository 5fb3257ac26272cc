"""Print the open hand: finger joints and tips of anny's mean body in SMPL's T-pose, for `body/open_hand.py`.

    pip install "lsmplify-refine[body]"
    python scripts/build_open_hand.py

The hand is the mean of the bodies that `build_body_model.py` draws. Positions are metres from the left wrist, x to the
tips, y up (the back of the hand), z to the thumb's side; the right hand is the mirror image.
"""

from __future__ import annotations

import numpy as np

from body_model.skeleton import joint, joints_from_bones
from body_model.source import sample_bodies
from body_model.tpose import to_t_pose

#: anny's finger numbers in the order of SMPL-X's fingers.
_FINGERS = {"index": 2, "middle": 3, "pinky": 5, "ring": 4, "thumb": 1}
_SHAPES = 600


def main() -> None:
    """Draw the bodies and print the table."""
    source = sample_bodies(_SHAPES, np.random.default_rng(0))
    vertices, heads = to_t_pose(source)
    joints = joints_from_bones(source, heads)
    for name, finger in _FINGERS.items():
        for part in (1, 2, 3):
            print(f'"{name}{part}": {_both_hands(source.bones, heads, joints, f"finger{finger}-{part}")},')
    for name, finger in _FINGERS.items():
        tips = []
        for side, sign in (("L", 1.0), ("R", -1.0)):
            wrist = joints[:, joint(f"{side}_wrist")]
            skin = np.flatnonzero(source.weights[:, source.bone(f"finger{finger}-3.{side}")] > 0.6)
            last = heads[:, source.bone(f"finger{finger}-3.{side}")]
            end = np.argmax(np.linalg.norm(vertices[:, skin] - last[:, None], axis=-1).mean(0))
            tips.append((vertices[:, skin[end]] - wrist).mean(0) * (sign, 1.0, 1.0))
        print(f'"{name}_tip": {_text(np.mean(tips, axis=0))},')


def _both_hands(bones: list[str], heads: np.ndarray, joints: np.ndarray, bone: str) -> str:
    """Mean offset of a bone's head from the wrist, of the left hand and the mirrored right one."""
    found = [
        (heads[:, bones.index(f"{bone}.{side}")] - joints[:, joint(f"{side}_wrist")]).mean(0) * (sign, 1.0, 1.0)
        for side, sign in (("L", 1.0), ("R", -1.0))
    ]
    return _text(np.mean(found, axis=0))


def _text(offset: np.ndarray) -> str:
    return f"({', '.join(f'{value:.4f}' for value in offset)})"


if __name__ == "__main__":
    main()
