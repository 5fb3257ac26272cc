"""The layout `world`: the bodies in their world, on a ground grid, seen from a camera that slowly goes round them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.ndimage import gaussian_filter1d

from lsmplify_refine.visual.comparison.keypoints import line_width
from lsmplify_refine.visual.comparison.layouts import body_look
from lsmplify_refine.visual.comparison.people import Actor
from lsmplify_refine.visual.comparison.style import PAPER, STAGE_COLORS, Color, Stage, lighter
from lsmplify_refine.visual.mesh import MeshRenderer

#: Vertical field of view of a wide picture, radians; how high the camera stands above the horizon of its target.
_FOV, _ELEVATION = np.radians(40.0), np.radians(18.0)
#: How fast the camera goes round, radians per second.
_ORBIT = np.radians(12.0)
#: The camera follows people as slowly as this, seconds (standard deviation).
_FOLLOW_SECONDS = 0.8
#: How far a person with stretched arms reaches to the sides, and up and down from the height that is looked at, and
#: that height, metres.
_SIDEWAYS_M, _UPWARDS_M, _TARGET_M = 1.0, 1.4, 0.9
#: Size of the ground's squares, and how far they reach beyond people, metres.
_SQUARE_M, _BEYOND_M = 1.0, 5.0
#: Lines nearer to the camera than this are cut, metres.
_NEAR_M = 0.3
#: How long trails are, seconds.
_TRAIL_SECONDS = 3.0
_GRID: Color = (78, 85, 96)
#: Share of the picture's width that the clip takes in a corner.
_INSET = 0.27


class World:
    """Draws the world.

    Args:
        actors: Everybody.
        stages: Whose bodies are drawn; the last one's is on top.
        frames: Of the video.
        fps: Frames per second.
        size: Width and height of the picture.
    """

    def __init__(
        self, actors: Sequence[Actor], stages: Sequence[Stage], *, frames: int, fps: float, size: tuple[int, int]
    ) -> None:
        self._actors, self._stages, self._fps = actors, stages, fps
        self._size = size
        self._centre, radius = _path(actors, stages, frames, fps)
        self._focal = 0.5 * min(size) / np.tan(_FOV / 2)
        wide, high = (radius + _SIDEWAYS_M) / size[0], _UPWARDS_M / size[1]
        # people on the near side of the circle are seen whole as well
        self._distance = 2 * self._focal * max(wide, high) + radius
        self._extent = radius + _BEYOND_M
        self._heading = actors[0].person.heading if actors else 0.0

    def draw(
        self, frame: int, clip: UInt8[np.ndarray, "height width 3"], renderer: MeshRenderer
    ) -> UInt8[np.ndarray, "world_height world_width 3"]:
        """The world in a frame, with the clip in a corner."""
        width, height = self._size
        image = np.full((height, width, 3), PAPER, np.uint8)
        view = _View.around(self._centre[frame], self._heading + _ORBIT * frame / self._fps, self._distance)
        self._draw_ground(image, view, self._centre[frame])
        there = [(actor, row) for actor in self._actors if (row := actor.row(frame)) is not None]
        for actor, row in there:
            self._draw_trails(image, view, actor, row)
        K = np.array([[self._focal, 0, width / 2], [0, self._focal, height / 2], [0, 0, 1.0]])
        seen = [
            (view(mesh), surface, actor, stage)
            for actor, row in there
            for stage in self._stages
            for mesh, surface in (actor.mesh(stage, row),)
        ]
        # an earlier stage's body is translucent, so it goes first where both stand in the same place
        depth = {id(actor): -float(mesh[:, 2].mean()) for mesh, _, actor, _ in seen}
        for mesh, surface, actor, stage in sorted(seen, key=lambda found: depth[id(found[2])]):
            color, opacity = body_look(actor, stage, self._stages, alone=len(self._actors) == 1)
            last = stage == self._stages[-1]
            renderer.overlay(image, mesh, K, surface, color=color, opacity=0.9 if last else opacity)
        _inset(image, clip)
        return image

    def _draw_ground(
        self, image: UInt8[np.ndarray, "height width 3"], view: _View, centre: Float[np.ndarray, " 3"]
    ) -> None:
        """A grid that stays where it is in the world, and fades with the distance from the people."""
        squares = int(np.ceil(self._extent / _SQUARE_M))
        middle = np.round(centre[[0, 2]] / _SQUARE_M)
        steps = np.arange(-squares, squares + 1)
        along, across = np.meshgrid(steps[:-1], steps, indexing="ij")
        begins = np.concatenate(
            [np.stack([along, across], -1).reshape(-1, 2), np.stack([across, along], -1).reshape(-1, 2)]
        )
        count = along.size
        ends = begins.copy()
        ends[:count, 0] += 1
        ends[count:, 1] += 1
        far = np.linalg.norm((begins + ends) / 2, axis=1) / squares
        lines = (np.stack([begins, ends], 1) + middle) * _SQUARE_M
        points = np.zeros((len(lines), 2, 3))
        points[..., [0, 2]] = lines
        for low, high, share in ((0.75, 1.0, 0.75), (0.5, 0.75, 0.45), (0.0, 0.5, 0.0)):
            color = tuple(round(share * paper + (1 - share) * line) for paper, line in zip(PAPER, _GRID))
            _draw_lines(image, view, points[(far >= low) & (far < high)], self._focal, color, line_width(image))

    def _draw_trails(self, image: UInt8[np.ndarray, "height width 3"], view: _View, actor: Actor, row: int) -> None:
        """The way that both feet went in the last seconds, on the ground."""
        begin = max(0, row - round(_TRAIL_SECONDS * self._fps))
        alone = len(self._actors) == 1
        for stage in self._stages:
            last = stage == self._stages[-1]
            color = STAGE_COLORS[stage] if alone else actor.color if last else lighter(actor.color, 0.6)
            path = actor.person.world[stage].feet[begin : row + 1].copy()
            path[..., 1] = 0.0
            if len(path) > 1:
                for foot in (0, 1):
                    steps = np.stack([path[:-1, foot], path[1:, foot]], 1)
                    _draw_lines(image, view, steps, self._focal, color, line_width(image))


class _View:
    """World coordinates (y up) to those of a camera in OpenCV's axes."""

    def __init__(self, eye: Float[np.ndarray, " 3"], rotation: Float[np.ndarray, "3 3"]) -> None:
        self._eye, self._rotation = eye, rotation

    @classmethod
    def around(cls, target: Float[np.ndarray, " 3"], azimuth: float, distance: float) -> _View:
        """A camera that looks at a target from an azimuth about y, slightly from above."""
        level, high = np.cos(_ELEVATION), np.sin(_ELEVATION)
        away = np.array([np.sin(azimuth) * level, high, np.cos(azimuth) * level])
        forward = -away
        right = np.cross(forward, [0.0, 1.0, 0.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        return cls(target + distance * away, np.stack([right, down, forward]))

    def __call__(self, points: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
        """Points in camera coordinates."""
        turned: np.ndarray = ((points - self._eye) @ self._rotation.T).astype(np.float32)
        return turned


def _path(
    actors: Sequence[Actor], stages: Sequence[Stage], frames: int, fps: float
) -> tuple[Float[np.ndarray, "frames 3"], float]:
    """What the camera looks at in each frame, and how far people are from it, metres."""
    total, count = np.zeros((frames, 3)), np.zeros(frames)
    tracks = [(actor.person.frame_ids, actor.person.world[stage].pelvis) for actor in actors for stage in stages]
    for ids, pelvis in tracks:
        inside = ids < frames
        total[ids[inside]] += pelvis[inside]
        count[ids[inside]] += 1
    known = np.flatnonzero(count)
    if not len(known):
        return np.tile([0.0, _TARGET_M, 0.0], (frames, 1)), 0.0
    mean = total[known] / count[known, None]
    centre = np.stack([np.interp(np.arange(frames), known, mean[:, axis]) for axis in range(3)], 1)
    centre[:, 1] = _TARGET_M
    centre = gaussian_filter1d(centre, max(1e-3, _FOLLOW_SECONDS * fps), axis=0, mode="nearest")
    away = [
        np.linalg.norm((pelvis - centre[np.minimum(ids, frames - 1)])[:, [0, 2]], axis=1).max()
        for ids, pelvis in tracks
    ]
    return centre, float(max(away))


def _draw_lines(
    image: UInt8[np.ndarray, "height width 3"],
    view: _View,
    lines: Float[np.ndarray, "lines 2 3"],
    focal: float,
    color: tuple[int, ...],
    width: int,
) -> None:
    """Draw lines of the world, cut before the camera."""
    seen = view(lines.astype(np.float64)).astype(np.float64)
    seen = seen[(seen[..., 2] > _NEAR_M).any(axis=1)]
    for end, other in ((0, 1), (1, 0)):
        behind = seen[:, end, 2] <= _NEAR_M
        share = (_NEAR_M - seen[behind, other, 2]) / (seen[behind, end, 2] - seen[behind, other, 2])
        seen[behind, end] = seen[behind, other] + share[:, None] * (seen[behind, end] - seen[behind, other])
    middle = np.array([image.shape[1] / 2, image.shape[0] / 2])
    # OpenCV takes sixteenths of pixels
    pixels: Int[np.ndarray, "lines 2 2"] = (
        np.rint(16 * (focal * seen[..., :2] / seen[..., 2:] + middle)).clip(-(2**27), 2**27).astype(np.int32)
    )
    cv2.polylines(image, list(pixels), False, color, width, cv2.LINE_AA, shift=4)


def _inset(image: UInt8[np.ndarray, "height width 3"], clip: UInt8[np.ndarray, "clip_height clip_width 3"]) -> None:
    """The clip, small, in the upper right corner."""
    width = round(_INSET * image.shape[1])
    height = max(1, round(width * clip.shape[0] / clip.shape[1]))
    pad = max(2, image.shape[1] // 100)
    place = image[pad : pad + height, image.shape[1] - pad - width : image.shape[1] - pad]
    cv2.resize(clip, (place.shape[1], place.shape[0]), dst=place, interpolation=cv2.INTER_AREA)
