from __future__ import annotations

import os
import platform
import sys

import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual import gl

DEBIAN, UBUNTU_LIKE, FEDORA = {"ID": "debian"}, {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, {"ID": "fedora"}
APT = r"apt-get install libegl1 libgl1-mesa-dri"


@pytest.mark.parametrize(
    ("environment", "egl_device", "osmesa", "expected"),
    [
        ({"PYOPENGL_PLATFORM": "osmesa"}, 0, True, "osmesa"),
        ({"PYOPENGL_PLATFORM": "egl"}, None, True, "egl"),
        ({}, 0, True, "egl"),
        ({"DISPLAY": ":0"}, 0, True, "egl"),
        ({}, None, True, "osmesa"),
        ({"DISPLAY": ":0"}, None, False, "default"),
    ],
)
def test_choice_of_platform_on_linux(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    egl_device: int | None,
    osmesa: bool,
    expected: str,
) -> None:
    _pretend(monkeypatch, environment, egl_device, osmesa)
    assert gl.choose_gl_platform() == expected
    assert os.environ.get("PYOPENGL_PLATFORM", "default") == expected


def test_a_second_egl_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {}, 1, False)
    gl.choose_gl_platform()
    assert os.environ["EGL_DEVICE_ID"] == "1"


def test_a_chosen_egl_device_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {"EGL_DEVICE_ID": "2"}, 0, False)
    assert gl.choose_gl_platform() == "egl"
    assert os.environ["EGL_DEVICE_ID"] == "2"


@pytest.mark.parametrize(("release", "apt"), [(DEBIAN, True), (UBUNTU_LIKE, True), (FEDORA, False), (None, False)])
def test_without_any_gl_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str] | None, apt: bool
) -> None:
    _pretend(monkeypatch, {}, None, False, release=release)
    with pytest.raises(InputError, match=rf"{APT if apt else 'with your package manager'}.*--no-video") as caught:
        gl.choose_gl_platform()
    assert ("apt-get" in str(caught.value)) is apt


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_keep_their_default(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    _pretend(monkeypatch, {}, None, False, system=system)
    assert gl.choose_gl_platform() == "default"


@pytest.mark.parametrize(("system", "remedy"), [("darwin", "desktop session"), ("win32", "graphics driver")])
def test_the_remedy_is_the_one_of_the_system(monkeypatch: pytest.MonkeyPatch, system: str, remedy: str) -> None:
    _pretend(monkeypatch, {}, None, False, system=system)
    assert remedy in gl.gl_remedy()
    assert "apt-get" not in gl.gl_remedy()
    assert "--no-video" in gl.gl_remedy()


@pytest.mark.parametrize("left", ["osmesa", "glx", "nonsense"])
@pytest.mark.parametrize(
    ("system", "unset"),
    [
        ("linux", "unset PYOPENGL_PLATFORM"),
        ("darwin", "unset PYOPENGL_PLATFORM"),
        ("win32", "Remove-Item Env:PYOPENGL_PLATFORM"),
    ],
)
def test_a_platform_left_in_the_shell_is_named_as_the_cause(
    monkeypatch: pytest.MonkeyPatch, left: str, system: str, unset: str
) -> None:
    _pretend(monkeypatch, {"PYOPENGL_PLATFORM": left}, 0, False, system=system)
    with pytest.raises(InputError, match=f"PYOPENGL_PLATFORM={left} is set in this shell: `{unset}`"):
        gl.choose_gl_platform()


def test_a_platform_left_in_the_shell_is_not_blamed_where_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {"PYOPENGL_PLATFORM": "osmesa"}, None, False)
    with pytest.raises(InputError, match=f"platform osmesa is not available.*{APT}"):
        gl.choose_gl_platform()


def test_what_was_chosen_here_is_not_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {}, 0, False)
    assert gl.choose_gl_platform() == "egl"
    assert "is set in this shell" not in gl.gl_remedy()


def _pretend(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    egl_device: int | None,
    osmesa: bool,
    system: str = "linux",
    release: dict[str, str] | None = DEBIAN,
) -> None:
    def os_release() -> dict[str, str]:
        if release is None:
            raise OSError("no os-release file")
        return release

    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "freedesktop_os_release", os_release)
    monkeypatch.setattr(gl, "_first_working_egl_device", lambda: egl_device)
    monkeypatch.setattr(gl, "_has_osmesa", lambda: osmesa)
