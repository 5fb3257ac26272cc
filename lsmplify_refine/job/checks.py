"""What works on this machine: each part is really tried, and comes with the fix where it fails."""

from __future__ import annotations

import io
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lsmplify_refine.errors import InputError

if TYPE_CHECKING:
    from lsmplify_refine.body import BodyModel


@dataclass(frozen=True)
class Check:
    """One finding.

    Attributes:
        name: What was tried.
        ok: Whether it works.
        detail: What was found, one line.
        fix: What to do where it does not work.
        needed: Whether the command needs it; if not, `ok` False is only information.
    """

    name: str
    ok: bool
    detail: str
    fix: str = ""
    needed: bool = True


def examine(body_model: Path | None = None) -> Iterator[Check]:
    """Try everything that the command uses.

    Args:
        body_model: A user's SMPL-family file or folder, tried too where given.
    """
    yield from _python_and_torch()
    yield _tried("open body", _open_body, fix="pip install --force-reinstall lsmplify-refine")
    if body_model is not None:
        yield _tried(
            "--body-model",
            lambda: _own_body(body_model),
            fix="give a SMPL, SMPL-H or SMPL-X .npz or .pkl as downloaded",
        )
    yield _tried("H.264 video", _h264, fix="pip install --upgrade av")
    yield _tried(
        "GL for the comparison video",
        _gl,
        fix="apt-get install libegl1 libgl1-mesa-dri (Debian, Ubuntu), or refine with --no-video",
        needed=False,
    )
    yield _tried("demo input", _demo_input, fix="pip install --force-reinstall lsmplify-refine", needed=False)


def _python_and_torch() -> Iterator[Check]:
    yield Check("Python", True, f"{platform.python_version()} on {platform.platform()}")
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("torch", False, _one_line(error), "pip install torch")
        return
    yield Check("torch", True, f"{torch.__version__}, {torch.get_num_threads()} CPU threads")
    cuda = torch.cuda.is_available()
    found = torch.cuda.get_device_name() if cuda else "none here; the CPU is used"
    yield Check("CUDA", cuda, found, needed=False)
    mps = torch.backends.mps.is_available()
    yield Check("MPS", mps, "available" if mps else "none here (only on Apple computers)", needed=False)


def _tried(name: str, attempt: Callable[[], str], *, fix: str, needed: bool = True) -> Check:
    try:
        return Check(name, True, attempt(), needed=needed)
    # a doctor reports whatever goes wrong, and goes on
    except Exception as error:
        return Check(name, False, _one_line(error), fix, needed)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def _open_body() -> str:
    from lsmplify_refine.body import BodyModel

    return _posed(BodyModel.open())


def _own_body(path: Path) -> str:
    from lsmplify_refine.body import BodyModel

    body = BodyModel.load(path)
    return f"{body.family} {body.gender}, {_posed(body)}"


def _posed(body: BodyModel) -> str:
    """Pose a body once; what is wrong with its arrays shows here."""
    rotations = np.tile(np.eye(3, dtype=np.float32), (1, body.joint_count, 1, 1))
    vertices = body.vertices(rotations, np.zeros((1, 3)), np.zeros(body.num_betas))
    if not np.isfinite(vertices).all():
        raise InputError("its vertices are not finite; the file is damaged")
    return f"{vertices.shape[1]} vertices, {body.num_betas} shape coefficients"


def _h264() -> str:
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for shade in range(0, 240, 40):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), shade, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    buffer.seek(0)
    with av.open(buffer) as container:
        decoded = sum(1 for _ in container.decode(video=0))
    if decoded != 6:
        raise InputError(f"6 frames were written, {decoded} came back")
    return f"written and read back with PyAV {av.__version__}"


def _gl() -> str:
    """Draw one triangle for real: many machines have the libraries but no working driver."""
    from lsmplify_refine.visual.mesh import MeshRenderer, Surface

    faces = np.array([[0, 1, 2]])
    vertices = np.array([[-1, -1, 3], [1, -1, 3], [0, 1, 3]], dtype=np.float32)
    K = np.array([[64, 0, 32], [0, 64, 32], [0, 0, 1]], dtype=np.float64)
    with MeshRenderer() as renderer:
        image = np.zeros((64, 64, 3), np.uint8)
        renderer.overlay(image, vertices, K, Surface(faces, 3), color=(255, 255, 255), opacity=1.0)
        if not image.any():
            raise InputError(f"{renderer.platform} gives a context but draws nothing")
        return f"{renderer.platform} draws off-screen"


def _demo_input() -> str:
    from importlib.resources import files

    from lsmplify_refine.job.demo import FILES

    folder = files("lsmplify_refine.assets") / "demo"
    missing = [name for name in FILES if not folder.joinpath(*name.split("/")).is_file()]
    if missing:
        raise InputError(f"{', '.join(missing)} missing in the installation")
    return "complete"
