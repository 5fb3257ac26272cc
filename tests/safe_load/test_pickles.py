from __future__ import annotations

import builtins
import gzip
import io
import os
import pickle
import struct
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import (
    inspect_file,
    load_body_npz,
    load_body_pickle,
    load_npy,
    load_npz,
    load_pickle,
    load_torch,
)

ARRAYS = {
    "float": np.arange(6, dtype=np.float32).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "sliced": np.arange(12).reshape(3, 4)[:, ::2],
    "big endian": np.arange(3, dtype=">i4"),
    "text": np.array(["neutral", "a"]),
    "bool": np.array([True, False]),
    "zero-dimensional": np.array(3.5),
    "empty": np.zeros((0, 3)),
    "objects": np.array([1, "a", None], dtype=object),
}


class Asks:
    """Pickles as a call of whatever it is given."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def write(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


# names are length-prefixed from protocol 4 on, which a plain replacement would break
@pytest.mark.parametrize(("protocol", "numpy1"), [(2, False), (2, True), (3, False), (3, True), (4, False), (5, False)])
@pytest.mark.parametrize("name", list(ARRAYS))
def test_arrays(name: str, protocol: int, numpy1: bool, tmp_path: Path) -> None:
    data = pickle.dumps({"a": ARRAYS[name], "again": ARRAYS[name]}, protocol)
    if numpy1:
        data = data.replace(b"numpy._core.", b"numpy.core.")
    value = load_pickle(write(tmp_path / "f.pkl", data))
    assert value["a"] is value["again"]
    expected = pickle.loads(data)["a"]
    assert value["a"].dtype == expected.dtype and type(value["a"]) is np.ndarray
    assert value["a"].flags.f_contiguous == expected.flags.f_contiguous
    assert np.array_equal(value["a"], ARRAYS[name])


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_plain_values(protocol: int, tmp_path: Path) -> None:
    value = {
        "tuple": (1, 2.5, True, None, "text", b"\x00\xff", bytearray(b"ab"), 1j),
        "sets": [{1, 2}, frozenset([3])],
        "ordered": OrderedDict(a=1),
        "default": defaultdict(list, {1: [2]}),
        "scalar": np.float32(1.5),
    }
    loaded = load_pickle(write(tmp_path / "f.pkl", value, protocol))
    assert loaded == value
    assert type(loaded["ordered"]) is OrderedDict and loaded["default"].default_factory is list
    assert type(loaded["scalar"]) is np.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool])
def test_tensors_in_a_pickle(dtype: torch.dtype, tmp_path: Path) -> None:
    tensor = torch.arange(6).reshape(2, 3).to(dtype).T
    loaded = load_pickle(write(tmp_path / "f.pkl", [tensor, torch.nn.Parameter(torch.ones(2))]))
    assert torch.equal(loaded[0], tensor) and loaded[0].stride() == tensor.stride()
    assert torch.equal(loaded[1], torch.ones(2))


HOSTILE = [
    (Asks(os.system, "touch owned"), "posix.system"),
    (Asks(builtins.eval, "1"), "builtins.eval"),
    (Asks(getattr, "a", "upper"), "builtins.getattr"),
    (Asks(np.load, "x.npy"), "numpy.load"),
    (Asks(torch.load, "x.pt"), "torch.serialization.load"),
    (Asks(open, "owned", "w"), "open"),
    (Path("x"), "pathlib"),
    (b"cos\nsystem\n(S'touch owned'\ntR.", "os.system"),
    (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
]


@pytest.mark.parametrize(("value", "asked"), HOSTILE)
def test_code_is_refused_by_name(value: Any, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "f.pkl", value)
    for load in (load_pickle, load_body_pickle):
        with pytest.raises(InputError, match="refused: the file asks for") as caught:
            load(path)
        assert asked in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["f.pkl"]


def test_code_inside_an_embedded_torch_storage_is_refused(tmp_path: Path) -> None:
    inner = io.BytesIO()
    torch.save(Asks(os.system, "true"), inner, _use_new_zipfile_serialization=False)
    path = write(tmp_path / "f.pkl", Asks(torch.storage._load_from_bytes, inner.getvalue()))
    with pytest.raises(InputError, match=r"refused: the file asks for posix\.system"):
        load_pickle(path)


def test_code_in_a_torch_file_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({"a": Asks(os.system, "true")}, tmp_path / "f.pt")
    with pytest.raises(InputError, match=r"f\.pt: refused: the file asks for posix\.system"):
        load_torch(tmp_path / "f.pt")


def reconstruct(shape: tuple[int, ...], dtype: Any, data: Any) -> Any:
    """An array pickle with a state of one's own."""

    class Claim:
        def __reduce__(self) -> tuple[Any, ...]:
            core = np.zeros(0).__reduce__()
            return core[0], core[1], (1, shape, dtype, False, data)

    return Claim()


