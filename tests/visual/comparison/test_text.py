"""Text on plates."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.text import Corner, Line, block, broken, extent

WHITE = (255, 255, 255)


def test_long_text_is_broken_into_lines_that_fit() -> None:
    lines = broken(Line("held: the keypoint error would rise", 0.5, WHITE), 160)
    assert len(lines) > 1 and " ".join(line.text for line in lines) == "held: the keypoint error would rise"
    assert all(extent(line.text, line.size).width <= 160 for line in lines)


def test_endless_text_ends_with_dots() -> None:
    lines = broken(Line("word " * 500, 0.5, WHITE), 200)
    assert len(lines) == 3 and lines[-1].text.endswith("...")


def test_a_long_word_shrinks_and_is_cut() -> None:
    (line,) = broken(Line("w" * 60, 0.5, WHITE), 200)
    assert 0.3 < line.size < 0.5 and extent(line.text, line.size).width <= 200
    assert line.text.startswith("www") and line.text.endswith("...")


@pytest.mark.parametrize("corner", get_args(Corner))
def test_a_block_stays_in_its_corner(corner: Corner) -> None:
    image = np.full((240, 320, 3), 200, np.uint8)
    block(image, [Line("BEFORE", 0.5, WHITE), Line("1.2 px", 0.4, WHITE)], corner)
    rows, columns = np.nonzero((image != 200).any(axis=-1))
    assert bool(rows.max() < 120) is corner.startswith("top")
    assert bool(columns.max() < 200) is corner.endswith("left")
    assert image.max() > 240 and image[rows.min(), columns.min()].max() < 100
