from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import joblib
import numpy as np
import pytest
import torch

from lsmplify_refine.cli import main
from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import load_pickle, load_torch, read_npz, trust_notes, trusting, unpickle_objects
from tests.support import clips


class Custom:
    """A class of the user's own."""

    def __init__(self) -> None:
        self.array = np.arange(3)


def write(path: Path, kind: str) -> Any:
    tree = {"a": np.zeros(2), "own": Custom()}
    if kind == "torch":
        torch.save(tree, path)
        return load_torch
    if kind == "npz":
        np.savez(path, own=np.array(tree, dtype=object))
        return lambda path: read_npz(path, unpickle_objects)["own"].item()
    joblib.dump(tree, path, compress=kind == "compressed")
    return load_pickle


@pytest.mark.parametrize("kind", ["joblib", "compressed", "torch", "npz"])
def test_a_trusted_file_and_no_other_may_ask_for_anything(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # found by name, as in the user's own program
    monkeypatch.setitem(sys.modules, Custom.__module__, SimpleNamespace(Custom=Custom))
    mine, other = tmp_path / "mine.npz", tmp_path / "mine.npz.other.npz"
    load = write(mine, kind)
    write(other, kind)
    with trusting([mine]):
        assert np.array_equal(load(mine)["own"].array, np.arange(3))
        with pytest.raises(InputError, match=r"asks for .*Custom"):
            load(other)
        assert str(mine) in trust_notes()[0].text
    with pytest.raises(InputError, match=r"asks for .*Custom"):
        load(mine)


def test_limits_on_the_content_stay(tmp_path: Path) -> None:
    value: list[Any] = [0]
    for _ in range(40):
        value = [value, value]
    (tmp_path / "f.pkl").write_bytes(pickle.dumps(value))
    with trusting([tmp_path / "f.pkl"]), pytest.raises(InputError, match="far more memory"):
        load_pickle(tmp_path / "f.pkl")


def test_a_name_that_begins_like_a_trusted_one_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.pkl", "a.pkl: x.pkl"):
        write(Path(name), "joblib")
    with trusting([Path("a.pkl")]), pytest.raises(InputError, match=r"asks for .*Custom"):
        load_pickle(Path("a.pkl: x.pkl"))


def test_only_files_can_be_trusted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"), trusting([tmp_path]):
        pass


def test_the_command_warns_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = clips.write_folder(tmp_path / "clip")
    tree = clips.results() | {"date": pickle.PickleBuffer}  # a name that is refused
    torch.save(tree, folder / "hmr4d_results.pt")
    arguments = ["--input", str(folder), "--no-video", "--weights", "none"]
    assert main(arguments) == 2
    assert "asks for pickle.PickleBuffer" in capsys.readouterr().err
    assert main([*arguments, "--trust-pickle", str(folder / "hmr4d_results.pt")]) == 0
    assert "warning: " in capsys.readouterr().err
    report = json.loads((folder / "hmr4d_results_report.json").read_text())
    assert any("--trust-pickle" in note["text"] for note in report["people"][0]["notes"])
