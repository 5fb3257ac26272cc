"""Folders of images as videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.visual.video import probe, read_frames


def write_images(folder: Path, names: list[str], size: tuple[int, int] = (64, 48)) -> Path:
    """Images whose left half is red, brighter from frame to frame."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[:, : size[0] // 2, 2] = 100 + 20 * index  # OpenCV's order is blue, green, red
        assert cv2.imwrite(str(folder / name), image)
    return folder


def test_images_are_frames_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["img_8.png", "img_9.png", "img_10.png", "img_11.jpg"]
    folder = write_images(tmp_path / "images", names)
    (folder / "notes.txt").write_text("no image")
    info = probe(folder)
    assert (info.width, info.height, info.frames, info.timed, info.pts) == (64, 48, 4, False, None)
    frames = list(read_frames(folder))
    assert [int(frame[24, 10, 0]) for frame in frames[:3]] == [100, 120, 140]
    assert abs(int(frames[3][24, 10, 0]) - 160) < 5 and all(int(frame[24, 50].max()) < 5 for frame in frames)


def _one_size(folder: Path) -> None:
    write_images(folder, ["b.png"], (32, 48))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "a.png").unlink(), "is a folder without images; give a video file, or a folder of"),
        (lambda folder: (folder / "a.png").write_bytes(b"no image"), "a.png: is not a readable image"),
        (lambda folder: (folder / "a.png").write_bytes(b""), "a.png: is not a readable image"),
        (_one_size, "b.png: has 32x48 pixels, the images before it 64x48"),
    ],
)
def test_unfit_folders_are_named(spoil: Callable[[Path], object], message: str, tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images", ["a.png"])
    spoil(folder)
    with pytest.raises(InputError, match=message):
        probe(folder)
        list(read_frames(folder))
