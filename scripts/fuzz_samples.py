"""Valid files for `fuzz_readers.py`: one writer for each format that the package reads.

The adapters' samples are the cases of their tests; the run stops if an adapter has none.
"""

from __future__ import annotations

import gzip
import json
import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import scipy.sparse
import torch

from lsmplify_refine.batch.layout_files import load_layout
from lsmplify_refine.batch.manifest import manifest_text, read_manifest
from lsmplify_refine.batch.record import Record
from lsmplify_refine.batch.rows import Row
from lsmplify_refine.batch.settings import Settings
from lsmplify_refine.body import BodyModel
from lsmplify_refine.datasets.bodies import Bodies
from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.scores import score
from lsmplify_refine.datasets.truth import Truth
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.evaluate.targets.camera_files import write_easymocap_cameras, write_pose2sim_cameras
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.registry import adapters
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.keypoint_files.cameras import load_calibration
from lsmplify_refine.keypoint_files.multi_view import triangulate_people
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import load_published
from lsmplify_refine.regressor.weights import load_weights, save_weights
from lsmplify_refine.safe_load import load_body_npz, load_body_pickle, load_json, load_npz, load_pickle, load_torch
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.visual.video import probe, read_frames
from tests.support import clips, keypoint_json, model_files
from tests.support import estimator_files as estimators
from tests.support import gvhmr_files as gvhmr
from tests.support import named_points as named
from tests.support import sports_files as sports
from tests.support.adapter_cases import CASES as ADAPTER_CASES
from tests.support.cameras import camera_at
from tests.support.crowds import write_crowd
from tests.support.published_files import write_published


@dataclass(frozen=True)
class Sample:
    """A valid file or folder and its reader.

    Attributes:
        name: For messages.
        write: Writes it into an empty folder and gives its path.
        read: Reads it.
        share: How often it is drawn; large files take long.
        use: Does with the value what the package does after reading.
        hostile: Whether it must be refused.
    """

    name: str
    write: Callable[[Path], Path]
    read: Callable[[Path], Any]
    share: float = 1.0
    use: Callable[[Any], object] | None = None
    hostile: bool = False


def all_samples() -> list[Sample]:
    """Every sample.

    Raises:
        SystemExit: An adapter has none.
    """
    found = [*_adapters(), *_keypoints(), *_truths(), *_batches(), *_bodies()]
    found += [*_networks(), *_containers(), *_videos()]
    covered = {case.adapter for case in ADAPTER_CASES.values()}
    if missing := set(adapters()) - covered:
        raise SystemExit(f"no sample for the adapters {', '.join(sorted(missing))}; add a case to adapter_cases.py")
    return found


def _adapters() -> Iterator[Sample]:
    for name, case in ADAPTER_CASES.items():
        # those of gvhmr are large
        if case.adapter != "gvhmr":
            yield Sample(name, case.write, partial(load_save.load, format=case.how), use=_refine)
    results = gvhmr.official(net_outputs=False)
    yield Sample("gvhmr pt", lambda folder: gvhmr.write_pt(folder / "r.pt", results), load_save.load)
    yield Sample("gvhmr pkl", lambda folder: gvhmr.write_pkl(folder / "r.pkl", results), load_save.load)
    yield Sample("gvhmr npz", _then(lambda path: gvhmr.write_amass_like(path, results), "r.npz"), load_save.load)
    yield Sample("gvhmr package", _then(lambda path: gvhmr.write_package_npz(path, results), "r.npz"), load_save.load)
    several: dict[str, Any] = {"1": results, "4": results}
    yield Sample("gvhmr people", lambda folder: gvhmr.write_pt(folder / "r.pt", several), load_save.load)
    yield Sample("gvhmr nested npz", _then(lambda path: gvhmr.write_nested_npz(path, results), "r.npz"), load_save.load)
    yield Sample("gvhmr joined npz", _then(lambda path: gvhmr.write_joined_npz(path, results), "r.npz"), load_save.load)
    yield Sample("gvhmr folder", lambda folder: gvhmr.write_folder(folder / "out", results), load_save.load)
    yield Sample("wham folder", lambda folder: estimators.write_wham(folder / "clip"), load_save.load)
    for compress in (0, 3, ("xz", 1)):
        for name, tree in (("wham", estimators.wham), ("phalp", estimators.phalp)):
            write = _then(partial(joblib.dump, tree(), compress=compress), "r.pkl")
            yield Sample(f"{name} joblib {compress}", write, load_save.load)


