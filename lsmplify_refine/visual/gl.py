"""Open an OpenGL context without a screen, through the first driver that gives one."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from lsmplify_refine.errors import InputError

#: OpenGL 3.3, the oldest version with all that is used here.
_VERSION = 330
#: EGL devices that are tried, for instance two graphics cards and Mesa's software driver.
_MAX_EGL_DEVICES = 8
#: Names that exist without development packages, unlike libEGL.so.
_LINUX_LIBRARIES = {"libgl": "libGL.so.1", "libegl": "libEGL.so.1"}


def open_context() -> Any:
    """Open an OpenGL context of its own (a `moderngl.Context`), current in this thread.

    Linux gets EGL on the first device that works (or on `EGL_DEVICE_ID`), else the X server of `DISPLAY`; macOS and
    Windows get their own interface.

    Raises:
        InputError: No driver gives a context.
    """
    _load_triton()
    first: Exception | None = None
    for settings in _attempts():
        try:
            # imported here, because it loads the system's libraries on some systems
            return import_module("moderngl").create_context(standalone=True, require=_VERSION, **settings)
        # drivers and bindings raise any error
        except Exception as error:
            first = first or error
    reason = str(first).partition("\n")[0] if first else "nothing to try"
    raise InputError(f"OpenGL does not work here ({reason})") from first


def gl_remedy() -> str:
    """How to make OpenGL work on this system, in one line."""
    if sys.platform.startswith("linux"):
        apt = "with `apt-get install libegl1 libgl1 libgl1-mesa-dri`"
        return f"install EGL and Mesa's drivers {apt if _uses_apt() else 'with your package manager'}"
    if sys.platform == "darwin":
        return "run it in a desktop session of this Mac, not over SSH"
    return "update the graphics driver and run it in a desktop session"


def _attempts() -> Iterator[dict[str, Any]]:
    """Settings of moderngl's contexts, best first."""
    if not sys.platform.startswith("linux"):
        yield {}
        return
    chosen = os.environ.get("EGL_DEVICE_ID", "")
    for index in [int(chosen)] if chosen.isdecimal() else range(_MAX_EGL_DEVICES):
        yield {"backend": "egl", "device_index": index, **_LINUX_LIBRARIES}
    if os.environ.get("DISPLAY"):
        yield {"libgl": _LINUX_LIBRARIES["libgl"], "libx11": "libX11.so.6"}


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
