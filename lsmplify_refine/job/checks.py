"""Checks for `doctor`: each part of the command is tried on this machine, and a failure comes with its fix."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lsmplify_refine.errors import InputError, describe_error
from lsmplify_refine.job import media_checks
from lsmplify_refine.visual.rasterizer import drawing_remedy

if TYPE_CHECKING:
    from lsmplify_refine.body import BodyModel

_REINSTALL = "pip install --force-reinstall lsmplify-refine"


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        name: What was tried.
        ok: Whether it works.
        detail: What was found, one line.
        fix: What to do if it does not work.
        needed: Whether the command needs it. If not, `ok` False is only information.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def examine(body_model: Path | None = None) -> Iterator[Check]:
    """Try everything that the command uses.

    Args:
        body_model: A user's SMPL-family file or folder to try as well.
    """
    yield from _python_and_torch()
    yield _tried("open body", _open_body, fix=_REINSTALL)
    if body_model is not None:
        yield _tried(
            "--body-model",
            lambda: _own_body(body_model),
            fix="give a SMPL, SMPL-H or SMPL-X .npz or .pkl as downloaded",
        )
    one_opencv = media_checks.one_opencv()
    yield _tried("OpenCV", media_checks.try_opencv, fix=one_opencv)
    yield _tried("OpenCV packages", media_checks.try_opencv_packages, fix=one_opencv, needed=False)
    yield _tried("H.264 video", media_checks.try_video, fix="pip install --upgrade av")
    yield _tried("comparison video", media_checks.try_comparison, fix=drawing_remedy(), needed=False)
    yield _tried(
        "keypoint detection",
        media_checks.try_detector,
        fix="pip install --upgrade 'lsmplify-refine[detect]'",
        needed=False,
    )
    yield _tried("demo input", _demo_input, fix=_REINSTALL, needed=False)


def _python_and_torch() -> Iterator[Check]:
    yield Check("Python", True, f"{platform.python_version()} on {platform.platform()}")
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("torch", False, describe_error(error), "pip install --upgrade torch")
        return
    yield Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} CPU threads")
    cuda = torch.cuda.is_available()
    found = torch.cuda.get_device_name() if cuda else "not found; the CPU is used"
    yield Check("CUDA", cuda, found, needed=False)
    mps = torch.backends.mps.is_available()
    yield Check("MPS", mps, "available" if mps else "not found (only Apple computers have it)", needed=False)


def _tried(name: str, attempt: Callable[[], str], *, fix: str, needed: bool = True) -> Check:
    try:
        return Check(name, True, attempt(), needed=needed)
    # doctor reports any failure, and continues
    except Exception as error:
        return Check(name, False, describe_error(error).removesuffix(f"; {fix}"), fix, needed)


def _open_body() -> str:
    from lsmplify_refine.body import BodyModel

    return _posed(BodyModel.open())


def _own_body(path: Path) -> str:
    from lsmplify_refine.body import BodyModel

    body = BodyModel.load(path)
    return f"{body.family} {body.gender}, {_posed(body)}"


def _posed(body: BodyModel) -> str:
    """Pose a body once, which shows whether its arrays are sound."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (1, body.joint_count, 1, 1))
    vertices = body.vertices(rotations, np.zeros((1, 3)), np.zeros(body.num_betas))
    if not np.isfinite(vertices).all():
        raise InputError("its vertices are not finite; the file is damaged")
    return f"{vertices.shape[1]} vertices, {body.num_betas} shape coefficients"


def _demo_input() -> str:
    from importlib.resources import files

    from lsmplify_refine.job.demo import FILES

    folder = files("lsmplify_refine.assets") / "demo"
    missing = [name for name in FILES if not folder.joinpath(*name.split("/")).is_file()]
    if missing:
        raise InputError(f"the installation lacks {', '.join(missing)}")
    return "complete"
