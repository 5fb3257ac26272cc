"""Download model files once into the user's cache; a file is used only if its checksum matches."""

from __future__ import annotations

import hashlib
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

from lsmplify_refine.errors import InputError
from lsmplify_refine.stopping import check

_TIMEOUT_S = 30
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class ModelFile:
    """A downloadable file.

    Attributes:
        url: https URL.
        sha256: Checksum, hexadecimal.
        size: Size in bytes; a longer download is cut off and fails the checksum.
    """

    url: str
    sha256: str
    size: int

    @property
    def name(self) -> str:
        """The file name."""
        return self.url.rsplit("/", 1)[-1]


def stored(model: ModelFile, folder: Path) -> Path | None:
    """The model file in a cache folder; None if it is missing or its checksum does not match."""
    path = folder / model.name
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == model.sha256:
        return path
    return None


def cached(model: ModelFile, folder: Path) -> Path:
    """The model file in a cache folder, downloaded if it is missing.

    Raises:
        InputError: The download fails, or its checksum does not match.
    """
    path = folder / model.name
    try:
        if stored(model, folder) is not None:
            return path
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            _download(model, part)
            os.replace(part, path)  # noqa: PTH105 - the name says that it replaces
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:  # urllib's own errors are OSErrors
        reason = getattr(error, "reason", None) or error.strerror or error
        raise InputError(
            f"{model.url}: cannot be downloaded ({reason}); fetch it elsewhere and put it at {path}, "
            "or name it with --detector-model"
        ) from error
    return path


def _download(model: ModelFile, path: Path) -> None:
    digest, left = hashlib.sha256(), model.size + 1
    with urlopen(model.url, timeout=_TIMEOUT_S) as answer, path.open("wb") as file:
        while left > 0 and (chunk := answer.read(min(_CHUNK_BYTES, left))):
            check()
            left -= len(chunk)
            digest.update(chunk)
            file.write(chunk)
    if digest.hexdigest() != model.sha256:
        raise InputError(
            f"{model.url}: the file received has SHA-256 {digest.hexdigest()}, not {model.sha256}; it is not used; "
            "name a file that you trust with --detector-model"
        )