def _keypoints() -> Iterator[Sample]:
    for name, case in keypoint_json.CASES.items():
        yield Sample(f"keypoints {name}", partial(_first_of, case), _read_keypoints)
    for how in ("names", "indices", "frames by number"):
        dump = json.dumps(keypoint_json.dumped(keypoint_json.moving(33, width=3) / [500, 500, 500, 1], how))
        write_dump = _then(partial(Path.write_text, data=dump), "k.json")
        yield Sample(f"keypoints mediapipe dump, {how}", write_dump, _read_keypoints)
    points = named.metres(4, 25)
    write_tracks = _then(lambda path: joblib.dump(estimators.wham_tracking(), path), "tracking_results.pth")
    yield Sample("keypoints wham", write_tracks, load_tracks)
    yield Sample("one-array npz", _then(lambda path: np.savez(path, points), "k.npz"), load_tracks)
    yield Sample("trc", lambda folder: named.write_trc(folder / "k.trc", named.OPENPOSE, points), load_tracks)
    text = named.csv_of(points, ["a", "b"], "xyz")
    yield Sample("csv", _then(lambda path: path.write_text(text), "k.csv"), load_tracks)
    yield Sample("vitpose", _then(lambda path: torch.save(gvhmr.keypoints(), path), "k.pt"), load_tracks)
    plain: dict[str, Any] = {"convention": np.array("body25"), "keypoints3d": points, "frame_ids": np.arange(4)}
    nlf = {"joints3d_nonparam": [named.metres(1, 24)] * 4, "joint_uncertainties": [np.full((1, 24), 0.02)] * 4}
    yield Sample("nlf", _then(lambda path: path.write_bytes(pickle.dumps(nlf)), "k.pkl"), load_tracks)
    yield Sample("plain npz", _then(lambda path: np.savez(path, **plain), "k.npz"), load_tracks)
    yield Sample("bare npy", _then(lambda path: np.save(path, points * 1000), "k.npy"), _read_keypoints)
    yield Sample("c3d", _c3d, load_tracks)
    cameras = {name: camera_at(name, degrees, np.zeros(3)) for name, degrees in (("a", 0.0), ("b", 60.0))}
    write_easymocap = _then(lambda path: write_easymocap_cameras(path, cameras), "c")
    write_pose2sim = _then(lambda path: write_pose2sim_cameras(path, cameras), "c.toml")
    yield Sample("keypoints of a crowd", _crowd, lambda path: triangulate_people(path / "kp", path / "calib.toml"), 0.2)
    yield Sample("images", lambda folder: clips.write_images(folder / "images", 3, (64, 48)), _read_images)
    yield Sample("easymocap cameras", write_easymocap, load_calibration)
    yield Sample("pose2sim cameras", write_pose2sim, load_calibration)


def _truths() -> Iterator[Sample]:
    """Data sets as sources of truth, with all files that a reader looks into, and layouts."""
    sets: dict[str, tuple[Callable[[Path], Path], str]] = {
        "aistpp,view=c02": (sports.write_aistpp, f"motions/{sports.AIST_SEQUENCE}.pkl"),
        "athletepose3d": (sports.write_athletepose3d, f"data/test_set/S1/{sports.ATHLETE_CLIP}.json"),
        "rich,view=4,gender=male": (sports.write_rich, f"bodies/test/{sports.RICH_SEQUENCE}"),
    }
    for reader, (write, name) in sets.items():
        yield Sample(f"truth {reader}", _then(write, "set"), partial(_read_truth, reader, name), 0.5, _score)
    yield Sample("keypoints aistpp", _aist_keypoints, load_tracks)
    layout = resources.files("lsmplify_refine.assets") / "layouts" / "hmr4d_support.toml"
    yield Sample("layout", _then(partial(Path.write_text, data=layout.read_text()), "l.toml"), load_layout)


def _read_truth(reader: str, name: str, root: Path) -> Any:
    return read_truth(f"{reader}:{root / name}")


def _aist_keypoints(folder: Path) -> Path:
    sports.write_aistpp(folder)
    return folder / "keypoints3d" / f"{sports.AIST_SEQUENCE}.pkl"


