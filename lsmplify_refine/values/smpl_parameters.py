"""The SMPL parameters of one frame, as live programs give and take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.smpl_joints import BODY_JOINTS


@dataclass(frozen=True)
class SmplParameters:
    """SMPL-family parameters of one frame: of one person, or of N people in N rows.

    Rotations are axis-angle in radians. `transl` is the model's own translation in metres, so that the pelvis lies at
    J0(betas) + transl. A row with a NaN means: no parameters of that person in this frame.

    Attributes:
        global_orient: Of the root.
        body_pose: Of 23 joints (smpl) or 21 (smplh, smplx).
        transl: In the coordinates of the keypoints; for pixels the camera's (x right, y down, z forward).
        betas: Shape coefficients, or None for the mean shape.
    """

    global_orient: Float[np.ndarray, "*people 3"]
    body_pose: Float[np.ndarray, "*people joints 3"]
    transl: Float[np.ndarray, "*people 3"]
    betas: Float[np.ndarray, "*people betas"] | None = None

    def __post_init__(self) -> None:
        people = self.global_orient.shape[:-1]
        found = {name: getattr(self, name).shape for name in ("global_orient", "body_pose", "transl")}
        expected = {
            "global_orient": [(*people, 3)] if len(people) < 2 else [(3,), ("people", 3)],
            "body_pose": [(*people, joints, 3) for joints in sorted(set(BODY_JOINTS.values()))],
            "transl": [(*people, 3)],
        }
        if self.betas is not None:
            found["betas"], expected["betas"] = self.betas.shape, [(*people, self.betas.shape[-1])]
        for name, shapes in expected.items():
            if found[name] not in shapes:
                wanted = " or ".join(map(str, shapes))
                raise InputError(f"SMPL parameters: {name} has shape {found[name]}; expected {wanted}")

    @property
    def people(self) -> tuple[int, ...]:
        """(N,) for N people, () for one."""
        return self.global_orient.shape[:-1]

    def as_rows(self) -> SmplParameters:
        """The same with one row per person."""
        if self.people:
            return self
        betas = None if self.betas is None else self.betas[None]
        return SmplParameters(self.global_orient[None], self.body_pose[None], self.transl[None], betas)

    @property
    def known(self) -> Bool[np.ndarray, "*people"]:
        """True for people with finite values."""
        flat = [self.global_orient, self.body_pose.reshape(*self.people, -1), self.transl]
        flat += [] if self.betas is None else [self.betas]
        finite: np.ndarray = np.isfinite(np.concatenate(flat, -1)).all(-1)
        return np.asarray(finite)
