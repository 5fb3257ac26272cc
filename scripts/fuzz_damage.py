"""Damage files at random, and change them in ways that must not change their values."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

#: Values to put in place of lengths, counts and offsets.
_EXTREMES = (0, 1, 127, 128, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 10**10, 2**63 - 1, 2**63, 2**64 - 1)
#: Values to put into arrays.
_NUMBERS = (np.nan, np.inf, -1.0, 0.0, 1e30, 1e5, -(2.0**31), 0.5)
_TOKENS = (b"[", b"]", b"{", b"}", b'"', b",", b"null", b"-1", b"1e999", b"NaN", b"0", b"\t", b"\n", b"\\", b"\xff")
_PACKED: dict[bytes, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": (gzip.decompress, gzip.compress),
    b"BZh": (bz2.decompress, bz2.compress),
    b"\xfd7zXZ": (lzma.decompress, lzma.compress),
    b"\x78": (zlib.decompress, zlib.compress),
}
#: A call of `mark` in a pickle; its result is dropped.
_CALL = b"cfuzz_damage\nmark\n)R0"

#: Each call of `mark` from a file.
MARKS: list[str] = []


def mark() -> None:
    """Called by nobody but a file whose code is run."""
    MARKS.append("code in the file ran")


def damaged(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """Damage bytes; in archives and compressed files mostly the content, so that checksums do not catch everything."""
    if rng.random() < 0.75:
        if data[:2] == b"PK":
            return _damaged_member(data, rng)
        for magic, (unpack, pack) in _PACKED.items():
            if data.startswith(magic):
                try:
                    content = unpack(data)
                except (OSError, EOFError, zlib.error, lzma.LZMAError):
                    continue  # data that happen to begin like a compressed file
                inner, how = damaged(content, rng)
                return pack(inner), f"inside, {how}"
    changed, done = bytearray(data), []
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        change = rng.choice(_CHANGES)
        change(changed, rng)
        done.append(change.__name__.strip("_"))
    return bytes(changed), "+".join(done)


def _damaged_member(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
        methods = {member.filename: member.compress_type for member in archive.infolist()}
    # pickles and headers can do the most harm
    names = [name for name in members if name.endswith("data.pkl")] or list(members)
    name = rng.choice(names if rng.random() < 0.7 else list(members))
    head, how = damaged(members[name][:400] if rng.random() < 0.5 else members[name], rng)
    members[name] = head + (members[name][400:] if len(head) <= 400 else b"")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, methods[member])
    return stream.getvalue(), f"member {name}, {how}"


def _place(data: bytearray, rng: random.Random) -> int:
    """A random offset, often near the beginning, where lengths are stored."""
    return rng.randrange(min(len(data), 300) if rng.random() < 0.4 else len(data)) if data else 0


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 3, 8))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[_place(data, rng)] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _length(data: bytearray, rng: random.Random) -> None:
    kind = rng.choice(["<B", ">B", "<H", ">H", "<I", ">I", "<Q", ">Q"])
    at, size = _place(data, rng), struct.calcsize(kind)
    data[at : at + size] = struct.pack(kind, rng.choice(_EXTREMES) & ((1 << 8 * size) - 1))


def _splice(data: bytearray, rng: random.Random) -> None:
    start, at = _place(data, rng), _place(data, rng)
    piece = data[start : start + rng.choice((1, 4, 16, 100, 1000))]
    data[at : at + rng.choice((0, len(piece)))] = piece * rng.choice((1, 1, 1, 50))


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 8, 100))]


def _token(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    token = rng.choice(_TOKENS)
    data[at : at + rng.choice((0, len(token)))] = token * rng.choice((1, 1, 1, 200))


def _digit(data: bytearray, rng: random.Random) -> None:
    """Replace a digit: a count in text or in the header of an array."""
    digits = [at for at in range(min(len(data), 2000)) if 48 <= data[at] < 58]
    if digits:
        at = rng.choice(digits)
        data[at : at + 1] = rng.choice((b"0", b"9", b"99999999999", b"-1", b"", b"7"))


def _code(data: bytearray, rng: random.Random) -> None:
    """Call `mark` where a pickle might begin an instruction."""
    at = 2 if data[:1] == b"\x80" and rng.random() < 0.7 else _place(data, rng)
    data[at:at] = _CALL


_CHANGES = (_flip, _flip, _set_byte, _cut, _length, _length, _length, _splice, _remove, _token, _digit, _code)


def with_odd_number(data: bytes, rng: random.Random) -> tuple[bytes, str]:
    """An npz with one number, shape or type of an array changed; one with object arrays is damaged otherwise."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = dict(archive)
    except ValueError:
        return damaged(data, rng)
    name = rng.choice(list(arrays))
    array, number = arrays[name].copy(), rng.choice(_NUMBERS)
    what = rng.choice(("number", "number", "number", "cut", "turned", "type"))
    if what == "number" and array.size and array.dtype.kind in "fiu":
        with np.errstate(invalid="ignore"):
            array.reshape(-1)[rng.randrange(array.size)] = np.asarray(number).astype(array.dtype)
    elif what == "cut" and array.ndim:
        array = array[: rng.randrange(len(array) + 1)]
    elif what == "turned":
        array = array.T
    else:
        array = array.astype(rng.choice(("U8", "f2", "i1", "?"))) if array.dtype.kind in "fiu" else array
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, name: array})
    return stream.getvalue(), f"{name}: {what} {number}"


