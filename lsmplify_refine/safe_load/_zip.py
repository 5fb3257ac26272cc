"""Read zip archives (npz, torch): checked before anything is unpacked, never extracted to disk."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._limits import Budget

#: Max bytes of a zip's central directory; enough for some hundred thousand members.
_MAX_TABLE = 16 << 20


@contextmanager
def open_zip(path: Path, where: str, kind: str = "npz") -> Iterator[zipfile.ZipFile]:
    """Open an archive; the names, methods and declared sizes of its members are checked.

    Raises:
        InputError: The archive is damaged or refused, or reading it inside the context fails.
    """
    try:
        with open_input(path) as stream:
            size = _check_table(stream, where)
            with zipfile.ZipFile(stream) as archive:
                _check_members(archive.infolist(), size, where)
                yield archive
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {escaped(error.strerror or error, 200)}") from error
    # an encrypted member, an unknown method or field, a damaged stream
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        reason = escaped(error, 200) or type(error).__name__
        raise InputError(
            f"{where}: not a readable {kind} file, damaged or cut short ({reason}); copy it again"
        ) from error


def read_member(archive: zipfile.ZipFile, name: str) -> bytearray:
    """Read a member's bytes; `open_zip` has checked its declared size."""
    data = bytearray()
    with archive.open(name) as stream:
        while chunk := stream.read(1 << 20):
            data += chunk
    return data


def _check_table(stream: IO[bytes], where: str) -> int:
    """The archive's size; refuses a central directory that would itself take too much memory."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - (1 << 16) - 100))
    tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    table = struct.unpack("<L", tail[at + 12 : at + 16])[0] if 0 <= at <= len(tail) - 22 else 0
    at = tail.rfind(b"PK\x06\x06")  # the record of large archives
    if 0 <= at <= len(tail) - 56:
        table = max(table if table != 0xFFFFFFFF else 0, struct.unpack("<Q", tail[at + 40 : at + 48])[0])
    if table > _MAX_TABLE:
        raise InputError(f"{where}: refused: the archive has far more members than any result")
    stream.seek(0)
    return size


def _check_members(members: list[zipfile.ZipInfo], size: int, where: str) -> None:
    names = [member.filename.replace("\\", "/") for member in members]
    for name in names:
        if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
            raise InputError(f"{where}: refused: the archive holds a path outside its folder, {escaped(name, 80)}")
    if len(set(names)) != len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise InputError(f"{where}: refused: the archive holds {escaped(twice, 80)} twice")
    if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members):
        raise InputError(f"{where}: refused: the archive uses a compression that neither numpy nor torch writes")
    total = sum(member.file_size for member in members)
    limit = Budget(where, size).data
    if total > limit:
        raise InputError(
            f"{where}: refused: declares {total} bytes in an archive of {size}; the limit is {limit}; "
            "if it is sound, save it again without compression"
        )
