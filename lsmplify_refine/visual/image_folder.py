"""A folder of images as a video: one image per frame, in the order of the numbers in their names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import read_input

_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})


def images_in(folder: Path) -> list[Path]:
    """The images of a folder, frame by frame.

    Raises:
        InputError: There are none.
    """
    found = [path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")]
    if not found:
        raise InputError(f"{folder}: is a folder without images; give a video file, or a folder of .jpg or .png")
    return sorted(found, key=_order)


def read_image(path: Path) -> np.ndarray:
    """Decode an image: RGB uint8 (height, width, 3), upright.

    Raises:
        InputError: The file cannot be read as an image.
    """
    data = np.frombuffer(read_input(path), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:
        image = None
    if image is None:
        raise InputError(f"{path}: is not a readable image; copy it again")
    return np.ascontiguousarray(image[..., ::-1])


def read_images(folder: Path) -> Iterator[np.ndarray]:
    """Decode a folder's images one by one.

    Raises:
        InputError: An image cannot be read, or differs in size from the first.
    """
    first: tuple[int, ...] | None = None
    for path in images_in(folder):
        image = read_image(path)
        first = first or image.shape
        if image.shape != first:
            raise InputError(
                f"{path}: has {image.shape[1]}x{image.shape[0]} pixels, the images before it {first[1]}x{first[0]}; "
                "give all images one size"
            )
        yield image


def _order(path: Path) -> tuple[list[int], str]:
    """Sorts 2 before 10."""
    return [int(digits) for digits in re.findall(r"\d{1,18}", path.stem)], path.name
