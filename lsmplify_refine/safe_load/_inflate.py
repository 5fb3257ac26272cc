"""Decompress pickles, mostly joblib's, up to a size limit."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._limits import one_line, room

#: Max working memory of xz and lzma, bytes; their strongest preset needs 65 MB.
_LZMA_MEMORY = 80 << 20
#: joblib before 0.10: "ZF", the length as text in 19 columns, then a zlib stream.
_Z_FILE, _Z_FILE_HEADER = b"ZF0x", 21
_PIECE = 1 << 18
_LZ4 = b"\x04\x22\x4d\x18"


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins with `head` (6 bytes or more) is compressed by one of joblib's methods."""
    # text may start with "x" too, but a zlib header is a multiple of 31
    zlib_header = head[:1] == b"\x78" and len(head) > 1 and (head[0] * 256 + head[1]) % 31 == 0
    return zlib_header or head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00\x00", _LZ4, _Z_FILE))


def inflate(data: bytes, where: str) -> bytes:
    """Decompress `data`; uncompressed data comes back unchanged.

    Raises:
        InputError: The data are damaged, use an unsupported method, or decompress to more than `room` allows.
    """
    if not is_compressed(data[:8]):
        return data
    if data.startswith(_LZ4):
        raise InputError(
            f"{where}: compressed with lz4, which is not supported; save it with joblib.dump(..., compress='zlib')"
        )
    limit, content = room(len(data)), bytearray()
    try:
        for chunk in _chunks(data):
            content += chunk
            if len(content) > limit:
                raise InputError(
                    f"{where}: refused: {len(data)} bytes that unpack to more than {limit}; "
                    "if it is sound, save it again without compression"
                )
    # each library raises its own errors
    except (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError) as error:
        raise InputError(f"{where}: the compressed file is damaged or cut short: {one_line(error)}") from error
    return bytes(content)


def _chunks(data: bytes) -> Iterator[bytes]:
    """The content in pieces, so that memory is counted before it is used."""
    inflating: Any
    start = 0
    if data.startswith(_Z_FILE):
        # some versions wrote the length one column wider
        start = _Z_FILE_HEADER + (data[_Z_FILE_HEADER : _Z_FILE_HEADER + 1] == b" ")
        inflating = zlib.decompressobj()
    elif data[:1] in (b"\x78", b"\x1f"):
        inflating = zlib.decompressobj(32 + zlib.MAX_WBITS)  # zlib or gzip
    elif data[:1] == b"B":
        inflating = bz2.BZ2Decompressor()
    else:
        inflating = lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    for at in range(start, len(data), _PIECE):
        rest, chunk = data[at : at + _PIECE], b""
        # zlib returns unused input, the others keep it
        while not inflating.eof and (rest or len(chunk) == _PIECE):
            chunk = inflating.decompress(rest, _PIECE)
            rest = getattr(inflating, "unconsumed_tail", b"")
            yield chunk
    if not inflating.eof:
        raise EOFError("the end is missing")
