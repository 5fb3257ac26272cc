"""Patterns: fields of a path, wildcards, and what is filled in."""

from __future__ import annotations

from pathlib import Path

import pytest

from lsmplify_refine.batch.patterns import Pattern, filled
from lsmplify_refine.errors import InputError


@pytest.mark.parametrize(
    ("pattern", "text", "fields"),
    [
        ("{subject}_{sequence}", "P1_14_outdoor_climb", {"subject": "P1", "sequence": "14_outdoor_climb"}),
        ("{sequence}_{person:digits}", "downtown_arguing_00_1", {"sequence": "downtown_arguing_00", "person": "1"}),
        ("{motion}_{take:digits}_cam_{view:digits}", "Axel_2_cam_10", {"motion": "Axel", "take": "2", "view": "10"}),
        ("{a}/{a}_data.pkl", "x/x_data.pkl", {"a": "x"}),
        ("{a}/{a}_data.pkl", "x/y_data.pkl", None),
        ("{a}", "x/y", None),
        ("{a:path}/f.pt", "x/y/f.pt", {"a": "x/y"}),
        ("{a:stem}", "x.pt", None),
        ("*/{a}.pk?", "any/x.pkl", {"a": "x"}),
        ("**/{a}.pkl", "x.pkl", {"a": "x"}),
        ("**/{a}.pkl", "1/2/x.pkl", {"a": "x"}),
        ("[a] (b)+/{a}", "[a] (b)+/x", {"a": "x"}),
    ],
)
def test_fields_of_a_text(pattern: str, text: str, fields: dict[str, str] | None) -> None:
    assert Pattern(pattern).match(text) == fields


@pytest.mark.parametrize("text", ["{subject", "{Sub ject}", "{}", "a}b", "{view:number}"])
def test_braces_that_are_no_field_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="field"):
        Pattern(text)


def test_files_below_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "set [1]"
    for name in ("a/x.pt", "b/x.pt", "b/c/x.pt", "b/y.pkl"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    assert [values["clip"] for _, values in Pattern("{clip:path}/x.pt").matches(root)] == ["a", "b/c", "b"]
    absolute = Pattern(f"{tmp_path.as_posix()}/*/b/{{name}}.pkl")
    assert list(absolute.matches(root / "a")) == [(root / "b/y.pkl", {"name": "y"})]
    assert [values for _, values in Pattern("../b/{name}.pkl").matches(root / "a")] == [{"name": "y"}]


def test_values_are_no_wildcards(tmp_path: Path) -> None:
    for name in ("a[1].mp4", "a1.mp4"):
        (tmp_path / name).touch()
    text = filled("{clip}.mp4", {"clip": "a[1]"}, escape=True)
    assert Pattern(text).paths(tmp_path) == [tmp_path / "a[1].mp4"]


def test_a_field_without_a_value_is_named() -> None:
    with pytest.raises(InputError, match=r"no field \{view\}; known: clip"):
        filled("{clip}/{view}", {"clip": "a"})
