"""Containers come back as they were: joblib or plain, protocol, compression, spelling of names, types of leaves."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.formats.tree import with_changes
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, archived, pickled
from tests.support.round_trips import ROW, last_name, raw, refined


@pytest.mark.parametrize("compress", [0, 3])
@pytest.mark.parametrize(("found", "tree"), [("wham", make.wham), ("vibe", make.vibe), ("phalp", make.phalp)])
def test_joblib_files_come_back_as_joblib_files(found: str, tree: Any, compress: int, tmp_path: Path) -> None:
    source, target = tmp_path / "result.pkl", tmp_path / "copy.pkl"
    joblib.dump(tree(), source, compress=compress)
    estimates = load_save.load(source)
    assert {estimate.format for estimate in estimates} == {found}
    load_save.save([*estimates[:-1], refined(estimates[-1])], target)
    assert source.read_bytes()[:1] == target.read_bytes()[:1]
    assert np.array_equal(load_save.load(target)[-1].transl, refined(estimates[-1]).transl) or found == "vibe"
    same = {key for key, leaf in _joblib_leaves(source).items() if raw(leaf) == raw(_joblib_leaves(target)[key])}
    assert {last_name(key) for key in _joblib_leaves(source).keys() - same} == set(CASES[found].changing)


def _joblib_leaves(path: Path) -> dict[tuple[Any, ...], Any]:
    return dict(make.flat(joblib.load(path), ()))


@pytest.mark.parametrize(("protocol", "head"), [(0, b"("), (1, b"}"), (2, b"\x80\x02"), (5, b"\x80\x04")])
def test_pickles_keep_their_protocol_up_to_4(protocol: int, head: bytes, tmp_path: Path) -> None:
    (estimate,) = load_save.load(pickled(make.parts(), protocol)(tmp_path))
    load_save.save([refined(estimate)], tmp_path / "copy.pkl")
    assert (tmp_path / "copy.pkl").read_bytes().startswith(head)


def _one_by_one(folder: Path, kind: Callable[[np.ndarray], Any]) -> Path:
    parts = make.parts() | {"transl": [kind(row) for row in make.parts()["transl"]]}
    return pickled(parts)(folder)


@pytest.mark.parametrize("kind", [np.array, torch.tensor, tuple], ids=["arrays", "tensors", "tuples"])
def test_lists_of_rows_come_back_as_they_were(kind: Callable[[np.ndarray], Any], tmp_path: Path) -> None:
    path = _one_by_one(tmp_path, kind)
    (estimate,) = load_save.load(path)
    moved = estimate.transl.copy()
    moved[ROW] += 0.5
    load_save.save([estimate.replace(transl=moved)], tmp_path / "out.pkl")
    before, after = (pickle.loads(p.read_bytes())["transl"] for p in (path, tmp_path / "out.pkl"))
    assert {type(row) for row in after} == {type(before[0])}
    assert [np.array_equal(a, b) for a, b in zip(before, after)].count(False) == 1
    assert np.allclose(np.asarray(list(after[ROW]), dtype=float), moved[ROW], atol=1e-6)


def test_whole_numbers_are_written_as_floats(tmp_path: Path) -> None:
    path = archived(make.parts() | {"transl": np.rint(make.parts()["transl"]).astype(int)})(tmp_path)
    (estimate,) = load_save.load(path)
    load_save.save([estimate.replace(transl=estimate.transl + np.float32(0.25))], tmp_path / "out.npz")
    written = np.load(tmp_path / "out.npz")["transl"]
    assert written.dtype == np.float32 and np.allclose(written, estimate.transl + 0.25)


@pytest.mark.parametrize("codec", [gzip, bz2, lzma])
def test_compressed_pickles_come_back_as_such(codec: Any, tmp_path: Path) -> None:
    path = tmp_path / "result.pkl"
    path.write_bytes(codec.compress(pickle.dumps(make.parts(), 4)))
    (estimate,) = load_save.load(path)
    load_save.save([refined(estimate)], tmp_path / "out.pkl")
    after = pickle.loads(codec.decompress((tmp_path / "out.pkl").read_bytes()))
    assert after.keys() == make.parts().keys()


def _joblib_of(tree: Any) -> bytes:
    stream = io.BytesIO()
    joblib.dump(tree, stream, compress=("zlib", 3))
    return stream.getvalue()


#: A result with scalars and arrays, as NumPy 2 writes it, per container.
NEW_NAMES: dict[str, Callable[[Any], bytes]] = {
    "joblib": _joblib_of,
    "pickle 2": lambda tree: pickle.dumps(tree, 2),
    "pickle 4": lambda tree: pickle.dumps(tree, 4),
    "pickle 5": lambda tree: pickle.dumps(tree, 5),
}


def _with_scalars(tree: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    names = np.array(["left", None], dtype=object)
    return {key: {**value, "score": np.float32(0.5), "names": names} for key, value in tree.items()}


@pytest.mark.parametrize("estimator", [make.wham, make.phalp, make.vibe], ids=["wham", "phalp", "vibe"])
@pytest.mark.parametrize("kind", NEW_NAMES)
@pytest.mark.filterwarnings("error")
def test_numpy_1_reads_what_came_from_numpy_2(kind: str, estimator: Callable[[], Any], tmp_path: Path) -> None:
    """NumPy 1 has no `numpy._core`; NumPy 2 still has `numpy.core`."""
    data = NEW_NAMES[kind](_with_scalars(estimator()))
    assert b"numpy._core" in _unpacked(data)
    (tmp_path / "in.pkl").write_bytes(data)
    estimates = load_save.load(tmp_path / "in.pkl")
    load_save.save([refined(estimate) for estimate in estimates], tmp_path / "out.pkl")
    written = _unpacked((tmp_path / "out.pkl").read_bytes())
    assert b"numpy.core" in written and b"numpy._core" not in written
    again = joblib.load(tmp_path / "out.pkl") if kind == "joblib" else pickle.loads(written)
    first = next(iter(again.values()))
    assert first["score"] == 0.5 and first["names"].tolist() == ["left", None]


def _unpacked(data: bytes) -> bytes:
    return zlib.decompress(data) if data[:1] == b"\x78" else data


def test_numpy_1_reads_the_objects_of_an_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "r.npz", results=make.romp_video())  # type: ignore[arg-type]
    estimates = load_save.load(tmp_path / "r.npz")
    load_save.save([refined(estimate) for estimate in estimates], tmp_path / "out.npz")
    with zipfile.ZipFile(tmp_path / "out.npz") as archive:
        written = b"".join(archive.read(name) for name in archive.namelist())
    assert b"numpy.core" in written and b"numpy._core" not in written


def test_numpy_1_reads_arrays_beside_tensors(tmp_path: Path) -> None:
    arrays: dict[str, Any] = make.parts() | {"body_pose": torch.from_numpy(make.parts()["body_pose"])}
    torch.save(arrays, tmp_path / "r.pt")
    (estimate,) = load_save.load(tmp_path / "r.pt")
    load_save.save([refined(estimate)], tmp_path / "out.pt")
    with zipfile.ZipFile(tmp_path / "out.pt") as archive:
        written = b"".join(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))
    assert b"numpy.core" in written and b"numpy._core" not in written
    assert isinstance(torch.load(tmp_path / "out.pt", weights_only=False)["body_pose"], torch.Tensor)


@pytest.mark.parametrize("compressor", ["", "zlib", "gzip", "xz"])
def test_joblib_containers_are_written_as_they_were(compressor: str, tmp_path: Path) -> None:
    tree = make.wham()
    write_container(Container("joblib", tree, compressor=compressor), tree, tmp_path / "r.pkl")
    magic = {"": b"\x80", "zlib": b"\x78", "gzip": b"\x1f\x8b", "xz": b"\xfd7z"}[compressor]
    assert (tmp_path / "r.pkl").read_bytes().startswith(magic)
    assert np.array_equal(joblib.load(tmp_path / "r.pkl")[3]["pose"], tree[3]["pose"])


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor], ids=["array", "tensor"])
@pytest.mark.parametrize(("value", "dtype"), [(100.0, "float16"), (70_000.0, "float32")])
def test_half_precision_stays_unless_a_value_is_beyond_it(kind: Any, value: float, dtype: str) -> None:
    leaf = kind(np.array([1.5, 2.5], np.float16))
    changed = with_changes(leaf, np.array([1.5, value]), np.array([False, True]))
    assert str(changed.dtype).endswith(dtype) and np.asarray(changed).tolist() == [1.5, value]


@pytest.mark.filterwarnings("error")
def test_half_precision_at_its_end_is_read_without_warnings(tmp_path: Path) -> None:
    halves = {key: value.astype(np.float16) for key, value in make.parts().items() if value.dtype.kind == "f"}
    halves["transl"][:] = 65_000
    path = archived(make.parts() | halves)(tmp_path)
    (estimate,) = load_save.load(path)
    assert estimate.transl.dtype == np.float32 and estimate.transl.max() == np.float16(65_000)
