"""A snapshot of the public names: adding one is a deliberate change here."""

from __future__ import annotations

import inspect

import pytest

import lsmplify_refine
from lsmplify_refine.options import RefineOptions

NAMES = [
    "BodyModel",
    "CalibratedCamera",
    "Camera",
    "Estimate",
    "InputError",
    "KeypointTrack",
    "Keypoints",
    "Note",
    "Recorder",
    "Refinement",
    "Refiner",
    "Sam3dRecorder",
    "SmplParameters",
    "Stream",
    "StreamStep",
    "__version__",
    "detect_keypoints",
    "load",
    "load_calibration",
    "load_keypoints",
    "load_tracks",
    "refine",
    "save",
    "triangulate",
]

SIGNATURES = {
    "load": ["path", "format"],
    "refine": ["estimate", "body", "device", "smooth_seconds", "align", "weights", "mode", "passes"],
    "save": ["estimates", "path", "overwrite"],
    "Refiner": ["body", "device", "smooth_seconds", "align", "weights", "mode", "passes", "progress"],
}


def test_names() -> None:
    assert sorted(lsmplify_refine.__all__) == NAMES
    assert set(NAMES) <= set(dir(lsmplify_refine))


@pytest.mark.parametrize("name", NAMES)
def test_each_name_loads_and_is_documented(name: str) -> None:
    value = getattr(lsmplify_refine, name)
    assert isinstance(value, str) or inspect.getdoc(value)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    assert list(inspect.signature(getattr(lsmplify_refine, name)).parameters) == SIGNATURES[name]


@pytest.mark.parametrize("name", ["Refiner", "refine"])
def test_defaults_are_those_of_the_command(name: str) -> None:
    signature = inspect.signature(getattr(lsmplify_refine, name))
    for option, default in RefineOptions().as_keywords().items():
        assert signature.parameters[option].default == default, option


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lsmplify_refine.nothing
