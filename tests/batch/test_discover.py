from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine.batch.discover import discover
from lsmplify_refine.errors import InputError
from tests.support import clips
from tests.support.batches import NAMES, write_tree


def found(*inputs: str | Path, leave_out: Path | None = None) -> dict[str, Path]:
    return {row.name: row.input for row in discover(list(map(str, inputs)), leave_out=leave_out).rows}


def test_a_folder_gives_every_result_in_it_under_its_path(tmp_path: Path) -> None:
    write_tree(tmp_path / "in")
    assert found(tmp_path / "in") == {name: tmp_path / "in" / name for name in NAMES}


def test_two_folders_keep_their_names_apart(tmp_path: Path) -> None:
    for estimator in ("gvhmr", "other"):
        write_tree(tmp_path / estimator)
    assert set(found(tmp_path / "gvhmr", tmp_path / "other")) == {
        f"{estimator}/{name}" for estimator in ("gvhmr", "other") for name in NAMES
    }


def test_one_result_and_patterns(tmp_path: Path) -> None:
    write_tree(tmp_path / "in")
    assert found(tmp_path / "in" / "judo" / "a") == {"a": tmp_path / "in" / "judo" / "a"}
    by_pattern = found(tmp_path / "in" / "*" / "a" / "*.pt")
    assert set(by_pattern) == {"judo/a/hmr4d_results", "tennis/a/hmr4d_results"}
    assert set(found(tmp_path / "in" / "**" / "hmr4d_results.pt")) == {f"{name}/hmr4d_results" for name in NAMES}


def test_files_of_one_stem_do_not_collide(tmp_path: Path) -> None:
    for name in ("a.pt", "A.pth", "b.v2.pt"):
        torch.save(clips.results(), tmp_path / name)
    assert set(found(tmp_path)) == {"a.pt", "A.pth", "b.v2"}


def test_damaged_files_are_clips_and_others_are_told(tmp_path: Path) -> None:
    torch.save(clips.results(), tmp_path / "whole.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "whole.pt").read_bytes()[:1000])
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "features.npz", features=np.zeros(3))
    (tmp_path / "notes.json").write_text("{}")
    given = discover([tmp_path])
    assert [row.name for row in given.rows] == ["cut", "empty", "whole"]
    assert given.skipped == (tmp_path / "features.npz",)


def test_outputs_are_not_inputs(tmp_path: Path) -> None:
    write_tree(tmp_path / "in")
    write_tree(tmp_path / "in" / "refined")
    torch.save(clips.results(), tmp_path / "in" / "x_refined.pt")
    (tmp_path / "in" / ".hidden").mkdir()
    torch.save(clips.results(), tmp_path / "in" / ".hidden" / "x.pt")
    assert set(found(tmp_path / "in", leave_out=tmp_path / "in" / "refined")) == set(NAMES)


def test_a_manifest_is_read_and_may_stand_beside_folders(tmp_path: Path) -> None:
    write_tree(tmp_path / "in")
    (tmp_path / "m.csv").write_text("input,name\nnowhere.pt,extra\n")
    assert set(found(tmp_path / "in", tmp_path / "m.csv")) == {"extra", *(f"in/{name}" for name in NAMES)}


@pytest.mark.parametrize("text", ["missing", "missing/*.pt"])
def test_inputs_that_do_not_exist(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        discover([tmp_path / text])


def test_a_folder_without_results_says_what_it_holds(tmp_path: Path) -> None:
    np.savez(tmp_path / "features.npz", features=np.zeros(3))
    with pytest.raises(InputError, match=r"no result of a known estimator.*features\.npz"):
        discover([tmp_path])
