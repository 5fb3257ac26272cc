from __future__ import annotations

from typing import Any

import pytest

from lsmplify_refine.cli import main
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.errors import InputError
from lsmplify_refine.job.inputs import place
from lsmplify_refine.values.ranges import check_range
from tests.support.scenes import scene


@pytest.mark.parametrize(
    ("option", "values"),
    [("smooth_seconds", (0.0, 0.001, 0.1, 10.0)), ("focal_px", (1.0, 1200.0, 1e6)), ("passes", (1, 100))],
)
def test_sound_values_pass(option: str, values: tuple[float, ...]) -> None:
    for value in values:
        check_range(option, value)


HOSTILE = [
    ("smooth_seconds", 1e-320),
    ("smooth_seconds", -0.1),
    ("smooth_seconds", 1e9),
    ("focal_px", 1e300),
    ("focal_px", 0.0),
    ("passes", 10**30),
    ("passes", 0),
]


@pytest.mark.parametrize(("option", "value"), HOSTILE)
def test_options_out_of_range_are_one_line(option: str, value: float, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=f"{option} is .*; give"):
        if option == "focal_px":
            place(scene(2), video=None, focal_px=value)
        else:
            options: dict[str, Any] = {option: value}
            Refiner(**options)
    with pytest.raises(SystemExit) as left:
        main(["--input", "x.pt", f"--{option.replace('_', '-')}", str(value)])
    assert left.value.code == 2
    assert "; give" in capsys.readouterr().err.splitlines()[-1]
