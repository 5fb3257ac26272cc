"""docs/batch.md: its commands, each run on a miniature of the data set."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine.batch.manifest import read_manifest
from lsmplify_refine.cli import main
from lsmplify_refine.evaluate.miniature import KINDS, SPORTS, write_lucidaction
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.learn.motion import Take
from lsmplify_refine.values.estimate import Estimate
from tests.support.batches import NAMES, write_tree
from tests.support.dataset_files import bundle_clips, write_hmr4d_support
from tests.support.dataset_motion import Recording
from tests.support.motion_sets import take
from tests.support.scenes import open_body

GUIDE = Path(__file__).parents[2] / "docs" / "batch.md"
QUICK = ["--jobs", "0", "--device", "cpu"]


def command(section: str) -> list[str]:
    """The arguments of the first command of a section of the guide."""
    text = GUIDE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    found = re.search(r"```bash\n(?:#[^\n]*\n)*lsmplify-refine (batch (?:[^\n]*\\\n)*[^\n]*)", text)
    assert found, section
    return shlex.split(found[1].replace("\\\n", " "))


def takes(count: int, frames: int) -> list[Take]:
    """Other parts of the generated motion."""
    return [take(frames, subject=f"{number:02}", first=7 * number) for number in range(count)]


@pytest.mark.slow
def test_lucidaction_gets_better_in_every_sport_and_estimator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "LucidAction"
    assert write_lucidaction(root, takes(8, 45), 8, views=("front", "left")) == 32
    assert main([*command("Refining LucidAction"), *QUICK]) == 0
    content = json.loads((tmp_path / "refined/summary.json").read_text())
    assert content["totals"]["done"] == 32 and content["totals"]["worse"] == 0
    before, after = (group_means(content["clips"], stage) for stage in ("input", "refined"))
    assert set(after) == {(kind.name, sport) for kind in KINDS for sport in SPORTS}
    for key, means in after.items():
        smooth = key[0] == KINDS[0].name
        for name, value in means.items():
            if name.startswith(("mpjpe", "pve")) or (name.startswith("accel") and not smooth):
                assert value < 0.5 * before[key][name], (key, name)
            # the little jitter of the smooth one may stay
            if name.startswith("accel") and smooth:
                assert value < 1.05 * before[key][name], (key, name)
    table = (tmp_path / "refined/table.md").read_text()
    assert table.startswith("| estimator | sport | clips | frames | MPJPE mm | PA-MPJPE mm | PVE mm | Accel m/s² |")


def group_means(clips: list[dict[str, Any]], stage: str) -> dict[tuple[str, str], dict[str, float]]:
    """Means of the metrics against the truth, by estimator and sport."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for clip in clips:
        key = clip["groups"]["estimator"], clip["groups"]["sport"]
        found.setdefault(key, []).append(clip["people"][0]["truth"][stage])
    return {
        key: {name: float(np.mean([each[name] for each in group])) for name in group[0]} for key, group in found.items()
    }


@pytest.mark.slow
def test_the_benchmarks_table_equals_an_independent_computation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_hmr4d_support(tmp_path / "inputs")
    assert main([*command("EMDB, RICH, 3DPW in one command"), *QUICK]) == 0
    table = (tmp_path / "refined/table.md").read_text().splitlines()
    true = bundle_clips()
    checked = 0
    for row in read_manifest(tmp_path / "refined/.batch/manifest.jsonl"):
        clip = next(recording for name, recording in true.items() if row.name.endswith(name))
        (line,) = [line for line in table if line.startswith(f"| {row.groups['dataset']} ")]
        alone = int(line.split("|")[3]) == 1
        (written,) = (tmp_path / "refined" / row.name).glob("*_refined.*")
        stages = [load(path, format=row.options["format"])[0] for path in (row.input, written)]
        before, after = (mpjpe_mm(estimate, clip) for estimate in stages)
        found = re.search(r"\| ([\d.]+) → ([\d.]+)", line)
        if alone and found:
            assert (float(found[1]), float(found[2])) == pytest.approx((before, after), abs=0.1)
            checked += 1
    assert checked >= 2


def mpjpe_mm(found: Estimate, clip: Recording) -> float:
    """MPJPE of 22 joints on the open body, aligned at the hips, over the frames that count; by NumPy alone."""
    wrong = np.zeros((len(clip), 24, 3))
    wrong[:, 0], wrong[:, 1 : 1 + found.body_pose.shape[1]] = found.global_orient, found.body_pose
    joints = []
    for pose in (wrong, clip.pose):
        posed = open_body().joints(rotvec_to_rotmat(pose), np.zeros((len(clip), 3)), np.zeros(10))[:, :24]
        joints.append(posed - posed[:, [1, 2]].mean(1, keepdims=True))
    errors = np.linalg.norm(joints[0] - joints[1], axis=-1)[clip.valid]
    return float(1000 * errors.mean())


@pytest.mark.slow
def test_slurms_script_and_the_merge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "data")
    section = GUIDE.read_text(encoding="utf-8").split("\n## On a cluster\n")[1]
    script = next(block for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL) if "#SBATCH" in block)
    (shard,) = re.findall(r"^lsmplify-refine (.*)$", script, re.MULTILINE)
    (first, last) = map(int, re.findall(r"--array=(\d+)-(\d+)", script)[0])
    for name, value in (("COUNT", last - first + 1), ("MIN", first), ("MAX", last), ("STEP", 1)):
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    for task in range(first, last + 1):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", str(task))
        assert main([*shlex.split(shard), *QUICK, "--weights", "none"]) == 0
    (merge,) = re.findall(r"^lsmplify-refine (batch --summary-only .*)$", section, re.MULTILINE)
    assert main(shlex.split(merge)) == 0
    assert json.loads((tmp_path / "refined/summary.json").read_text())["totals"]["done"] == len(NAMES)


def test_the_manifest_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "outputs" / "demo")
    block = GUIDE.read_text(encoding="utf-8").split("\n## The manifest\n")[1].split("```")[1]
    write, use = re.findall(r"^lsmplify-refine (.*)$", block, re.MULTILINE)
    assert main(shlex.split(write)) == 0
    assert main([*shlex.split(use), *QUICK, "--weights", "none"]) == 0
    assert len(list((tmp_path / "refined").rglob("*_refined.pt"))) == len(NAMES)