def harmless(path: Path, rng: random.Random) -> str | None:
    """Write a file's content in another way, in place; None if there is none for this kind of file."""
    ways: dict[str, Callable[[Path, random.Random], str | None]] = {
        ".pkl": _repickled, ".npz": _rezipped, ".json": _reindented, ".trc": _columns_moved, ".csv": _columns_moved
    }  # fmt: skip
    return ways[path.suffix](path, rng) if path.suffix in ways else None


def _repickled(path: Path, rng: random.Random) -> str | None:
    try:
        tree = joblib.load(path)
    except Exception:
        return None  # chumpy is not installed
    if rng.random() < 0.3:
        tree = _other_byte_order(tree)
    way = rng.choice(("joblib", "joblib zlib", "plain", "gzip", "two streams", "xz"))
    if way.startswith("joblib"):
        joblib.dump(tree, path, compress=3 if way.endswith("zlib") else 0)
        return way
    data = pickle.dumps(tree, rng.randrange(6))
    half = len(data) // 2
    packed = {
        "plain": data,
        "gzip": gzip.compress(data),
        "two streams": gzip.compress(data[:half]) + gzip.compress(data[half:]),
        "xz": lzma.compress(data),
    }
    path.write_bytes(packed[way])
    return way


def _other_byte_order(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _other_byte_order(value) for key, value in tree.items()}
    if type(tree) is np.ndarray and tree.dtype.kind in "fi":
        return tree.astype(tree.dtype.newbyteorder(">"))
    return tree


def _rezipped(path: Path, rng: random.Random) -> str:
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    rng.shuffle(members)
    with zipfile.ZipFile(path, "w", rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return "members moved"


def _reindented(path: Path, rng: random.Random) -> str:
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8-sig")), indent=rng.choice((None, 1, 4))))
    return "indented"


def _columns_moved(path: Path, rng: random.Random) -> str | None:
    """Move named columns, of a CSV or of the markers of a TRC, together with their names."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    if path.suffix == ".csv":
        rows = [line.split(",") for line in lines]
        order = rng.sample(range(len(rows[0])), len(rows[0]))
        path.write_text("\n".join(",".join(row[column] for column in order) for row in rows) + "\n")
        return "columns moved"
    names = [name for name in lines[3].split("\t")[2:] if name.strip()]
    order = rng.sample(range(len(names)), len(names))
    lines[3] = "\t".join(["Frame#", "Time", *(f"{names[marker]}\t\t" for marker in order)])
    for index in range(5, len(lines)):
        cells = lines[index].split("\t")
        if len(cells) >= 2 + 3 * len(names):
            moved = [cells[2 + 3 * marker + axis] for marker in order for axis in range(3)]
            lines[index] = "\t".join([*cells[:2], *moved])
    path.write_text("\n".join(lines) + "\n")
    return "markers moved"
