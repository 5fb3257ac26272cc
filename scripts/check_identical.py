"""Check that two checkouts of the package give bit-identical results.

Run this one file with the interpreter of each checkout, then compare the two folders:

    old/.venv/bin/python scripts/check_identical.py record DIR_A
    new/.venv/bin/python scripts/check_identical.py record DIR_B
    python scripts/check_identical.py compare DIR_A DIR_B

The interpreter decides which checkout is tested; the first line of the output names it. Both need the same torch and
numpy. The cases are the demo, two real GVHMR clips in every container, a stream and `fit`. The script uses only names
that both checkouts have.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

import lsmplify_refine
from lsmplify_refine import BodyModel, Estimate, Keypoints, Refinement, Refiner, load, refine, save

Arrays = dict[str, NDArray[Any]]
#: Name, arrays and report of what one run gave.
Case = tuple[str, Arrays, dict[str, Any]]

#: Results may depend on the number of threads, so it is fixed. Two threads share the batches of long clips.
COMMAND_THREADS = "2"
#: Report entries that are wording, paths or options. Everything else is compared.
TEXT = {"layout", "versions", "settings", "outputs", "notes", "reason", "source"}
#: Turns y-up coordinates to z-up ones.
Y_UP_TO_Z_UP = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float32)


def as_numpy(tree: Any) -> Any:
    """Nested dicts of tensors as nested dicts of arrays."""
    return {key: as_numpy(value) for key, value in tree.items()} if isinstance(tree, dict) else np.asarray(tree)


def flattened(tree: dict[str, Any], separator: str, prefix: str = "") -> dict[str, Any]:
    """Nested dicts of arrays as one dict with joined keys."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}"
        flat |= flattened(value, separator, name + separator) if isinstance(value, dict) else {name: value}
    return flat


def write_containers(clip: Path, folder: Path) -> None:
    """Write a clip's result in each container that users have: .pt, .pkl, the faulty .pkl and both kinds of .npz."""
    shutil.copy(clip / "hmr4d_results.pt", folder / "pt.pt")
    result = as_numpy(torch.load(clip / "hmr4d_results.pt", map_location="cpu", weights_only=True))
    world, incam = result["smpl_params_global"], result["smpl_params_incam"]
    # a common Blender snippet fills the camera's block from the world's, and drops K
    faulty = {"smpl_params_global": world, "smpl_params_incam": {key: value.copy() for key, value in world.items()}}
    for name, content in {"pkl": result, "pkl_faulty": faulty}.items():
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(content, protocol=4))
    # `save_npz` of the PyPI package gvhmr, with its own keypoints
    keypoints = torch.load(clip / "preprocess" / "vitpose.pt", map_location="cpu", weights_only=True).numpy()
    package = flattened({"fps": np.array(30.0), "camera": np.array("static"), "world": world}, "_")
    package |= flattened({"camera": incam}, "_")
    np.savez(folder / "npz_package.npz", **package, intrinsics=result["K_fullimg"], kp2d=keypoints)
    # AMASS-like: SMPL poses with z up, the other blocks under flattened names
    orient = (Rotation.from_matrix(Y_UP_TO_Z_UP) * Rotation.from_rotvec(world["global_orient"])).as_rotvec()
    np.savez(
        folder / "npz_amass.npz",
        poses=np.hstack([orient, world["body_pose"], np.zeros((len(orient), 6))]).astype(np.float32),
        trans=world["transl"] @ Y_UP_TO_Z_UP.T,
        betas=world["betas"][0],
        gender=np.array("neutral"),
        mocap_framerate=np.array(30),
        **flattened({key: value for key, value in result.items() if key != "smpl_params_global"}, "_"),
    )
    if (clip / "hmr4d_results.npz").is_file():
        shutil.copy(clip / "hmr4d_results.npz", folder / "npz_user.npz")


def estimate_arrays(estimate: Estimate) -> Arrays:
    """The parameters of an estimate."""
    names = ("global_orient", "body_pose", "betas", "transl", "frame_ids")
    arrays: Arrays = {name: getattr(estimate, name) for name in names}
    if estimate.camera is not None:
        arrays["K"] = estimate.camera.K
    if estimate.world is not None:
        arrays |= {"world/global_orient": estimate.world.global_orient, "world/transl": estimate.world.transl}
    return arrays


