"""Every malformed array of a body model is one line with file and key when the file is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.body import BodyModel
from lsmplify_refine.errors import InputError
from tests.support.model_files import random_arrays

Change = Callable[[np.ndarray], Any]


def put(place: Any, value: float) -> Change:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


@pytest.fixture(scope="module")
def arrays() -> dict[str, Any]:
    return random_arrays("smpl", 10)


@pytest.mark.parametrize(
    ("key", "change", "reason"),
    [
        ("v_template", put((0, 0), np.nan), "NaN or infinite"),
        ("v_template", put((0, 0), 1e30), "a number of 1e\\+30"),
        ("v_template", lambda a: a[:-1], r"shape \(6889, 3\); expected \(6890, 3\)"),
        ("v_template", lambda a: a * 0, "a body of 0"),
        ("v_template", lambda a: a[None], "shape"),
        ("f", put((3, 1), 6890), "not vertices from 0 to 6889"),
        ("f", lambda a: a.astype(float) + 0.5, "not vertices"),
        ("f", lambda a: a[:0], "shape"),
        ("weights", lambda a: np.full(a.shape, "x"), "not numbers"),
        ("weights", lambda a: a[:, :23], "23 joints"),
        ("weights", lambda a: a[:100], "shape"),
        ("weights", put((0, 0), np.inf), "NaN or infinite"),
        ("shapedirs", lambda a: a[..., :0], "shape"),
        ("shapedirs", lambda a: a.reshape(-1), "shape"),
        ("posedirs", lambda a: a[..., :9], r"expected \(6890, 3, 207\)"),
        ("J_regressor", lambda a: a.T, r"expected \(24, 6890\)"),
        ("kintree_table", put((0, 4), 7), "parent does not come before"),
        ("kintree_table", put((0, 1), 1), "parent does not come before"),
        ("kintree_table", put((0, 9), -1), "parent does not come before"),
        ("kintree_table", lambda a: a[:1], "shape"),
    ],
)
def test_malformed_arrays(key: str, change: Change, reason: str, arrays: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "SMPL_NEUTRAL.npz"
    np.savez(path, **(arrays | {key: change(arrays[key].copy())}))
    with pytest.raises(InputError, match=reason) as caught:
        BodyModel.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert key in str(caught.value) or "joints" in reason


def test_own_keypoint_rows_are_checked(arrays: dict[str, Any], tmp_path: Path) -> None:
    np.savez(tmp_path / "SMPL_NEUTRAL.npz", **arrays)
    np.save(tmp_path / "J_regressor_body25.npy", np.full((25, 6890), np.nan))
    with pytest.raises(InputError, match=r"J_regressor_body25\.npy: not finite numbers"):
        BodyModel.load(tmp_path / "SMPL_NEUTRAL.npz")
