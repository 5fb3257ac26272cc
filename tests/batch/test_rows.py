from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine.batch.rows import Row, check_unique, option_names
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.job import Job


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        ("person", "2", "2"),
        ("format", "generic:family=smplx", "generic:family=smplx"),
        ("keypoint_convention", "coco17", "coco17"),
        ("detector_model", "a/b.onnx", Path("a/b.onnx")),
        ("body_model", "smpl.npz", Path("smpl.npz")),
        ("weights", "none", "none"),
        ("focal_px", "1200.5", 1200.5),
        ("passes", "2", 2),
        ("gender", "female", "female"),
        ("align", "torso", "torso"),
        ("mode", "sequential", "sequential"),
        ("output_format", "amass", "amass"),
        ("output_format", "bvh, glb", ("bvh", "glb")),
        ("weights", "mine.pt", Path("mine.pt")),
        ("fps", "59.94", 59.94),
        ("keypoint_fps", "120", 120.0),
        ("image_size", "1920x1080", (1920, 1080)),
    ],
)
def test_options_of_a_row_have_the_types_of_a_job(option: str, text: str, value: Any) -> None:
    row = Row("a", Path("a.pt"), options={option: text})

    assert row.job_options() == {option: value}
    assert getattr(Job(row.input, **row.job_options()), option) == value


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("output", "elsewhere", "not an option of a row; known: .*person"),
        ("nonsense", "1", "not an option of a row"),
        ("align", "sideways", "none of auto, camera"),
        ("passes", "two", "not a number"),
        ("passes", "0", "passes is 0"),
        ("focal_px", "nan", "focal_px is nan"),
        ("fps", "0", "fps is 0"),
        ("keypoint_fps", "0", "keypoint_fps is 0"),
        ("image_size", "1920", "expected a size in pixels such as 1920x1080"),
        ("image_size", "0x1080", "expected a size in pixels"),
        ("image_size", "9" * 5000 + "x9", "expected a size in pixels"),
        ("output_format", "bvh fbx", "fbx is none of amass"),
    ],
)
def test_bad_options_are_refused(option: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Row("a", Path("a.pt"), options={option: text})


def test_every_option_of_a_job_is_a_rows_or_the_batchs() -> None:
    assert {"person", "align", "weights", "smooth_seconds", "detector"} <= set(option_names())
    assert not {"input", "output", "device", "overwrite"} & set(option_names())


@pytest.mark.parametrize("name", ["", "/a", "../a", "a/../b", "a//b", "a/", ".", "a\\b", "a\0", "\ud800"])
def test_names_stay_inside_the_output_folder(name: str) -> None:
    with pytest.raises(InputError, match="not a clip's name"):
        Row(name, Path("a.pt"))


def test_two_clips_of_one_name_are_refused() -> None:
    rows = [Row("x/A", Path("1.pt")), Row("x/b", Path("2.pt")), Row("X/a", Path("3.pt"))]

    check_unique(rows[:2])
    with pytest.raises(InputError, match=r"x/A: the name of 2 clips"):
        check_unique(rows)
