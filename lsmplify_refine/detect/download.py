"""Download model files once into the user's cache; a file is used only if its checksum matches."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
import zipfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.stopping import check

#: Seconds without a byte, and seconds that any download may take.
_TIMEOUT_S, _MIN_TOTAL_S = 30, 60.0
#: A download may take as long as at this rate; a server that sends a byte at a time never ends.
_SLOWEST_BYTES_PER_S = 50_000
_CHUNK_BYTES = 1 << 20
#: Bytes that an archive may have beside its model.
_ARCHIVE_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelFile:
    """A downloadable file.

    Attributes:
        url: https URL.
        sha256: Checksum, hexadecimal.
        size: Size in bytes; a longer download is cut off and fails the checksum.
        member: Its name in the zip archive that the URL leads to; "" if the URL leads to the file itself.
    """

    url: str
    sha256: str
    size: int
    member: str = ""

    @property
    def name(self) -> str:
        """The file name; for a member of an archive, that of the archive with the member's extension."""
        name = self.url.rsplit("/", 1)[-1]
        return Path(name).stem + Path(self.member).suffix if self.member else name


def model_folder() -> Path:
    """The folder of all downloaded models."""
    from platformdirs import user_cache_path

    return user_cache_path("lsmplify-refine") / "models"


def stored(model: ModelFile, folder: Path) -> Path | None:
    """The model file in a cache folder; None if it is missing or its checksum does not match."""
    path = folder / model.name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256:
        return path
    return None


def cached(model: ModelFile, folder: Path) -> Path:
    """The model file in a cache folder, downloaded if it is missing.

    Raises:
        InputError: The download fails, takes too long, or its checksum does not match.
    """
    path = folder / model.name
    part, whole = (path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{end}") for end in ("zip", "part"))
    try:
        if stored(model, folder) is not None:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        try:
            if model.member:
                _download(model, part, model.size + _ARCHIVE_BYTES)
                with zipfile.ZipFile(part) as archive, archive.open(_member(archive, model)) as stream:
                    digest = _copy(stream, whole, model.size)
            else:
                digest = _download(model, whole, model.size)
            if digest != model.sha256:
                raise InputError(
                    f"{model.url}: the file received has SHA-256 {digest}, not {model.sha256}; it is not used; "
                    "name a file that you trust with --detector-model"
                )
            os.replace(whole, path)  # noqa: PTH105 - the name says that it replaces
        finally:
            part.unlink(missing_ok=True)
            whole.unlink(missing_ok=True)
    # urllib's own errors are OSErrors; http.client and zipfile have others
    except (OSError, HTTPException, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        reason = (
            getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
        )
        raise InputError(
            f"{model.url}: cannot be downloaded ({escaped(reason, 200)}); fetch it elsewhere and put it at {path}, "
            "or name it with --detector-model"
        ) from error
    return path


def _download(model: ModelFile, path: Path, size: int) -> str:
    """Download at most one byte more than `size`; returns the SHA-256."""
    with urlopen(model.url, timeout=_TIMEOUT_S) as answer:
        return _copy(answer, path, size, time.monotonic() + max(_MIN_TOTAL_S, size / _SLOWEST_BYTES_PER_S))


def _copy(stream: IO[bytes], path: Path, size: int, deadline: float = float("inf")) -> str:
    """Write at most one byte more than `size` to a file; returns the SHA-256."""
    digest, left = hashlib.sha256(), size + 1
    # what has arrived, not what was asked for, so that the time is looked at
    read = getattr(stream, "read1", stream.read)
    with path.open("wb") as file:
        while left > 0 and (chunk := read(min(_CHUNK_BYTES, left))):
            check()
            left -= len(chunk)
            digest.update(chunk)
            file.write(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server is too slow: {size + 1 - left} bytes so far")
    return digest.hexdigest()


def _member(archive: zipfile.ZipFile, model: ModelFile) -> str:
    """The one entry of an archive that has the member's name, in any folder."""
    found = [name for name in archive.namelist() if name.rsplit("/", 1)[-1] == model.member]
    if len(found) != 1:
        raise ValueError(f"the archive has {len(found)} files {model.member}, not one")
    return found[0]
