"""JSON files keep the text of what does not change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsmplify_refine.formats.json_text import with_numbers

TEXT = '{ "a 1.0": [1.50, -2e0,\n 3], "b": {"c": "4.0 \\" 5", "d": true, "e": null, "f": NaN} }\n'


def test_only_changed_numbers_get_new_text() -> None:
    before = json.loads(TEXT)
    after = json.loads(TEXT)
    after["b"]["f"] = before["b"]["f"]
    assert with_numbers(TEXT, before, after) == TEXT
    after["a 1.0"][1] = 0.125
    assert with_numbers(TEXT, before, after) == TEXT.replace("-2e0", "0.125")


@pytest.mark.parametrize(
    ("text", "after"),
    [("[1, 2]", [1, 2, 3]), ('{"a": 1}', {"a": 1, "b": 2}), ('["x", 1]', ["y", 1]), ('{"a": 1, "a": 2}', {"a": 3})],
)
def test_other_changes_need_another_way(text: str, after: Any) -> None:
    assert with_numbers(text, json.loads(text), after) is None
