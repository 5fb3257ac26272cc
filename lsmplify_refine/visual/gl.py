"""Which OpenGL runs here without a screen, found out before PyOpenGL is imported.

PyOpenGL binds its platform when it is imported and cannot be told again, so each one is tried through ctypes.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from lsmplify_refine.errors import InputError

#: What to do where GL does not work.
GL_FIX = "install one with `apt-get install libegl1 libgl1-mesa-dri`, or leave out the video with --no-video"


def choose_gl_platform() -> str:
    """Pick how GL runs without a screen and tell PyOpenGL through the environment.

    `PYOPENGL_PLATFORM` is respected where set. Otherwise Linux gets EGL, else OSMesa, else the screen; macOS
    and Windows keep pyrender's default.

    Returns:
        "egl", "osmesa" or "default".

    Raises:
        InputError: Nothing works here.
    """
    if chosen := os.environ.get("PYOPENGL_PLATFORM"):
        return chosen
    if not sys.platform.startswith("linux"):
        return "default"
    device = _first_working_egl_device()
    if device is not None:
        os.environ.setdefault("EGL_DEVICE_ID", str(device))
        os.environ["PYOPENGL_PLATFORM"] = "egl"
        return "egl"
    if _has_osmesa():
        os.environ["PYOPENGL_PLATFORM"] = "osmesa"
        return "osmesa"
    if os.environ.get("DISPLAY"):
        return "default"
    raise InputError(f"no way to draw meshes here: neither EGL nor OSMesa works; {GL_FIX}")


def _has_osmesa() -> bool:
    # PyOpenGL 3.1.0, which pyrender asks for, lacks the call that makes a modern OSMesa context
    release = tuple(int(part) for part in version("PyOpenGL").split(".")[:3])
    return ctypes.util.find_library("OSMesa") is not None and release >= (3, 1, 4)


def _first_working_egl_device() -> int | None:
    """Index of the first EGL device that gives an OpenGL context, or None."""
    name = ctypes.util.find_library("EGL")
    if name is None:
        return None
    try:
        egl = ctypes.CDLL(name)
        return next((index for index, display in enumerate(_egl_displays(egl)) if _gives_context(egl, display)), None)
    except (OSError, AttributeError):
        return None


def _egl_displays(egl: Any) -> Iterator[ctypes.c_void_p]:
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


def _gives_context(egl: Any, display: ctypes.c_void_p) -> bool:
    """Whether the display has an OpenGL configuration with colour, depth and off-screen surfaces."""
    if not display.value or not egl.eglInitialize(display, None, None):
        return False
    # EGL_SURFACE_TYPE = PBUFFER, EGL_RENDERABLE_TYPE = OPENGL, EGL_DEPTH_SIZE = 24, EGL_NONE
    wanted = (ctypes.c_int * 7)(0x3033, 1, 0x3040, 8, 0x3025, 24, 0x3038)
    found, config = ctypes.c_int(), ctypes.c_void_p()
    works = egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(found)) and found.value > 0
    egl.eglTerminate(display)
    return bool(works)
