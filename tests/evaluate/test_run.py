"""A small evaluation: every kind of row, consistent files, and the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine import InputError
from lsmplify_refine.cli import main
from lsmplify_refine.evaluate.cases import Case, Protocol, draw_pairs
from lsmplify_refine.evaluate.methods import BOTH, NOTHING, PROJECTION, make_panel
from lsmplify_refine.evaluate.run import EvaluateConfig, Result, evaluate
from lsmplify_refine.evaluate.scores import PROBES, PVE
from lsmplify_refine.learn.shape_batches import ShapeSampler
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork
from lsmplify_refine.regressor.weights import save_weights
from tests.support import gvhmr_files
from tests.support.motion_files import write_smplh
from tests.support.motion_sets import take_set
from tests.support.scenes import open_body

SMALL = EvaluateConfig(pairs=6, takes=1, take_seconds=0.4, smplify_frames=0)


def small_network() -> ResidualRegressor:
    torch.manual_seed(0)
    return ResidualRegressor(NetworkConfig(width=16, depth=1)).eval().requires_grad_(False)


ALL_ROWS = pytest.param(False, id="all", marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=[ALL_ROWS, pytest.param(True, id="quick")])
def quick(request: pytest.FixtureRequest) -> bool:
    """Whether only the first and last row of each group are measured."""
    return bool(request.param)


@pytest.fixture(scope="module")
def results(quick: bool) -> list[Result]:
    """The rows, with two dampings."""
    panel = make_panel(small_network(), dampings=(1e-2, 1.0))
    return evaluate([take_set()], open_body(), panel, panel, replace(SMALL, quick=quick))


def test_every_row_runs(results: list[Result], quick: bool) -> None:
    assert len(results) == (2 * 10 if quick else 75 + 11)
    assert {result.group for result in results} == {
        "strides", "plug-in", "noise", "dropout", "hidden limb", "garbage", "shift", "sequential", "whole takes",
        "frame rate",
    }  # fmt: skip
    for result in results:
        for score in result.scores.values():
            assert all(value >= 0 for value in score.metrics.values()), result.name
        assert bool(result.ratio) == (result.reference is not None)


def test_do_nothing_is_the_starts_own_error(results: list[Result], quick: bool) -> None:
    for stride in (1, 10 if quick else 9):
        case = Case(stride)
        (row,) = [r for r in results if r.group == "strides" and r.case == case]
        pairs = draw_pairs(case, take_set().takes, ShapeSampler(open_body()), SMALL.pairs, seed=0, protocol=Protocol())
        probes = np.linspace(0, open_body().faces.max(), PROBES).astype(int)
        errors = []
        for i in range(SMALL.pairs):
            start, truth = (
                open_body().vertices(pose.rotations[[i]].numpy(), np.zeros((1, 3)), pairs.betas[i].numpy())[0, probes]
                for pose in (pairs.start, pairs.truth)
            )
            errors.append(1000 * np.linalg.norm(start - truth, axis=1).mean())
        assert row.scores[NOTHING].metrics[PVE] == pytest.approx(np.mean(errors), abs=0.01)


def test_hindsight_is_never_worse_and_gain_is_against_the_best_rival(results: list[Result]) -> None:
    for row in results:
        pve = {name: score.metrics[PVE] for name, score in row.scores.items()}
        assert pve["best damping"] <= pve[PROJECTION]
        best = min(pve[NOTHING], pve["best damping"])
        assert row.gain_percent == pytest.approx(100 * (1 - pve[BOTH] / best), abs=0.1)


def test_shifted_rows_are_multiples_of_their_unshifted_ones(results: list[Result], quick: bool) -> None:
    by_name = {row.name: row for row in results}
    shifted = [row for row in results if row.reference]
    assert len(shifted) == (2 + 2 if quick else 16 + 4)
    for row in shifted:
        assert row.reference is not None
        if quick and row.reference not in by_name:
            continue  # measured, but not a row of its own
        for column, ratio in row.ratio.items():
            plain = by_name[row.reference].scores[column].metrics[PVE]
            assert ratio == pytest.approx(row.scores[column].metrics[PVE] / plain, rel=1e-3)


@pytest.mark.parametrize("quick", [ALL_ROWS], indirect=True)
def test_smoothed_rows_are_compared_with_single_frames_too(results: list[Result]) -> None:
    by_name = {row.name: row for row in results}
    for kind in ("smooth", "independent"):
        smoothed, single = (by_name[f"plug-in, 2 cm noise, {kind} error, {how}"] for how in ("smoothed", "per frame"))
        best = min(single.scores[name].metrics[PVE] for name in (NOTHING, "best damping"))
        wanted = 100 * (1 - smoothed.scores[BOTH].metrics[PVE] / best)
        assert smoothed.gain_over_single_frames_percent == pytest.approx(wanted, abs=0.1)
        assert single.gain_over_single_frames_percent is None


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Motion of a test and of a training subject, an estimator's result, and weights."""
    folder = tmp_path_factory.mktemp("inputs")
    for subject in ("02", "14"):
        write_smplh(folder / "motion" / "CMU" / subject / "a_poses.npz")
    (folder / "clip").mkdir()
    gvhmr_files.write_pt(folder / "clip" / "hmr4d_results.pt", gvhmr_files.official(40, net_outputs=False))
    save_weights(small_network(), folder / "ours.safetensors", {})
    save_weights(PublishedNetwork(), folder / "published.safetensors", {})
    return folder


