"""Draw the figures of docs/how-it-works.md, one for each step, from the engine's own stages on the built-in demo.

    python scripts/build_docs_figures.py [FOLDER]

The demo's keypoints get planted faults where a step mends faults.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsmplify_refine import BodyModel, Estimate, Refinement, Refiner, load
from lsmplify_refine.engine.correct import correct, default_prior
from lsmplify_refine.engine.follow import in_batches
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.shape import shape_of_track
from lsmplify_refine.engine.track import Track, make_track
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec
from lsmplify_refine.job.demo import copy_input
from lsmplify_refine.regressor.body25 import body25_targets
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.conventions import COCO17
from lsmplify_refine.visual.comparison.style import BODY_COLOR, STAGE_COLORS
from lsmplify_refine.visual.mesh import MeshRenderer
from lsmplify_refine.visual.surface import Surface
from lsmplify_refine.visual.video import read_frames

FPS = 30.0
#: A raised knee and a waving arm.
SHOWN = 72
LEFT_ELBOW = 18
BEFORE, AFTER, REGRESSED = (tuple(c / 255 for c in STAGE_COLORS["before"]), "#0072b2", "#009e73")
GREY, POINT = "#7a7f87", "#d55e00"
#: Half the width and height of what is shown of the picture, pixels.
CROP = 112, 180


@dataclass(frozen=True)
class Demo:
    """The demo and the results of the engine's stages.

    Attributes:
        estimate: As read, with camera, keypoints and frame rate.
        frames: Pictures of the video.
        refiner: On the open body.
        track: Stage 1.
        calibrated: Stage 2.
        regressed: Stage 3.
        projected: Stage 4: every frame on its own.
        done: All stages.
    """

    estimate: Estimate
    frames: list[np.ndarray]
    refiner: Refiner
    track: Track
    calibrated: BodyTrack
    regressed: BodyTrack
    projected: BodyTrack
    done: Refinement

    def points(self, track: BodyTrack) -> np.ndarray:
        """A body's COCO-17 points in the image, (T, 17, 2)."""
        assert self.estimate.camera is not None
        return project_to_image(track.keypoints("coco17"), self.estimate.camera.K)

    def errors(self, track: BodyTrack) -> np.ndarray:
        """Mean distance to the keypoints of each frame, pixels."""
        off = np.linalg.norm(self.points(track) - self.track.keypoints.positions, axis=-1)
        weight = self.track.keypoints.confidence
        mean: np.ndarray = (off * weight).sum(1) / weight.sum(1)
        return mean


def main() -> None:
    """Write the figures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[1] / "docs" / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib.use("agg")
    plt.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 130}
    demo = run_stages()
    figures = {
        "1_targets": targets(demo),
        "2_shape": shape(demo),
        "3_regress": regress(demo),
        "4_project": project(demo),
        "5_motion": motion(demo),
        "6_gate": gate(demo),
    }
    for name, figure in figures.items():
        path = folder / f"{name}.webp"
        figure.savefig(path, facecolor="white", pil_kwargs={"quality": 82, "method": 6})
        print(f"wrote {path}: {path.stat().st_size / 1e3:.0f} kB")


def run_stages() -> Demo:
    """Run the engine's stages one by one on the demo."""
    with tempfile.TemporaryDirectory() as folder:
        clip = copy_input(Path(folder))
        (read,) = load(clip)
        frames = list(read_frames(clip / "0_input_video.mp4"))
    estimate = read.replace(fps=FPS)
    body = BodyModel.open()
    refiner = Refiner(body)
    track = make_track(estimate, body, fps=FPS, align="auto")
    shape, _ = shape_of_track(estimate, body, track)
    start = track.pose.shifted(shape.offset)
    skeleton = body.skeleton("coco17", shape.betas, shape.scale)
    solver = refiner.follower("coco17", shape.betas, shape.scale).solver
    regressed = in_batches(solver, start, body25_targets(track.targets, "coco17"))
    projected = correct(
        skeleton,
        start,
        track.targets,
        default_prior(skeleton, track.targets),
        frame_ids=estimate.frame_ids,
        fps=FPS,
        bias_hz=None,
        regressor=lambda *_: regressed,
    )

    def shaped(pose: Pose) -> BodyTrack:
        return BodyTrack(body, pose.rotations.numpy(), pose.pelvis.numpy(), shape.betas, shape.scale)

    done = refiner.refine(estimate)
    return Demo(estimate, frames, refiner, track, shaped(start), shaped(regressed), shaped(projected), done)


