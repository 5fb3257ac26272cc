"""Measure the comparison video at 720p, beside full frames drawn one after another with pyrender in the same run.

    python scripts/benchmark_video.py [--repeats 3] [--cores 2] [--pyrender-frames 36] [--keep FOLDER]

The built-in demo is scaled to 1280x720. Ours is the command's own code: it reads the clip, poses both meshes, draws two
panels with all that the command draws, encodes and writes, all at the same time; through OpenGL, and on the CPU alone.
Beside it, pyrender draws the same meshes with its own smooth shading into two full pictures per frame; reading, drawing
and encoding take turns. CPU time counts all threads, so it also means something on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import av
import cv2
import numpy as np
import trimesh
from rich.console import Console
from rich.table import Table

from lsmplify_refine import Camera, Refinement, Refiner, load
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.demo import copy_input
from lsmplify_refine.job.draw import draw
from lsmplify_refine.job.job import Outputs
from lsmplify_refine.options import VideoOptions
from lsmplify_refine.visual import mesh
from lsmplify_refine.visual.cpu_rasterizer import CpuRasterizer
from lsmplify_refine.visual.encode import VideoWriter
from lsmplify_refine.visual.gl_rasterizer import GlRasterizer
from lsmplify_refine.visual.rasterizer import Rasterizer
from lsmplify_refine.visual.video import VideoInfo, probe, read_frames

_SIZE = (1280, 720)
_COLORS = ((226, 152, 96), (84, 170, 214))
_OPACITY = 0.8


@dataclass(frozen=True)
class Speed:
    """How fast a number of frames was written.

    Attributes:
        frames: Their number.
        wall_s: Seconds on the clock.
        cpu_s: Seconds of all threads.
    """

    frames: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.frames / self.wall_s


def timed(frames: int, work: Callable[[], object]) -> Speed:
    """The speed of a piece of work that writes so many frames."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Speed(frames, time.perf_counter() - wall, time.process_time() - cpu)


def scaled_demo(folder: Path) -> tuple[VideoInfo, Refinement]:
    """The demo at 1280x720: its clip, written into a folder, and its refinement."""
    (estimate,) = load(copy_input(folder / "demo"))
    assert estimate.video is not None and estimate.camera is not None and estimate.keypoints is not None
    source = probe(estimate.video)
    clip = folder / "clip.mp4"
    with VideoWriter(clip, *_SIZE, source.fps) as writer:
        for image in read_frames(source.path):
            writer.write(cv2.resize(image, _SIZE, interpolation=cv2.INTER_CUBIC))
    scale = np.array([_SIZE[0] / source.width, _SIZE[1] / source.height])
    K = estimate.camera.K * np.array([[scale[0]], [scale[1]], [1.0]], dtype=np.float32)
    keypoints = replace(estimate.keypoints, positions=estimate.keypoints.positions * scale.astype(np.float32))
    scaled = estimate.replace(camera=Camera(K, _SIZE), keypoints=keypoints, fps=float(source.fps))
    return probe(clip), Refiner().refine(scaled)


def ours(video: VideoInfo, refinement: Refinement, output: Path, rasterizer: Callable[[], Rasterizer]) -> None:
    """Write the command's comparison video through a rasterizer."""
    with patch.object(mesh, "open_rasterizer", lambda: (rasterizer(), "as measured")):
        error = draw(video, Outputs(output, output, output), [refinement], VideoOptions())
    if error:
        raise error


