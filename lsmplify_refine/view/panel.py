"""The live viewer: a server on this machine, a time slider, what to show, and the numbers of a frame."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lsmplify_refine.stopping import check
from lsmplify_refine.values.smpl_joints import JOINT_NAMES
from lsmplify_refine.view.clip import Clip
from lsmplify_refine.view.joints import PICKABLE
from lsmplify_refine.view.pictures import Pictures
from lsmplify_refine.view.stage import BESIDE, LAYOUTS, Layout, Shown, Stage, parts_of
from lsmplify_refine.view.words import legend_html, numbers_of

if TYPE_CHECKING:
    import viser

_SPEEDS = ("0.1", "0.25", "0.5", "1", "2", "4")
_WIDTH_PX = 480
#: Seconds between two looks at the clock while the clip does not play.
_IDLE_S = 0.05
#: Rows of the drop-down list from which nobody is picked.
_NO_JOINT = "none"
#: So many people are in a folder that is closed at first.
_MANY = 7


class Panel:
    """Scenes of one clip on a server, one of them visible, with their controls.

    Args:
        server: Where they are shown.
        clips: The same clip in one or several coordinates; the first is visible.
    """

    def __init__(self, server: viser.ViserServer, clips: Sequence[Clip]) -> None:
        self.server = server
        self.stages = {clip.space: Stage(server, clip, visible=clip is clips[0]) for clip in clips}
        self.stage = self.stages[clips[0].space]
        self._pictures = {clip.space: Pictures(clip.video, _WIDTH_PX) for clip in clips if clip.video is not None}
        self.picked: tuple[int, int] | None = None
        # the server calls back from several threads
        self._lock = threading.RLock()
        self._drawn: tuple[str, int] | None = None
        #: When and where playing began, the frames per second, and the last frame.
        self._clock: tuple[float, int, float, int] | None = None
        self._add_controls()
        self._look()
        for stage in self.stages.values():
            stage.on_pick(self.pick)

    @property
    def clip(self) -> Clip:
        """The visible scene."""
        return self.stage.clip

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{self.server.get_host()}:{self.server.get_port()}"

    def run(self) -> None:
        """Play while a browser asks for it, until a signal stops it."""
        while True:
            check()
            time.sleep(self.advance())

    def advance(self) -> float:
        """Go to the frame that is due, if the clip plays.

        Returns:
            Seconds until the next one.
        """
        frames = self.clip.stop - self.clip.start
        if not self.play.value or frames < 2:
            self._clock = None
            return _IDLE_S
        speed = self.clip.fps * float(self.speed.value)
        frame = int(self.frame.value)
        # the clock starts again after a pause, a jump, or at another speed
        if self._clock is None or self._clock[2:] != (speed, frame):
            self._clock = time.monotonic(), frame, speed, frame
        began, at, *_ = self._clock
        due = self.clip.start + (at - self.clip.start + int((time.monotonic() - began) * speed)) % frames
        self._clock = began, at, speed, due
        if due != frame:
            self.seek(due)
        return min(_IDLE_S, 1 / speed)

    def seek(self, frame: int) -> None:
        """Show a frame, within the clip."""
        self.frame.value = max(self.clip.start, min(self.clip.stop - 1, frame))
        self.draw()

    def draw(self) -> None:
        """Show the frame of the slider."""
        with self._lock:
            frame = int(self.frame.value)
            space = self.clip.space
            with self.server.atomic():
                self.stage.show(frame)
                pictures = self._pictures.get(space)
                if pictures is not None and self.stage.frustum is not None and (space, frame) != self._drawn:
                    self.stage.frustum.image = pictures.at(frame)
            self._drawn = space, frame
            self.numbers.content = numbers_of(self.stage, frame, self.picked)

    def pick(self, picked: tuple[int, int] | None) -> None:
        """Show the numbers of a joint: a person and a joint, by index."""
        with self._lock:
            self.picked = picked
            for stage in self.stages.values():
                for index, actor in enumerate(stage.actors):
                    actor.picked = picked[1] if picked is not None and index == picked[0] else None
            if picked is not None:
                self.person.value, self.joint.value = self.person.options[picked[0]], JOINT_NAMES[picked[1]]
            self.draw()

    def _add_controls(self) -> None:
        # handles are settable at run time, but not as viser types them
        gui: Any = self.server.gui
        clip, still = self.clip, self.clip.stop - self.clip.start < 2
        clips = [stage.clip for stage in self.stages.values()]
        parts = parts_of(clips)
        # viser's share button would put the scene on the internet
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
        gui.set_panel_label(clip.name)
        gui.add_html(legend_html(clips))
        self.frame = gui.add_slider("frame", clip.start, clip.stop - (not still), 1, clip.start, disabled=still)
        self.play = gui.add_checkbox("play (space or P)", False, disabled=still)
        self.speed = gui.add_dropdown("speed", _SPEEDS, initial_value="1")
        self.layout = gui.add_dropdown("layout (L)", LAYOUTS, initial_value=Shown.layout)
        spaces = tuple(self.stages)
        self.space = gui.add_dropdown("coordinates (C)", spaces, initial_value=clip.space, disabled=len(spaces) == 1)
        views = tuple(dict.fromkeys(name for stage in self.stages.values() for name in stage.views()))
        self.view = gui.add_dropdown("view (V)", views, initial_value=BESIDE, disabled=len(views) == 1)
        self.view.on_update(lambda _: self._look())
        self.parts = {part: gui.add_checkbox(label, bool(getattr(Shown, part))) for part, label in parts.items()}
        names = [f"{index}: {person.name}" for index, person in enumerate(clip.people)]
        with gui.add_folder("people", expand_by_default=len(names) < _MANY, visible=len(names) > 1):
            self.people = [gui.add_checkbox(name, True) for name in names]
        self.person = gui.add_dropdown("joint of", names, initial_value=names[0], visible=len(names) > 1)
        self.joint = gui.add_dropdown("joint", (_NO_JOINT, *JOINT_NAMES[:PICKABLE]), initial_value=_NO_JOINT)
        self.numbers = gui.add_markdown("")
        self.frame.on_update(lambda _: self.draw())
        for choice in (self.person, self.joint):
            choice.on_update(lambda _: self._choose())
        for control in (self.layout, self.space, *self.parts.values(), *self.people):
            control.on_update(lambda _: self._rearrange())
        self._add_keys(gui)
        self.draw()

    def _add_keys(self, gui: Any) -> None:
        for label, key, act in (
            ("play or pause", "P", self._toggle),
            ("play or pause (space)", "space", self._toggle),
            ("next frame", "arrowright", lambda: self.seek(self.frame.value + 1)),
            ("previous frame", "arrowleft", lambda: self.seek(self.frame.value - 1)),
            ("first frame", "home", lambda: self.seek(self.clip.start)),
            ("last frame", "end", lambda: self.seek(self.clip.stop - 1)),
            ("other layout", "L", lambda: _next(self.layout, LAYOUTS)),
            ("other coordinates", "C", lambda: _next(self.space, tuple(self.stages))),
            ("other view", "V", lambda: _next(self.view, self.view.options)),
            ("joints to click", "J", lambda: _flip(self.parts["joints"])),
            ("trails", "T", lambda: _flip(self.parts["trails"])),
        ):
            gui.add_command(label, hotkey=key).on_trigger(lambda _, act=act: act())

    def _toggle(self) -> None:
        self.play.value = not self.play.value

    def _rearrange(self) -> None:
        with self._lock:
            before, self.stage = self.stage, self.stages[self.space.value]
            layout: Layout = self.layout.value
            parts = {part: bool(control.value) for part, control in self.parts.items()}
            hidden = frozenset(index for index, control in enumerate(self.people) if not control.value)
            for stage in self.stages.values():
                stage.shown = Shown(**parts, layout=layout, hidden=hidden)
                stage.arrange()
                stage.root.visible = stage is self.stage
            if self.stage is not before:
                self._look()
            self.draw()

    def _look(self) -> None:
        """Place the view, of those who are there and of those who come."""
        views = self.stage.views()
        view = views.get(self.view.value, views[BESIDE])
        cameras: list[Any] = [self.server.initial_camera]
        for camera in [*cameras, *(client.camera for client in self.server.get_clients().values())]:
            camera.position, camera.look_at, camera.fov = view.position, view.look_at, view.fov_rad

    def _choose(self) -> None:
        """Pick the joint of the drop-down lists."""
        person = self.person.options.index(self.person.value)
        if self.joint.value == _NO_JOINT:
            self.pick(None)
        else:
            self.pick((person, JOINT_NAMES.index(self.joint.value)))


def _next(control: Any, options: Sequence[str]) -> None:
    """Choose the next option."""
    control.value = options[(list(options).index(control.value) + 1) % len(options)]


def _flip(control: Any) -> None:
    control.value = not control.value