def targets(demo: Demo) -> Figure:
    """Step 1: planted faults of a detector, and what becomes of them."""
    given = demo.estimate.keypoints
    assert given is not None
    names = list(COCO17.points)
    arms = [names.index(f"{side}_{part}") for part in ("elbow", "wrist") for side in ("left", "right")]
    swapped = [names.index(f"{side}_{part}") for part in ("elbow", "wrist") for side in ("right", "left")]
    ankle = names.index("left_ankle")
    positions = given.positions.copy()
    span = slice(SHOWN - 3, SHOWN + 4)
    positions[span, arms] = given.positions[span, swapped]
    positions[SHOWN, ankle] += (70, -45)
    faulty = demo.estimate.replace(keypoints=replace(given, positions=positions))
    track = make_track(faulty, demo.refiner.body, fps=FPS, align="auto")
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 4.1), layout="constrained")
    weights = track.targets.weights.numpy()
    share = weights[SHOWN] / np.median(weights)
    for axes, points, sizes, title in (
        (left, positions[SHOWN], np.ones(17), "keypoints as detected:\narms swapped, an ankle astray"),
        (
            right,
            track.keypoints.positions[SHOWN],
            share,
            "observations: sides swapped back,\nthe ankle has lost its weight",
        ),
    ):
        show_picture(axes, demo)
        draw_bones(axes, points, [bone for bone in COCO17.edges if min(sizes[list(bone)]) > 0.3], POINT)
        for point in range(17):
            side = "#0072b2" if names[point].startswith("left") else POINT
            face = side if sizes[point] > 0.3 else "none"
            axes.scatter(*points[point], s=34, facecolor=face, edgecolor=side if face == "none" else "white", zorder=3)
        axes.set_title(title, fontsize=9)
    figure.supxlabel("blue: left side   orange: right side   ring: no weight", fontsize=8)
    return figure


def shape(demo: Demo) -> Figure:
    """Step 2: the body as read, and with shape, size and place fitted."""
    read = demo.done.as_read
    assert read is not None
    return bodies(
        demo,
        [
            (read, f"as read: {demo.errors(read).mean():.1f} px"),
            (demo.calibrated, f"shape, size and place fitted:\n{demo.errors(demo.calibrated).mean():.1f} px"),
        ],
    )


def regress(demo: Demo) -> Figure:
    """Step 3: one frame before and after the network."""
    return bodies(
        demo,
        [
            (demo.calibrated, f"before: {demo.errors(demo.calibrated)[SHOWN]:.1f} px in this frame"),
            (demo.regressed, f"the regressor's pose:\n{demo.errors(demo.regressed)[SHOWN]:.1f} px"),
        ],
    )


def project(demo: Demo) -> Figure:
    """Step 4: keypoint error of each frame after each stage."""
    figure, axes = plt.subplots(figsize=(6.4, 2.7), layout="constrained")
    seconds = np.arange(len(demo.estimate)) / FPS
    for track, name, color in (
        (demo.calibrated, "shape and place fitted (step 2)", BEFORE),
        (demo.regressed, "regressed (step 3)", REGRESSED),
        (demo.projected, "projected (step 4)", AFTER),
    ):
        error = demo.errors(track)
        axes.plot(seconds, error, color=color, label=f"{name}: {error.mean():.1f} px")
    axes.set(xlabel="seconds", ylabel="px to the keypoints", ylim=(0, None), xlim=(0, seconds[-1]))
    axes.legend(frameon=False, fontsize=8)
    return figure


def motion(demo: Demo) -> Figure:
    """Step 5: how an elbow turns, of a jittery estimator with jittery keypoints."""
    noise = np.random.default_rng(0)
    keypoints = demo.estimate.keypoints
    assert keypoints is not None
    jittery = demo.estimate.replace(
        body_pose=(demo.estimate.body_pose + noise.normal(0, 0.06, demo.estimate.body_pose.shape)).astype(np.float32),
        keypoints=replace(keypoints, positions=keypoints.positions + noise.normal(0, 2.0, keypoints.positions.shape)),
    )
    refined = demo.refiner.refine(jittery)
    alone = Refiner(demo.refiner.body, smooth_seconds=0.0).refine(jittery)
    figure, axes = plt.subplots(figsize=(6.4, 2.7), layout="constrained")
    seconds = np.arange(len(jittery)) / FPS
    for track, name, color, width in (
        (refined.before, "estimate", BEFORE, 1.0),
        (alone.after, "each frame's fit (step 4)", GREY, 1.0),
        (refined.after, "the most likely motion", AFTER, 1.8),
    ):
        angle = np.degrees(np.linalg.norm(rotmat_to_rotvec(track.rotations[:, LEFT_ELBOW]), axis=-1))
        axes.plot(seconds, angle, color=color, linewidth=width, label=name)
    axes.set(xlabel="seconds", ylabel="left elbow, degrees", xlim=(0, seconds[-1]))
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.15))
    return figure


