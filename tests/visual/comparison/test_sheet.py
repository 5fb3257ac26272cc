"""The sizes of frames and panels."""

from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine.visual.comparison.sheet import arrange


@pytest.mark.parametrize("size", [(64, 64), (1, 1), (320, 240), (1920, 1080), (1080, 1920), (7680, 4320), (33, 47)])
@pytest.mark.parametrize("panels", [1, 2, 3, 4])
def test_panels_can_be_read_and_played(size: tuple[int, int], panels: int) -> None:
    sheet = arrange(*size, panels)
    width, height = sheet.size
    assert max(width, height) <= 3841 and width * height <= 1.01 * 3840 * 2160
    assert min(sheet.width, sheet.height) >= 230
    assert sheet.columns * sheet.rows >= panels
    assert sheet.width / sheet.height == pytest.approx(size[0] / size[1], rel=0.01)
    assert sheet.scale * size[0] == pytest.approx(sheet.width, abs=0.51)


def test_usual_clips_keep_their_size() -> None:
    sheet = arrange(1280, 720, 2)
    assert (sheet.scale, sheet.size) == (1.0, (2560, 720))


def test_four_panels_of_a_wide_clip_are_two_rows_and_of_a_portrait_one() -> None:
    assert (arrange(1280, 720, 4).columns, arrange(1280, 720, 4).rows) == (2, 2)
    assert (arrange(720, 1280, 4).columns, arrange(720, 1280, 4).rows) == (4, 1)


def test_panels_are_views_in_reading_order() -> None:
    sheet = arrange(320, 240, 4)
    picture = np.zeros((sheet.size[1], sheet.size[0], 3), np.uint8)
    for number, panel in enumerate(sheet.panels(picture), start=1):
        panel[:] = number
    assert [picture[y, x, 0] for y in (10, 250) for x in (10, 330)] == [1, 2, 3, 4]