def file_arrays(path: Path) -> Arrays:
    """The arrays of a file that the package wrote, as the package loads them and as they lie in it."""
    (estimate,) = load(path)
    if path.suffix == ".npz":
        raw: Any = dict(np.load(path, allow_pickle=False))
    elif path.suffix == ".pkl":
        raw = pickle.loads(path.read_bytes())
    else:
        raw = torch.load(path, map_location="cpu", weights_only=True)
    return flattened({"loaded": estimate_arrays(estimate), "raw": as_numpy(raw)}, "/")


def refinement_case(name: str, result: Refinement) -> Case:
    """What a call from Python gave."""
    arrays = estimate_arrays(result.refined) | {"blend": result.blend}
    for stage, track in (("before", result.before), ("after", result.after)):
        values = {"rotations": track.rotations, "pelvis": track.pelvis, "betas": track.betas, "scale": track.scale}
        arrays |= flattened({stage: as_numpy(values)}, "/")
    return name, arrays, {"metrics": result.metrics, "status": [str(status) for status in result.status]}


def command_case(name: str, verb: str, output: Path, *options: str | Path) -> Case:
    """Run the command line in another process, and collect what it wrote."""
    command = [sys.executable, "-m", "lsmplify_refine", verb, *options, "--output", output, "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": COMMAND_THREADS}
    # not from the caller's folder: a checkout there would hide the installed one
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=output.parent, env=environment)
    (refined,), (report,) = output.glob("*_refined.*"), output.glob("*_report.json")
    return name, file_arrays(refined), json.loads(report.read_text(encoding="utf-8"))


def clip_cases(clip: Path, folder: Path) -> Iterator[Case]:
    """Refine a GVHMR output folder, and its result in each container alone."""
    containers = folder / clip.name
    containers.mkdir()
    yield command_case(f"{clip.name}_folder", "refine", containers / "folder", "--input", clip, "--no-video")
    write_containers(clip, containers)
    for path in sorted(containers.glob("*.*")):
        options: list[str | Path] = ["--input", path, "--no-video", "--video", clip / "0_input_video.mp4"]
        if path.stem != "npz_package":
            options += ["--keypoints", clip / "preprocess" / "vitpose.pt"]
        yield command_case(f"{clip.name}_{path.stem}", "refine", containers / path.stem, *options)


def noisy_keypoints(estimate: Estimate) -> Keypoints:
    """BODY_25 points in metres of an estimate's motion on the open body, with seeded noise and a tenth missing."""
    generator = np.random.default_rng(0)
    vectors = np.zeros((len(estimate), 24, 3))
    vectors[:, 0], vectors[:, 1:22] = estimate.global_orient, estimate.body_pose
    rotations = Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix().reshape(-1, 24, 3, 3)
    points = BodyModel.open().keypoints("body25", rotations, estimate.transl, np.zeros(10))
    points += generator.normal(0, 0.01, points.shape)
    confidence = generator.random(points.shape[:2]) > 0.1
    return Keypoints("body25", points.astype(np.float32), confidence.astype(np.float32))


def stream_case(keypoints: Keypoints, frames: int = 60) -> Case:
    """Follow keypoints frame by frame, on the mean shape."""
    positions, confidence = torch.tensor(keypoints.positions[:frames]), torch.tensor(keypoints.confidence[:frames])
    refiner: Any = Refiner()
    # older checkouts call it a stream; commit 7b66f00 has the targets elsewhere
    if hasattr(refiner, "follower"):
        follower = refiner.follower("body25", np.zeros(1))
        module = import_module("lsmplify_refine.solver.problem")
    else:
        follower = refiner.stream("body25")
        exported = hasattr(lsmplify_refine, "Targets")
        module = lsmplify_refine if exported else import_module("lsmplify_refine.engine.project")
    steps = []
    for row in range(frames):
        step = follower.step(module.Targets(positions[row, None], confidence[row, None]))
        steps.append((step.pose.rotations, step.pose.pelvis, step.error_m, step.accepted))
    names = ("rotations", "pelvis", "error_m", "accepted")
    arrays = {name: torch.cat(values).numpy() for name, values in zip(names, zip(*steps))}
    return "stream", arrays | {"keypoints": keypoints.positions}, {}


