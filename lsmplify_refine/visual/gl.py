"""Find an OpenGL platform that works without a screen, before PyOpenGL is imported.

PyOpenGL chooses its platform on import and cannot change it later, so each one is tried through ctypes.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version

from lsmplify_refine.errors import InputError

#: The environment variable that sets the platform of PyOpenGL and pyrender.
PLATFORM_VARIABLE = "PYOPENGL_PLATFORM"

#: Library names to try if the linker's cache does not list them.
_LINUX_NAMES = {"EGL": "libEGL.so.1", "OSMesa": "libOSMesa.so.8"}


def choose_gl_platform() -> str:
    """Choose how OpenGL runs without a screen, and set it in the environment for PyOpenGL.

    `PYOPENGL_PLATFORM` is kept if it is set. Otherwise Linux gets EGL, else OSMesa, else the screen; macOS and
    Windows keep pyrender's default.

    Returns:
        "egl", "osmesa" or "default".

    Raises:
        InputError: Nothing works here, or `PYOPENGL_PLATFORM` names something that cannot work.
    """
    if chosen := os.environ.get(PLATFORM_VARIABLE):
        if not _can_work(chosen):
            raise InputError(f"cannot draw meshes: OpenGL platform {chosen} is not available; {gl_remedy()}")
        return chosen
    found = _automatic_platform()
    if found is None:
        raise InputError(f"cannot draw meshes: neither EGL nor OSMesa works; {gl_remedy()}")
    if found == "egl":
        os.environ.setdefault("EGL_DEVICE_ID", str(_first_working_egl_device()))
    if found != "default":
        os.environ[PLATFORM_VARIABLE] = found
    return found


def gl_remedy() -> str:
    """How to make OpenGL work on this system, in one line.

    A `PYOPENGL_PLATFORM` in the shell that differs from the automatic choice is named as the cause.
    """
    chosen = os.environ.get(PLATFORM_VARIABLE)
    if chosen and _automatic_platform() not in (None, chosen):
        unset = f"Remove-Item Env:{PLATFORM_VARIABLE}" if sys.platform == "win32" else f"unset {PLATFORM_VARIABLE}"
        remedy = f"{PLATFORM_VARIABLE}={chosen} is set in this shell: `{unset}`"
    elif sys.platform.startswith("linux"):
        apt = "with `apt-get install libegl1 libgl1-mesa-dri`"
        remedy = f"install EGL and Mesa's drivers {apt if _uses_apt() else 'with your package manager'}"
    elif sys.platform == "darwin":
        remedy = "run it in a desktop session of this Mac, not over SSH"
    else:
        remedy = "update the graphics driver and run it in a desktop session"
    return f"{remedy}, or leave out the video with --no-video"


def _automatic_platform() -> str | None:
    """The platform that `choose_gl_platform` takes if the shell sets none; None if none works."""
    if not sys.platform.startswith("linux"):
        return "default"
    if _first_working_egl_device() is not None:
        return "egl"
    if _has_osmesa():
        return "osmesa"
    return "default" if os.environ.get("DISPLAY") else None


def _can_work(chosen: str) -> bool:
    """Whether pyrender knows a platform of this name and its library is there."""
    return _has_osmesa() if chosen == "osmesa" else chosen == "egl" and _load("EGL") is not None


def _uses_apt() -> bool:
    """Whether this Linux uses apt: Debian, Ubuntu and their derivatives."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    return not {"debian", "ubuntu"}.isdisjoint([release.get("ID", ""), *release.get("ID_LIKE", "").split()])


def _load(name: str) -> ctypes.CDLL | None:
    """A system library; None if it is missing or cannot be loaded."""
    _load_triton()
    found = ctypes.util.find_library(name) or (_LINUX_NAMES[name] if sys.platform.startswith("linux") else None)
    try:
        return None if found is None else ctypes.CDLL(found)
    except OSError:
        return None


def _load_triton() -> None:
    """Load torch's compiler, if there is one, before the first driver.

    Mesa's software driver and triton each bring LLVM. If triton's is loaded second, the process dies.
    """
    with suppress(ImportError):
        import_module("triton")


def _has_osmesa() -> bool:
    # PyOpenGL 3.1.0, which pyrender requires, lacks the call that makes a modern OSMesa context
    release = tuple(int(part) for part in version("PyOpenGL").split(".")[:3])
    return release >= (3, 1, 4) and _load("OSMesa") is not None


def _first_working_egl_device() -> int | None:
    """Index of the first EGL device that gives an OpenGL context, or None."""
    egl = _load("EGL")
    if egl is None:
        return None
    try:
        return next((index for index, display in enumerate(_egl_displays(egl)) if _gives_context(egl, display)), None)
    except (OSError, AttributeError):
        return None


def _egl_displays(egl: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    """The display of each EGL device, in the order in which pyrender counts them."""
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    egl.eglGetProcAddress.argtypes = [ctypes.c_char_p]
    query = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    display_of = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if not query or not display_of:
        return
    query_devices = ctypes.CFUNCTYPE(
        ctypes.c_uint, ctypes.c_int, ctypes.POINTER(ctypes.c_void_p), ctypes.POINTER(ctypes.c_int)
    )(query)
    get_display = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(display_of)
    devices, count = (ctypes.c_void_p * 16)(), ctypes.c_int()
    if not query_devices(16, devices, ctypes.byref(count)):
        return
    for index in range(count.value):
        yield ctypes.c_void_p(get_display(0x313F, devices[index], None))  # EGL_PLATFORM_DEVICE_EXT


def _gives_context(egl: ctypes.CDLL, display: ctypes.c_void_p) -> bool:
    """Whether the display has an OpenGL configuration with colour, depth and off-screen surfaces."""
    if not display.value or not egl.eglInitialize(display, None, None):
        return False
    # EGL_SURFACE_TYPE = PBUFFER, EGL_RENDERABLE_TYPE = OPENGL, EGL_DEPTH_SIZE = 24, EGL_NONE
    wanted = (ctypes.c_int * 7)(0x3033, 1, 0x3040, 8, 0x3025, 24, 0x3038)
    found, config = ctypes.c_int(), ctypes.c_void_p()
    works = egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(found)) and found.value > 0
    egl.eglTerminate(display)
    return bool(works)
