"""The model cache, without a network."""

from __future__ import annotations

import hashlib
import io
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
    "failure", [URLError(OSError("no route")), TimeoutError("slow"), ConnectionResetError("reset")]
)
def test_offline_says_what_to_do(failure: Exception, tmp_path: Path, web: list[bytes | Exception]) -> None:
    web.append(failure)
    with pytest.raises(InputError) as error:
        cached(MODEL, tmp_path)
    for part in (MODEL.url, str(tmp_path / "net.task"), "--detector-model"):
        assert part in str(error.value)
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
