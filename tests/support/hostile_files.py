"""Hostile files: name -> (file name, writer, reader, text of the error).

Files with code touch `owned` in the current folder if they run.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from safetensors.torch import save_file

from lsmplify_refine.formats import load_save
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.regressor.weights import load_weights
from lsmplify_refine.safe_load import (
    load_body_npz,
    load_body_pickle,
    load_json,
    load_npy,
    load_npz,
    load_pickle,
    load_torch,
    read_npz,
    unpickle_objects,
)

Write = Callable[[Path], Any]
Case = tuple[str, Write, Callable[[Path], Any], str]

HUGE = 10 * 10**9
MEGA = 1 << 20


class Asks:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


TOUCH = Asks(os.system, "touch owned")


def raw(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


def pickled(value: Any, protocol: int = 4) -> Write:
    return raw(pickle.dumps(value, protocol))


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Write:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members.items():
                archive.writestr(name, data)

    return write


def npy(shape: tuple[int, ...], descr: str = "<f8", data: bytes = b"") -> bytes:
    stream = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + data


def zeros_member(size: int, name: str = "a.npy") -> Write:
    """An archive whose member really inflates to `size` bytes."""

    def write(path: Path) -> None:
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(name, "w", force_zip64=True) as member,
        ):
            member.write(npy((size // 8,)))
            for _ in range(size // MEGA):
                member.write(bytes(MEGA))

    return write


def torch_zip(change: Callable[[dict[str, bytes]], dict[str, bytes]], tree: Any = None) -> Write:
    """What torch.save wrote, with its members changed."""

    def write(path: Path) -> None:
        stream = io.BytesIO()
        torch.save({"a": torch.zeros(4)} if tree is None else tree, stream)
        with zipfile.ZipFile(stream) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        zipped(change(members))(path)

    return write


def altered_pickle(members: dict[str, bytes]) -> dict[str, bytes]:
    code = b"cposix\nsystem\nX\x0b\x00\x00\x00touch owned\x85R0"
    return {name: data[:2] + code + data[2:] if name.endswith("data.pkl") else data for name, data in members.items()}


def announced_storage(members: dict[str, bytes]) -> dict[str, bytes]:
    # the last number of the storage's id is its length
    return {
        name: data.replace(b"K\x04tq", b"\x8a\x05" + struct.pack("<Q", HUGE)[:5] + b"tq") if "pkl" in name else data
        for name, data in members.items()
    }


def altered_joblib(old: bytes, new: bytes) -> Write:
    def write(path: Path) -> None:
        joblib.dump({"a": np.zeros(4)}, path)
        data = path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, new))

    return write


def laughs(levels: int = 40) -> list[Any]:
    value: list[Any] = [0]
    for _ in range(levels):
        value = [value, value]
    return value


def legacy_torch(count: int) -> bytes:
    """A file of torch before 1.6 whose storage is announced with `count` elements."""
    stream = io.BytesIO()
    torch.save(torch.zeros(4), stream, _use_new_zipfile_serialization=False)
    return stream.getvalue().replace(b"K\x04N", b"\x8a\x05" + struct.pack("<Q", count)[:5] + b"N", 1)


def object_npz(path: Path) -> Any:
    return read_npz(path, unpickle_objects)


def collision(count: int = 200_000) -> bytes:
    """A dict of numbers that all have the same hash."""
    numbers = b"".join(b"\x8a\x0a" + (i * ((1 << 61) - 1)).to_bytes(10, "little") + b"N" for i in range(1, count))
    return b"\x80\x04}(" + numbers + b"u."


def many_members(count: int = 150_000) -> bytes:
    """An archive whose table lists one empty member again and again."""
    local = struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, 0, 0, 0, 0, 0, 0, 0, 120, 0) + b"x" * 120
    entry = struct.pack("<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 120, 0, 0, 0, 0, 0, 0)
    table = b"".join(entry + f"{i:0120d}".encode() for i in range(count))
    return local + table + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 65535, 65535, len(table), len(local), 0)


def two_streams(pack: Callable[[bytes], bytes]) -> Write:
    """A sound compressed pickle, and behind it a second stream of 512 MB."""
    piece = pack(bytes(64 * MEGA))
    return raw(pack(pickle.dumps({"a": np.zeros(3)})) + piece * 8)


def select(places: int, times: int) -> bytes:
    """Selections of chumpy: `times` of them share one array of places."""
    out = io.BytesIO()
    pickler: Any = pickle._Pickler(out, protocol=2)
    out.write(b"\x80\x02]")
    pickler.save(np.zeros(places, np.int32))
    pickler.save(np.zeros(1))
    out.write(b"q\xff0r\xfe\x00\x00\x000")
    for _ in range(times):
        out.write(b"cchumpy.reordering\nSelect\n)\x81}(")
        out.write(b"X\x01\x00\x00\x00ah\xffX\x04\x00\x00\x00idxsj\xfe\x00\x00\x00uba")
    out.write(b".")
    return out.getvalue()


def chumpy_of(values: Any, key: str = "v_template") -> bytes:
    """A body model's dict with one array of chumpy's that holds anything."""
    body = pickle.dumps(values, 2)[2:-1]
    return (
        b"\x80\x02}X"
        + struct.pack("<I", len(key))
        + key.encode()
        + (b"cchumpy.ch\nCh\n)\x81}X\x01\x00\x00\x00x" + body + b"sbs.")
    )


def keys_of_one_hash() -> bytes:
    """65,536 tuples over -1 and -2, which have the same hash."""
    one, two = b"J" + struct.pack("<i", -1), b"J" + struct.pack("<i", -2)
    keys = (b"(" + b"".join(one if i >> bit & 1 else two for bit in range(16)) + b"tN" for i in range(1 << 16))
    return b"\x80\x02}(" + b"".join(keys) + b"u."


def complex_keys(count: int = 60_000) -> bytes:
    """Complex numbers of one hash: hash(a + bi) is hash(a) + 1000003 hash(b)."""
    numbers = (
        b"\x8a\x08" + struct.pack("<q", 1000003 * (count - i)) + b"K\x00\x8a\x08" + struct.pack("<q", i)
        for i in range(count)
    )
    calls = (b"h\x00" + n[:10] + n[12:] + b"\x86RN" for n in numbers)
    return b"\x80\x02cbuiltins\ncomplex\nq\x000}(" + b"".join(calls) + b"u."


HOSTILE: dict[str, Case] = {
    # code
    "code by reduce": ("f.pkl", pickled({"a": TOUCH}), load_save.load, "asks for posix.system"),
    "code by eval": ("f.pkl", pickled(Asks(eval, "open('owned', 'w')")), load_pickle, "asks for builtins.eval"),
    "code by getattr": ("f.pkl", pickled(Asks(getattr, "a", "upper")),
                        load_pickle, "asks for builtins.getattr"),
    "code by a loader within numpy": ("f.pkl", pickled(Asks(np.load, "x.npy", None, True)), load_pickle,
                                      "asks for numpy.load"),
    "code by a loader within torch": ("f.pkl", pickled(Asks(torch.load, "x.pt")), load_pickle, "asks for torch."),
    "code in protocol 0": ("f.pkl", raw(b"cposix\nsystem\n(S'touch owned'\ntR."), load_pickle, "asks for posix.system"),
    "code in protocol 0, recognised by content": ("f.pkl", raw(b"(dp0\nVa\ncposix\nsystem\n(S'touch owned'\ntRs."),
                                                  load_save.load, "asks for posix.system"),
    "code by an old class": ("f.pkl", raw(b"\x80\x02(S'touch owned'\niposix\nsystem\n."), load_pickle,
                             "asks for posix.system"),
    "code by state": ("f.pkl", raw(b"\x80\x02cbuiltins\ndict\n)R}X\x01\x00\x00\x00aK\x01sb."), load_pickle,
                      "not a readable pickle"),
    "code in an object array of an npz": (
        "f.npz", lambda p: np.savez(p, results=np.array({"a": TOUCH}, dtype=object)), load_save.load,
        "results: refused: the file asks for posix.system"),
    "code in an object array of a body model": (
        "f.npz", lambda p: np.savez(p, part2num=np.array(TOUCH, dtype=object)), load_body_npz, "asks for posix.system"),
    "code in a npy": ("f.npy", lambda p: np.save(p, np.array({"a": TOUCH}, dtype=object)), load_save.load,
                      "asks for posix.system"),
    "code in a torch archive": ("f.pt", lambda p: torch.save({"a": TOUCH}, p), load_save.load, "asks for posix.system"),
    "torch archive with altered pickle": ("f.pt", torch_zip(altered_pickle), load_save.load, "asks for posix.system"),
    "code in an old torch file": (
        "f.pth", lambda p: torch.save({"a": TOUCH}, p, _use_new_zipfile_serialization=False), load_torch,
        "asks for posix.system"),
    "code in a torch storage in a pickle": (
        "f.pkl", lambda p: pickled(Asks(torch.storage._load_from_bytes, pickle.dumps(TOUCH)))(p), load_pickle,
        "not a readable torch file"),
    "code in joblib": ("f.pkl", lambda p: joblib.dump({"a": np.zeros(3), "b": TOUCH}, p), load_save.load,
                       "asks for posix.system"),
    "code in an object array of joblib": (
        "f.pkl", lambda p: joblib.dump({"a": np.array([TOUCH, 1], dtype=object)}, p), load_save.load,
        "asks for posix.system"),
    "code in compressed joblib": ("f.pkl", lambda p: joblib.dump([TOUCH], p, compress=3), load_save.load,
                                  "asks for posix.system"),
    "code in a body model": ("f.pkl", pickled({"v_template": TOUCH}, 2), load_body_pickle, "asks for posix.system"),
    "code in keypoints": ("f.pt", lambda p: torch.save(TOUCH, p), load_tracks, "asks for posix.system"),
    "name with a line break": ("f.pkl", raw(b"\x80\x04\x8c\x05os\nxy\x8c\x06system\x93."), load_pickle,
                               "asks for os xy.system"),
    "a class as a key": ("f.pkl", pickled({float: 1}), load_pickle, "a key is the name of a class"),
    "a class in a set": ("f.pkl", pickled({"a": {float}}), load_pickle, "a key is the name of a class"),
    "attributes of a name": ("f.pkl", raw(b"\x80\x02c_codecs\nencode\nN}X\x08\x00\x00\x00__name__K\x01s\x86b."),
                             load_pickle, "attributes of a name"),
    "state of an array that reads beyond a list": (
        "f.pkl", raw(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
                     b"(K\x01M\xe8\x03\x85cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R\x89]tb."),
        load_pickle, "another number of objects"),
    # paths outside the file
    "joblib naming a file elsewhere": (
        "f.pkl", raw(b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}X\x08\x00\x00\x00filename"
                     b"X\x0e\x00\x00\x00../../x/secretsb."), load_pickle, "in another folder"),
    "path out of the npz": ("f.npz", zipped({"../../x.npy": npy((1,), data=bytes(8))}), load_npz, "path outside its"),
    "path out of the torch archive": (
        "f.pt", torch_zip(lambda m: m | {"/etc/x": b"1"}), load_torch, "path outside its folder"),
    "the same member twice": ("f.npz", lambda p: zipped({"a.npy": npy((0,)), "a\\b.npy": b"", "a/b.npy": b""})(p),
                              load_npz, "twice"),
    # sizes declared, but no such data
    "npy of 10 GB": ("f.npy", raw(npy((HUGE // 8,), data=bytes(900))), load_npy, "declares 10000000000 bytes"),
    "npy of elements of no size": ("f.npy", raw(npy((HUGE,), "|V0")), load_npy, "elements of size 0"),
    "npy with a header of 4 GB": ("f.npy", raw(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{"), load_npy,
                                  "header of 4294967295"),
    "npz member of 10 GB": ("f.npz", zipped({"a.npy": npy((HUGE // 8,))}), load_npz, "a: declares 10000000000 bytes"),
    "joblib array of 10 GB": (
        "f.pkl", altered_joblib(b"K\x04\x85", b"\x8a\x05" + struct.pack("<Q", HUGE)[:5] + b"\x85"), load_save.load,
        "declares 80000000000 bytes"),
    "pickled array of 10 GB": (
        "f.pkl", lambda p: pickled(Asks(np.zeros(0).__reduce__()[0], np.ndarray, (HUGE,), b"b"))(p), load_pickle,
        "in a way that numpy does not write"),
    "pickled bytes of 10 GB": ("f.pkl", raw(b"\x80\x04\x8e" + struct.pack("<Q", HUGE) + b"."), load_pickle,
                               "far more memory"),
    "pickled bytearray of 10 GB": ("f.pkl", raw(b"\x80\x05\x96" + struct.pack("<Q", HUGE) + b"."), load_pickle,
                                   "far more memory"),
    "pickled number of 2 GB": ("f.pkl", raw(b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01."), load_pickle,
                               "not a readable pickle"),
    "made of 10 GB of nothing": ("f.pkl", pickled(Asks(bytearray, HUGE)), load_pickle, "array data is int"),
    "torch storage of 40 GB": ("f.pt", torch_zip(announced_storage), load_torch,
                               "a tensor declares 40000000000 bytes"),
    "torch tensor beyond its storage": (
        "f.pt", torch_zip(lambda m: {n: d.replace(b"K\x04\x85", b"\x8a\x05" + struct.pack("<Q", HUGE)[:5] + b"\x85", 1)
                                     if "pkl" in n else d for n, d in m.items()}), load_torch, "beyond its data"),
    "torch tensor of 40 GB on four bytes": (
        "f.pt", lambda p: torch.save({"a": torch.zeros(1).expand(HUGE)}, p), load_torch, "far more memory"),
    "old torch storage of 40 GB": ("f.pth", lambda p: raw(legacy_torch(HUGE))(p), load_torch,
                                   "a tensor declares 40000000000 bytes"),
    "text of impossible characters": ("f.npy", raw(npy((1,), "<U1", b"\xff" * 4)), load_npy, "do not exist"),
    "pickled text of impossible characters": (
        "f.pkl", lambda p: raw(pickle.dumps(np.array(["abcd"]), 4).replace(np.array("b").tobytes(), b"\xff" * 4))(p),
        load_pickle, "do not exist"),
    # data present, but too large
    "npz that inflates to 1 GB": ("f.npz", zeros_member(1024 * MEGA), load_save.load, "declares"),
    "torch archive that inflates to 1 GB": (
        "f.pt", zeros_member(1024 * MEGA, "archive/data.pkl"), load_torch, "declares"),
    "npz with a table of a million members": ("f.npz", lambda p: raw(many_members())(p), load_npz, "far more members"),
    "gzip that inflates to 1 GB": ("f.pkl", lambda p: raw(gzip.compress(bytes(1024 * MEGA), 1))(p), load_save.load,
                                   "that unpack to more than"),
    "bz2 that inflates to 300 MB": ("f.pkl", lambda p: raw(bz2.compress(bytes(300 * MEGA), 1))(p), load_save.load,
                                    "that unpack to more than"),
    "xz that inflates to 300 MB": ("f.pkl", lambda p: raw(lzma.compress(bytes(300 * MEGA), preset=0))(p), load_save.load,  # noqa: E501
                                   "that unpack to more than"),
    "xz with a dictionary of 1.5 GB": (
        "f.pkl", lambda p: raw(b"\x5d\x00\x00\x00\x60" + b"\xff" * 8 + bytes(100))(p), load_save.load,
        "damaged or cut short"),
    "joblib before 0.10 that inflates to 300 MB": (
        "f.pkl", lambda p: raw(b"ZF" + b"0x10".ljust(19) + zlib.compress(bytes(300 * MEGA)))(p), load_save.load,
        "that unpack to more than"),
    "gzip with a second stream of 512 MB": (
        "f.pkl", lambda p: two_streams(partial(gzip.compress, compresslevel=1))(p), load_save.load, "far more memory"),
    "bz2 with a second stream of 512 MB": (
        "f.pkl", lambda p: two_streams(bz2.compress)(p), load_save.load, "far more memory"),
    "chumpy that selects one number a million times": (
        "f.pkl", lambda p: raw(select(10**6, 200))(p), load_save.load, "far more memory"),
    "chumpy of texts": (
        "f.pkl", lambda p: raw(chumpy_of(["a"] * 20_000 + ["b" * 20_000]))(p), load_save.load,
        "not an array of numbers"),
    "chumpy of texts in a body model": (
        "SMPL_NEUTRAL.pkl", lambda p: raw(chumpy_of(["a"] * 20_000 + ["b" * 20_000]))(p), load_body_pickle,
        "not an array of numbers"),
    "keys of one hash": ("f.pkl", lambda p: raw(keys_of_one_hash())(p), load_save.load, "as keys"),
    "complex keys of one hash": ("f.pkl", lambda p: raw(complex_keys())(p), load_save.load, "far more memory"),
    "a memo of four billion entries": (
        "f.pkl", raw(b"\x80\x02Nr\xff\xff\xff\xff."), load_pickle, "a memo of 4294967295 entries"),
    "a registered extension": ("f.pkl", raw(b"\x80\x02\x82\x01."), load_pickle, "registered extension 1"),
    "an instruction beyond its frame": (
        "f.pkl", raw(b"\x80\x04\x95" + struct.pack("<Q", 3) + b"\x8c\x05abcde."), load_pickle, "its frame"),
    "billion laughs": ("f.pkl", lambda p: pickled({"a": laughs()})(p), load_save.load, "far more memory"),
    "billion laughs in an npz": (
        "f.npz", lambda p: np.savez(p, results=np.array({"a": laughs()}, dtype=object)), object_npz, "memory"),
    "a million lists": ("f.pkl", raw(b"\x80\x04" + b"]" * 10**6 + b"."), load_save.load, "far more memory"),
    "a million marks": ("f.pkl", raw(b"\x80\x04" + b"(" * 10**6 + b"."), load_save.load, "nothing on the stack"),
    "a million sets": ("f.pkl", raw(b"\x80\x04(" + b"\x8f" * 10**6 + b"t."), load_save.load, "far more memory"),
    "a memo of a million entries": ("f.pkl", raw(b"\x80\x04N" + b"\x94" * 10**6 + b"."), load_save.load, "far more memory"),  # noqa: E501
    "a long text again and again": (
        "f.pkl", raw(b"\x80\x04c_codecs\nencode\nX" + struct.pack("<I", MEGA) + b"a" * MEGA
                     + b"X\x06\x00\x00\x00latin1\x86\x94(" + b"c_codecs\nencode\nh\x00R" * 2000 + b"t."),
        load_pickle, "far more memory"),
    "lists nested 10 000 deep": (
        "f.pkl", raw(b"\x80\x04" + b"]" * 10**4 + b"a" * (10**4 - 1) + b"."), load_save.load, "nested more than"),
    "tuples nested a million deep": ("f.pkl", raw(b"\x80\x04)" + b"\x85" * 10**6 + b"."), load_save.load,
                                     "far more memory"),
    "a list within itself": ("f.pkl", raw(b"\x80\x04]\x94h\x00a."), load_save.load, "within itself"),
    "numbers of one hash": ("f.pkl", lambda p: raw(collision())(p), load_save.load, "a number of"),
    "shape of a million dimensions": (
        "f.pkl", lambda p: pickled(Asks(np.zeros(0).__reduce__()[0], np.ndarray, (2**62,) * 10**5, b"b"))(p),
        load_pickle, "something other than a shape"),
    "weights of a network of 10 GB": (
        "w.safetensors",
        lambda p: save_file({"a": torch.zeros(1)}, p, {"network": '{"width": 20000, "depth": 1, "heads": 4}'}),
        load_weights, "not those of a network"),
    "weights of a million layers": (
        "w.safetensors",
        lambda p: save_file({"a": torch.zeros(1)}, p, {"network": '{"width": 8, "depth": 1000000, "heads": 4}'}),
        load_weights, "a network of 1000000 layers"),
    "JSON of a million levels": ("f.json", raw(b"[" * 10**6), load_json, "1000000 levels"),
    "JSON estimate of a million levels": ("f.json", raw(b'{"a":' * 10**6), load_save.load, "1000000 levels"),
    "JSON keypoints of a million levels": ("f.json", raw(b"[" * 10**6), load_tracks, "1000000 levels"),
    "JSON of a million lists": ("f.json", raw(b"[" + b"[]," * 10**6 + b"1]"), load_json, "1000001 lists"),
}  # fmt: skip