def command(inputs: Path, folder: Path, **changed: Any) -> list[str]:
    """The command line; `changed` holds the texts of changed options, and None omits an option."""
    options: dict[str, list[object] | None] = {
        "data": [inputs / "motion"],
        "weights": [inputs / "ours.safetensors"],
        "pairs": [3],
        "takes": [1],
        "take-seconds": [0.2],
        "smplify-frames": [0],
        "quick": [],
        "output": [folder],
    }
    options |= {name.replace("_", "-"): value for name, value in changed.items()}
    given = {name: texts for name, texts in options.items() if texts is not None}
    return ["evaluate", *[str(text) for name, texts in given.items() for text in (f"--{name}", *texts)]]


@pytest.mark.parametrize(
    "sets", [["AMASS motion"], pytest.param(["AMASS motion", "estimates clip"], marks=pytest.mark.slow)], ids=len
)
def test_the_command_writes_files_that_agree(
    sets: list[str], inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = {"published": [inputs / "published.safetensors"]}
    if len(sets) > 1:
        changed["estimates"] = [inputs / "clip"]
    assert main(command(inputs, tmp_path / "out", **changed)) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "evaluation.json", "evaluation.md", "curves.png"
    }  # fmt: skip
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text(), parse_constant=pytest.fail)
    page = (tmp_path / "out" / "evaluation.md").read_text()
    assert report["settings"]["pairs"] == 3 and list(report["test_sets"]) == sets
    assert len(report["weights"]["regressor"]["sha256"]) == 64 and report["weights"]["regressor"]["sha256"] in page
    assert len(report["rows"]) == 20 * len(sets)
    shown = capsys.readouterr().out
    assert [(row["test_set"], row["name"]) for row in report["motion"]] == [
        (name, kind) for name in sets for kind in ("smooth", "wild")
    ]
    for row in report["motion"]:
        for method, metrics in row["scores"].items():
            line = [f"{row['name']}: {method}", *(f"{value:.2f}" for value in metrics.values())]
            assert f"| {' | '.join(line)} |" in page
            assert re.search(r"\s+".join(map(re.escape, line)), shown)
    for row in report["rows"]:
        name = re.escape(f"{row['group']}: {row['name']}")
        section = page.split(f"## {row['test_set']}: {PVE}")[1].split("## ")[0]
        headings = next(line for line in section.splitlines() if line.startswith("|")).strip("|").split("|")
        cells = re.search(rf"^\| {name} \|(.*)\|$", section, re.MULTILINE)
        assert cells
        found = dict(zip((h.strip() for h in headings[1:]), (c.strip() for c in cells[1].split("|"))))
        assert next(iter(found)) == NOTHING and "published" in found
        for column, score in row["scores"].items():
            assert float(found[column]) == pytest.approx(score["metrics"][PVE], abs=0.0051)
        assert re.search(rf"{name}\s+{found[NOTHING]}", shown), "the terminal shows the main table"


def test_existing_results_need_overwrite(inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "evaluation.md").write_text("mine")
    assert main(command(inputs, tmp_path)) == 2
    assert "evaluation.md: exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["evaluation.md"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": None}, "nothing to test on"),
        ({"data": ["nowhere"]}, "nowhere: no such folder"),
        ({"subjects": ["77"]}, r"no take of the subject\(s\) 77"),
        ({"estimates": ["nowhere"]}, "nowhere: no such file or folder"),
        ({"weights": ["nowhere.safetensors"]}, "nowhere.safetensors: (not this regressor's weights|cannot be read)"),
        ({"weights": ["published.safetensors"]}, "give them as --published"),
        ({"published": ["ours.safetensors"]}, "give them as --weights"),
        ({"output": ["ours.safetensors"]}, "ours.safetensors: .*"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_unusable_input_gets_one_line(
    inputs: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(inputs)
    assert main(command(inputs, tmp_path / "out", **changed)) == 2
    error = capsys.readouterr().err
    assert re.match(f"error: .*{message}", error) and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_short_motion_is_refused_before_anything_is_measured() -> None:
    panel = make_panel(small_network(), dampings=(1e-2,))
    short = replace(
        take_set(),
        name="short",
        takes=tuple(replace(t, rotvec=t.rotvec[:8], pelvis=t.pelvis[:8]) for t in take_set().takes),
    )
    done: list[str] = []
    with pytest.raises(InputError, match=r"short: no take is longer than 0\.33 s"):
        evaluate([take_set(), short], open_body(), panel, panel, SMALL, progress=lambda name, *_: done.append(name))
    assert not done


@pytest.mark.slow
def test_the_same_seed_gives_the_same_results(inputs: Path, tmp_path: Path) -> None:
    reports = []
    for name in "ab":
        assert main(command(inputs, tmp_path / name)) == 0
        reports.append(json.loads((tmp_path / name / "evaluation.json").read_text()))
    assert reports[0] == reports[1]
