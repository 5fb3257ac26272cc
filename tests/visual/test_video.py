from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.encode import QUEUE_LENGTH, VideoWriter
from lsmplify_refine.visual.video import Ratio, as_fraction, probe, read_frames, turn_upright
from tests.support import clips

NTSC = Fraction(30000, 1001)
#: Where the 36-byte matrix lies behind the letters `tkhd` of a version 0 track header (ISO 14496-12, 8.3.2).
TKHD_MATRIX_OFFSET = 44
CLOCKWISE = (0, 1, 0, -1, 0, 0)


def _blocks(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures whose left upper quarter is red, lower green, right upper blue, and whose brightness tells the time."""
    images = []
    for index in range(count):
        image = np.zeros((height, width, 3), np.uint8)
        level = 100 + 150 * index // max(count - 1, 1)
        image[: height // 2, : width // 2, 0] = level
        image[height // 2 :, : width // 2, 1] = level
        image[: height // 2, width // 2 :, 2] = level
        images.append(image)
    return images


def _write(
    path: Path, images: list[np.ndarray], fps: Fraction | float = 25, pts: list[int] | None = None, **options: Fraction
) -> Path:
    height, width = images[0].shape[:2]
    with VideoWriter(path, width, height, fps, **options) as writer:
        for index, image in enumerate(images):
            writer.write(image, None if pts is None else pts[index])
    return path


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a clip of 40 frames that do not compress, so that cutting the file cuts frames."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (48, 64, 3), dtype=np.uint8) for _ in range(40)]
    return _write(tmp_path_factory.mktemp("noisy") / "clip.mp4", images).read_bytes()


@pytest.mark.parametrize(
    ("fps", "stored"),
    [(Fraction(25), Fraction(25)), (NTSC, NTSC), (29.97, NTSC), (30.0, Fraction(30)), (12.5, Fraction(25, 2))],
)
def test_rate_and_count_come_back_exactly(tmp_path: Path, fps: Fraction | float, stored: Fraction) -> None:
    info = probe(_write(tmp_path / "clip.mp4", _blocks(7), fps))
    assert (info.fps, info.frames, info.pts) == (stored, 7, None)
    assert info.duration_s == pytest.approx(float(7 / stored))


@dataclass(frozen=True)
class AVRational:
    """PyAV 19's ratio, without the arithmetic that `Fraction` has and it lacks."""

    numerator: int
    denominator: int


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (AVRational(30000, 1001), NTSC),
        (NTSC, NTSC),
        (25, Fraction(25)),
        (None, None),
        (AVRational(0, 1), None),
        (AVRational(1, 0), None),
        (AVRational(0, 0), None),
    ],
)
def test_ratios_of_any_pyav_become_fractions(ratio: Ratio | None, expected: Fraction | None) -> None:
    assert as_fraction(ratio) == expected
    assert type(as_fraction(ratio)) is type(expected)


def test_what_is_computed_with_is_of_our_own_types(tmp_path: Path) -> None:
    info = probe(_write(tmp_path / "clip.mp4", _blocks(3), NTSC, [0, 1001, 5005], time_base=Fraction(1, 30000)))
    assert (type(info.fps), type(info.time_base), type(info.duration_s)) == (Fraction, Fraction, float)
    assert {type(count) for count in (info.width, info.height, info.frames, info.rotation)} == {int}
    assert info.pts is not None and info.pts.dtype == np.int64


@pytest.mark.parametrize(("width", "height"), [(64, 48), (63, 48), (64, 47), (33, 35)])
def test_frames_come_back_and_odd_sizes_become_even(tmp_path: Path, width: int, height: int) -> None:
    images = _blocks(6, width, height)
    path = _write(tmp_path / "clip.mp4", images)
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (width + width % 2, height + height % 2, 0)
    frames = list(read_frames(path))
    assert len(frames) == 6
    for frame, image in zip(frames, images):
        assert frame.dtype == np.uint8
        centers = [(height // 4, width // 4), (3 * height // 4, width // 4), (height // 4, 3 * width // 4)]
        for center in centers:  # away from the edges, where yuv420p mixes colours
            assert np.abs(frame[center].astype(int) - image[center]).max() <= 12


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = _write(tmp_path / "clip.mp4", _blocks(6))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.colorspace) == ("h264", "yuv420p", 1)
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")  # the header is first: playing starts before the end is there


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    times = [0, 3000, 9000, 10500, 18000, 21000]
    path = _write(tmp_path / "clip.mp4", _blocks(6), 30, times, time_base=Fraction(1, 90000))
    info = probe(path)
    assert info.pts is not None
    seconds = (info.pts - info.pts[0]) * float(info.time_base)
    np.testing.assert_allclose(seconds, np.array(times) / 90000, atol=1e-4)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270, -90, 89.6])
