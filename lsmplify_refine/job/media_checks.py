"""Checks for `doctor` of all that handles images: OpenCV, video, the comparison video and the detector.

Each `try_` function returns what it found, or raises an error if something does not work.
"""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lsmplify_refine.errors import InputError

#: Packages on PyPI that all install the same folder `cv2`.
OPENCV_PACKAGES = (
    "opencv-python",
    "opencv-contrib-python",
    "opencv-python-headless",
    "opencv-contrib-python-headless",
)

#: What this package requires, and what MediaPipe requires: the same with more modules.
_OPENCV, _OPENCV_CONTRIB = "opencv-python-headless", "opencv-contrib-python-headless"

_WIDTH, _HEIGHT, _GRAY = 160, 120, 128


def try_opencv() -> str:
    """Import OpenCV and call it: leftovers of an uninstalled package can be imported, but lack functions."""
    import cv2

    corners, _ = cv2.projectPoints(np.eye(3), np.zeros(3), np.array([0.0, 0, 2]), np.eye(3), None)
    image = cv2.resize(np.zeros((8, 8, 3), np.uint8), (4, 4), interpolation=cv2.INTER_AREA)
    if corners.shape != (3, 1, 2) or cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).shape != (4, 4):
        raise InputError(f"OpenCV {cv2.__version__} gives results of wrong shapes")
    return f"version {cv2.__version__}"


def try_opencv_packages() -> str:
    """Check that the files in `cv2` are those of the one package that is installed.

    Raises:
        InputError: Several packages have different versions, or the files are not the package's.
    """
    import cv2

    installed = _opencv_packages()
    named = " and ".join(f"{package} {release}" for package, release in installed.items())
    if len(set(installed.values())) > 1:
        raise InputError(
            f"{named} are installed over each other (cv2 is {cv2.__version__}), so updating or removing one breaks it"
        )
    if installed and not any(f"{release}.".startswith(f"{cv2.__version__}.") for release in installed.values()):
        raise InputError(f"{named} is installed, but cv2 is {cv2.__version__}: files of another package overwrite it")
    return named or "not installed through pip"


def one_opencv() -> str:
    """The command that replaces all installed OpenCV packages by one with all their modules."""
    installed = _opencv_packages()
    kept = _OPENCV_CONTRIB if any("contrib" in package for package in installed) else _OPENCV
    return f"pip uninstall -y {' '.join(installed) or kept} && pip install {kept}"


def _opencv_packages() -> dict[str, str]:
    """Versions of the installed OpenCV packages."""
    found: dict[str, str] = {}
    for package in OPENCV_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def try_video() -> str:
    """Write a short video and read it back."""
    import av

    from lsmplify_refine.visual.video import read_frames

    with TemporaryDirectory() as folder:
        decoded = sum(1 for _ in read_frames(_gray_clip(Path(folder), frames=6)))
    if decoded != 6:
        raise InputError(f"6 frames were written, {decoded} came back")
    return f"written and read back with PyAV {av.__version__}"


def try_comparison() -> str:
    """Write a comparison of two frames with the command's own code, and look at the picture.

    Many machines have the OpenGL libraries but no driver that draws.
    """
    from lsmplify_refine.visual.comparison import DrawnBody, DrawnPerson, write_comparison
    from lsmplify_refine.visual.mesh import MeshRenderer
    from lsmplify_refine.visual.video import probe, read_frames

    triangle = np.array([[-1, -1, 3], [1, -1, 3], [0, 1, 3]], dtype=np.float32)
    K = np.array([[_WIDTH / 2, 0, _WIDTH / 2], [0, _WIDTH / 2, _HEIGHT / 2], [0, 0, 1]])

    def posed(rows: np.ndarray) -> np.ndarray:
        return np.tile(triangle, (len(rows), 1, 1))

    person = DrawnPerson(
        frame_ids=np.arange(2),
        faces=np.array([[0, 1, 2]]),
        bodies={"before": DrawnBody(posed), "after": DrawnBody(posed)},
        K=np.tile(K, (2, 1, 1)),
    )
    with MeshRenderer() as renderer:
        name, without_gl = renderer.name, renderer.without_gl
    with TemporaryDirectory() as folder:
        output = Path(folder) / "comparison.mp4"
        write_comparison(probe(_gray_clip(Path(folder), frames=2)), output, [person])
        frames = [frame.astype(int) for frame in read_frames(output)]
    if len(frames) != 2:
        raise InputError(f"2 frames were written, {len(frames)} came back")
    # small clips are enlarged
    width = frames[0].shape[1] // 2
    height = width * _HEIGHT // _WIDTH
    centers = [frame[height // 2, side * width + width // 2] for frame in frames for side in (0, 1)]
    if not all(np.abs(center - _GRAY).max() > 15 for center in centers):
        raise InputError(f"{name} starts but draws nothing")
    return f"drawn by {name} and encoded" + (f"; {without_gl}" if without_gl else "")


def _gray_clip(folder: Path, frames: int) -> Path:
    from lsmplify_refine.visual.encode import VideoWriter

    path = folder / "clip.mp4"
    with VideoWriter(path, _WIDTH, _HEIGHT, Fraction(30)) as writer:
        for _ in range(frames):
            writer.write(np.full((_HEIGHT, _WIDTH, 3), _GRAY, np.uint8))
    return path


def try_detector() -> str:
    """Load the default detector and run it on an empty picture; nothing is downloaded.

    Raises:
        InputError: MediaPipe is not installed, or its keypoints have the wrong shape.
    """
    if find_spec("mediapipe") is None:
        raise InputError("MediaPipe is not installed, so keypoints must be given")
    from mediapipe.tasks.python import vision  # noqa: F401 - loads its C++ library

    from lsmplify_refine.detect.mediapipe import HEAVY, MediaPipe, downloaded_model

    release = version("mediapipe")
    model = downloaded_model()
    if model is None:
        return f"MediaPipe {release} loads; its model ({HEAVY.size / 1e6:.0f} MB) is downloaded on first use"
    people = MediaPipe(model).detect(np.full((_HEIGHT, _WIDTH, 3), _GRAY, np.uint8), 0.0)
    if people.ndim != 3 or people.shape[1:] != (33, 3):
        raise InputError(f"MediaPipe {release} gives keypoints of shape {people.shape}")
    return f"MediaPipe {release} runs with {model.name}"
