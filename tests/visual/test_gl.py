from __future__ import annotations

import ctypes
import os
import platform
import sys
from types import SimpleNamespace

import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual import gl

DEBIAN, UBUNTU_LIKE, FEDORA = {"ID": "debian"}, {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, {"ID": "fedora"}
APT = "apt-get install libegl1 libgl1 libgl1-mesa-dri"
EGL, OSMESA = "libEGL.so.1", "libOSMesa.so.8"
ALL = (EGL, OSMESA)
NEW = "3.1.7"


@pytest.mark.parametrize(
    ("environment", "libraries", "pyopengl", "tried"),
    [
        ({}, ALL, NEW, ["egl 0"]),
        ({"DISPLAY": ":0"}, ALL, NEW, ["egl 0"]),
        ({"EGL_DEVICE_ID": "2"}, ALL, NEW, ["egl 2"]),
        ({}, (OSMESA,), NEW, ["osmesa None"]),
        ({"DISPLAY": ":0"}, (OSMESA,), "3.1.0", ["None None"]),
        ({"DISPLAY": ":0"}, (), NEW, ["None None"]),
        ({"PYOPENGL_PLATFORM": "", "EGL_DEVICE_ID": ""}, ALL, NEW, ["egl 0"]),
        ({"PYOPENGL_PLATFORM": "", "DISPLAY": ":0"}, (), NEW, ["None None"]),
        ({"PYOPENGL_PLATFORM": "osmesa"}, ALL, NEW, ["osmesa None"]),
        ({"PYOPENGL_PLATFORM": "egl", "EGL_DEVICE_ID": "1"}, (), NEW, ["egl 1"]),
    ],
)
def test_choice_of_platform_on_linux(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    libraries: tuple[str, ...],
    pyopengl: str,
    tried: list[str],
) -> None:
    made = _pretend(monkeypatch, environment, libraries, pyopengl=pyopengl)
    assert gl.open_offscreen(64, 32) == "64 x 32"
    assert made == tried


@pytest.mark.parametrize("environment", [{}, {"PYOPENGL_PLATFORM": "egl"}])
def test_the_first_device_that_works_is_kept(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    made = _pretend(monkeypatch, environment, works="egl 2")
    gl.open_offscreen(8, 8)
    gl.open_offscreen(8, 8)
    assert made == ["egl 0", "egl 1", "egl 2", "egl 2"]


def test_where_no_device_works_the_first_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {}, works="none")
    with pytest.raises(InputError, match=r"OpenGL does not work here \(RuntimeError: egl 0 is missing\)"):
        gl.open_offscreen(8, 8)
    assert "EGL_DEVICE_ID" not in os.environ
    assert APT in gl.gl_remedy()


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_keep_their_default(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    made = _pretend(monkeypatch, {}, system=system)
    gl.open_offscreen(8, 8)
    assert made == ["None None"]


@pytest.mark.parametrize(("release", "apt"), [(DEBIAN, True), (UBUNTU_LIKE, True), (FEDORA, False), (None, False)])
def test_without_any_gl_the_remedy_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, release: dict[str, str] | None, apt: bool
) -> None:
    made = _pretend(monkeypatch, {}, libraries=(), release=release)
    with pytest.raises(InputError, match=r"OpenGL does not work here \(OSError: libEGL.so.1 is missing\)"):
        gl.open_offscreen(8, 8)
    assert made == []
    assert (APT if apt else "with your package manager") in gl.gl_remedy()


@pytest.mark.parametrize(("system", "remedy"), [("darwin", "desktop session"), ("win32", "graphics driver")])
def test_the_remedy_is_the_one_of_the_system(monkeypatch: pytest.MonkeyPatch, system: str, remedy: str) -> None:
    _pretend(monkeypatch, {}, system=system)
    assert remedy in gl.gl_remedy()
    assert "apt-get" not in gl.gl_remedy()


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
    _pretend(monkeypatch, {"PYOPENGL_PLATFORM": left}, works="none", system=system)
    with pytest.raises(InputError, match="does not work here"):
        gl.open_offscreen(8, 8)
    assert gl.gl_remedy() == f"PYOPENGL_PLATFORM={left} is set in this shell: `{unset}`"


def test_a_platform_is_not_blamed_if_none_works_or_it_was_chosen_here(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {"PYOPENGL_PLATFORM": "egl"}, libraries=())
    assert APT in gl.gl_remedy()
    _pretend(monkeypatch, {}, works="none")
    with pytest.raises(InputError):
        gl.open_offscreen(8, 8)
    assert os.environ["PYOPENGL_PLATFORM"] == "egl" and APT in gl.gl_remedy()


def test_a_pyrender_that_cannot_be_imported_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch, {})
    monkeypatch.setitem(sys.modules, "pyrender", None)
    with pytest.raises(InputError, match=r"does not work here \(ModuleNotFoundError: .*pyrender"):
        gl.open_offscreen(8, 8)


def _pretend(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    libraries: tuple[str, ...] = ALL,
    *,
    works: str = "",
    pyopengl: str = NEW,
    system: str = "linux",
    release: dict[str, str] | None = DEBIAN,
) -> list[str]:
    """Pretend a system on which only one platform and device work ("" for all); returns those that are tried."""
    tried: list[str] = []

    def offscreen(width: int, height: int) -> str:
        tried.append(f"{os.environ.get('PYOPENGL_PLATFORM')} {os.environ.get('EGL_DEVICE_ID')}")
        if works not in ("", tried[-1]):
            raise RuntimeError(f"{tried[-1]} is missing")
        return f"{width} x {height}"

    def load(name: str) -> None:
        if name not in libraries:
            raise OSError(f"{name} is missing")

    def os_release() -> dict[str, str]:
        if release is None:
            raise OSError("no os-release file")
        return release

    monkeypatch.setitem(sys.modules, "pyrender", SimpleNamespace(OffscreenRenderer=offscreen))
    monkeypatch.setattr(ctypes, "CDLL", load)
    monkeypatch.setattr(gl, "version", lambda _: pyopengl)
    monkeypatch.setattr(gl, "_load_triton", lambda: None)
    monkeypatch.setattr(os, "environ", dict(environment))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "freedesktop_os_release", os_release)
    return tried
