"""The viewer in a real browser, live and as one file: it plays, seeks, switches layouts, picks joints, runs no name."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lsmplify_refine.view.clip import Bones, Clip
from lsmplify_refine.view.page import scene_html, write_page
from lsmplify_refine.view.panel import Panel
from lsmplify_refine.view.read import read_clips
from lsmplify_refine.view.serving import serving
from tests.support import browser, clips

pytest.importorskip("viser")
pytestmark = pytest.mark.slow

#: A name that runs a script where a page takes it for HTML.
HOSTILE = "<img src=x onerror=alert(1)>\"'`</script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_folder(tmp_path_factory.mktemp("browser") / "clip") / "hmr4d_results.pt"


@pytest.fixture(scope="module")
def scenes(result: Path) -> tuple[Clip, ...]:
    """World and camera."""
    return read_clips(result, before=result)


@pytest.fixture
def page(tab: Any, scenes: tuple[Clip, ...], tmp_path: Path) -> Any:
    """The tab, with the file open."""
    write_page(scenes, tmp_path / "scene.html")
    return opened(tab, tmp_path / "scene.html")


@pytest.fixture
def panel(scenes: tuple[Clip, ...]) -> Iterator[Panel]:
    """The live viewer, playing if asked to."""
    with serving("127.0.0.1", 0) as server:
        yield Panel(server, scenes)


def opened(tab: Any, path: Path) -> Any:
    """The tab, once the scene is drawn."""
    tab.goto(path.as_uri())
    tab.wait_for_function("() => window.lsmplifyPanel")
    return tab


def test_a_page_plays_seeks_and_obeys_the_keys(page: Any) -> None:
    now = page.locator("#now")
    assert now.inner_text() == f"0 of {clips.FRAMES - 1}"
    page.locator("#frame").fill("3")
    assert now.inner_text().startswith("3 of")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => !document.getElementById('now').textContent.startsWith('3 of')")
    page.get_by_role("button", name="Pause").click()
    for key, expected in (("End", clips.FRAMES - 1), ("ArrowLeft", clips.FRAMES - 2), ("Home", 0), ("ArrowRight", 1)):
        page.keyboard.press(key)
        assert now.inner_text().startswith(f"{expected} of")
    page.locator("#play").blur()
    for key in ("p", " "):
        was = page.locator("#play").inner_text()
        page.keyboard.press(key)
        assert page.locator("#play").inner_text() != was


def test_a_page_has_the_bones_and_numbers_of_the_clip(page: Any, scenes: tuple[Clip, ...]) -> None:
    page.locator("#frame").fill("5")
    page.locator("#joint").select_option(label="left_wrist")
    for scene in scenes:
        page.locator("#space").select_option(label=scene.space)
        page.wait_for_function("() => window.__viserMutable.messageQueue.length === 0")
        for stage, figure in scene.people[0].figures.items():
            name = f"/{scene.space}/{stage}/person_0/body"
            poses = page.evaluate("name => window.__viserMutable.skinnedMeshState['\\u0000' + name].poses", name)
            bones = Bones.of(figure)
            assert [pose["position"] for pose in poses] == [pytest.approx(at, abs=1e-3) for at in bones.positions[5]]
            quats = Rotation.from_quat([pose["wxyz"] for pose in poses], scalar_first=True)
            assert np.allclose(quats.as_matrix(), bones.rotations[5], atol=1e-3)
        numbers = page.locator("#numbers").inner_text()
        joint_numbers = scene.people[0].joint_numbers
        assert len(joint_numbers) == 4
        for label, values in joint_numbers.items():
            assert f"{label}\n{values[5, 20]:.1f}" in numbers


def test_a_page_switches_what_it_shows(page: Any, scenes: tuple[Clip, ...]) -> None:
    shows(page, "/world/before/person_0/body")
    page.locator("#layout").select_option(label="side by side")
    page.wait_for_function("() => window.__viserMutable.nodePoseData['/world/before'].position[0] < -1")
    page.get_by_label("before", exact=True).uncheck()
    hides(page, "/world/before/person_0/body")
    page.keyboard.press("c")
    shows(page, "/camera/after/person_0/keypoints")
    hides(page, "/world/after/person_0/body")
    page.keyboard.press("v")
    assert page.locator("#view option:checked").inner_text() == "from the camera"
    page.keyboard.press("j")
    shows(page, "/camera/after/person_0/joints")
    click_joint(page, scenes[1], 15)
    page.wait_for_function("() => window.lsmplifyPanel.shown.picked")
    assert page.locator("#joint option:checked").inner_text() == "head"
    assert page.title() == "hmr4d_results.pt: before and after"
    browser.assert_accessible(page)


def shows(tab: Any, name: str) -> None:
    """Wait until viser's client shows a node."""
    tab.wait_for_function("name => window.__viserSceneTree.getState()[name].effectiveVisibility", arg=name)


def hides(tab: Any, name: str) -> None:
    """Wait until viser's client hides a node."""
    tab.wait_for_function("name => !window.__viserSceneTree.getState()[name].effectiveVisibility", arg=name)