def gate(demo: Demo) -> Figure:
    """Step 6: keypoints that belong to nobody for a while, and what is kept of the correction."""
    keypoints = demo.estimate.keypoints
    assert keypoints is not None
    away = np.arange(50, 62)
    positions = keypoints.positions.copy()
    positions[away] = positions[away][:, ::-1] * 0.9 + (25.0, 10.0)
    faulty = demo.estimate.replace(keypoints=replace(keypoints, positions=positions))
    done = demo.refiner.refine(faulty)
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 3.4), sharex=True, layout="constrained", height_ratios=(2, 1)
    )
    seconds = np.arange(len(faulty)) / FPS
    true = replace(demo, track=replace(demo.track, keypoints=keypoints))
    top.plot(seconds, true.errors(done.before), color=BEFORE, label="before")
    top.plot(seconds, true.errors(done.after), color=AFTER, label="after the gate")
    top.set(ylabel="px to the true\nkeypoints", ylim=(0, None))
    top.legend(frameon=False, fontsize=8, ncols=2)
    bottom.fill_between(seconds, done.blend, step="mid", color=AFTER, alpha=0.5)
    bottom.set(xlabel="seconds", ylabel="share kept", ylim=(0, 1.05), xlim=(0, seconds[-1]))
    for axes in (top, bottom):
        axes.axvspan(away[0] / FPS, away[-1] / FPS, color=POINT, alpha=0.15, linewidth=0)
    return figure


def bodies(demo: Demo, shown: Sequence[tuple[BodyTrack, str]]) -> Figure:
    """Bodies drawn over the picture, with their own points and the keypoints."""
    figure, panels = plt.subplots(1, len(shown), figsize=(2.8 * len(shown), 4.1), layout="constrained")
    assert demo.estimate.camera is not None
    with MeshRenderer() as renderer:
        for axes, (track, title) in zip(panels, shown):
            picture = demo.frames[SHOWN].copy()
            vertices = track.vertices(np.array([SHOWN]))[0]
            surface = Surface(track.body.faces, len(vertices))
            renderer.overlay(picture, vertices, demo.estimate.camera.K[SHOWN], surface, color=BODY_COLOR, opacity=0.7)
            show_picture(axes, demo, picture)
            own, keypoints = demo.points(track)[SHOWN], demo.track.keypoints.positions[SHOWN]
            for point in range(17):
                axes.plot(*zip(own[point], keypoints[point]), color=POINT, linewidth=1.6)
            axes.scatter(*keypoints.T, s=16, color="#f0e442", edgecolor="black", linewidth=0.4, zorder=3)
            axes.set_title(title, fontsize=9)
    figure.supxlabel("yellow: keypoints   orange lines: how far the body's own points are off", fontsize=8)
    return figure


def show_picture(axes: Axes, demo: Demo, picture: np.ndarray | None = None) -> None:
    """The part of the frame with the person in it."""
    axes.imshow(demo.frames[SHOWN] if picture is None else picture)
    x, y = demo.track.keypoints.positions[SHOWN].mean(0)
    height, width = demo.frames[SHOWN].shape[:2]
    left, top = np.clip(x - CROP[0], 0, width), np.clip(y - CROP[1], 0, height)
    axes.set(xlim=(left, min(x + CROP[0], width)), ylim=(min(y + CROP[1], height), top))
    axes.axis("off")


def draw_bones(axes: Axes, points: np.ndarray, bones: Sequence[tuple[int, int]], color: str) -> None:
    """Lines between keypoints."""
    for a, b in bones:
        axes.plot(*zip(points[a], points[b]), color=GREY, linewidth=1.6)


if __name__ == "__main__":
    main()
