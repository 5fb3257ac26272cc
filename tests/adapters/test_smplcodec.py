"""Meshcapade's `.smpl` files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, archived, cases_of
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("smplcodec"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplcodec"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("smplcodec"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def pose_only() -> dict[str, np.ndarray]:
    """What smplcodec requires and nothing else."""
    return {key: value for key, value in make.smplcodec().items() if key not in ("bodyTranslation", "shapeParameters")}


def test_a_file_without_translation_and_shape_is_at_the_origin(tmp_path: Path) -> None:
    source = archived(pose_only())(tmp_path)
    (person,) = load_save.load(source)
    assert not person.transl.any() and not person.betas.any()
    assert {"place-assumed", "shape-assumed"} <= {note.code for note in person.notes}
    load_save.save([person], tmp_path / "same.npz")
    assert list(make.leaves(source)) == list(make.leaves(tmp_path / "same.npz"))


def test_a_place_that_was_found_is_written_under_smplcodecs_own_name(tmp_path: Path) -> None:
    (person,) = load_save.load(archived(pose_only())(tmp_path))
    moved = person.transl.copy()
    moved[2] = [0.1, 0.2, 0.3]
    load_save.save([person.replace(transl=moved)], tmp_path / "moved.npz")
    written = np.load(tmp_path / "moved.npz")
    assert set(written) == {*pose_only(), "bodyTranslation"}
    assert np.array_equal(written["bodyTranslation"], moved) and written["bodyTranslation"].dtype == np.float32
    with pytest.raises(InputError, match="the file has no shape"):
        load_save.save([person.replace(betas=person.betas + 1)], tmp_path / "shaped.npz")


@pytest.mark.parametrize(("version", "name"), [(3, " (SUPR)"), (5, " (SKEL)"), (9, "")])
def test_other_bodies_are_refused_by_name(version: int, name: str, tmp_path: Path) -> None:
    content = make.smplcodec() | {"smplVersion": np.int32(version), "bodyPose": np.zeros((3, 46), np.float32)}
    with pytest.raises(
        InputError, match=rf"smplVersion {version}{name.replace('(', '.').replace(')', '.')} cannot be read"
    ):
        load_save.load(archived(content)(tmp_path))


@pytest.mark.parametrize(
    ("turn", "how", "frame", "up"),
    [
        (0.0, None, "world", "y"),
        (np.pi / 2, None, "world", "z"),
        (np.pi / 2, "smplcodec:up=y", "world", "y"),
        (np.pi, None, "world", "y"),
        (np.pi, "smplcodec:frame=camera", "camera", None),
    ],
)
def test_the_axes_are_told_by_the_body_or_an_option(
    turn: float, how: str | None, frame: str, up: str | None, tmp_path: Path
) -> None:
    values = make.smplcodec()
    values["bodyPose"][:, 0] = [turn, 0, 0]
    np.savez(tmp_path / "r.smpl.npz", **values)
    (estimate,) = load_save.load(tmp_path / "r.smpl.npz", format=how)
    assert (estimate.frame, estimate.world.up if estimate.world else None) == (frame, up)
    assert ("up-assumed" in [note.code for note in estimate.notes]) == (how is None)
    if how is None and turn == np.pi:  # y points down: the person is turned
        np.testing.assert_allclose(estimate.global_orient, 0, atol=1e-6)
