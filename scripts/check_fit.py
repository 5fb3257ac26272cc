"""Check `lsmplify-refine fit` on a recorded motion whose joints are known, and on real cameras, each held out in turn.

    python scripts/check_fit.py --take CMU/13/13_13_poses.npz
    python scripts/check_fit.py --cameras DIR       # calibration.toml, and <camera>.npz: image (T, 33, 3), fps

The first table has the joint error (mm, without alignment) for several conventions: through Python in metres with y up,
and through the command in millimetres with z up, both with 1 cm of noise and a random shape. The second has the mean
error in each camera (pixels, twelve limb points) of the other cameras' triangulated points and of the body that the
command fits to them. Exits with 1 if the command is more than 10 % worse than Python, or a body worse than its points.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from lsmplify_refine import Keypoints, Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.fitted import (
    CONVENTIONS_TRIED,
    error_by_command,
    error_in_python,
    held_out,
    known_motion,
)
from lsmplify_refine.learn.motion import load_take

#: How much worse the command may be than Python, as a factor.
_ALLOWED = 1.1


def main() -> int:
    """Print the tables that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--take", type=Path, help="a motion in AMASS's layout")
    parser.add_argument("--cameras", type=Path, help="folder of a calibration and each camera's MediaPipe landmarks")
    parser.add_argument("--seed", type=int, default=0, help="of shape and noise (default: 0)")
    args = parser.parse_args()
    if args.take is None and args.cameras is None:
        parser.error("give --take, --cameras or both")
    console, good = Console(width=max(Console().width, 100)), True
    try:
        with TemporaryDirectory() as folder:
            if args.take is not None:
                good &= _check_conventions(args.take, args.seed, Path(folder), console)
            if args.cameras is not None:
                good &= _check_cameras(args.cameras, Path(folder), console)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0 if good else 1


def _check_conventions(path: Path, seed: int, folder: Path, console: Console) -> bool:
    take, refiner, good = load_take(path), Refiner(), True
    table = Table("convention", "Python: m, y up", "command: mm, z up", title=f"MPJPE, mm: {path.name}")
    for convention in CONVENTIONS_TRIED:
        known = known_motion(take, convention, seed)
        python, command = error_in_python(refiner, known), error_by_command(_command, known, folder)
        good &= command < _ALLOWED * python
        table.add_row(convention, f"{python:.1f}", f"{command:.1f}")
    console.print(table)
    return good


def _check_cameras(folder: Path, out: Path, console: Console) -> bool:
    views, fps = {}, 0.0
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as content:
            image, fps = content["image"], float(content["fps"])
        views[path.stem] = Keypoints("mediapipe33", image[..., :2], image[..., 2], path.name)
    table, good = Table("held out", "triangulated", "fitted body", title="error in the camera, px"), True
    for name in views:
        found = held_out(_command, views, folder / "calibration.toml", name, fps, out)
        good &= found.fitted < found.triangulated
        table.add_row(name, f"{found.triangulated:.1f}", f"{found.fitted:.1f}")
    console.print(table)
    return good


def _command(arguments: Sequence[str]) -> int:
    command = [sys.executable, "-m", "lsmplify_refine", *arguments]
    return subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
