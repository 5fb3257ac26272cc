"""AMASS: z up, with its rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("amass"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("amass"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("amass"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_amass_is_z_up_with_its_rate(tmp_path: Path) -> None:
    (first,) = load_save.load(make.write_amass_smplh(tmp_path / "a_poses.npz"))
    (second,) = load_save.load(make.write_amass_stageii(tmp_path / "a_stageii.npz"))
    assert (first.family, first.gender, first.fps) == ("smplh", "male", 120)
    assert (second.family, second.gender, second.fps) == ("smplx", "neutral", 60)
    assert first.frame == "world" and first.world is not None and first.world.up == "z"


def test_a_format_that_states_its_axis_is_only_doubted(tmp_path: Path) -> None:
    """People may lie, so z stays up; the bodies here stand along y."""
    path = make.write_amass_smplh(tmp_path / "a_poses.npz")
    arrays = dict(np.load(path))
    arrays["poses"][:, :3] = [0.1, 0, 0]
    np.savez(path, **arrays)
    (estimate,) = load_save.load(path)
    assert estimate.world is not None and estimate.world.up == "z"
    assert [(note.code, note.severity) for note in estimate.notes] == [("up-assumed", "warning")]
    (told,) = load_save.load(path, format="amass:up=y")
    assert told.world is not None and told.world.up == "y" and not told.notes
    assert load_save.load(path, format="amass:frame=camera")[0].frame == "camera"
