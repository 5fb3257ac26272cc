"""Refine SMPL-family results of human mesh recovery estimators: same file back, better pose, no new jitter.

Names load when first used, so that importing the package (and `lsmplify-refine --help`) costs no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lsmplify_refine._version import __version__

if TYPE_CHECKING:
    from lsmplify_refine.body import BodyModel
    from lsmplify_refine.engine.refinement import Refinement
    from lsmplify_refine.engine.refiner import Refiner
    from lsmplify_refine.errors import InputError
    from lsmplify_refine.formats.load_save import load, save
    from lsmplify_refine.job.run import refine
    from lsmplify_refine.values.estimate import Camera, Estimate, Keypoints

__all__ = [
    "BodyModel",
    "Camera",
    "Estimate",
    "InputError",
    "Keypoints",
    "Refinement",
    "Refiner",
    "__version__",
    "load",
    "refine",
    "save",
]

_HOME = {
    "BodyModel": "lsmplify_refine.body",
    "Camera": "lsmplify_refine.values.estimate",
    "Estimate": "lsmplify_refine.values.estimate",
    "InputError": "lsmplify_refine.errors",
    "Keypoints": "lsmplify_refine.values.estimate",
    "Refinement": "lsmplify_refine.engine.refinement",
    "Refiner": "lsmplify_refine.engine.refiner",
    "load": "lsmplify_refine.formats.load_save",
    "refine": "lsmplify_refine.job.run",
    "save": "lsmplify_refine.formats.load_save",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
