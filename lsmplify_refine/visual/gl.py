"""Open pyrender without a screen, through the first OpenGL platform and device that work here."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import Any

from lsmplify_refine.errors import InputError, describe_error

#: The environment variables of PyOpenGL and pyrender.
PLATFORM_VARIABLE, DEVICE_VARIABLE = "PYOPENGL_PLATFORM", "EGL_DEVICE_ID"
#: EGL devices that are tried, for instance two graphics cards and Mesa's software driver.
_MAX_EGL_DEVICES = 8


def open_offscreen(width: int, height: int) -> Any:
    """Open a `pyrender.OffscreenRenderer`, whose context is then current in this thread.

    `PYOPENGL_PLATFORM` and `EGL_DEVICE_ID` are kept if they are set, otherwise set. Linux then gets EGL on the first
    device that works, else OSMesa, else the X server of `DISPLAY`; macOS and Windows keep pyrender's default.

    Args:
        width: Pixels of the picture.
        height: Pixels of the picture.

    Raises:
        InputError: OpenGL does not start here.
    """
    try:
        _load_triton()
        _set_platform()
        import pyrender

        if os.environ.get(PLATFORM_VARIABLE) != "egl" or os.environ.get(DEVICE_VARIABLE):
            return pyrender.OffscreenRenderer(width, height)
        return _on_first_device(pyrender, width, height)
    # bindings and drivers raise any error
    except Exception as error:
        raise InputError(f"OpenGL does not work here ({describe_error(error)})") from error


def gl_remedy() -> str:
    """How to make OpenGL work on this system, in one line.

    A `PYOPENGL_PLATFORM` in the shell that differs from the automatic choice is named as the cause.
    """
    if (chosen := os.environ.get(PLATFORM_VARIABLE)) and _overrules_the_automatic(chosen):
        unset = "Remove-Item Env:" if sys.platform == "win32" else "unset "
        return f"{PLATFORM_VARIABLE}={chosen} is set in this shell: `{unset}{PLATFORM_VARIABLE}`"
    if sys.platform.startswith("linux"):
        apt = "with `apt-get install libegl1 libgl1 libgl1-mesa-dri`"
        return f"install EGL and Mesa's drivers {apt if _uses_apt() else 'with your package manager'}"
    if sys.platform == "darwin":
        return "run it in a desktop session of this Mac, not over SSH"
    return "update the graphics driver and run it in a desktop session"


def _set_platform() -> None:
    """Set the platform unless the shell does: PyOpenGL chooses one on import and cannot change it later."""
    if os.environ.get(PLATFORM_VARIABLE):
        return
    os.environ.pop(PLATFORM_VARIABLE, None)  # "" is not a platform
    if found := _automatic_platform():
        os.environ[PLATFORM_VARIABLE] = found


def _automatic_platform() -> str:
    """The platform to use if the shell sets none; "" for pyrender's default.

    Raises:
        OSError: Linux has neither EGL, nor OSMesa, nor a screen; says why there is no EGL.
    """
    if not sys.platform.startswith("linux"):
        return ""
    try:
        ctypes.CDLL("libEGL.so.1")
    except OSError:
        if _has_osmesa():
            return "osmesa"
        if os.environ.get("DISPLAY"):
            return ""
        raise
    return "egl"


def _overrules_the_automatic(chosen: str) -> bool:
    """Whether there is an automatic platform, and it is not the chosen one."""
    try:
        return chosen != _automatic_platform()
    except OSError:
        return False


def _has_osmesa() -> bool:
    # PyOpenGL 3.1.0, which pyrender requires, lacks the call that makes a modern OSMesa context
    if tuple(int(part) for part in version("PyOpenGL").split(".")[:3]) < (3, 1, 4):
        return False
    try:
        ctypes.CDLL("libOSMesa.so.8")
    except OSError:
        return False
    return True


def _on_first_device(pyrender: Any, width: int, height: int) -> Any:
    """An off-screen renderer on the first EGL device that gives a context, named in `EGL_DEVICE_ID`."""
    first: Exception | None = None
    for device in range(_MAX_EGL_DEVICES):
        os.environ[DEVICE_VARIABLE] = str(device)
        try:
            return pyrender.OffscreenRenderer(width, height)
        except Exception as error:
            first = first or error
    del os.environ[DEVICE_VARIABLE]
    assert first is not None
    raise first


def _uses_apt() -> bool:
    """Whether this Linux uses apt: Debian, Ubuntu and their derivatives."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return not {"debian", "ubuntu"}.isdisjoint([release.get("ID", ""), *release.get("ID_LIKE", "").split()])


def _load_triton() -> None:
    """Load torch's compiler, if there is one, before the first driver.

    Mesa's software driver and triton each bring LLVM. If triton's is loaded second, the process dies.
    """
    with suppress(ImportError):
        import_module("triton")
