"""Decompress pickles, mostly joblib's, as they are read: nothing is unpacked before it is needed."""

from __future__ import annotations

import bz2
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any

from lsmplify_refine.errors import InputError, escaped

#: Max working memory of xz and lzma, bytes; their strongest preset needs 65 MB.
_LZMA_MEMORY = 80 << 20
#: joblib before 0.10: "ZF", the length as text in 19 columns, then a zlib stream.
_Z_FILE, _Z_FILE_HEADER = b"ZF0x", 21
_PIECE = 1 << 18
_LZ4 = b"\x04\x22\x4d\x18"

#: joblib's name -> first bytes, and what makes a decompressor.
_METHODS: dict[str, tuple[bytes, Callable[[], Any]]] = {
    "zlib": (b"\x78", zlib.decompressobj),
    "gzip": (b"\x1f\x8b", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS)),
    "bz2": (b"BZh", bz2.BZ2Decompressor),
    "xz": (b"\xfd7zXZ\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY)),
    "lzma": (b"\x5d\x00\x00", lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, _LZMA_MEMORY)),
    "lz4": (_LZ4, lambda: None),
    "z-file": (_Z_FILE, zlib.decompressobj),
}


def compression_of(head: bytes) -> str:
    """joblib's name of the compression of a file that begins with `head` (8 bytes or more), "" if it has none."""
    for name, (magic, _) in _METHODS.items():
        # text may start with "x" too, but a zlib header is a multiple of 31
        if head.startswith(magic) and (name != "zlib" or int.from_bytes(head[:2], "big") % 31 == 0):
            return name
    return ""


def inflated(stream: io.BufferedReader, where: str) -> IO[bytes]:
    """The content of a compressed file, all its streams; the stream itself if it is not compressed.

    Raises:
        InputError: The compression is not supported. Reading raises it where the data are damaged.
    """
    head = stream.peek(_Z_FILE_HEADER + 1)
    method = compression_of(head)
    if method == "lz4":
        raise InputError(
            f"{where}: compressed with lz4, which is not supported; save it with joblib.dump(..., compress='zlib')"
        )
    if method == "z-file":
        # some versions wrote the length one column wider
        stream.read(_Z_FILE_HEADER + (head[_Z_FILE_HEADER : _Z_FILE_HEADER + 1] == b" "))
    return io.BufferedReader(_Inflated(stream, method, where), _PIECE) if method else stream


class _Inflated(io.RawIOBase):
    """Decompresses one piece at a time."""

    def __init__(self, stream: IO[bytes], method: str, where: str) -> None:
        self._stream, self._where = stream, where
        self._magic, self._make = _METHODS[method]
        self._machine, self._input = self._make(), b""

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Put the next bytes into a buffer; 0 at the end."""
        try:
            chunk = self._next(len(buffer))
        # each library raises its own errors
        except (zlib.error, OSError, ValueError, EOFError, lzma.LZMAError) as error:
            raise InputError(
                f"{self._where}: the compressed file is damaged or cut short: {escaped(error, 200)}"
            ) from error
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def _next(self, count: int) -> bytes:
        while True:
            if self._machine.eof:
                rest = self._machine.unused_data
                rest += self._stream.read(_PIECE) if len(rest) < len(self._magic) else b""
                if not rest.startswith(self._magic):
                    return b""
                self._machine, self._input = self._make(), rest
            chunk: bytes = self._machine.decompress(self._input, count)
            # zlib returns unused input, the others keep it
            self._input = getattr(self._machine, "unconsumed_tail", b"")
            if chunk:
                return chunk
            if not self._machine.eof and not self._input:
                self._input = self._stream.read(_PIECE)
                if not self._input:
                    raise EOFError("the end is missing")
