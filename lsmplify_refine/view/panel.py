"""The live viewer: a server on this machine, a time slider, what to show, and the numbers of a frame."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, get_args

from lsmplify_refine.stopping import check
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.pictures import Pictures
from lsmplify_refine.view.stage import Layout, Shown, Stage

if TYPE_CHECKING:
    import viser

_SPEEDS = ("0.25", "0.5", "1", "2")
_WIDTH_PX = 480
_JOINT_RADIUS_M, _JOINT_COLOR = 0.025, (204, 121, 167)
#: Seconds between two looks at the clock while the clip does not play.
_IDLE_S = 0.05
#: What can be shown, and its label.
_PARTS = {
    "before": "before",
    "after": "after",
    "keypoints": "keypoints",
    "feet": "standing feet",
    "trails": "trails",
    "joints": "joints to click",
}


class Panel:
    """A scene on a server, with its controls."""

    def __init__(self, server: viser.ViserServer, clip: Clip) -> None:
        self.server = server
        self.clip, self.stage = clip, Stage(self.server, clip)
        self._pictures = Pictures(clip.video, _WIDTH_PX) if clip.video and self.stage.frustum is not None else None
        self.server.initial_camera.position, self.server.initial_camera.look_at = self.stage.view_from()
        self._drawn: int | None = None
        self._joints: list[Any] = []
        self._picked: tuple[int, int] | None = None
        self._add_controls()

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.server.get_host()}:{self.server.get_port()}"

    def _add_controls(self) -> None:
        # handles are settable at run time, but not as viser types them
        gui: Any = self.server.gui
        clip = self.clip
        self.frame = gui.add_slider("frame", clip.start, clip.stop - 1, 1, clip.start)
        self.play = gui.add_checkbox("play (P)", False)
        self.speed = gui.add_dropdown("speed", _SPEEDS, initial_value="1")
        self.layout = gui.add_dropdown("layout", get_args(Layout), initial_value=Shown.layout)
        self.parts = {
            part: gui.add_checkbox(label, bool(getattr(self.stage.shown, part))) for part, label in _PARTS.items()
        }
        self.numbers = gui.add_markdown("")
        self.frame.on_update(lambda _: self.draw())
        for control in (self.layout, *self.parts.values()):
            control.on_update(lambda _: self._rearrange())
        gui.add_command("play or pause", hotkey="P").on_trigger(lambda _: self._toggle())
        gui.add_command("next frame", hotkey="arrowright").on_trigger(lambda _: self._step(1))
        gui.add_command("previous frame", hotkey="arrowleft").on_trigger(lambda _: self._step(-1))
        self.draw()

    def run(self) -> None:
        """Play while a browser asks for it, until a signal stops it."""
        began, at = 0.0, self.frame.value
        while True:
            check()
            if not self.play.value or self.clip.stop - self.clip.start < 2:
                began = 0.0
                time.sleep(_IDLE_S)
                continue
            if not began:
                began, at = time.monotonic(), self.frame.value
            passed = int((time.monotonic() - began) * self.clip.fps * float(self.speed.value))
            frames = self.clip.stop - self.clip.start
            self.frame.value = self.clip.start + (at - self.clip.start + passed) % frames
            self.draw()
            time.sleep(min(_IDLE_S, 1 / (self.clip.fps * float(self.speed.value))))

    def draw(self) -> None:
        """Show the frame of the slider."""
        frame = int(self.frame.value)
        with self.server.atomic():
            self.stage.show(frame)
            self._place_joints(frame)
            if self._pictures is not None and self.stage.frustum is not None and frame != self._drawn:
                self.stage.frustum.image = self._pictures.at(frame)
        self._drawn = frame
        self.numbers.content = self._words(frame)

    def _rearrange(self) -> None:
        shown = {part: bool(control.value) for part, control in self.parts.items()}
        layout: Layout = self.layout.value
        self.stage.shown = Shown(**shown, layout=layout)
        self.stage.arrange()
        self.draw()

    def _toggle(self) -> None:
        self.play.value = not self.play.value

    def _step(self, by: int) -> None:
        frame = self.frame.value + by
        self.frame.value = max(self.clip.start, min(self.clip.stop - 1, frame))
        self.draw()

    def _place_joints(self, frame: int) -> None:
        """Balls at the refined joints, which can be clicked."""
        for handle in self._joints:
            handle.remove()
        self._joints = []
        for index, (_, joints) in enumerate(self.stage.joints(frame) if self.stage.shown.joints else []):
            for joint, position in enumerate(joints[: len(JOINT_NAMES)]):
                ball = self.server.scene.add_icosphere(
                    f"/after/joints/{index}_{joint}", radius=_JOINT_RADIUS_M, color=_JOINT_COLOR, position=position
                )
                ball.on_click(partial(self._pick, (index, joint)))
                self._joints.append(ball)

    def _pick(self, picked: tuple[int, int], _: object) -> None:
        self._picked = picked
        self.numbers.content = self._words(int(self.frame.value))

    def _words(self, frame: int) -> str:
        """The numbers of a frame, as Markdown; texts of files are code, which runs nothing."""
        lines = [f"**frame {frame}** of {self.clip.start} to {self.clip.stop - 1}, {self.clip.fps:g} fps"]
        for index, person in enumerate(self.clip.people):
            lines.append(f"\nperson {_code(person.name)}")
            (rows,) = (person.frame_ids == frame).nonzero()
            if not len(rows):
                lines.append("- not in this frame")
                continue
            row = int(rows[0])
            lines += [f"- {_code(key)}: {_code(values[row])}" for key, values in person.numbers.items() if values[row]]
            if self._picked is not None and self._picked[0] == index:
                joint = self._picked[1]
                x, y, z = self.stage.joints(frame)[index][1][joint]
                lines.append(f"- **{JOINT_NAMES[joint]}** at {x:.3f}, {y:.3f}, {z:.3f} m")
        return "\n".join(lines)


def _code(text: str) -> str:
    """Text as Markdown's inline code."""
    return "`" + text.replace("`", "'") + "`"