def test_turning_upright_is_counter_clockwise(degrees: float) -> None:
    image = _blocks(1)[0]
    np.testing.assert_array_equal(turn_upright(image, degrees), np.rot90(image, round(degrees / 90)))


def test_phone_clips_are_read_upright(tmp_path: Path) -> None:
    """A track header that says "a quarter turn clockwise", as phones write it for portrait clips."""
    images = _blocks(6)
    path = _write(tmp_path / "clip.mp4", images)
    data = bytearray(path.read_bytes())
    start = data.find(b"tkhd") + TKHD_MATRIX_OFFSET
    a, b, u, c, d, v = CLOCKWISE
    matrix = np.array([a << 16, b << 16, u, c * 65536, d << 16, v, 48 << 16, 0, 1 << 30], dtype=">i4").tobytes()
    assert data[start : start + 4] == (1 << 16).to_bytes(4, "big")  # it was the identity
    data[start : start + 36] = matrix
    path.write_bytes(data)
    info = probe(path)
    assert (info.width, info.height, info.rotation) == (48, 64, 270)
    frame = next(iter(read_frames(path)))
    expected = np.rot90(images[0], -1)
    assert frame.shape == expected.shape
    for row, column in ((16, 12), (16, 36), (48, 36)):
        assert np.abs(frame[row, column].astype(int) - expected[row, column]).max() <= 12