def _score(truths: tuple[Truth, ...]) -> None:
    """Score the truth against itself, on the open body."""
    for truth in truths:
        if truth.body is not None and len(truth.frame_ids) < 50:
            score({"input": truth.body}, [truth], _OPEN)


def _batches() -> Iterator[Sample]:
    groups, options = {"sport": "judo"}, {"align": "torso", "focal_px": "900", "person": "2"}
    rows = [
        Row("a/b", Path("/in/a.pt"), Path("/v.mp4"), Path("/k.json"), groups=groups),
        Row("c", Path("/in/c.npz"), truth="amass:c.npz", options=options),
    ]
    for name in ("m.csv", "m.jsonl"):
        # absolute paths: those of another folder are the same
        text = manifest_text(rows, Path(name), relative=False)
        write = _then(partial(Path.write_text, data=text), name)
        yield Sample(f"manifest {name}", write, read_manifest, use=_name_jobs)


def _name_jobs(rows: list[Row]) -> None:
    settings = Settings(output=Path("out"))
    for row in rows:
        settings.is_done(row, Record(row.name, "run", "done"), video=False)


def _bodies() -> Iterator[Sample]:
    rng = np.random.default_rng(0)
    small = {"v_template": rng.normal(size=(9, 3)), "J_regressor": scipy.sparse.csc_matrix(np.eye(4, 9)), "f": [1, 2]}
    old = {key: model_files.ChumpyArray(value) if key == "v_template" else value for key, value in small.items()}

    def write_old(path: Path) -> None:
        path.write_bytes(model_files.pickle_with_chumpy(old))

    objects = {"v_template": small["v_template"], "part2num": np.array({"head": 1}, dtype=object)}
    yield Sample("small body pkl", _then(write_old, "SMPL_NEUTRAL.pkl"), load_body_pickle)
    yield Sample("small body npz", _then(lambda path: np.savez(path, **objects), "SMPLX_NEUTRAL.npz"), load_body_npz)
    yield Sample("body", lambda folder: model_files.write_smpl(folder, chumpy=True), BodyModel.load, 0.02, _pose)
    arrays = model_files.random_arrays("smpl", 10)
    write_npz = _then(lambda path: np.savez(path, **arrays), "SMPL_NEUTRAL.npz")
    yield Sample("body npz", write_npz, BodyModel.load, 4.0, _pose)


def _pose(body: BodyModel) -> None:
    """A mesh of the body: its faces are used, its joints turned."""
    rotations = np.tile(np.eye(3), (1, body.joint_count, 1, 1))
    points = body.keypoints("body25", rotations, np.zeros((1, 3)), np.zeros(body.num_betas))
    triangles = body.arrays.v_template[body.faces]
    if not (np.isfinite(points).all() and np.isfinite(triangles).all()):
        raise ValueError("a body without a finite mesh was read")


def _refine(estimates: list[Estimate]) -> None:
    """Refine each person onto their own keypoints, moved by noise."""
    for estimate in estimates[:1]:
        if estimate.frame != "camera" or len(estimate) > 50:
            continue
        pose = pose_on_body(estimate, _REFINER.body)
        points = _REFINER.body.keypoints("body25", pose.rotations.numpy(), pose.pelvis.numpy(), np.zeros(10))
        moved = points + np.random.default_rng(0).normal(0, 0.02, points.shape)
        keypoints = Keypoints("body25", moved.astype(np.float32), np.ones(points.shape[:2], np.float32))
        refined = _REFINER.refine(estimate.replace(keypoints=keypoints)).estimate
        if not (np.isfinite(refined.body_pose).all() and np.isfinite(refined.transl).all()):
            raise ValueError("a refined motion is not finite")


_REFINER = Refiner(weights="none", align="camera")
_OPEN = Bodies()


def _videos() -> Iterator[Sample]:
    def read(path: Path) -> Any:
        """Size, rate and the first frames."""
        info = probe(path)
        return info.width, info.height, [frame.shape for frame in islice(read_frames(path), 4)]

    yield Sample("video", lambda folder: clips.write_video(folder / "v.mp4", 4, (64, 48)), read, 2.0)