def one_after_another(video: VideoInfo, refinement: Refinement, output: Path, frames: int) -> None:
    """Write both meshes over full frames with pyrender: read, draw, blend, encode, then the next frame."""
    rows = np.arange(frames)
    bodies = refinement.before.vertices(rows), refinement.after.vertices(rows)
    faces, K = refinement.before.body.faces, refinement.camera.K if refinement.camera else np.zeros((frames, 3, 3))
    picture = FullFrames()
    with av.open(str(output), "w") as container:
        stream = container.add_stream("libx264", rate=video.fps, options={"preset": "superfast", "crf": "22"})
        stream.width, stream.height, stream.pix_fmt = 2 * _SIZE[0], _SIZE[1], "yuv420p"
        for row, image in zip(rows, read_frames(video.path)):
            panels = [
                picture.over(image, body[row], faces, K[row], color)
                for body, color in zip(bodies, _COLORS, strict=True)
            ]
            frame = av.VideoFrame.from_ndarray(np.concatenate(panels, axis=1), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    picture.close()


class FullFrames:
    """pyrender as its examples use it: a light, a camera, a mesh with vertex normals, the full picture."""

    def __init__(self) -> None:
        import pyrender

        self._pyrender: Any = pyrender
        self._renderer = pyrender.OffscreenRenderer(*_SIZE)

    def over(
        self, image: np.ndarray, vertices: np.ndarray, faces: np.ndarray, K: np.ndarray, color: tuple[int, int, int]
    ) -> np.ndarray:
        """A copy of an image with the mesh over it."""
        pyrender = self._pyrender
        scene = pyrender.Scene(bg_color=(0, 0, 0, 0), ambient_light=(0.3, 0.3, 0.3))
        material = pyrender.MetallicRoughnessMaterial(baseColorFactor=(*(channel / 255 for channel in color), 1.0))
        body = trimesh.Trimesh(vertices * (1, -1, -1), faces, process=False)
        scene.add(pyrender.Mesh.from_trimesh(body, material=material, smooth=True))
        scene.add(pyrender.IntrinsicsCamera(K[0, 0], K[1, 1], K[0, 2], K[1, 2]))
        scene.add(pyrender.DirectionalLight(intensity=4.0))
        drawn, _ = self._renderer.render(scene, flags=pyrender.RenderFlags.RGBA)
        blended = cv2.addWeighted(image, 1 - _OPACITY, np.ascontiguousarray(drawn[..., :3]), _OPACITY, 0)
        covered: np.ndarray = np.where(drawn[..., 3:] > 0, blended, image)
        return covered

    def close(self) -> None:
        """Free the context."""
        self._renderer.delete()


def opengl() -> str:
    """The OpenGL driver; "" if there is none."""
    try:
        rasterizer = GlRasterizer()
    except InputError:
        return ""
    rasterizer.close()
    return rasterizer.name


def measure(folder: Path, repeats: int, pyrender_frames: int) -> Table:
    """Write all videos and compare their speeds."""
    video, refinement = scaled_demo(folder)
    ways: dict[str, Callable[[], Speed]] = {
        f"ours, {CpuRasterizer().name}": lambda: timed(
            video.frames, lambda: ours(video, refinement, folder / "ours_cpu.mp4", CpuRasterizer)
        )
    }
    if driver := opengl():
        frames = min(pyrender_frames, video.frames)
        ways |= {
            f"ours, {driver}": lambda: timed(
                video.frames, lambda: ours(video, refinement, folder / "ours.mp4", GlRasterizer)
            ),
            "full frames one after another, pyrender": lambda: timed(
                frames, lambda: one_after_another(video, refinement, folder / "pyrender.mp4", frames)
            ),
        }
    # in turns, since a shared machine is uneven
    runs = [{way: run() for way, run in ways.items()} for _ in range(repeats)]
    medians = {way: sorted((run[way] for run in runs), key=lambda speed: speed.rate)[repeats // 2] for way in ways}
    slowest = medians[list(ways)[-1]]
    table = Table(
        "way", "frames/s", "CPU ms/frame", "times as fast", title=f"comparison video, 2 x {_SIZE[0]}x{_SIZE[1]}"
    )
    for way, speed in medians.items():
        cpu_ms = 1000 * speed.cpu_s / speed.frames
        table.add_row(way, f"{speed.rate:.1f}", f"{cpu_ms:.1f}", f"{speed.rate / slowest.rate:.1f}")
    return table


def main() -> int:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="runs of each way; the median counts (default: 3)")
    parser.add_argument("--cores", type=int, default=2, help="CPU cores to use, on Linux (default: 2)")
    parser.add_argument("--pyrender-frames", type=int, default=36, help="frames that pyrender gets (default: 36)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the videos there")
    args = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    with tempfile.TemporaryDirectory() as name:
        folder = args.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        Console().print(measure(folder, args.repeats, args.pyrender_frames))
    return 0


if __name__ == "__main__":
    sys.exit(main())
