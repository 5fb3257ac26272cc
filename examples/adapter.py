"""An adapter for your own format, in one file: read it, refine it, and write the same kind of file back.

    python examples/adapter.py

The made-up estimator posenet9000 writes an `.npz`. In your package, the three functions are a module of their own, and
an entry point makes them known to the command (docs/adapters.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lsmplify_refine import Camera, Estimate, InputError, load, refine
from lsmplify_refine.job.demo import copy_input

_KEYS = {"theta", "shape", "cam_t", "f", "wh"}


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable npz: {error}") from error


def recognises(path: Path) -> bool:
    """Judge by content, not by name; never raise for files of other formats."""
    try:
        return path.is_file() and set(_arrays(path)) >= _KEYS
    except InputError:
        return False


def read(path: Path) -> list[Estimate]:
    """One estimate per person; this format holds one."""
    arrays = _arrays(path)
    missing = _KEYS - set(arrays)
    if missing:
        raise InputError(f"{path}: {', '.join(sorted(missing))}: missing; is it a result of posenet9000?")
    frames, (width, height) = len(arrays["theta"]), arrays["wh"]
    K = np.array([[arrays["f"], 0, width / 2], [0, arrays["f"], height / 2], [0, 0, 1]], dtype=np.float64)
    estimate = Estimate(
        family="smpl",
        gender="neutral",
        global_orient=arrays["theta"][:, :3].copy(),
        body_pose=arrays["theta"][:, 3:].reshape(frames, 23, 3).copy(),
        betas=arrays["shape"].copy(),
        transl=arrays["cam_t"].copy(),  # the model's own translation: the pelvis is at J0 + transl
        frame="camera",  # x right, y down, z forward
        camera=Camera(np.repeat(K[None], frames, axis=0), (int(width), int(height))),
        source=path,
        passthrough=arrays,  # for `write`
    )
    return [estimate]


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write the same arrays in the same order; only refined values change."""
    (estimate,) = estimates
    pose = estimate.body_pose.reshape(len(estimate), -1)
    refined = {"theta": np.hstack([estimate.global_orient, pose]), "cam_t": estimate.transl}
    arrays = {key: refined.get(key, value).astype(value.dtype) for key, value in estimate.passthrough.items()}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def main(folder: Path) -> None:
    """Write a file of the made-up estimator, and refine it through the adapter."""
    (demo,) = load(copy_input(folder / "demo"))
    assert demo.camera is not None and demo.camera.image_size is not None
    count = len(demo)
    np.savez(
        folder / "posenet9000.npz",
        # SMPL has two hand joints more than SMPL-X's body
        theta=np.hstack([demo.global_orient, demo.body_pose.reshape(count, -1), np.zeros((count, 6), np.float32)]),
        shape=np.zeros((count, 10), np.float32),
        cam_t=demo.transl,
        f=demo.camera.K[0, 0, 0],
        wh=np.array(demo.camera.image_size),
    )

    assert recognises(folder / "posenet9000.npz")
    (estimate,) = read(folder / "posenet9000.npz")
    done = refine(estimate.replace(keypoints=demo.keypoints, fps=demo.fps))
    write([done.refined], folder / "posenet9000_refined.npz")
    before, after = (done.metrics[stage]["reprojection_px_coco17"] for stage in ("calibrated", "refined"))
    print(f"keypoint error {before:.1f} -> {after:.1f} px")


if __name__ == "__main__":
    main(Path("example_output"))