def _networks() -> Iterator[Sample]:
    network = ResidualRegressor(NetworkConfig(width=16, depth=1, heads=2))
    write = _then(lambda path: save_weights(network, path, {"made": "for the fuzz"}), "w.safetensors")
    yield Sample("weights", write, load_weights, 0.5)
    yield Sample("published", _then(write_published, "best_ckpt.pth.tar"), load_published, 0.02)


def _containers() -> Iterator[Sample]:
    rng = np.random.default_rng(0)
    tree = {
        "a": rng.normal(size=(3, 4)),
        "o": np.array([1, {"b": np.arange(3)}, None], dtype=object),
        "s": scipy.sparse.csr_matrix(np.eye(3)),
        "t": torch.arange(6).reshape(2, 3).T,
        "n": np.float32(1.5),
        "c": 1j,
        "l": [(1, "x", b"y"), {1, 2}],
    }
    plain = {"a": torch.arange(6.0).reshape(2, 3).T, "b": [torch.ones(2), (1, "x")]}
    for protocol in range(6):
        write = _then(partial(Path.write_bytes, data=pickle.dumps(tree, protocol)), "f.pkl")
        yield Sample(f"pickle {protocol}", write, load_pickle)
    yield Sample("gzip", _then(lambda path: path.write_bytes(gzip.compress(pickle.dumps(tree))), "f.pkl"), load_pickle)
    yield Sample("bz2", _then(lambda path: joblib.dump(tree, path, compress=("bz2", 1)), "f.pkl"), load_pickle)
    yield Sample("torch", _then(lambda path: torch.save(plain, path), "f.pt"), load_torch)
    old = _then(lambda path: torch.save(plain, path, _use_new_zipfile_serialization=False), "f.pth")
    yield Sample("old torch", old, load_torch)
    arrays = {"a": tree["a"], "b": np.array(["x", "yy"]), "c": np.zeros(0)}
    yield Sample("npz", _then(lambda path: np.savez_compressed(path, **arrays), "f.npz"), load_npz)
    text = json.dumps({"a": [1, 2.5, {"b": None}], "c": 'x"\\'})
    yield Sample("json", _then(lambda path: path.write_text(text), "f.json"), load_json)


def same(one: Any, other: Any) -> bool:
    """Whether two values that readers gave are equal; their words may differ."""
    if isinstance(one, (np.ndarray, np.generic, torch.Tensor)):
        left, right = np.asarray(one), np.asarray(other)
        if left.dtype == object:
            return left.shape == right.shape and all(map(same, left.ravel(), right.ravel()))
        return left.shape == right.shape and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if scipy.sparse.issparse(one):
        return same(one.toarray(), other.toarray())
    if is_dataclass(one):
        names = [each.name for each in fields(one) if each.name in _VALUES]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return type(one) is type(other) and (one == other or isinstance(one, (BodyModel, torch.nn.Module)))


#: The fields of estimates, keypoints and cameras that are values.
_VALUES = (
    "global_orient", "body_pose", "betas", "transl", "frame_ids", "track_id", "fps", "family", "gender", "camera", "K",
    "keypoints", "positions", "confidence", "convention", "person", "R", "t", "translation", "rotation",
)  # fmt: skip


def _then(write: Callable[[Path], Any], name: str) -> Callable[[Path], Path]:
    def run(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return run


def _first_of(write: Callable[[Path], keypoint_json.Written], folder: Path) -> Path:
    return write(folder)[0]


def _read_keypoints(path: Path) -> Any:
    return load_tracks(path, image_size=(1280, 720))


def _crowd(folder: Path) -> Path:
    """Two people before three calibrated cameras."""
    write_crowd(folder / "room", np.random.default_rng(0).normal([0, 0, 4], 0.4, (4, 25, 3)))
    return folder / "room"


def _read_images(folder: Path) -> Any:
    info = probe(folder)
    return info.width, info.height, [frame.shape for frame in read_frames(folder)]


def _c3d(folder: Path) -> Path:
    import c3d

    writer = c3d.Writer(point_rate=120, point_units="mm  ")
    writer.set_point_labels(named.OPENPOSE)
    for frame in named.metres(3, 25):
        values = np.hstack([frame * 1000, np.zeros((25, 2))]).astype(np.float32)
        writer.add_frames([(values, np.zeros((0, 0), np.float32))])
    with (folder / "k.c3d").open("wb") as stream:
        writer.write(stream)
    return folder / "k.c3d"
