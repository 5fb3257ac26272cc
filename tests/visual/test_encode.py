from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from lsmplify_refine.visual import encode


@pytest.mark.parametrize("size", [(64, 48), (66, 50)])
def test_planes_are_those_of_ffmpeg(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    expected = frame.reformat(format="yuv420p", dst_colorspace="ITU709").to_ndarray()
    planes = encode._to_yuv420(image)
    assert planes.shape == expected.shape
    assert np.abs(planes.astype(int) - expected)[: size[1]].max() <= 1
    # FFmpeg's halved colours reach a little further than two pixels
    assert np.abs(planes.astype(int) - expected).mean() < 1


def test_gray_black_and_white() -> None:
    for level, luma in ((0, 16), (255, 235), (128, 126)):
        for width, height in ((6, 4), (2, 2)):
            planes = encode._to_yuv420(np.full((height, width, 3), level, np.uint8))
            assert (planes[:height] == luma).all() and (planes[height:] == 128).all()
