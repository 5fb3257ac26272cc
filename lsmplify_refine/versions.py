"""Versions of this package, Python and the packages that it uses, without importing them."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from lsmplify_refine._version import __version__

#: The packages that decide results.
DECIDING = ("torch", "numpy", "scipy", "smplx", "av")

#: The packages that draw.
DRAWING = ("opencv-python-headless", "pyrender", "matplotlib")

#: Packages of the extras.
OPTIONAL = ("viser", "mediapipe", "rtmlib", "onnxruntime", "lightning-fabric", "distributed", "pygltflib", "c3d")


def versions() -> dict[str, str]:
    """Versions of this package, Python, and the packages that decide results."""
    installed = installed_versions(DECIDING)
    found = {"lsmplify_refine": __version__, "python": platform.python_version()}
    return found | {package: installed.get(package, "unknown") for package in DECIDING}


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found: dict[str, str] = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
