"""The model cache, without a network."""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from http.client import BadStatusLine, IncompleteRead
from pathlib import Path
from urllib.error import URLError

import pytest

from lsmplify_refine.detect import download
from lsmplify_refine.detect.download import ModelFile, cached
from lsmplify_refine.detect.mediapipe import HEAVY
from lsmplify_refine.errors import InputError

CONTENT = b"a model" * 1000
MODEL = ModelFile("https://example.org/models/net.task", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> list[bytes | Exception]:
    """What the web answers, one after the other."""
    answers: list[bytes | Exception] = []

    def answer(url: str, timeout: float) -> io.BytesIO:
        assert url == MODEL.url and timeout > 0
        content = answers.pop(0)
        if isinstance(content, Exception):
            raise content
        return io.BytesIO(content)

    monkeypatch.setattr(download, "urlopen", answer)
    return answers


def test_downloaded_once(tmp_path: Path, web: list[bytes | Exception]) -> None:
    web.append(CONTENT)
    path = cached(MODEL, tmp_path / "deep" / "cache")
    assert path == tmp_path / "deep" / "cache" / "net.task" and path.read_bytes() == CONTENT
    assert cached(MODEL, path.parent) == path and not web
    assert list(path.parent.iterdir()) == [path]


def test_a_damaged_one_is_replaced(tmp_path: Path, web: list[bytes | Exception]) -> None:
    (tmp_path / "net.task").write_bytes(CONTENT[:100])
    web.append(CONTENT)
    assert cached(MODEL, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("content", [b"<html>", CONTENT + b"more", CONTENT[:-1]])
def test_another_file_is_not_used(content: bytes, tmp_path: Path, web: list[bytes | Exception]) -> None:
    web.append(content)
    with pytest.raises(InputError, match=r"SHA-256.*not used.*--detector-model"):
        cached(MODEL, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "failure",
    [
        URLError(OSError("no route")),
        TimeoutError("slow"),
        ConnectionResetError("reset"),
        IncompleteRead(b"", 5),
        BadStatusLine("\x1b[31m"),
        ValueError("unknown url type"),
    ],
)
def test_offline_says_what_to_do(failure: Exception, tmp_path: Path, web: list[bytes | Exception]) -> None:
    web.append(failure)
    with pytest.raises(InputError) as error:
        cached(MODEL, tmp_path)
    for part in (MODEL.url, str(tmp_path / "net.task"), "--detector-model"):
        assert part in str(error.value)
    assert not list(tmp_path.iterdir()) and "\x1b" not in str(error.value)


def test_a_server_that_sends_a_byte_at_a_time_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**9, 10))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))

    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(1)

    monkeypatch.setattr(download, "urlopen", lambda url, timeout: Slow(CONTENT))
    with pytest.raises(InputError, match=r"the server is too slow: \d bytes so far"):
        cached(MODEL, tmp_path)
    assert not list(tmp_path.iterdir())


def archive(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name in names:
            file.writestr(name, CONTENT)
    return stream.getvalue()


ARCHIVED = ModelFile("https://example.org/net_256.zip", MODEL.sha256, len(CONTENT), "end2end.onnx")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive("a/end2end.onnx", "deploy.json"), None),
        (archive("deploy.json"), "0 files end2end.onnx, not one"),
        (archive("a/end2end.onnx", "b/end2end.onnx"), "2 files"),
        (b"not a zip", "not a zip file"),
        (archive("end2end.onnx").replace(b"a model", b"b model"), "Bad CRC"),
    ],
)
def test_a_model_in_an_archive(
    content: bytes, reason: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "urlopen", lambda url, timeout: io.BytesIO(content))
    if reason is None:
        path = cached(ARCHIVED, tmp_path)
        assert path == tmp_path / "net_256.onnx" and path.read_bytes() == CONTENT
        assert list(tmp_path.iterdir()) == [path]
        return
    with pytest.raises(InputError, match=reason):
        cached(ARCHIVED, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_stream_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.BytesIO):
        given = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None and size > 0
            Endless.given += size
            return b"x" * size

    monkeypatch.setattr(download, "urlopen", lambda url, timeout: Endless())
    with pytest.raises(InputError, match="SHA-256"):
        cached(MODEL, tmp_path)
    assert Endless.given <= len(CONTENT) + 1


def test_the_real_one_is_pinned() -> None:
    assert HEAVY.url.startswith("https://") and "latest" not in HEAVY.url and HEAVY.name == "pose_landmarker_heavy.task"
    assert len(HEAVY.sha256) == 64
