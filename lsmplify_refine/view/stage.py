"""Draw a scene with viser: bodies, keypoints, feet, trails and joints, moved from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from lsmplify_refine.view.actor import Actor
from lsmplify_refine.view.clip import Clip, Person
from lsmplify_refine.view.colors import FRAME, colors_of

if TYPE_CHECKING:
    import viser

Layout = Literal["superimposed", "side by side"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
#: What can be shown, and its label.
_PARTS = {
    "before": "before",
    "after": "after",
    "keypoints": "keypoints and residuals",
    "feet": "standing feet",
    "trails": "trails",
    "joints": "joints to click",
}
#: Distance between the bodies side by side, metres.
APART_M = 1.2
_GRID_M, _LINE_PX = 8.0, 1.5
#: The view of the start.
BESIDE = "beside"
#: Where to look from, seen from the middle of the people, metres for one person.
_BESIDE = np.array([1.6, 0.5, 2.6])
#: Of the first view, and by how much more than the picture is seen through the camera.
_FOV_RAD, _MARGIN = math.radians(50), 1.05
#: The picture hangs behind everybody: this far beyond the farthest, as a share of that distance and in metres.
_BEHIND, _BEHIND_M = 1.15, 0.5


@dataclass(frozen=True)
class View:
    """Where to look from.

    Attributes:
        position, look_at: In the scene's axes, metres.
        fov_rad: Vertical field of view.
    """

    position: np.ndarray
    look_at: np.ndarray
    fov_rad: float


@dataclass
class Shown:
    """What is visible."""

    before: bool = True
    after: bool = True
    keypoints: bool = True
    feet: bool = True
    trails: bool = False
    joints: bool = False
    layout: Layout = "superimposed"
    hidden: frozenset[int] = frozenset()


class Stage:
    """A scene on a viser server; `show` moves it to a frame."""

    def __init__(self, server: viser.ViserServer, clip: Clip, *, visible: bool = True) -> None:
        self.clip, self.shown = clip, Shown()
        self._scene = server.scene
        self._scene.set_up_direction("+y")
        self.root = self._scene.add_frame(f"/{clip.space}", show_axes=False, visible=visible)
        middle = _ground(clip)
        self._scene.add_grid(
            f"/{clip.space}/ground", _GRID_M, _GRID_M, plane="xz", position=(*middle,), cell_size=0.5, section_size=1.0
        )
        self._before = self._scene.add_frame(f"/{clip.space}/before", show_axes=False)
        self._scene.add_frame(f"/{clip.space}/after", show_axes=False)
        self.actors = [
            Actor(self._scene, f"/{clip.space}", index, person, colors, named=len(clip.people) > 1)
            for index, (person, colors) in enumerate(zip(clip.people, colors_of(len(clip.people))))
        ]
        self.frustum = self._frustum() if clip.fov_rad > 0 else None
        # what comes last in a recording: whoever finds it has the whole scene
        self.last_node = self._scene.add_frame(f"/{clip.space}/end", show_axes=False).name
        self.arrange()
        self.show(clip.start)

    def show(self, frame: int) -> None:
        """Move everybody to a video frame; who is not in it is hidden."""
        for index, actor in enumerate(self.actors):
            actor.show(frame, self.shown, hidden=index in self.shown.hidden)

    def arrange(self) -> None:
        """Place the earlier bodies as the layout says."""
        apart = APART_M if self.shown.layout == "side by side" else 0.0
        self._before.position = (-apart, 0.0, 0.0)

    def views(self) -> dict[str, View]:
        """Good places to look from, by name; the first is for the start."""
        first = np.stack([person.figures["after"].pelvis[0] for person in self.clip.people])
        middle = first.mean(axis=0)
        # two people more apart need more distance
        reach = 1.0 + float(np.linalg.norm(first - middle, axis=1).max()) / 2
        found = {BESIDE: View(middle + _BESIDE * reach, middle, _FOV_RAD)}
        if self.clip.fov_rad > 0:
            ahead = np.array([0.0, 0.0, middle[2]])
            found["from the camera"] = View(np.zeros(3), ahead, self.clip.fov_rad * _MARGIN)
        return found

    def _frustum(self) -> Any:
        """The camera, whose picture hangs behind everybody: from the camera, each body is on its own picture."""
        farthest = max(-float(person.figures["after"].pelvis[:, 2].min()) for person in self.clip.people)
        depth = max(farthest, 0.0) * _BEHIND + _BEHIND_M
        # viser's scale 1 is a pyramid of a volume of 1 m3
        unit = np.cbrt(math.tan(self.clip.fov_rad / 2) ** 2 * self.clip.aspect / 3)
        frustum = self._scene.add_camera_frustum(
            f"/{self.clip.space}/camera",
            self.clip.fov_rad,
            self.clip.aspect,
            scale=float(depth * unit),
            thickness=_LINE_PX,
            thickness_units="screen",
            color=FRAME,
        )
        # viser's cameras look along +z, y down
        frustum.wxyz = (0.0, 1.0, 0.0, 0.0)
        return frustum

    def joints(self, frame: int) -> list[tuple[Person, np.ndarray]]:
        """The refined joints (J, 3) of everybody in a frame."""
        found = [(actor, actor.row("after", frame)) for actor in self.actors]
        return [(actor.person, actor.bones["after"].positions[row]) for actor, row in found if row is not None]

    def on_pick(self, pick: Callable[[tuple[int, int]], None]) -> None:
        """Call `pick` with a person and a joint, by index, when somebody clicks one."""
        for index, actor in enumerate(self.actors):
            actor.on_pick(partial(_pair, pick, index))


def parts_of(clips: Sequence[Clip]) -> dict[str, str]:
    """The parts that a clip has in any of its scenes, and their labels."""
    people = [person for clip in clips for person in clip.people]
    absent = {
        "before": all("before" not in person.figures for person in people),
        "keypoints": all(person.aim is None for person in people),
        "feet": all(person.contacts is None for person in people),
    }
    # what was not refined has no after
    labels = {**_PARTS, "after": "body"} if absent["before"] else _PARTS
    return {part: label for part, label in labels.items() if not absent.get(part)}


def _pair(pick: Callable[[tuple[int, int]], None], person: int, joint: int) -> None:
    pick((person, joint))


def _ground(clip: Clip) -> np.ndarray:
    """The middle of the ground below everybody."""
    middle: np.ndarray = np.mean([person.figures["after"].pelvis.mean(0) for person in clip.people], axis=0)
    middle[1] = clip.floor
    return middle
