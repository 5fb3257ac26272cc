"""The built-in adapters have what the registry promises; type checkers see it too."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from lsmplify_refine.formats.registry import Adapter, AdapterWithOptions, adapters
from tests.support.adapter_cases import CASES

if TYPE_CHECKING:
    from adapters import (
        amass,
        easymocap,
        generic,
        gvhmr,
        phalp,
        prompthmr,
        romp,
        smplcodec,
        smplerx,
        smplestx,
        tram,
        vibe,
        wham,
    )

    # imported by name at run time, so only here is each of them held against the protocol
    BUILT_IN: tuple[Adapter, ...] = (
        amass, easymocap, gvhmr, phalp, prompthmr, romp, smplcodec, smplerx, smplestx, tram, vibe, wham,
    )  # fmt: skip
    WITH_OPTIONS: AdapterWithOptions = generic


def test_every_file_in_adapters_is_registered() -> None:
    folder = resources.files("lsmplify_refine.adapters")
    files = {Path(file.name) for file in folder.iterdir()}
    assert set(adapters()) == {file.stem for file in files if file.suffix == ".py" and not file.stem.startswith("_")}


def test_an_adapter_with_options_differs_from_one_without() -> None:
    assert isinstance(adapters()["generic"], AdapterWithOptions)
    assert not isinstance(adapters()["wham"], AdapterWithOptions)


def test_every_adapter_is_tried_and_stands_in_the_table() -> None:
    tried = {case.adapter for case in CASES.values()}
    assert tried == set(adapters())
    root = Path(__file__).resolve().parents[2]
    table = (root / "docs" / "formats.md").read_text(encoding="utf-8")
    assert all(f"\n| `{name}` |" in table for name in tried)
    assert all((root / "tests" / "adapters" / f"test_{name}.py").is_file() for name in tried)
