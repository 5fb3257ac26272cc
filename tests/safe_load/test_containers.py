"""What joblib, torch and scipy write comes back as they would load it themselves."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import zlib
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import scipy.sparse
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import inspect_file, load_json, load_pickle, load_torch
from lsmplify_refine.safe_load._limits import MAX_DEPTH

ARRAYS: dict[str, Any] = {
    "float": np.arange(600, dtype=np.float32).reshape(20, 30),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i4"),
    "text": np.array(["neutral", "a"]),
    "bool": np.array([True, False]),
    "zero-dimensional": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "objects": np.array([1, {"inner": np.arange(3)}, None], dtype=object),
}


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and one.dtype == object:
        return one.shape == other.shape and all(map(same, one.ravel(), other.ravel()))
    if isinstance(one, np.ndarray):
        same_order = one.flags.f_contiguous == other.flags.f_contiguous
        same_type = one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")  # numpy's own pickles swap
        return same_type and np.array_equal(one, other) and same_order
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.stride() == other.stride() and torch.equal(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 1), ("xz", 1)])
def test_joblib(compress: Any, tmp_path: Path) -> None:
    tree = defaultdict(dict, {"arrays": ARRAYS, 3: {"again": ARRAYS["float"], "scalar": np.float32(2)}})
    joblib.dump(tree, tmp_path / "f.pkl", compress=compress)
    content = inspect_file(tmp_path / "f.pkl")
    assert content.container == ("compressed" if compress else "pickle") and content.keys == ("arrays", "3")
    assert same(content.value, tree)
    content.value["arrays"]["float"][...] = 0  # writable


def z_file(data: bytes) -> bytes:
    """As joblib before 0.10 compressed."""
    return b"ZF" + f"{len(data):#x}".ljust(19).encode() + zlib.compress(data)


class Wrapper:
    """Pickles as one of old joblib's wrappers."""

    def __init__(self, name: str, state: dict[str, Any]) -> None:
        self.name, self.state = name, state

    def pickled(self) -> bytes:
        body = pickle.dumps(self.state, 2)[2:-1]
        start = b"ccopy_reg\n_reconstructor\ncjoblib.numpy_pickle\n" + self.name.encode()
        return b"\x80\x02" + start + b"\nc__builtin__\nobject\nN\x87R" + body + b"b."


@pytest.mark.parametrize("packed", [False, True])
def test_old_joblib_layouts(packed: bool, tmp_path: Path) -> None:
    array, path = ARRAYS["float"], tmp_path / "f.pkl"
    if packed:
        name, side = "f.pkl_01.npy.z", z_file(array.tobytes())
        state = {"filename": name, "state": (1, array.shape, array.dtype, False), "init_args": (np.ndarray, (0,), b"b")}
        path.write_bytes(z_file(Wrapper("ZNDArrayWrapper", state).pickled()))
    else:
        name, stream = "f.pkl_01.npy", io.BytesIO()
        np.save(stream, array)
        side = stream.getvalue()
        path.write_bytes(Wrapper("NDArrayWrapper", {"filename": name, "subclass": np.ndarray}).pickled())
    with pytest.raises(InputError, match="belongs to it and is missing"):
        load_pickle(path)
    (tmp_path / name).write_bytes(side)
    assert same(load_pickle(path), array)


