"""The viewer's scene on a real viser server: what moves, what is hidden, what a page holds."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.view.clip import Bones, Clip
from lsmplify_refine.view.page import write_page
from lsmplify_refine.view.panel import Panel
from lsmplify_refine.view.pictures import Pictures
from lsmplify_refine.view.read import read_clips
from lsmplify_refine.view.serving import is_this_machine, serving
from lsmplify_refine.view.stage import Shown, Stage, parts_of
from lsmplify_refine.view.words import legend
from tests.support import clips

pytest.importorskip("viser")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_folder(tmp_path_factory.mktemp("view") / "clip") / "hmr4d_results.pt"


@pytest.fixture
def clip(result: Path) -> Clip:
    return read_clips(result, before=result, space="camera")[0]


@pytest.fixture
def panel(clip: Clip) -> Iterator[Panel]:
    with serving("127.0.0.1", 0) as server:
        yield Panel(server, [clip])


def test_frames_move_the_bones(clip: Clip) -> None:
    with serving("127.0.0.1", 0) as server:
        stage = Stage(server, clip)
        stage.show(5)

        def handle(name: str) -> Any:
            """A part of the scene."""
            return server.scene.get_handle_by_name(name)

        mesh = handle("/camera/after/person_0/body")
        bones = Bones.of(clip.people[0].figures["after"])
        assert np.allclose([bone.position for bone in mesh.bones], bones.positions[5], atol=1e-5)
        stage.show(clip.stop + 3)
        assert not mesh.visible
        stage.shown = Shown(before=False, layout="side by side")
        stage.arrange()
        stage.show(2)
        assert mesh.visible and not handle("/camera/before/person_0/body").visible
        assert handle("/camera/before").position[0] < -1


def test_the_panel_shows_the_numbers_of_a_frame(clip: Clip) -> None:
    numbers = {"error": [f"{row}.5 `<script>`" for row in range(clips.FRAMES)]}
    named = replace(clip, people=(replace(clip.people[0], name="<img src=x>`", numbers=numbers),))
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, [named])
        panel.frame.value = 3
        panel.draw()
        assert "- `error`: `3.5 '<script>'`" in panel.numbers.content
        assert "person `<img src=x>'`" in panel.numbers.content


def test_a_clicked_joint_gives_its_name_and_place(panel: Panel) -> None:
    panel.parts["joints"].value = True
    panel._rearrange()
    panel.pick((0, 15))
    x, y, z = panel.stage.joints(0)[0][1][15]
    assert f"- **head** at {x:.3f}, {y:.3f}, {z:.3f} m" in panel.numbers.content


def test_steps_stay_within_the_clip(panel: Panel) -> None:
    panel.seek(-1)
    assert panel.frame.value == 0
    panel.seek(clips.FRAMES + 5)
    assert panel.frame.value == clips.FRAMES - 1


def test_a_page_needs_no_other_file(clip: Clip, tmp_path: Path) -> None:
    path = tmp_path / "scene.html"
    write_page([replace(clip, name="</script><script>alert(1)")], path)
    text = path.read_text("utf-8")
    assert "window.__VISER_EMBED_DATA__" in text and "<script>alert" not in text
    assert 'src="http' not in text and 'href="http' not in text
    assert len(text) < 4_000_000


def test_pictures_come_in_any_order(tmp_path: Path) -> None:
    pictures = Pictures(clips.write_video(tmp_path / "a.mp4", frames=4), 64)
    shapes = [None if found is None else found.shape for found in map(pictures.at, (2, 2, 0, 3, 9, 1))]
    assert shapes == [(36, 64, 3)] * 4 + [None, (36, 64, 3)]


def test_the_command_serves_this_machine_alone_until_it_is_stopped(result: Path) -> None:
    command = [sys.executable, "-u", "-m", "lsmplify_refine", "view", str(result), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout is not None and viewer.stderr is not None
        line = viewer.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split()[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            pass
        # another address of the same machine, which Linux has
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.2", port), timeout=5)
        viewer.send_signal(signal.SIGINT)
        assert viewer.wait(30) == 130
        assert viewer.stdout.read() == "" and viewer.stderr.read() == "stopped; the viewer is closed\n"


def test_a_taken_port_is_left_to_its_owner() -> None:
    with serving("127.0.0.1", 0) as server, serving("127.0.0.1", server.get_port()) as other:
        assert other.get_port() != server.get_port()


def test_an_address_of_another_machine_is_one_line() -> None:
    with pytest.raises(InputError, match=r"--host 192\.0\.2\.1: .*an address of this machine"), serving("192.0.2.1", 0):
        pass


def test_the_command_writes_a_page_and_keeps_others(
    result: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scene.html"
    assert main(["view", str(result), "--html", str(path)]) == 0
    assert capsys.readouterr().out == f"wrote {path}\n"
    before = path.read_bytes()
    assert main(["view", str(result), "--html", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err and path.read_bytes() == before


def test_without_viser_the_line_says_what_to_install(
    result: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "viser", None)
    assert main(["view", str(result)]) == 2
    assert "pip install 'lsmplify-refine[view]'" in capsys.readouterr().err


def test_an_open_viewer_warns_in_one_line(
    result: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Panel, "run", lambda self: None)
    assert main(["view", str(result), "--host", "0.0.0.0", "--port", "0"]) == 0
    assert capsys.readouterr().err == (
        "--host 0.0.0.0: everybody on the network can look at this scene, its video included\n"
    )
    assert main(["view", str(result), "--port", "0"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "host, alone",
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("192.0.2.1", False), ("", False)],
)
def test_which_addresses_are_this_machine_alone(host: str, alone: bool) -> None:
    assert is_this_machine(host) is alone


def test_the_default_is_refused_on_the_networks_address(clip: Clip) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # no packet is sent: this only asks for the way out
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network")
        address = probe.getsockname()[0]
    with serving("127.0.0.1", 0) as server:
        Panel(server, [clip])
        with pytest.raises(OSError):
            socket.create_connection((address, server.get_port()), timeout=5)


def test_one_frame_can_be_looked_at(clip: Clip, tmp_path: Path) -> None:
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, [replace(clip, stop=clip.start + 1)])
        panel.play.value = True
        panel.advance()
        panel.seek(5)
        assert panel.frame.value == clip.start and panel.frame.disabled


def test_somebody_can_be_hidden(clip: Clip) -> None:
    two = replace(clip, people=(clip.people[0], replace(clip.people[0], name="other")))
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, [two])
        panel.people[1].value = False
        panel._rearrange()

        def visible(name: str) -> bool:
            handle: Any = server.scene.get_handle_by_name(name)
            return bool(handle.visible)

        parts = ("body", "keypoints", "name")
        assert all(visible(f"/camera/after/person_0/{part}") for part in parts)
        assert not any(visible(f"/camera/after/person_1/{part}") for part in parts)
        assert "other" not in panel.numbers.content


def test_who_leaves_and_comes_back_has_two_trails(clip: Clip) -> None:
    after = clip.people[0].figures["after"]
    gone = replace(after, frame_ids=np.array([0, 1, 2, 3, 50, 51, 52, 53]))
    with serving("127.0.0.1", 0) as server:
        stage = Stage(server, replace(clip, people=(replace(clip.people[0], figures={"after": gone}),), stop=54))
        assert [len(trail.points) for trail in stage.actors[0].trails["after"]] == [6] * 5
        stage.show(20)
        assert not stage.actors[0].meshes["after"].visible
        stage.show(51)
        assert stage.actors[0].meshes["after"].visible


def test_the_world_and_the_camera_are_one_clip(result: Path) -> None:
    world, camera = read_clips(result, before=result)
    assert (world.space, camera.space) == ("world", "camera")
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, [world, camera])
        panel.space.value = "camera"
        panel._rearrange()
        assert panel.clip is camera and camera.fov_rad > 0
        assert not panel.stages["world"].root.visible and panel.stages["camera"].root.visible
        panel.view.value = "from the camera"
        panel._look()
        assert np.allclose(server.initial_camera.position, 0)
        assert server.initial_camera.fov == pytest.approx(camera.fov_rad, rel=0.1)


def test_controls_and_legend_say_what_the_scene_has(result: Path, clip: Clip) -> None:
    (alone,) = read_clips(result, space="camera")
    assert parts_of([clip])["after"] == "after" and parts_of([alone])["after"] == "body"
    assert "before" in parts_of([clip]) and "before" not in parts_of([alone])
    assert [text for _, text in legend([clip])][:2] == ["before", "after"]
    assert [text for _, text in legend([alone])][:2] == ["body", "keypoint"]
    bare = replace(alone, people=(replace(alone.people[0], aim=None, contacts=None),))
    assert set(parts_of([bare])) == {"after", "trails", "joints"} and len(legend([bare])) == 1
