"""What a file may take: a share of the free memory, which the message says, and nothing that is not a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.containers import peek
from lsmplify_refine.safe_load import _limits, load_pickle, read_input
from tests.support import estimator_files as make
from tests.support.hostile_files import TOUCH


def test_zeros_that_compress_well_are_read(tmp_path: Path) -> None:
    """joblib's zlib at level 1 makes a sound file of 84 MB of zeros about 230 times smaller."""
    rng = np.random.default_rng(0)
    value: dict[str, Any] = {"noise": rng.random(230_000), "verts": np.zeros((1020, 6890, 3), np.float32)}
    joblib.dump(value, tmp_path / "f.pkl", compress=1)
    assert (tmp_path / "f.pkl").stat().st_size < 2.5e6
    loaded = load_pickle(tmp_path / "f.pkl")
    assert loaded["verts"].shape == (1020, 6890, 3) and np.array_equal(loaded["noise"], value["noise"])


def test_the_limit_is_half_of_the_free_memory_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.pkl").write_bytes(pickle.dumps({"a": np.zeros(1_000_000)}))
    monkeypatch.setattr(_limits, "free_memory", lambda: 10 << 20)
    with pytest.raises(InputError, match="the limit of 5 MB is half of the free memory"):
        load_pickle(tmp_path / "f.pkl")


def test_free_memory_is_known() -> None:
    assert 1 << 20 < _limits.free_memory() < 1 << 50


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "zero", "urandom", "folder"])
@pytest.mark.parametrize("read", [read_input, load_pickle, peek])
def test_only_regular_files_are_read(kind: str, read: Any, tmp_path: Path) -> None:
    path = {"zero": Path("/dev/zero"), "urandom": Path("/dev/urandom")}.get(kind, tmp_path / kind)
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "folder":
        path.mkdir()
        if read is peek:
            return  # a folder is no file of values
    with pytest.raises(InputError, match=r"is (not a regular file|a folder)"):
        read(path)


def test_a_name_with_a_nul_is_one_line() -> None:
    with pytest.raises(InputError, match=r"a\\x00b: cannot be read"):
        read_input(Path("a\0b"))


def test_objects_that_could_run_code_are_left_out_and_named(tmp_path: Path) -> None:
    parts: dict[str, Any] = dict(make.parts())
    plain = np.array([{"name": "walk"}, None], dtype=object)
    np.savez(tmp_path / "r.npz", **parts, extra=np.array({"a": TOUCH}, dtype=object), info=plain)
    estimates = load_save.load(tmp_path / "r.npz")
    notes = [note for note in estimates[0].notes if note.code == "objects-left-out"]
    assert len(notes) == 1 and "extra: left out of the result" in notes[0].text and "posix.system" in notes[0].text
    load_save.save(estimates, tmp_path / "out.npz")
    with np.load(tmp_path / "out.npz", allow_pickle=True) as written:
        assert set(written) == {*parts, "info"}
        assert written["info"].tolist() == plain.tolist()
        assert all(np.array_equal(written[key], parts[key]) for key in parts)
