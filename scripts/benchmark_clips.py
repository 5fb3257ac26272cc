"""Measure refinement on real GVHMR results: keypoint error, an unseen detector, jitter, outliers, the faulty .pkl.

    python scripts/benchmark_clips.py path/to/gvhmr/clip [more clips] [--detector mediapipe]

Each clip is a GVHMR output folder (hmr4d_results.pt, preprocess/vitpose.pt, 0_input_video.mp4). Errors are means over
frames and joints, weighted by confidence. "Do nothing" is the input with fitted shape and offset on the same body.
With `--detector NAME` (`pip install lsmplify-refine[detect]`), the result is also scored against a detector that the
solver never saw. Then the clip without its keypoints is refined onto that detector's keypoints, as the command does,
and scored against ViTPose.
"""

from __future__ import annotations

import argparse
import pickle
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from lsmplify_refine import BodyModel, Estimate, Keypoints, Refinement, Refiner, load
from lsmplify_refine.detect import Detector, detect_keypoints, detectors, open_detector
from lsmplify_refine.engine.refinement import BodyTrack
from lsmplify_refine.engine.scoring import gate_error
from lsmplify_refine.engine.targets import image_targets
from lsmplify_refine.geometry.metrics import confidence_weighted_mean, reprojection_errors_px
from lsmplify_refine.geometry.projection import default_intrinsics
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import COCO17, CONVENTIONS
from lsmplify_refine.visual.video import probe


def mean_error_px(track: BodyTrack, camera: Camera, keypoints: Keypoints) -> float:
    """Confidence-weighted mean distance between the track's keypoints and given ones, pixels."""
    errors = reprojection_errors_px(track.keypoints(keypoints.convention), camera.K, keypoints)
    return confidence_weighted_mean(errors, keypoints.confidence)


def detected_coco17(video: Path, detector: Detector, frame_ids: np.ndarray) -> Keypoints:
    """Detect COCO's points of the most visible person."""
    found = detect_keypoints(video, detector)[0].at(frame_ids)
    names = CONVENTIONS[found.convention].points
    points = [names.index(name) for name in COCO17.points]
    return Keypoints("coco17", found.positions[:, points], found.confidence[:, points], found.source)


def without_keypoints(clip: Path, weights: str, detector: str, model: Path | None) -> Refinement:
    """Run the command on a clip's result and video alone."""
    with tempfile.TemporaryDirectory() as name:
        result = Path(shutil.copy(clip / "hmr4d_results.pt", name))
        video = clip / "0_input_video.mp4"
        job = Job(
            result,
            video=video,
            weights=weights,
            detector=detector,
            detector_model=model,
            write_video=False,
            write_page=False,
        )
        (refinement,) = run(job).refinements
    return refinement


def with_outliers(estimate: Estimate, share: float) -> Estimate:
    """Move a share of the keypoints anywhere into the image, with full confidence; always the same ones."""
    assert estimate.keypoints is not None and estimate.camera is not None
    generator = np.random.default_rng(0)
    bad = generator.random(estimate.keypoints.confidence.shape) < share
    anywhere = generator.uniform(0, 1, (*bad.shape, 2)) * 2 * estimate.camera.K[:, None, :2, 2]
    positions = np.where(bad[..., None], anywhere, estimate.keypoints.positions)
    confidence = np.where(bad, 1.0, estimate.keypoints.confidence)
    return estimate.replace(keypoints=Keypoints("coco17", positions, confidence, "30 % outliers"))


def blender_snippet_pkl(clip: Path, folder: Path) -> Path:
    """Write the .pkl of the widely copied Blender snippet: incam filled with the world block, no K."""
    data = torch.load(clip / "hmr4d_results.pt", map_location="cpu", weights_only=True)
    block = {key: value.numpy() for key, value in data["smpl_params_global"].items()}
    path = folder / f"{clip.name}.pkl"
    path.write_bytes(
        pickle.dumps({"smpl_params_global": block, "smpl_params_incam": {k: v.copy() for k, v in block.items()}})
    )
    return path


