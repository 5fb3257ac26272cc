"""What the viewer shows: people before and after, in coordinates with y up, as bones over time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.formats.figure import Figure

Stage = Literal["before", "after"]
#: The coordinates of a scene: of the camera, held level, or of the file's world, on its floor.
Space = Literal["camera", "world"]


@dataclass(frozen=True)
class Bones:
    """A figure's joints over time; y up, metres.

    Attributes:
        rotations: Of each joint, in the scene's axes.
        positions: Of each joint.
    """

    rotations: Float[np.ndarray, "frames joints 3 3"]
    positions: Float[np.ndarray, "frames joints 3"]

    @staticmethod
    def of(figure: Figure) -> Bones:
        """The bones of a figure."""
        local, rest = figure.rotations(), figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)[1]
        rotations, positions = local.copy(), np.empty((*local.shape[:2], 3))
        positions[:, 0] = figure.pelvis
        for joint, parent in enumerate(figure.body.arrays.parents):
            if parent >= 0:
                rotations[:, joint] = rotations[:, parent] @ local[:, joint]
                positions[:, joint] = positions[:, parent] + rotations[:, parent] @ (rest[joint] - rest[parent])
        # micrometres are enough, and a long clip needs half the memory
        return Bones(rotations.astype(np.float32), positions.astype(np.float32))


@dataclass(frozen=True)
class Aim:
    """Where keypoints want the body to be: 2D ones on their rays, as far away as the body's own points.

    Attributes:
        body: The body's points, scene coordinates, metres.
        target: The keypoints there; NaN where missing.
    """

    body: Float[np.ndarray, "frames points 3"]
    target: Float[np.ndarray, "frames points 3"]


@dataclass(frozen=True)
class Person:
    """One person in one scene.

    Attributes:
        name: The file's.
        figures: The body in motion at each stage; the earlier one may be absent.
        contacts: Probability that left and right foot stand, or None.
        aim: Keypoints, or None.
        numbers: Names and values of each frame, for the panel.
        joint_numbers: Names and values of SMPL's joints in each frame; NaN where not known.
    """

    name: str
    figures: dict[Stage, Figure]
    contacts: Float[np.ndarray, "frames 2"] | None
    aim: Aim | None
    numbers: dict[str, list[str]]
    joint_numbers: dict[str, Float[np.ndarray, "frames joints"]]

    @property
    def frame_ids(self) -> Int[np.ndarray, " frames"]:
        """Video frame of each row."""
        return self.figures["after"].frame_ids


@dataclass(frozen=True)
class Clip:
    """A scene.

    Attributes:
        name: Of the file.
        space: Its coordinates.
        people: Everybody.
        fps: Frames per second.
        start, stop: The first frame, and one beyond the last.
        floor: Height of the ground, metres.
        video: Its pictures, or None.
        fov_rad, aspect: Vertical field of view and width over height of the camera, which looks along -z from the
            origin; 0 if the scene has no camera.
        notes: What the user should know.
    """

    name: str
    space: Space
    people: tuple[Person, ...]
    fps: float
    start: int
    stop: int
    floor: float
    video: Path | None = None
    fov_rad: float = 0.0
    aspect: float = 0.0
    notes: tuple[str, ...] = ()