def test_joblib_before_padding(tmp_path: Path) -> None:
    state = {"subclass": np.ndarray, "shape": (3,), "order": "C", "dtype": np.dtype("f4"), "allow_mmap": True}
    data = Wrapper("NumpyArrayWrapper", state).pickled()
    (tmp_path / "f.pkl").write_bytes(data[:-1] + np.arange(3, dtype=np.float32).tobytes() + b".")
    assert same(load_pickle(tmp_path / "f.pkl"), np.arange(3, dtype=np.float32))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_compressed_pickles_and_their_cuts(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path, data = tmp_path / "f.pkl", pack(pickle.dumps(ARRAYS))
    path.write_bytes(data)
    assert same(load_pickle(path), ARRAYS)
    path.write_bytes(data[:-20])
    with pytest.raises(InputError, match=r"f\.pkl: the compressed file is damaged or cut short"):
        load_pickle(path)


def test_lz4_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "f.pkl").write_bytes(b"\x04\x22\x4d\x18rest")
    with pytest.raises(InputError, match=r"lz4, which is not supported; save it with joblib"):
        inspect_file(tmp_path / "f.pkl")


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files(legacy: bool, tmp_path: Path) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    tree = {
        "whole": whole,
        "view": whole.T[1:3],
        "expanded": torch.ones(3).expand(5, 3),
        "empty": torch.zeros(0, 3),
        **{
            str(dtype): torch.ones(2, dtype=dtype) for dtype in (torch.float16, torch.bfloat16, torch.int64, torch.bool)
        },
        "size": whole.shape,
        "nested": [(1, "text", None), OrderedDict(a=torch.zeros(2))],
        "array": np.arange(3),
    }
    torch.save(tree, tmp_path / "f.pt", _use_new_zipfile_serialization=not legacy)
    loaded, expected = load_torch(tmp_path / "f.pt"), torch.load(tmp_path / "f.pt", weights_only=False)
    assert list(loaded) == list(tree)
    for key in tree:
        assert same(loaded[key], expected[key]), key
    assert type(loaded["nested"][1]) is OrderedDict
    loaded["whole"][1, 2] = -1
    assert loaded["view"][1, 1] == -1  # still one storage


@pytest.mark.parametrize("legacy", [False, True])
def test_state_dict(legacy: bool, tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    state = {"state_dict": network.state_dict(), "parameter": torch.nn.Parameter(torch.ones(2))}
    torch.save(state, tmp_path / "f.pth", _use_new_zipfile_serialization=not legacy)
    loaded = load_torch(tmp_path / "f.pth")
    network.load_state_dict(loaded["state_dict"])
    assert torch.equal(loaded["parameter"], torch.ones(2)) and not loaded["parameter"].requires_grad


@pytest.mark.parametrize("kind", ["csc_matrix", "csr_matrix", "coo_matrix", "csc_array", "csr_array", "coo_array"])
@pytest.mark.parametrize("protocol", [2, 4])
def test_scipy_sparse(kind: str, protocol: int, tmp_path: Path) -> None:
    matrix = getattr(scipy.sparse, kind)(np.eye(4)[:3])
    (tmp_path / "f.pkl").write_bytes(pickle.dumps({"m": matrix, "again": matrix}, protocol))
    loaded = load_pickle(tmp_path / "f.pkl")
    assert type(loaded["m"]) is type(matrix) and loaded["m"] is loaded["again"]
    assert np.array_equal(loaded["m"].toarray(), np.eye(4)[:3])
    assert pickle.loads(pickle.dumps(loaded))["m"].nnz == 3  # can be written again


@pytest.mark.parametrize("inner", ["[]", '{"a": [1, 2.5, "}]\\"", null]}', '"\\\\"', "[" * 90 + "]" * 90])
def test_json(inner: str, tmp_path: Path) -> None:
    import json

    (tmp_path / "f.json").write_text("\ufeff" + inner, encoding="utf-8")
    assert load_json(tmp_path / "f.json") == json.loads(inner)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * (MAX_DEPTH + 1), "nested too deeply, 101 levels"),
        ('{"a":' * 10**6, "nested too deeply, 1000000 levels"),
        ('"' + "[" * 10**6 + '\\"' + '",', "not readable as JSON"),
        ("[" + "[]," * 10**6 + "1]", "1000001 lists and objects"),
        ('{"a": 1', "not readable as JSON"),
        ("9" * 10**5, "not readable as JSON"),
    ],
)
def test_json_bombs_and_damage(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        load_json(tmp_path / "f.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "value",
    [{"a": 1}, {}, [1, "a"], (), (1, 2), OrderedDict(a=1), defaultdict(dict, {3: {}}), np.arange(3.0), np.int64(4)],
    ids=lambda value: type(value).__name__,
)
def test_pickles_of_every_protocol_are_recognised(value: Any, protocol: int, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(pickle.dumps(value, protocol))
    content = inspect_file(tmp_path / "f")
    assert content.container == "pickle" and same(content.value, value)


@pytest.mark.parametrize(
    ("data", "container"),
    [(b"", "unknown"), (b"c.", "unknown"), (b"camera,frame\n1,2.", "unknown"), (b"(dp0\n", "unknown"),
     (b"Some text.", "unknown"), (b"[1, 2.", "json"), (b'{"a": 1.', "json")],
)  # fmt: skip
def test_text_is_no_pickle(data: bytes, container: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(data)
    assert inspect_file(tmp_path / "f").container == container
