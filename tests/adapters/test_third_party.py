"""The worked example of docs/adapters.md, through the entry-point group."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.formats import load_save, registry
from tests.support import estimator_files as make

DOCS = Path(__file__).resolve().parents[2] / "docs" / "adapters.md"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example as a module of somebody's package."""
    code = re.search(r"<!-- example -->\n```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    (tmp_path / "posenet9000_adapter.py").write_text(code[1], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("posenet9000", "posenet9000_adapter", registry.ENTRY_POINT_GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [point] if group == registry.ENTRY_POINT_GROUP else [])
    registry.adapters.cache_clear()
    yield
    registry.adapters.cache_clear()
    sys.modules.pop("posenet9000_adapter", None)


@pytest.mark.usefixtures("installed")
def test_example_reads_and_writes_back(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "theta": make.poses(24),
        "shape": make.values(make.FRAMES, 10),
        "cam_t": make.ahead(),
        "f": np.array(700.0),
        "wh": np.array([make.WIDTH, make.HEIGHT]),
        "scores": make.values(make.FRAMES).astype(np.float16),
    }
    np.savez(tmp_path / "r.npz", **arrays)
    (estimate,) = load_save.load(tmp_path / "r.npz")
    assert estimate.format == "posenet9000" and estimate.camera is not None
    pose = estimate.body_pose.copy()
    pose[2, 17] += 0.2
    load_save.save([estimate.replace(body_pose=pose)], tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz") as written:
        assert list(written) == list(arrays)
        for key, value in arrays.items():
            assert (written[key].tobytes() == value.tobytes()) == (key != "theta")
        changed = np.argwhere(written["theta"] != arrays["theta"])
    assert set(map(tuple, changed)) == {(2, column) for column in (54, 55, 56)}


@pytest.mark.usefixtures("installed")
def test_example_leaves_other_files_alone(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {**make.parts()}
    np.savez(tmp_path / "r.npz", **arrays)
    assert load_save.load(tmp_path / "r.npz")[0].format == "generic"
