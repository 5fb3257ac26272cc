"""Draw a scene with viser: bodies, keypoints, feet and trails, moved from frame to frame."""

from __future__ import annotations

import io
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from scipy.spatial.transform import Rotation

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.view import clip as clips
from lsmplify_refine.view.clip import Bones, Clip, Person

if TYPE_CHECKING:
    import viser

Layout = Literal["superimposed", "side by side"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

#: RGB of the bodies before and after: apart for colour-blind eyes too.
COLORS: dict[clips.Stage, tuple[int, int, int]] = {"before": (230, 159, 0), "after": (86, 180, 233)}
_KEYPOINT, _RESIDUAL, _STANDS = (240, 228, 66), (213, 94, 0), (0, 158, 115)
#: The earlier body can be looked through.
_OPACITY: dict[clips.Stage, float] = {"before": 0.45, "after": 0.95}
#: Of both, so that the joints inside can be clicked.
_SEE_THROUGH = 0.3
#: Distance between the bodies side by side, metres.
_APART_M = 1.2
#: Joints whose paths are drawn: pelvis, ankles, wrists. Joints of the feet: left and right.
_TRAILS, _FEET = (0, 7, 8, 20, 21), (10, 11)
_FOOT_RADIUS_M, _POINT_M, _LINE_PX = 0.05, 0.02, 2.0
_GRID_M, _FRUSTUM_M = 8.0, 0.6
#: Where to look from: beside the people, so that the camera is not in the way, metres.
_VIEW_FROM = np.array([1.8, 0.5, 3.0])


@contextmanager
def serving(host: str, port: int) -> Iterator[viser.ViserServer]:
    """A viser server, quiet and stopped at the end. If the port is taken, it takes the next free one.

    Raises:
        InputError: viser is not installed, or the host is not this machine.
    """
    try:
        import viser
    except ImportError as error:
        raise InputError(f"view: {error}; pip install 'lsmplify-refine[view]'") from error
    # whoever knocks without being a browser is no news
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    try:
        socket.create_server((host, 0)).close()  # viser would try one port after the other
    except OSError as error:
        raise InputError(f"--host {host}: {error.strerror or error}; it must be an address of this machine") from error
    with redirect_stdout(io.StringIO()):  # viser prints, but stdout is for results
        server = viser.ViserServer(host=host, port=port, verbose=False)
    try:
        yield server
    finally:
        with redirect_stdout(io.StringIO()):
            server.stop()


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


class Stage:
    """A scene on a viser server; `show` moves it to a frame."""

    def __init__(self, server: viser.ViserServer, clip: Clip) -> None:
        self.clip, self.shown = clip, Shown()
        self._scene = server.scene
        self._scene.set_up_direction("+y")
        self._scene.add_grid("/ground", _GRID_M, _GRID_M, plane="xz", position=(*_ground(clip),), cell_size=0.5)
        self._roots = {name: self._scene.add_frame(f"/{name}", show_axes=False) for name in COLORS}
        self._actors = [_Actor(self._scene, index, person) for index, person in enumerate(clip.people)]
        self.frustum = (
            self._scene.add_camera_frustum("/camera", clip.fov_rad, clip.aspect) if clip.fov_rad > 0 else None
        )
        if self.frustum is not None:
            # viser's cameras look along +z, y down
            self.frustum.wxyz = (0.0, 1.0, 0.0, 0.0)
        self.arrange()
        self.show(clip.start)

    def show(self, frame: int) -> None:
        """Move everybody to a video frame; who is not in it is hidden."""
        for actor in self._actors:
            actor.show(frame, self.shown)

    def arrange(self) -> None:
        """Place the earlier bodies as the layout says."""
        apart = _APART_M if self.shown.layout == "side by side" else 0.0
        self._roots["before"].position = (-apart, 0.0, 0.0)

    def view_from(self) -> tuple[np.ndarray, np.ndarray]:
        """A place to look from, and the point to look at: the middle of everybody in the first frame."""
        first = [person.figures["after"].pelvis[0] for person in self.clip.people]
        middle = np.mean(first, axis=0)
        return middle + _VIEW_FROM, middle

    def joints(self, frame: int) -> list[tuple[Person, np.ndarray]]:
        """The refined joints (J, 3) of everybody in a frame."""
        found = [(actor, actor.row(frame)) for actor in self._actors]
        return [(actor.person, actor.bones["after"].positions[row]) for actor, row in found if row is not None]


def _ground(clip: Clip) -> np.ndarray:
    """The middle of the ground below everybody."""
    middle: np.ndarray = np.mean([person.figures["after"].pelvis.mean(0) for person in clip.people], axis=0)
    middle[1] = clip.floor
    return middle


@dataclass
class _Actor:
    """One person's handles."""

    scene: Any
    index: int
    person: Person
    bones: dict[clips.Stage, Bones] = field(init=False)

    def __post_init__(self) -> None:
        self.bones = {stage: Bones.of(figure) for stage, figure in self.person.figures.items()}
        self._row_of = {int(frame): row for row, frame in enumerate(self.person.frame_ids)}
        self._meshes = {stage: self._mesh(stage, figure) for stage, figure in self.person.figures.items()}
        self._trails = [self._trail(joint) for joint in _TRAILS]
        self._feet = [self._foot(side) for side in range(2)] if self.person.contacts is not None else []
        self._aim: list[Any] = []

    def row(self, frame: int) -> int | None:
        """The person's row of a video frame."""
        return self._row_of.get(frame)

    def show(self, frame: int, shown: Shown) -> None:
        """Move to a frame."""
        row = self.row(frame)
        for stage, mesh in self._meshes.items():
            mesh.visible = row is not None and getattr(shown, stage)
            mesh.opacity = _SEE_THROUGH if shown.joints else _OPACITY[stage]
            if row is not None:
                self._pose(mesh, self.bones[stage], row)
        for trail in self._trails:
            trail.visible = shown.trails
        for side, foot in enumerate(self._feet):
            stands = row is not None and self.person.contacts is not None and self.person.contacts[row, side] > 0.5
            foot.visible = bool(stands and shown.feet)
            if row is not None:
                foot.position = self.bones["after"].positions[row, _FEET[side]]
        self._show_aim(row if shown.keypoints else None)

    def _name(self, stage: clips.Stage, what: str) -> str:
        # names from files do not reach the scene's paths
        return f"/{stage}/person_{self.index}/{what}"

    def _mesh(self, stage: clips.Stage, figure: Figure) -> Any:
        vertices, joints = figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)
        return self.scene.add_mesh_skinned(
            self._name(stage, "body"),
            vertices.astype(np.float32),
            np.asarray(figure.body.faces, np.uint32),
            bone_wxyzs=np.tile([1.0, 0.0, 0.0, 0.0], (len(joints), 1)),
            bone_positions=joints,
            skin_weights=np.asarray(figure.body.arrays.weights, np.float32),
            color=COLORS[stage],
            opacity=_OPACITY[stage],
        )

    def _pose(self, mesh: Any, bones: Bones, row: int) -> None:
        quats = Rotation.from_matrix(bones.rotations[row]).as_quat()[:, [3, 0, 1, 2]]
        for bone, wxyz, position in zip(mesh.bones, quats, bones.positions[row], strict=True):
            bone.wxyz, bone.position = wxyz, position

    def _trail(self, joint: int) -> Any:
        path = self.bones["after"].positions[:, joint]
        lines = np.stack([path[:-1], path[1:]], axis=1) if len(path) > 1 else np.repeat(path, 2, 0)[None]
        return self.scene.add_line_segments(
            self._name("after", f"trail_{joint}"),
            lines.astype(np.float32),
            COLORS["after"],
            thickness=_LINE_PX,
            thickness_units="screen",
            visible=False,
        )

    def _foot(self, side: int) -> Any:
        return self.scene.add_icosphere(
            self._name("after", f"foot_{side}"), radius=_FOOT_RADIUS_M, color=_STANDS, opacity=0.6, visible=False
        )

    def _show_aim(self, row: int | None) -> None:
        """Draw the keypoints of a row, and lines from the body's own points to them."""
        aim = self.person.aim
        for handle in self._aim:
            handle.remove()
        self._aim = []
        if aim is None or row is None:
            return
        seen = np.isfinite(aim.target[row]).all(-1)
        if not seen.any():
            return
        points = aim.target[row][seen].astype(np.float32)
        lines = np.stack([aim.body[row][seen], aim.target[row][seen]], axis=1).astype(np.float32)
        name = self._name("after", "keypoints")
        self._aim = [
            self.scene.add_point_cloud(name, points, _KEYPOINT, point_size=_POINT_M, point_shape="circle"),
            self.scene.add_line_segments(
                f"{name}_residuals", lines, _RESIDUAL, thickness=_LINE_PX, thickness_units="screen"
            ),
        ]
