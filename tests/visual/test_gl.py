from __future__ import annotations

import os
import platform
import sys
from typing import Any

import moderngl
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual import gl

DEBIAN, UBUNTU_LIKE, FEDORA = {"ID": "debian"}, {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, {"ID": "fedora"}
APT = "apt-get install libegl1 libgl1 libgl1-mesa-dri"


@pytest.mark.parametrize(
    ("environment", "works", "tried"),
    [
        ({}, "egl 0", ["egl 0"]),
        ({}, "egl 2", ["egl 0", "egl 1", "egl 2"]),
        ({"DISPLAY": ":0"}, "egl 0", ["egl 0"]),
        ({"EGL_DEVICE_ID": "2"}, "egl 2", ["egl 2"]),
        ({"EGL_DEVICE_ID": "2", "DISPLAY": ":0"}, "window", ["egl 2", "window"]),
        ({"EGL_DEVICE_ID": ""}, "egl 0", ["egl 0"]),
        ({"PYOPENGL_PLATFORM": "osmesa"}, "egl 0", ["egl 0"]),
    ],
)
def test_choice_of_driver_on_linux(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], works: str, tried: list[str]
) -> None:
    made = _pretend(monkeypatch, environment, works)
    assert gl.open_context() == works
    assert made == tried


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_keep_their_default(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    made = _pretend(monkeypatch, {"DISPLAY": ":0"}, "window", system=system)
    assert gl.open_context() == "window"
    assert made == ["window"]


@pytest.mark.parametrize(("release", "apt"), [(DEBIAN, True), (UBUNTU_LIKE, True), (FEDORA, False), (None, False)])
def test_without_any_gl_the_remedy_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str] | None, apt: bool
) -> None:
    _pretend(monkeypatch, {}, "", release=release)
    with pytest.raises(InputError, match=r"OpenGL does not work here \(.*egl 0 is missing\)"):
        gl.open_context()
    assert (APT if apt else "with your package manager") in gl.gl_remedy()


@pytest.mark.parametrize(("system", "remedy"), [("darwin", "desktop session"), ("win32", "graphics driver")])
def test_the_remedy_is_the_one_of_the_system(monkeypatch: pytest.MonkeyPatch, system: str, remedy: str) -> None:
    _pretend(monkeypatch, {}, "", system=system)
    assert remedy in gl.gl_remedy()
    assert "apt-get" not in gl.gl_remedy()


def _pretend(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    works: str,
    system: str = "linux",
    release: dict[str, str] | None = DEBIAN,
) -> list[str]:
    """Pretend a system on which only one driver works; returns the drivers that are tried."""
    tried: list[str] = []

    def create_context(*, standalone: bool, require: int, **settings: Any) -> str:
        assert standalone and require == 330
        tried.append(f"egl {settings['device_index']}" if settings.get("backend") == "egl" else "window")
        if tried[-1] != works:
            raise Exception(f"{tried[-1]} is missing")
        return works

    def os_release() -> dict[str, str]:
        if release is None:
            raise OSError("no os-release file")
        return release

    monkeypatch.setattr(moderngl, "create_context", create_context)
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "freedesktop_os_release", os_release)
    return tried