def click_joint(tab: Any, scene: Clip, joint: int) -> None:
    """Click a joint of the first frame."""
    place = Bones.of(scene.people[0].figures["after"]).positions[0, joint]
    # the view has moved once the drawn frames show it
    tab.wait_for_timeout(2000)
    x, y = tab.evaluate(
        """([root, x, y, z]) => {
            const { camera, canvas, nodeRefFromName } = window.__viserMutable;
            const at = nodeRefFromName[root].localToWorld(camera.position.clone().set(x, y, z)).project(camera);
            const box = canvas.getBoundingClientRect();
            return [box.left + (at.x + 1) / 2 * box.width, box.top + (1 - at.y) / 2 * box.height];
        }""",
        [f"/{scene.space}/after", *place.tolist()],
    )
    tab.mouse.move(x - 5, y)
    tab.mouse.move(x, y)
    tab.wait_for_timeout(500)
    tab.mouse.click(x, y, delay=100)


def test_a_page_in_a_frame_follows_the_page_around_it(tab: Any, scenes: tuple[Clip, ...], tmp_path: Path) -> None:
    outer = tmp_path / "outer.html"
    inner = html.escape(scene_html(scenes))
    outer.write_text(
        f"""<!doctype html><title>outer</title><iframe sandbox="allow-scripts" width=900 height=500 srcdoc="{inner}">
        </iframe><script>addEventListener("message", (event) => (window.heard = event.data))</script>""",
        encoding="utf-8",
    )
    tab.goto(outer.as_uri())
    ask = "() => frames[0].postMessage({ type: 'lsmplify-refine-seek', frame: 6 }, '*')"
    tab.wait_for_function(
        f"() => {{ ({ask})(); return window.heard?.type === 'lsmplify-refine-frame' && window.heard.frame === 6; }}",
        polling=200,
    )


def test_hostile_names_are_text_in_a_page(tab: Any, scenes: tuple[Clip, ...], tmp_path: Path) -> None:
    path = tmp_path / "scene.html"
    write_page([hostile(scene) for scene in scenes], path)
    opened(tab, path)
    tab.keyboard.press("End")
    assert HOSTILE in tab.locator("#numbers").inner_text()
    assert HOSTILE in tab.title() and tab.locator("h1").inner_text() == HOSTILE


def test_hostile_names_are_text_in_the_live_viewer(tab: Any, scenes: tuple[Clip, ...]) -> None:
    with serving("127.0.0.1", 0) as server:
        panel = Panel(server, [hostile(scene) for scene in scenes])
        tab.goto(panel.address)
        tab.get_by_text("onerror").first.wait_for()
        panel.pick((1, 15))
        tab.get_by_text("head", exact=True).first.wait_for()
        tab.wait_for_timeout(1000)


def hostile(scene: Clip) -> Clip:
    """Two people in it, whose names, numbers and notes are scripts."""
    named = replace(scene.people[0], name=HOSTILE, numbers={HOSTILE: [HOSTILE] * clips.FRAMES})
    return replace(scene, name=HOSTILE, people=(named, named))


def test_the_live_viewer_plays_seeks_and_obeys_the_keys(tab: Any, panel: Panel) -> None:
    tab.goto(panel.address)
    tab.wait_for_selector("canvas")
    tab.get_by_text("frame 0", exact=True).wait_for()
    for key, frame in (("End", clips.FRAMES - 1), ("ArrowLeft", clips.FRAMES - 2), ("Home", 0), ("ArrowRight", 1)):
        tab.keyboard.press(key)
        tab.get_by_text(f"frame {frame}", exact=True).wait_for()
    tab.keyboard.press("c")
    wait_for(tab, lambda: panel.clip.space == "camera")
    tab.keyboard.press("v")
    tab.get_by_label("joints to click").check()
    wait_for(tab, lambda: panel.stage.shown.joints)
    panel.seek(0)
    click_joint(tab, panel.clip, 15)
    wait_for(tab, lambda: panel.picked == (0, 15))
    for key in ("p", " "):
        tab.keyboard.press(key)
        wait_for(tab, lambda: panel.play.value)
        wait_for(tab, lambda: bool(panel.advance()) and panel.frame.value > 0)
        tab.keyboard.press(key)
        wait_for(tab, lambda: not panel.play.value)
        panel.seek(0)


def wait_for(tab: Any, holds: Any) -> None:
    """Wait until the server knows what the browser did."""
    for _ in range(100):
        if holds():
            return
        tab.wait_for_timeout(100)
    raise AssertionError("the server was not told")


def test_the_accessibility_check_finds_a_fault(tab: Any) -> None:
    tab.set_content("<!doctype html><html lang=en><title>t</title><main><h1>h</h1><button id=b></button></main>")
    with pytest.raises(AssertionError, match=r"button-name .*#b"):
        browser.assert_accessible(tab)
    browser.assert_accessible(tab, ignored=("#b",))


@pytest.mark.parametrize("fault", ["alert(1)", "fetch('http://192.0.2.1/')", "console.error(1)", "undefined()"])
def test_a_tab_ends_the_test_of_a_page_with_a_fault(fault: str) -> None:
    with pytest.raises(AssertionError), browser.open_tab() as page:
        page.set_content(f"<!doctype html><title>t</title><script>{fault}</script>")
        page.wait_for_timeout(200)