def demo_cases(folder: Path) -> Iterator[Case]:
    """The demo, and what Python does with its input: 3D keypoints, sequential mode, a stream, `fit`."""
    yield command_case("demo", "demo", folder / "demo")
    (estimate,) = load(folder / "demo")
    in_space, in_image = noisy_keypoints(estimate), estimate.keypoints
    assert in_image is not None  # the demo has ViTPose's
    points = folder / "points.npz"
    elsewhere = 1000 * in_space.positions @ Y_UP_TO_Z_UP.T  # millimetres in another frame, to be aligned
    np.savez(points, convention="body25", positions=elsewhere, confidence=in_space.confidence)
    options = ("--input", folder / "demo", "--keypoints", points, "--no-video")
    yield command_case("demo_3d", "refine", folder / "demo_3d", *options)
    result = refine(estimate, mode="sequential")
    save([result.refined], folder / "sequential.pt")
    name, arrays, report = refinement_case("demo_sequential", result)
    yield name, arrays | file_arrays(folder / "sequential.pt"), report
    yield stream_case(in_space)
    yield refinement_case("fit_3d", Refiner().fit(in_space))
    yield refinement_case("fit_2d", Refiner().fit(in_image, camera=estimate.camera))


def record(folder: Path, data: Path) -> None:
    """Run every case with this interpreter's package, and write what came out into a new folder."""
    print(f"recording {lsmplify_refine.__file__}, torch {torch.__version__}, numpy {np.__version__}", flush=True)
    folder.mkdir(parents=True)
    torch.set_num_threads(1)  # frame by frame, a second one only waits
    with tempfile.TemporaryDirectory() as scratch:
        clips = [clip_cases(data.resolve() / "gvhmr" / name, Path(scratch)) for name in ("clip1", "tennis")]
        for cases in (*clips, demo_cases(Path(scratch))):
            for name, arrays, report in cases:
                values: dict[str, Any] = {**arrays}
                np.savez(folder / f"{name}.npz", **values)
                (folder / f"{name}.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
                print(name, flush=True)


def report_values(value: Any, key: str = "report") -> Iterator[tuple[str, str]]:
    """Every value of a report that is not text, under its joined keys."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name not in TEXT:
                yield from report_values(item, f"{key}/{name}")
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        yield f"{key}/count", str(len(value))
        for index, item in enumerate(value):
            yield from report_values(item, f"{key}/{index}")
    else:
        yield key, json.dumps(value)


def differences(name: str, old: Path, new: Path) -> list[str]:
    """The keys in which a case differs."""
    if not all((folder / f"{name}.json").is_file() for folder in (old, new)):
        return ["recorded in only one folder"]
    arrays, reports = [], []
    for folder in (old, new):
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            arrays.append({key: (array.dtype.str, array.shape, array.tobytes()) for key, array in file.items()})
        reports.append(dict(report_values(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))))
    found = [key for key in arrays[0] | arrays[1] if arrays[0].get(key) != arrays[1].get(key)]
    # a report may gain entries, but not lose any
    return found + [key for key, value in reports[0].items() if reports[1].get(key) != value]


def compare(old: Path, new: Path) -> bool:
    """Print a line for each case; True if there are cases and all are identical."""
    names = sorted({path.stem for folder in (old, new) for path in folder.glob("*.npz")})
    results = {name: differences(name, old, new) for name in names}
    for name, keys in results.items():
        print(f"{name}: " + (f"DIFFERS: {keys[0]} ({len(keys)} in all)" if keys else "identical"))
    return bool(names) and not any(results.values())


def main() -> None:
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    recorder = verbs.add_parser("record", help="run every case and write its results")
    recorder.add_argument("folder", type=Path, help="a new folder")
    shared = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    recorder.add_argument("--data", type=Path, default=shared, help="the shared data (default: ../shared/data)")
    comparer = verbs.add_parser("compare", help="compare two recordings bit by bit")
    comparer.add_argument("old", type=Path)
    comparer.add_argument("new", type=Path)
    args = parser.parse_args()
    if args.verb == "record":
        record(args.folder, args.data)
    elif not compare(args.old, args.new):
        sys.exit(1)


if __name__ == "__main__":
    main()