@pytest.mark.parametrize(
    "value",
    [
        reconstruct((10**12,), np.dtype("f8"), b"12345678"),
        reconstruct((10**12,), np.dtype("V0"), b""),
        reconstruct((10**12,), np.dtype("O"), [1]),
        reconstruct((1,), np.dtype("O"), b"12345678"),
        reconstruct((1,), np.dtype([("a", "f8")]), b"12345678"),
        Asks(np.zeros(0).__reduce__()[0], np.ndarray, (10**12,), b"b"),
        Asks(np.ndarray, (10**12,)),
        Asks(bytearray, 10**12),
        Asks(bytes, 10**12),
        Asks(np.dtype("f4").__class__, "f8,O"),
        b"\x80\x05\x96" + struct.pack("<Q", 10**12) + b".",  # BYTEARRAY8 that declares a terabyte
        b"\x80\x04\x8e" + struct.pack("<Q", 10**12) + b".",  # BINBYTES8, the same
        pickle.dumps({"a": np.zeros(100)})[:-50],
        b"\x80\x04",
    ],
)
def test_lying_and_cut_pickles_are_one_clear_line(value: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f\.pkl: (not a readable pickle|refused|cannot be read)") as caught:
        load_pickle(write(tmp_path / "f.pkl", value))
    assert "\n" not in str(caught.value)


def test_dtype_state_cannot_bring_fields(tmp_path: Path) -> None:
    class Dtype:
        def __reduce__(self) -> tuple[Any, ...]:
            return np.dtype, ("f8", False, True), (3, "<", None, ("a",), {"a": (np.dtype("f8"), 64)}, 8, 1, 0)

    with pytest.raises(InputError, match="structured"):
        load_pickle(write(tmp_path / "f.pkl", Dtype()))


def test_tensor_beyond_its_storage_is_refused(tmp_path: Path) -> None:
    reduce: Any = torch.zeros(4).__reduce_ex__  # not annotated in torch
    rebuild, (storage, _, _, *rest) = reduce(2)[:2]
    claim = Asks(rebuild, storage, 0, (10**9,), *rest)
    with pytest.raises(InputError, match="beyond its data"):
        load_pickle(write(tmp_path / "f.pkl", claim))


def test_attributes_of_allowed_names_cannot_be_set(tmp_path: Path) -> None:
    data = b"\x80\x02ccollections\nOrderedDict\n}X\x01\x00\x00\x00aK\x01sb."
    with pytest.raises(InputError, match="sets the attributes"):
        load_pickle(write(tmp_path / "f.pkl", data))


def test_npz_keeps_order_and_memory_layout(tmp_path: Path) -> None:
    plain: dict[str, Any] = {key: value for key, value in ARRAYS.items() if key != "objects"}
    np.savez_compressed(tmp_path / "f.npz", **plain)
    loaded = load_npz(tmp_path / "f.npz")
    assert list(loaded) == list(plain)
    for key, value in plain.items():
        assert np.array_equal(loaded[key], value) and loaded[key].dtype == value.dtype
        loaded[key][...] = value  # writable
    assert loaded["fortran"].flags.f_contiguous and not loaded["fortran"].flags.c_contiguous


def lying_npy() -> bytes:
    stream = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + b"12345678"


def test_npz_and_npy_declared_sizes_are_checked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("a.npy", lying_npy())
    with pytest.raises(InputError, match=r"f\.npz: a: declares 8000000000000 bytes"):
        load_npz(tmp_path / "f.npz")
    (tmp_path / "f.npy").write_bytes(lying_npy())
    with pytest.raises(InputError, match="declares"):
        load_npy(tmp_path / "f.npy")
    for length in (6, 7, 9, 40):
        (tmp_path / "f.npy").write_bytes(lying_npy()[:length])
        with pytest.raises(InputError, match="not a readable npy file"):
            load_npy(tmp_path / "f.npy")


def test_npz_with_objects_or_damage(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", a=ARRAYS["objects"])
    with pytest.raises(InputError, match=r"f\.npz: a: holds pickled Python objects"):
        load_npz(tmp_path / "f.npz")
    np.savez(tmp_path / "g.npz", a=np.zeros(100))
    data = bytearray((tmp_path / "g.npz").read_bytes())
    data[200] ^= 255
    for content in (bytes(data), bytes(data[:-30])):
        (tmp_path / "g.npz").write_bytes(content)
        with pytest.raises(InputError, match="damaged"):
            load_npz(tmp_path / "g.npz")


@pytest.mark.parametrize(
    ("name", "make", "container"),
    [
        ("a", lambda p: torch.save({"k": torch.zeros(1)}, p), "torch"),
        ("a", lambda p: torch.save({"k": torch.zeros(1)}, p, _use_new_zipfile_serialization=False), "torch"),
        ("a.npz", lambda p: np.savez(p, k=np.zeros(1)), "npz"),
        ("a.npy", lambda p: np.save(p, np.zeros(1)), "npy"),
        ("a", lambda p: write(p, {"k": 1}), "pickle"),
        ("a", lambda p: p.write_bytes(gzip.compress(pickle.dumps({"k": 1}))), "compressed"),
        ("a", lambda p: p.write_bytes(b'{"k": 1}'), "json"),
        ("a", lambda p: p.write_bytes(b"hello"), "unknown"),
    ],
)
def test_containers_are_told_by_content(name: str, make: Any, container: str, tmp_path: Path) -> None:
    make(tmp_path / name)
    content = inspect_file(tmp_path / name)
    assert content.container == container
    assert content.keys == (("k",) if container in ("torch", "npz", "pickle", "compressed") else ())


def chumpy_model() -> bytes:
    """A SMPL model pickle as Python 2 and chumpy wrote it: protocol 2 and `copy_reg._reconstructor`."""
    out = io.BytesIO()
    pickler: Any = pickle._Pickler(out, protocol=2)  # its stub lacks `save`
    out.write(b"\x80\x02}(")

    def put(key: str, class_name: bytes, state: dict[str, Any]) -> None:
        pickler.save(key)
        out.write(b"ccopy_reg\n_reconstructor\n(c" + class_name + b"\nc__builtin__\nobject\nNtR")
        pickler.save(state)
        out.write(b"b")

    put("shapedirs", b"chumpy.ch\nCh", {"x": np.arange(6.0).reshape(2, 3), "dirty": 1})
    sparse = scipy.sparse.csc_matrix(np.eye(3)[:2])
    state = {"_shape": (2, 3), "data": sparse.data, "indices": sparse.indices, "indptr": sparse.indptr}
    put("J_regressor", b"scipy.sparse.csc\ncsc_matrix", state)
    pickler.save("kintree_table")
    pickler.save(np.array([[0], [1]], dtype=np.uint32))
    out.write(b"u.")
    return out.getvalue().replace(b"numpy._core.", b"numpy.core.")


def test_chumpy_models_become_arrays(tmp_path: Path) -> None:
    model = load_body_pickle(write(tmp_path / "SMPL.pkl", chumpy_model()))
    assert list(model) == ["shapedirs", "J_regressor", "kintree_table"]
    assert np.array_equal(model["shapedirs"], np.arange(6.0).reshape(2, 3))
    assert scipy.sparse.issparse(model["J_regressor"])
    assert np.array_equal(model["J_regressor"].toarray(), np.eye(3)[:2])
    assert list(load_pickle(tmp_path / "SMPL.pkl")) == list(model)


def test_sparse_indices_beyond_the_matrix_are_refused(tmp_path: Path) -> None:
    data = chumpy_model().replace(np.array([0, 1], np.int32).tobytes(), np.array([0, 99], np.int32).tobytes())
    encoded = chumpy_model() != data
    with pytest.raises(InputError, match=r"SMPL\.pkl: cannot be read as an array"):
        load_body_pickle(write(tmp_path / "SMPL.pkl", data))
    assert encoded


def test_body_npz_with_object_dicts(tmp_path: Path) -> None:
    np.savez(tmp_path / "SMPLX.npz", v_template=np.zeros((4, 3)), part2num=np.array({"head": 1}, dtype=object))
    model = load_body_npz(tmp_path / "SMPLX.npz")
    assert model["part2num"] == {"head": 1} and model["v_template"].shape == (4, 3)
    np.savez(tmp_path / "bad.npz", a=np.array(Asks(os.system, "true"), dtype=object))
    with pytest.raises(InputError, match=r"bad\.npz: a: refused: .*posix\.system"):
        load_body_npz(tmp_path / "bad.npz")