def _missing(path: Path) -> Path:
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _text(path: Path) -> Path:
    path.write_text("no video at all\n" * 50)
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def _sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_missing, "no such file"),
        (_folder, "is a folder"),
        (_text, "not a readable video"),
        (_empty, "not a readable video"),
        (_sound_only, "has no video in it"),
    ],
)
@pytest.mark.parametrize("use", [probe, lambda path: list(read_frames(path))])
def test_unreadable_input(
    tmp_path: Path, make: Callable[[Path], Path], message: str, use: Callable[[Path], object]
) -> None:
    path = make(tmp_path / "clip.mp4")
    with pytest.raises(InputError, match=message) as caught:
        use(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_cut_short_says_how_much_is_there(tmp_path: Path, noisy: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(noisy[: len(noisy) // 2])
    with pytest.raises(InputError, match=r"cut short: only (1\d|2\d) of 40 frames are there"):
        probe(path)


def test_a_file_cut_between_two_frames_is_noticed_too(tmp_path: Path, noisy: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(noisy)
    with av.open(str(path)) as container:
        starts = sorted(packet.pos for packet in container.demux(video=0) if packet.size)
    path.write_bytes(noisy[: starts[30]])
    with pytest.raises(InputError, match="only 30 of 40 frames"):
        probe(path)


def test_damage_in_the_middle_says_how_many_frames_came_out(tmp_path: Path, noisy: bytes) -> None:
    path = tmp_path / "clip.mp4"
    data = bytearray(noisy)
    data[len(data) // 2 : len(data) // 2 + 6000] = b"\xff" * 6000
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged after \d+ decoded frames"):
        list(read_frames(path))


@pytest.mark.parametrize("place", ["absent/out.mp4", "file/out.mp4"])
def test_unwritable_output_is_noticed_before_the_first_frame(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"), VideoWriter(tmp_path / place, 64, 48, 25):
        pytest.fail("the block was entered")


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_nothing_behind_and_the_old_file_alone(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"from last time")
    images = _blocks(6)
    with pytest.raises(error), VideoWriter(path, 64, 48, 25) as writer:
        for image in images:
            writer.write(image)
        raise error
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]
    assert path.read_bytes() == b"from last time"


def test_the_file_appears_only_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with VideoWriter(path, 64, 48, 25) as writer:
        writer.write(_blocks(1)[0])
        assert not path.exists()
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_no_frames_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frames"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25):
        pass
    assert not list(tmp_path.iterdir())


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25) as writer:
        writer.write(np.zeros((64, 48, 3), np.uint8))


@pytest.mark.parametrize("missing_bytes", [1, 400])
def test_a_clip_cut_in_its_last_frame_does_not_just_end_early(tmp_path: Path, noisy: bytes, missing_bytes: int) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(noisy[:-missing_bytes])
    with pytest.raises(InputError, match=r"only 39 of 40 frames are there"):
        probe(path)
    with pytest.raises(InputError, match=r"damaged after \d+ decoded frames"):
        list(read_frames(path))


@pytest.mark.parametrize(("width", "height"), [(63, 48), (64, 47)])
def test_odd_sizes_repeat_the_last_row_or_column(tmp_path: Path, width: int, height: int) -> None:
    frame = next(read_frames(_write(tmp_path / "clip.mp4", _blocks(1, width, height)))).astype(int)
    assert np.abs(frame[-1] - frame[-2]).max() <= 12
    assert np.abs(frame[:, -1] - frame[:, -2]).max() <= 12


def test_a_folder_of_the_same_name_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        _write(tmp_path / "out.mp4", _blocks(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.mp4"]


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("this user may write into read-only folders")
    with pytest.raises(InputError, match="cannot be written"):
        _write(folder / "out.mp4", _blocks(2))


def test_a_video_whose_frames_change_their_size_says_where(tmp_path: Path) -> None:
    """As of a stream whose camera was turned: H.264 without a container lets the size change."""
    streams = []
    for size in ((64, 48), (48, 64)):
        part = tmp_path / "part.h264"
        with av.open(str(part), "w", format="h264") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            for image in _blocks(5, *size):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode())
        streams.append(part.read_bytes())
    path = tmp_path / "clip.h264"
    path.write_bytes(b"".join(streams))
    decoded = []
    with pytest.raises(InputError, match=r"clip.h264: frame 5 has 48x64 pixels, the frames before it 64x48; give all"):
        for image in read_frames(path):
            decoded.append(image.shape)
    assert decoded == [(48, 64, 3)] * 5


@pytest.mark.parametrize("error", [MemoryError(), av.error.MemoryError(12, "Cannot allocate memory")])
def test_too_little_memory_is_not_called_damage(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / "clip.mp4", _blocks(4))

    def fail(*_: object) -> np.ndarray:
        raise error

    monkeypatch.setattr("lsmplify_refine.visual.video.turn_upright", fail)
    with pytest.raises(InputError, match=r"clip.mp4: out of memory while decoding frames of 64x48 pixels; `ffmpeg"):
        list(read_frames(path))


def test_after_a_failed_write_the_encoder_is_never_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg crashes on packets for a file whose header it could not write; frames may still wait in the queue."""
    calls: list[int] = []

    def fail(_: object, __: np.ndarray, ticks: int) -> None:
        calls.append(ticks)
        time.sleep(0.05)  # the other frames are in the queue by then
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(VideoWriter, "_encode_now", fail)
    with (
        pytest.raises(InputError, match="cannot be written: No space left on device"),
        VideoWriter(tmp_path / "out.mp4", 64, 48, 25) as writer,
    ):
        for image in _blocks(QUEUE_LENGTH + 3):
            writer.write(image)
    assert calls == [0] and not list(tmp_path.iterdir())


def test_a_header_that_cannot_be_written_is_told_before_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk when the video is begun: the file has a name and takes no byte."""
    monkeypatch.setattr("lsmplify_refine.visual.encode.av.open", lambda *_, **__: _FullDisk())
    with (
        pytest.raises(InputError, match="cannot be written: No space left on device"),
        VideoWriter(tmp_path / "out.mp4", 64, 48, 25),
    ):
        pytest.fail("the block was entered")
    assert not list(tmp_path.iterdir())


class _FullDisk:
    """A container whose header cannot be written."""

    def add_stream(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(codec_context=SimpleNamespace())

    def start_encoding(self) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    def close(self) -> None:
        """Nothing to end."""


@pytest.mark.parametrize("missing_bytes", [1, 1000])
def test_an_error_in_the_last_write_is_noticed(
    missing_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg does not tell of it: the file is only shorter than it says."""
    with pytest.raises(InputError, match="cannot be written"), VideoWriter(tmp_path / "out.mp4", 64, 48, 25) as writer:
        for image in _blocks(30):
            writer.write(image)
        finish = writer._stream.encode

        class Cut:
            def encode(self) -> list[object]:
                packets = finish()
                writer._container.mux(packets)
                writer._container.close()
                with writer._part.open("r+b") as file:
                    file.truncate(writer._part.stat().st_size - missing_bytes)
                return []

        while writer._pending:
            writer._wait()
        monkeypatch.setattr(writer, "_stream", Cut())
    assert not list(tmp_path.iterdir())


def test_names_in_a_video_need_not_be_text(tmp_path: Path) -> None:
    path = clips.write_video(tmp_path / "v.mp4", 3, (64, 48))
    data = path.read_bytes()
    assert b"VideoHandler" in data
    path.write_bytes(data.replace(b"VideoHandler", b"Vid\xe9oHandler"))
    assert probe(path).frames == 3 and len(list(read_frames(path))) == 3
