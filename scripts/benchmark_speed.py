"""Measure speed and memory on a generated person, beside SMPLify in the same run.

    python scripts/benchmark_speed.py [--frames 1000] [--threads 2] [--no-command] [--long-frames 100000]

Refining alone, one frame at a time and a streaming step are compared with our SMPLify (L-BFGS, through the whole mesh),
which fits some of the same frames one by one. The whole command runs on a generated 720p clip. Peak memory is that of a
process which refines a long track. Figures depend on the machine: compare only figures of one run. On a busy machine,
`--threads 1 --cpu-time` counts only the time in which the process ran.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from lsmplify_refine import BodyModel, Camera, Estimate, Keypoints, Refiner, SmplParameters
from lsmplify_refine.engine.follow import shaped_solver
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.engine.targets import given_targets, pose_on_body
from lsmplify_refine.evaluate.smplify import SmplifyConfig, fit_pose_prior, smplify
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.regressor.body25 import body25_targets
from lsmplify_refine.values.estimate import WorldRoot
from lsmplify_refine.values.smpl_joints import JOINTS
from lsmplify_refine.visual.encode import VideoWriter

_SIZE = (1280, 720)
#: A stream is timed after this time, in which it finds the person's shape.
_SETTLED_SECONDS = 2.0
_STREAM_SECONDS = 10.0
_FPS = 30.0
_MEAN_SHAPE = FittedShape(np.zeros(10), 1.0, np.zeros(3))


@dataclass(frozen=True)
class Generated:
    """A person who moves before a camera.

    Attributes:
        rotvec: True pose, (T, 24, 3).
        estimate: With slow errors, and with noisy COCO keypoints in the image.
        points: (T, 17, 3) noisy COCO keypoints in space, metres.
    """

    rotvec: np.ndarray
    estimate: Estimate
    points: np.ndarray


def generate(frames: int) -> Generated:
    """Generate a person, an estimate and keypoints."""
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
    wrong = pose.copy()
    wrong[:, 1:20] += 0.15 * np.sin(wobble)
    estimate = Estimate(
        "smplx",
        "neutral",
        wrong[:, 0].astype(np.float32),
        wrong[:, 1:JOINTS].astype(np.float32),
        np.zeros((frames, 10), np.float32),
        (pelvis - MEAN_REST_PELVIS["smplx"]).astype(np.float32),
        camera=Camera(K.astype(np.float32), _SIZE),
        fps=_FPS,
        keypoints=Keypoints("coco17", pixels.astype(np.float32), np.ones((frames, 17), np.float32)),
        world=WorldRoot(np.zeros((frames, 3), np.float32), np.zeros((frames, 3), np.float32)),
    )
    return Generated(pose, estimate, points + generator.normal(0, 0.01, points.shape))


Clock = Callable[[], float]


def seconds_of(works: Iterable[Callable[[], object]], clock: Clock) -> list[float]:
    """Time of each of several pieces of work."""
    seconds = []
    for work in works:
        begin = clock()
        work()
        seconds.append(clock() - begin)
    return seconds


def refining_seconds(estimate: Estimate, clock: Clock, repeats: int = 5) -> float:
    """Median time of refining a track, for a frame, after a warm-up run."""
    refiner = Refiner()
    refiner.refine(estimate)
    return float(np.median(seconds_of([lambda: refiner.refine(estimate)] * repeats, clock))) / len(estimate)


def frame_targets(person: Generated) -> Keypoints:
    """The keypoints in space."""
    return Keypoints("coco17", person.points, np.ones(person.points.shape[:2]))


def smplify_seconds(person: Generated, count: int, clock: Clock) -> float:
    """Mean time of SMPLify for a frame, over frames spread through the track."""
    body = BodyModel.open()
    prior, config = fit_pose_prior(person.rotvec[:, :JOINTS]), SmplifyConfig(optimizer="lbfgs")
    start, targets = pose_on_body(person.estimate, body), given_targets(frame_targets(person))

    def fit(row: torch.Tensor) -> None:
        given = (targets.positions[row], targets.weights[row], start.rotations[row], start.pelvis[row], torch.zeros(10))
        smplify(body, "coco17", *given, prior=prior, config=config)

    rows = torch.split(torch.linspace(0, len(person.points) - 1, count).long(), 1)
    return float(np.mean(seconds_of([partial(fit, row) for row in rows], clock)))


def single_frame_seconds(person: Generated, clock: Clock, count: int = 200) -> float:
    """Median time of regressor and projection for a frame, one at a time."""
    refiner = Refiner()
    solver = shaped_solver(refiner.body, "coco17", [_MEAN_SHAPE], refiner.network)
    start = pose_on_body(person.estimate, refiner.body)
    targets = body25_targets(given_targets(frame_targets(person)), "coco17")
    rows = torch.split(torch.arange(count), 1)
    return float(np.median(seconds_of([partial(solver, start[row], targets[row]) for row in rows], clock)))


def streaming_seconds(person: Generated, clock: Clock) -> float:
    """Median time of a streaming step: keypoints in space, and an estimate."""
    estimate, live = person.estimate, Refiner().stream("coco17", fps=_FPS, family="smplx")

    def step(frame: int) -> None:
        given = SmplParameters(estimate.global_orient[frame], estimate.body_pose[frame], estimate.transl[frame])
        live.step(person.points[frame], None, given)

    seconds = seconds_of([partial(step, frame) for frame in range(round(_STREAM_SECONDS * _FPS))], clock)
    return float(np.median(seconds[round(_SETTLED_SECONDS * _FPS) :]))


def peak_memory_gb() -> float:
    """Peak memory of this process."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # in kilobytes, on macOS in bytes
    return peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def memory_of_refining(frames: int) -> str:
    """Peak memory of a process that refines so many frames."""
    command = [sys.executable, __file__, "--peak-of", str(frames)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


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


def measure(frames: int, smplify_frames: int, clock: Clock, title: str) -> Table:
    """Measure the speeds that are compared with SMPLify's."""
    person = generate(max(frames, round(_STREAM_SECONDS * _FPS)))
    slow = smplify_seconds(person, smplify_frames, clock)
    rows = {
        "SMPLify (L-BFGS), a frame": slow,
        "regressor and projection, one frame at a time": single_frame_seconds(person, clock),
        "a streaming step, 3D keypoints and an estimate": streaming_seconds(person, clock),
        f"refining {frames:,} frames, a frame": refining_seconds(generate(frames).estimate, clock),
    }
    table = Table("what", "ms/frame", "frames/s", "times SMPLify", title=title)
    for name, seconds in rows.items():
        table.add_row(name, f"{1000 * seconds:.2f}", f"{1 / seconds:,.0f}", f"{slow / seconds:,.0f}")
    return table


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000, help="generated frames (default: 1000)")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: 2)")
    parser.add_argument("--cpu-time", action="store_true", help="count CPU time, for one thread on a busy machine")
    parser.add_argument("--smplify-frames", type=int, default=8, help="frames that SMPLify gets (default: 8)")
    parser.add_argument("--long-frames", type=int, default=100_000, help="frames of the long track; 0 for none")
    parser.add_argument("--no-command", action="store_true", help="leave the whole command out")
    parser.add_argument("--peak-of", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.peak_of:
        Refiner().refine(generate(args.peak_of).estimate)
        print(f"{peak_memory_gb():.2f} GB")
        return
    console = Console()
    clock, what = (time.process_time, "CPU time") if args.cpu_time else (time.perf_counter, "time")
    console.print(measure(args.frames, args.smplify_frames, clock, f"{what}, {args.threads} threads"))
    if args.long_frames:
        for count in (args.frames, args.long_frames):
            console.print(f"peak memory of refining {count:,} frames: {memory_of_refining(count)}")
    if not args.no_command:
        rate = command_rate(generate(300).estimate)
        console.print(f"whole command with 1280x720 comparison video: {rate:.1f} frames/s")


if __name__ == "__main__":
    main()
