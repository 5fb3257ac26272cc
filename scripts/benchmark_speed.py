"""Measure throughput: refinement alone (1,000 generated frames), and the whole command on a generated 720p clip.

    python scripts/benchmark_speed.py [--frames 1000] [--threads 2] [--no-command]

Figures depend on the machine: compare only figures of one run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from lsmplify_refine import BodyModel, Camera, Estimate, Keypoints, Refiner
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.values.estimate import WorldRoot
from lsmplify_refine.visual.encode import VideoWriter

_SIZE = (1280, 720)


def generated_estimate(frames: int) -> Estimate:
    """Generate a person who moves before a camera, an estimate with slow errors, and noisy COCO keypoints."""
    generator = np.random.default_rng(0)
    phase = 2 * np.pi * np.arange(frames) / 60
    pose = np.zeros((frames, 24, 3))
    pose[:, 0, 0] = np.pi
    for side, sign in ((0, 1.0), (1, -1.0)):
        pose[:, 1 + side, 0] = -0.5 + 0.4 * np.sin(phase)
        pose[:, 4 + side, 0] = 0.8 - 0.6 * np.sin(phase)
        pose[:, 16 + side, 2] = -sign * (0.7 + 0.4 * np.cos(phase))
        pose[:, 18 + side, 1] = -sign * (0.8 + 0.5 * np.sin(phase + side))
    pelvis = np.stack([0.3 * np.sin(phase / 3), 0 * phase, 4 + 0 * phase], 1)
    K = np.tile([[1468.6, 0, 640], [0, 1468.6, 360], [0, 0, 1.0]], (frames, 1, 1))
    points = BodyModel.open().keypoints("coco17", rotvec_to_rotmat(pose), pelvis, np.zeros(10))
    pixels = project_to_image(points, K) + generator.normal(0, 2, (frames, 17, 2))
    wobble = phase[:, None, None] / 2 + generator.uniform(0, 6, (1, 19, 3))
    pose[:, 1:20] += 0.15 * np.sin(wobble)
    return Estimate(
        "smplx",
        "neutral",
        pose[:, 0].astype(np.float32),
        pose[:, 1:22].astype(np.float32),
        np.zeros((frames, 10), np.float32),
        (pelvis - MEAN_REST_PELVIS["smplx"]).astype(np.float32),
        camera=Camera(K.astype(np.float32), _SIZE),
        fps=30.0,
        keypoints=Keypoints("coco17", pixels.astype(np.float32), np.ones((frames, 17), np.float32)),
        world=WorldRoot(np.zeros((frames, 3), np.float32), np.zeros((frames, 3), np.float32)),
    )


def refining_rate(estimate: Estimate, repeats: int = 5) -> float:
    """Frames per second of `Refiner.refine`: median of several runs after a warm-up run."""
    refiner = Refiner()
    refiner.refine(estimate)
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        refiner.refine(estimate)
        seconds.append(time.perf_counter() - start)
    return len(estimate) / float(np.median(seconds))


def write_gvhmr_folder(estimate: Estimate, folder: Path) -> None:
    """Write the estimate as GVHMR's output folder, with a noisy grey video."""
    assert estimate.camera is not None and estimate.keypoints is not None and estimate.world is not None
    shared = {"body_pose": estimate.body_pose.reshape(len(estimate), 63), "betas": estimate.betas}
    blocks = {
        "smpl_params_global": shared | {"global_orient": estimate.world.global_orient, "transl": estimate.world.transl},
        "smpl_params_incam": shared | {"global_orient": estimate.global_orient, "transl": estimate.transl},
    }
    tensors = {name: {k: torch.tensor(v) for k, v in block.items()} for name, block in blocks.items()}
    torch.save(tensors | {"K_fullimg": torch.tensor(estimate.camera.K)}, folder / "hmr4d_results.pt")
    (folder / "preprocess").mkdir()
    points = np.concatenate([estimate.keypoints.positions, estimate.keypoints.confidence[..., None]], -1)
    torch.save(torch.tensor(points), folder / "preprocess" / "vitpose.pt")
    generator = np.random.default_rng(1)
    still = generator.integers(90, 160, (_SIZE[1] // 8, _SIZE[0] // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with VideoWriter(folder / "0_input_video.mp4", *_SIZE, 30) as writer:
        for frame in range(len(estimate)):
            writer.write(np.roll(still, frame, axis=1))


def command_rate(estimate: Estimate) -> float:
    """Frames per second of the whole command: start, read, refine, render, encode, write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_gvhmr_folder(estimate, folder)
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "lsmplify_refine", "--input", str(folder)], check=True, capture_output=True
        )
        return len(estimate) / (time.perf_counter() - start)


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000, help="generated frames (default: 1000)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--no-command", action="store_true", help="measure refinement alone")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    estimate = generated_estimate(args.frames)
    print(f"refinement alone, {args.frames} frames, {args.threads} threads: {refining_rate(estimate):.0f} frames/s")
    if not args.no_command:
        print(f"whole command with 1280x720 comparison video: {command_rate(generated_estimate(300)):.1f} frames/s")


if __name__ == "__main__":
    main()
