"""A live loop: keypoints of one frame in, SMPL parameters out, in constant memory.

    python examples/live_stream.py

The keypoints here are the demo's ViTPose points, one frame after another, as a detector on a camera would give them.
The estimator's own parameters go in too; without an estimator, leave them out.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from lsmplify_refine import Camera, Refiner, SmplParameters, load, save
from lsmplify_refine.job.demo import copy_input

#: GVHMR's files do not state their rate; a camera's driver does.
FPS = 30.0


def main(folder: Path) -> None:
    """Refine the demo as if it came live."""
    (clip,) = load(copy_input(folder / "demo"))
    assert clip.keypoints is not None and clip.camera is not None

    # 0.1 s of lag removes far more jitter than none; `step.frame` says which frame a result is of
    live = Refiner().stream(
        clip.keypoints.convention,
        camera=Camera(clip.camera.K[:1], clip.camera.image_size),
        fps=FPS,
        lag_seconds=0.1,
        family=clip.family,
    )
    steps, milliseconds = [], []
    for frame in range(len(clip)):
        points, confidence = clip.keypoints.positions[frame], clip.keypoints.confidence[frame]
        estimate = SmplParameters(clip.global_orient[frame], clip.body_pose[frame], clip.transl[frame])

        began = time.perf_counter()
        step = live.step(points, confidence, estimate)
        milliseconds.append(1000 * (time.perf_counter() - began))
        steps.append(step)
        if not step.accepted:
            print(f"frame {step.frame}: the keypoints explain nothing; the estimator's pose is kept")

    print(f"{len(steps)} frames, median {np.median(milliseconds):.1f} ms a frame on this machine")
    save(live.estimates(steps), folder / "live.npz", overwrite=True)  # `load` and `lsmplify-refine view` read it


if __name__ == "__main__":
    main(Path("example_output"))