def faulty_pkl(clip: Path, original: Estimate, refiner: Refiner) -> Refinement:
    """Refine the faulty .pkl of a clip, with GVHMR's rule for the focal length and the clip's keypoints."""
    with tempfile.TemporaryDirectory() as folder:
        (estimate,) = load(blender_snippet_pkl(clip, Path(folder)))
    info = probe(clip / "0_input_video.mp4")
    K = default_intrinsics(info.width, info.height, len(estimate))
    return refiner.refine(
        estimate.replace(camera=Camera(K, (info.width, info.height)), keypoints=original.keypoints, fps=original.fps)
    )


def measure(
    clip: Path, refiner: Refiner, weights: str, detector: str | None, model: Path | None
) -> list[tuple[str, str, str]]:
    """Measure one clip; returns rows (measure, do nothing, refined)."""
    (estimate,) = load(clip)
    fps = float(probe(clip / "0_input_video.mp4").fps)
    estimate = estimate.replace(fps=fps)
    assert estimate.keypoints is not None
    result = refiner.refine(estimate)
    before, after, camera = result.before, result.after, result.camera
    assert camera is not None  # GVHMR's results have one

    def row(name: str, keypoints: Keypoints, refinement: Refinement = result) -> tuple[str, str, str]:
        assert refinement.camera is not None
        values = [mean_error_px(t, refinement.camera, keypoints) for t in (refinement.before, refinement.after)]
        return name, f"{values[0]:.2f}", f"{values[1]:.2f}"

    rows = [row("px to ViTPose (the targets)", estimate.keypoints)]
    if detector is not None:
        seen = detected_coco17(clip / "0_input_video.mp4", open_detector(detector, model), estimate.frame_ids)
        rows.append(row(f"px to {detector} (never seen)", seen))
        name = f"px to ViTPose (never seen), targets by {detector}"
        rows.append(row(name, estimate.keypoints, without_keypoints(clip, weights, detector, model)))
    accel = [result.metrics[stage]["accel_mm_per_frame2"] for stage in ("calibrated", "refined")]
    rows.append(("joint acceleration, mm/frame^2", f"{accel[0]:.2f}", f"{accel[1]:.2f} ({accel[1] / accel[0]:.3f}x)"))
    targets = image_targets(estimate.keypoints, camera)
    errors = [gate_error(t.keypoints("coco17"), camera, estimate.keypoints, targets) for t in (before, after)]
    rows.append(("frames with a higher robust error", "-", f"{int((errors[1] > errors[0] + 1e-4).sum())}"))
    kept = " / ".join(str(int((result.status == name).sum())) for name in ("accepted", "blended", "held", "doubtful"))
    rows.append(("frames accepted / blended / held / doubtful", "-", kept))
    outliers = refiner.refine(with_outliers(estimate, 0.3))
    rows.append(row("px to ViTPose, 30 % outliers", estimate.keypoints, outliers))
    rows.append(row("px to ViTPose, faulty .pkl", estimate.keypoints, faulty_pkl(clip, estimate, refiner)))
    return rows


def main() -> None:
    """Print one table per clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+", help="GVHMR output folders")
    parser.add_argument("--detector", choices=tuple(detectors()), help="also measure with this detector")
    parser.add_argument("--detector-model", type=Path, help="its model file (default: downloaded)")
    parser.add_argument(
        "--weights", default="shipped", help="weights of the regressor: a file, or none (default: shipped)"
    )
    parser.add_argument("--body-model", type=Path, help="SMPL-family file (default: the open body)")
    args = parser.parse_args()
    body = BodyModel.load(args.body_model) if args.body_model else BodyModel.open()
    refiner = Refiner(body, weights=args.weights)
    for clip in args.clips:
        table = Table("measure", "do nothing", "refined", title=clip.name)
        for row in measure(clip, refiner, args.weights, args.detector, args.detector_model):
            table.add_row(*row)
        Console().print(table)


if __name__ == "__main__":
    main()
