"""The people of a comparison video: what is known of each, and their meshes, posed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float, Int, Shaped

from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.comparison.style import Color, Stage
from lsmplify_refine.visual.surface import Surface

#: Rows whose meshes are posed in one batch.
_CHUNK = 32

#: Rows (n,) -> vertices (n, V, 3), metres.
Pose = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class DrawnBody:
    """A person's body at one stage, in camera coordinates.

    Attributes:
        vertices: Its mesh.
        points: Its own keypoints in pixels of the upright frame, in the order of the person's keypoints; or None.
        errors: Keypoint error of each frame, NaN where there is none; None if there are no keypoints.
        mean_error: Of the clip.
    """

    vertices: Pose
    points: Float[np.ndarray, "frames points 2"] | None = None
    errors: Float[np.ndarray, " frames"] | None = None
    mean_error: float = float("nan")


@dataclass(frozen=True)
class WorldBody:
    """A person's body at one stage, in a world with y up and its floor at height 0.

    Attributes:
        vertices: Its mesh.
        pelvis: Metres.
        feet: The left and the right foot, metres.
    """

    vertices: Pose
    pelvis: Float[np.ndarray, "frames 3"]
    feet: Float[np.ndarray, "frames 2 3"]


@dataclass(frozen=True)
class DrawnPerson:
    """What to draw of one person.

    Attributes:
        frame_ids: Video frame of each row.
        faces: (F, 3) triangles of the mesh.
        bodies: The body at each stage.
        K: Intrinsics in pixels of the upright frame; None if the camera is not known.
        keypoints: 2D keypoints, or None.
        captions: What the gate did in each frame; "" shows nothing.
        status: The gate's decision for each frame, as `Refinement.status`; None shows nothing.
        repaired: Frames whose keypoints were repaired; None shows nothing.
        world: The body in the world, for the layout that shows it.
        heading: Azimuth that the world is first seen from, radians about y from the z axis.
        name: The person's, shown if there are several.
        unit: Of the errors.
    """

    frame_ids: npt.NDArray[np.integer]
    faces: npt.NDArray[np.integer]
    bodies: Mapping[Stage, DrawnBody]
    K: Float[np.ndarray, "frames 3 3"] | None
    keypoints: Keypoints | None = None
    captions: Sequence[str] = ()
    status: Shaped[np.ndarray, " frames"] | None = None
    repaired: Bool[np.ndarray, " frames"] | None = None
    world: Mapping[Stage, WorldBody] = field(default_factory=dict)
    heading: float = 0.0
    name: str = ""
    unit: str = "px"


class Track:
    """A track's meshes, posed in chunks as the frames ask for them."""

    def __init__(self, pose: Pose, count: int) -> None:
        self._pose, self._count = pose, count
        self._chunk, self._meshes = -1, np.zeros((0, 0, 3), np.float32)

    def at(self, row: int) -> Float[np.ndarray, "vertices 3"]:
        """The mesh of a row, metres."""
        chunk = row // _CHUNK
        if chunk != self._chunk:
            rows = np.arange(chunk * _CHUNK, min((chunk + 1) * _CHUNK, self._count))
            self._chunk, self._meshes = chunk, self._pose(rows)
        mesh: np.ndarray = self._meshes[row % _CHUNK]
        return mesh


class Actor:
    """A person while the frames are drawn.

    Args:
        person: The person.
        color: Of the body.
        tracks: The body's meshes at each stage.
    """

    def __init__(self, person: DrawnPerson, color: Color, tracks: Mapping[Stage, Pose]) -> None:
        self.person, self.color = person, color
        self._row_of = {int(frame): row for row, frame in enumerate(person.frame_ids)}
        self._tracks = {stage: Track(pose, len(person.frame_ids)) for stage, pose in tracks.items()}
        self._surface: Surface | None = None

    def row(self, frame: int) -> int | None:
        """The row of a video frame; None if the person is not in it."""
        return self._row_of.get(frame)

    def mesh(self, stage: Stage, row: int) -> tuple[Float[np.ndarray, "vertices 3"], Surface]:
        """The mesh at a stage, metres, and its triangles."""
        vertices = self._tracks[stage].at(row)
        if self._surface is None:
            self._surface = Surface(self.person.faces, len(vertices))
        return vertices, self._surface

    def caption(self, frame: int) -> str:
        """What the gate did in a frame."""
        row = self.row(frame)
        return self.person.captions[row] if row is not None and self.person.captions else ""


def over_frames(people: Sequence[DrawnPerson], stage: Stage, frames: int) -> Float[np.ndarray, "people frames"]:
    """Each person's keypoint errors over the frames of the video; NaN where there are none."""
    found = np.full((len(people), frames), np.nan)
    for index, person in enumerate(people):
        body = person.bodies.get(stage)
        if body is not None and body.errors is not None:
            inside = person.frame_ids < frames
            found[index, person.frame_ids[inside]] = body.errors[inside]
    return found


def frames_where(found: Iterable[tuple[DrawnPerson, np.ndarray | None]]) -> Int[np.ndarray, " frames"]:
    """Video frames in which something holds for anybody.

    Args:
        found: People, and whether it holds in each of their rows; None if it is not known.
    """
    chosen = [person.frame_ids[rows] for person, rows in found if rows is not None]
    return np.unique(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)
