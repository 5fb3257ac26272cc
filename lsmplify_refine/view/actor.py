"""One person in a viser scene: both bodies, and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import trimesh
from scipy.spatial.transform import Rotation

from lsmplify_refine.formats.figure import Figure
from lsmplify_refine.view import clip as clips
from lsmplify_refine.view.clip import Bones, Person
from lsmplify_refine.view.colors import JOINT, KEYPOINT, PICKED, RESIDUAL, RGB, STANDS
from lsmplify_refine.view.joints import PICKABLE

#: The earlier body can be looked through.
OPACITY: dict[clips.Stage, float] = {"before": 0.45, "after": 0.95}
#: Of both, so that the joints inside are seen.
SEE_THROUGH = 0.3
#: Joints whose paths are drawn: pelvis, ankles, wrists. Joints of the feet: left and right.
TRAILS, FEET = (0, 7, 8, 20, 21), (10, 11)
_HEAD = 15
_FOOT_RADIUS_M, _JOINT_RADIUS_M, _POINT_M, _LINE_PX = 0.05, 0.025, 0.02, 2.0
#: Names hang this far above the head joint, metres.
NAME_ABOVE_M = 0.3
#: A track may miss this many of its own steps before its trail is cut.
_MAX_GAP = 2.0


class Parts(Protocol):
    """What is to be seen; see `stage.Shown`."""

    before: bool
    after: bool
    keypoints: bool
    feet: bool
    trails: bool
    joints: bool


class Actor:
    """One person's nodes below `root`; `show` moves them to a frame."""

    def __init__(
        self, scene: Any, root: str, index: int, person: Person, colors: dict[clips.Stage, RGB], *, named: bool
    ) -> None:
        self._scene, self._root, self._index, self.person, self._colors = scene, root, index, person, colors
        self.bones = {stage: Bones.of(figure) for stage, figure in person.figures.items()}
        self._row_of = {
            stage: {int(frame): row for row, frame in enumerate(figure.frame_ids)}
            for stage, figure in person.figures.items()
        }
        self.picked: int | None = None
        self.meshes = {stage: self._mesh(stage, figure) for stage, figure in person.figures.items()}
        self.trails = {stage: [self._trail(stage, joint) for joint in TRAILS] for stage in person.figures}
        self.feet = [self._foot(side) for side in range(2)] if person.contacts is not None else []
        self.joints = self._joints()
        self.aim = self._aim() if person.aim is not None else None
        self.label = scene.add_label(self.node("after", "name"), person.name, anchor="bottom-center") if named else None

    def node(self, stage: clips.Stage, what: str) -> str:
        """The path of a node. Names from files do not reach the scene's paths."""
        return f"{self._root}/{stage}/person_{self._index}/{what}"

    def row(self, stage: clips.Stage, frame: int) -> int | None:
        """The person's row of a video frame."""
        return self._row_of[stage].get(frame)

    def on_pick(self, pick: Callable[[int], None]) -> None:
        """Call `pick` with the joint that somebody clicks."""

        def clicked(event: Any) -> None:
            pick(self._nearest(np.array(event.ray_origin), np.array(event.ray_direction)))

        self.joints.on_click(clicked)

    def _nearest(self, origin: np.ndarray, direction: np.ndarray) -> int:
        """The joint that is nearest to a ray; `direction` is of unit length."""
        # the instance that viser names is missing for some clicks
        to_joints = np.asarray(self.joints.batched_positions, np.float64) - origin
        return int(np.linalg.norm(np.cross(to_joints, direction), axis=1).argmin())

    def show(self, frame: int, shown: Parts, *, hidden: bool) -> None:
        """Move to a frame."""
        for stage, mesh in self.meshes.items():
            row = self.row(stage, frame)
            mesh.visible = row is not None and getattr(shown, stage) and not hidden
            mesh.opacity = SEE_THROUGH if shown.joints else OPACITY[stage]
            if row is not None:
                self._pose(mesh, self.bones[stage], row)
            for trail in self.trails[stage]:
                trail.visible = shown.trails and getattr(shown, stage) and not hidden
        row = None if hidden else self.row("after", frame)
        self._show_feet(row, shown)
        self._show_joints(row, shown)
        self._show_aim(row if shown.keypoints else None)
        if self.label is not None:
            self.label.visible = row is not None
            if row is not None:
                self.label.position = self.bones["after"].positions[row, _HEAD] + [0.0, NAME_ABOVE_M, 0.0]

    def _show_feet(self, row: int | None, shown: Parts) -> None:
        for side, foot in enumerate(self.feet):
            stands = row is not None and self.person.contacts is not None and self.person.contacts[row, side] > 0.5
            foot.visible = bool(stands and shown.feet)
            if row is not None:
                foot.position = self.bones["after"].positions[row, FEET[side]]

    def _show_joints(self, row: int | None, shown: Parts) -> None:
        self.joints.visible = row is not None and shown.joints
        if row is not None and shown.joints:
            self.joints.batched_positions = self.bones["after"].positions[row, :PICKABLE].astype(np.float32)
            colors = np.tile(np.array(JOINT, np.uint8), (PICKABLE, 1))
            if self.picked is not None:
                colors[self.picked] = PICKED
            self.joints.batched_colors = colors

    def _show_aim(self, row: int | None) -> None:
        """Draw the keypoints of a row, and lines from the body's own points to them."""
        if self.aim is None or self.person.aim is None:
            return
        points, lines = self.aim
        shown = np.zeros(0, bool) if row is None else np.isfinite(self.person.aim.target[row]).all(-1)
        points.visible = lines.visible = bool(shown.any())
        if shown.any():
            own, target = self.person.aim.body[row][shown], self.person.aim.target[row][shown]
            points.points = target.astype(np.float32)
            lines.points = np.stack([own, target], axis=1).astype(np.float32)

    def _mesh(self, stage: clips.Stage, figure: Figure) -> Any:
        vertices, joints = figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)
        return self._scene.add_mesh_skinned(
            self.node(stage, "body"),
            vertices.astype(np.float32),
            np.asarray(figure.body.faces, np.uint32),
            bone_wxyzs=np.tile([1.0, 0.0, 0.0, 0.0], (len(joints), 1)),
            bone_positions=joints,
            skin_weights=np.asarray(figure.body.arrays.weights, np.float32),
            color=self._colors[stage],
            opacity=OPACITY[stage],
        )

    def _pose(self, mesh: Any, bones: Bones, row: int) -> None:
        quats = Rotation.from_matrix(bones.rotations[row]).as_quat()[:, [3, 0, 1, 2]]
        for bone, wxyz, position in zip(mesh.bones, quats, bones.positions[row], strict=True):
            bone.wxyz, bone.position = wxyz, position

    def _trail(self, stage: clips.Stage, joint: int) -> Any:
        path, ids = self.bones[stage].positions[:, joint], self.person.figures[stage].frame_ids
        steps = np.diff(ids)
        # who leaves and comes back has two trails
        kept = steps <= _MAX_GAP * np.median(steps) if len(steps) else np.zeros(0, bool)
        lines = np.stack([path[:-1], path[1:]], axis=1)[kept]
        lines = lines if len(lines) else np.repeat(path[:1], 2, 0)[None]
        return self._lines(self.node(stage, f"trail_{joint}"), lines, self._colors[stage])

    def _lines(self, name: str, lines: np.ndarray, color: RGB) -> Any:
        return self._scene.add_line_segments(
            name, lines.astype(np.float32), color, thickness=_LINE_PX, thickness_units="screen", visible=False
        )

    def _foot(self, side: int) -> Any:
        return self._scene.add_icosphere(
            self.node("after", f"foot_{side}"), radius=_FOOT_RADIUS_M, color=STANDS, opacity=0.6, visible=False
        )

    def _joints(self) -> Any:
        """Balls at the refined joints, which can be clicked."""
        ball = trimesh.creation.icosphere(subdivisions=2, radius=_JOINT_RADIUS_M)
        return self._scene.add_batched_meshes_simple(
            self.node("after", "joints"),
            np.asarray(ball.vertices, np.float32),
            np.asarray(ball.faces, np.uint32),
            batched_wxyzs=np.tile(np.array([1.0, 0.0, 0.0, 0.0], np.float32), (PICKABLE, 1)),
            batched_positions=self.bones["after"].positions[0, :PICKABLE].astype(np.float32),
            batched_colors=np.tile(np.array(JOINT, np.uint8), (PICKABLE, 1)),
            lod="off",
            cast_shadow=False,
            visible=False,
        )

    def _aim(self) -> tuple[Any, Any]:
        name = self.node("after", "keypoints")
        nowhere = np.zeros((1, 3), np.float32)
        points = self._scene.add_point_cloud(
            name, nowhere, KEYPOINT, point_size=_POINT_M, point_shape="circle", visible=False
        )
        return points, self._lines(f"{name}_residuals", np.zeros((1, 2, 3)), RESIDUAL)
