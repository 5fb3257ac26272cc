"""The notebook is valid, holds no outputs, and runs from its first cell to its last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples/lsmplify_refine.ipynb"

if not NOTEBOOK.is_file():
    pytest.skip("needs the examples beside the tests", allow_module_level=True)


def read() -> Any:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_notebook_is_valid_and_holds_no_outputs() -> None:
    notebook = read()
    nbformat.validate(notebook)
    assert notebook.cells[0].source.startswith("# ")
    for cell in notebook.cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    client = pytest.importorskip("nbclient")
    for needed in ("ipykernel", "matplotlib", "viser"):
        pytest.importorskip(needed)
    notebook = read()
    client.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output["data"] for output in outputs if "data" in output]
    assert sum("image/png" in data for data in shown) == 4
    (scene,) = [text for data in shown if (text := data.get("text/html", "")).startswith("<div><iframe srcdoc=")]
    assert len(scene) > 100_000
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    assert "reprojection_px_coco17" in printed and "accepted" in printed
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert (tmp_path / "demo/hmr4d_results_refined.pt").is_file()
