"""Names and contents of results in several formats, of several people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import load
from lsmplify_refine.job.exports import plan_exports
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.options import OutputFormat
from tests.support import clips


@pytest.mark.parametrize(
    ("formats", "ids", "names"),
    [
        (["bvh"], {0: "7"}, ["k.bvh"]),
        (["bvh", "amass"], {0: "7"}, ["k_bvh.bvh", "k_amass.npz"]),
        (["bvh"], {0: "a", 1: "b"}, ["k_a.bvh", "k_b.bvh"]),
        (["smpl-npz", "smplx-npz"], {3: "x"}, ["k_smpl-npz.npz", "k_smplx-npz.npz"]),
        # ids of files do not lead elsewhere, and file systems may not tell A from a
        (["bvh"], {0: "../c", 1: "c d", 2: "A", 4: "a"}, ["k__c.bvh", "k_c_d.bvh", "k_A.bvh", "k_a_4.bvh"]),
        (["bvh"], {0: "", 1: "x" * 300}, ["k__.bvh", f"k_{'x' * 32}.bvh"]),
        ([], {0: "a"}, []),
    ],
)
def test_names(formats: list[OutputFormat], ids: dict[int, str], names: list[str]) -> None:
    plan = plan_exports("k", formats, ids)
    assert [file.name for file in plan] == names
    assert all(set(file.people) <= ids.keys() for file in plan)


def test_refine_writes_several_formats_in_one_run(tmp_path: Path) -> None:
    folder = clips.write_folder(tmp_path / "clip")
    formats: tuple[OutputFormat, ...] = ("bvh", "amass", "smplx-npz", "amass")
    outcome = run(Job(folder, write_video=False, weights="none", output_format=formats))
    stem = "hmr4d_results_refined"
    names = [f"{stem}_bvh.bvh", f"{stem}_amass.npz", f"{stem}_smplx-npz.npz"]
    assert [path.name for path in outcome.outputs.all] == [
        *names,
        "hmr4d_results_report.html",
        "hmr4d_results_report.json",
    ]
    (read,) = load(folder / names[2])
    assert np.abs(read.body_pose - outcome.refinements[0].refined.body_pose).max() < 1e-5
    assert any(note.text.startswith("amass: ") for note in outcome.notes)
