"""Judge refinement on real people by real cameras: what one camera's estimate gains, as the other cameras see it.

    pip download pose2sim --no-deps && unzip pose2sim-*.whl 'Pose2Sim/Demo_SinglePerson/*'
    python scripts/benchmark_multiview.py Pose2Sim/Demo_SinglePerson

The demo of Pose2Sim (BSD-3-Clause) has four calibrated, synchronised videos of one person. For each camera, MediaPipe's
landmarks in space are the estimate, posed as SMPL over the whole clip ("tracked") or in each frame on its own ("per
frame"). The camera's 2D keypoints refine it, and a triangulation of the other cameras is the truth. The table has the
means over the cameras. Any recording in this layout works: `calibration/*.qca.txt` or `*.toml`, and
`videos/<camera>.mp4`. Needs `pip install lsmplify-refine[detect]`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lsmplify_refine import Refiner
from lsmplify_refine.detect import detectors, open_detector
from lsmplify_refine.detect.mediapipe import MediaPipe
from lsmplify_refine.errors import InputError
from lsmplify_refine.evaluate.multiview.protocol import METHODS, METRICS, judge_cameras, mean_scores, worse_cameras
from lsmplify_refine.evaluate.multiview.recording import read_views


def main() -> int:
    """Print one table per kind of estimate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recording", type=Path, help="folder with calibration/ and videos/")
    parser.add_argument("--detector", choices=tuple(detectors()), default="mediapipe", help="finds the 2D keypoints")
    parser.add_argument("--mediapipe-model", type=Path, help="MediaPipe's model file (default: downloaded)")
    parser.add_argument("--weights", default="shipped", help="weights of the regressor: a file, or none")
    parser.add_argument("--frames", type=int, default=0, help="first frames to use (default: all)")
    args = parser.parse_args()
    # rows stay on one line: a pipe has no width
    console = Console(width=max(Console().width, 120))
    try:
        space = MediaPipe(args.mediapipe_model)
        detector = space if args.detector == space.name else open_detector(args.detector)
        views = read_views(args.recording, detector, space, frames=args.frames, progress=_say)
        for title, per_frame in (("tracked", False), ("per frame", True)):
            found = judge_cameras(views, Refiner(weights=args.weights), per_frame=per_frame)
            means, worse = mean_scores(found), worse_cameras(found)
            table = Table("", *METRICS, title=f"{title}, {len(found)} cameras", title_justify="left")
            for method in METHODS:
                table.add_row(method, *(f"{means[method][metric]:.1f}" for metric in METRICS))
            table.add_row("cameras worse", *(str(worse[metric]) for metric in METRICS))
            console.print(table)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _say(camera: str) -> None:
    print(f"searching the video of {camera}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
