"""Output folders whose result is one of their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import joblib
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make


def _phalp(folder: Path) -> Path:
    (folder / "results").mkdir(parents=True)
    (folder / "_TMP").mkdir()
    joblib.dump(make.phalp(), folder / "results" / "demo_clip.pkl", compress=3)
    return folder / "results" / "demo_clip.pkl"


def _vibe(folder: Path) -> Path:
    folder.mkdir()
    joblib.dump(make.vibe(), folder / "vibe_output.pkl")
    return folder / "vibe_output.pkl"


def _prompthmr(folder: Path) -> Path:
    folder.mkdir()
    joblib.dump(make.prompthmr(), folder / "results.pkl")
    (folder / "subject-1.txt").write_text("no result")
    (folder / "broken.pkl").write_bytes(b"\x80\x04no pickle")
    return folder / "results.pkl"


@pytest.mark.parametrize(("format", "write"), [("phalp", _phalp), ("vibe", _vibe), ("prompthmr", _prompthmr)])
@pytest.mark.parametrize("named", [False, True])
def test_the_only_result_is_read(format: str, write: Callable[[Path], Path], named: bool, tmp_path: Path) -> None:
    file = write(tmp_path / "out")
    people = load_save.load(tmp_path / "out", format=format if named else None)
    assert {person.format for person in people} == {format} and {person.source for person in people} == {file}


def test_several_results_are_named(tmp_path: Path) -> None:
    file = _phalp(tmp_path / "out")
    joblib.dump(make.phalp(), file.with_name("other.pkl"))
    with pytest.raises(InputError, match=r"several results \(demo_clip.pkl, other.pkl\); give one"):
        load_save.load(tmp_path / "out")


def test_a_folder_without_a_result_lists_its_files(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    with pytest.raises(InputError, match=r"the folder holds clip\.mp4; give the result file itself"):
        load_save.load(tmp_path)
    with pytest.raises(InputError, match="not a torch, npz"):
        load_save.load(tmp_path, format="wham")
