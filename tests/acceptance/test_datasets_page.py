"""docs/datasets.md: its commands run on the miniatures, its layout is a layout, its tables name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from lsmplify_refine.batch.layout_files import Clips, layout_names, load_layout
from lsmplify_refine.cli import main
from tests.support import dataset_files as datasets
from tests.support import sports_files as sports

PAGE = Path(__file__).resolve().parents[2] / "docs" / "datasets.md"

if not PAGE.is_file():
    pytest.skip("needs the docs beside the tests", allow_module_level=True)

TEXT = PAGE.read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.S | re.M)


def test_the_commands_run_on_the_miniatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    datasets.write_hmr4d_support(tmp_path / "inputs")
    for estimator, jitter in (("GVHMR", 0.0), ("SMPLest-X", 2.0)):
        sports.write_lucidaction(tmp_path / "LucidAction", estimator=estimator, jitter_deg=jitter)
    commands = [shlex.split(line, comments=True) for block in blocks("bash") for line in block.splitlines()]
    assert [command[:2] for command in commands] == [["lsmplify-refine", "batch"]] * 3
    for command in commands:
        # in this process, without the network: results are another test's
        assert (
            main([*command[1:], *([] if "--manifest-only" in command else ["--jobs", "0", "--weights", "none"])]) == 0
        )
    assert "GVHMR/diving/expert/back_dive/007/front" in (tmp_path / "clips.csv").read_text()
    table = (tmp_path / "refined" / "table.md").read_text()
    # columns that are the same everywhere are left out
    assert all(f"\n| {name} |" in table for name in ("EMDB-1", "EMDB-2", "RICH", "3DPW"))
    lucid = (tmp_path / "refined_lucid" / "table.md").read_text()
    assert "| SMPLest-X | side |" in lucid and "MPJPE mm" in lucid


def test_the_layout_of_the_page_is_a_layout(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "treadmill.toml").write_text(text)
    (clips,) = load_layout(tmp_path / "treadmill.toml").clips
    assert clips.groups == ("subject", "site")


def test_the_page_names_every_layout_and_key() -> None:
    for name in layout_names():
        assert f"| `{name}` |" in TEXT
    table = TEXT[TEXT.index("| key | |") : TEXT.index("A file that several tables match")]
    assert set(re.findall(r"`([a-z_0-9]+)`", table)) >= set(Clips.__dataclass_fields__)
