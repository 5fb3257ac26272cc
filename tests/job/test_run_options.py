"""Each option and each step of a run shows in what the run gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import BodyModel, Estimate, InputError, load, refine
from lsmplify_refine.engine.refiner import Refiner
from lsmplify_refine.formats import load_save
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from tests.support import clips
from tests.support import estimator_files as make
from tests.support import fake_detectors as fakes
from tests.support.adapter_cases import pickled
from tests.support.rooms import SAME, in_room
from tests.support.round_trips import write_keypoints
from tests.support.scenes import open_body, scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return clips.write_folder(tmp_path / "clip")


def test_each_slow_stage_reports_its_progress(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fakes.install(monkeypatch, fake=lambda model: fakes.Replay(list(clips.keypoints().numpy()[:, None])))
    steps: dict[str, list[tuple[int, int]]] = {}
    run(Job(folder, detector="fake"), progress=lambda stage, *step: steps.setdefault(stage, []).append(step))
    assert list(steps) == ["detecting", "refining", "rendering"]
    for made in steps.values():
        assert made == sorted(made) and made[-1][0] == made[-1][1] > 0


def test_another_output_format_holds_the_refined_person(folder: Path) -> None:
    outcome = run(Job(folder, write_video=False, weights="none", output_format="smplx-npz"))
    (written,) = load(outcome.outputs.results)
    (refinement,) = outcome.refinements
    np.testing.assert_allclose(written.body_pose, refinement.refined.body_pose, atol=1e-6)
    assert not np.allclose(written.body_pose, refinement.estimate.body_pose, atol=1e-3)


def two_people(folder: Path) -> tuple[Path, Path]:
    """A man and a woman in one file, and everybody's keypoints by id."""
    blocks = {"a": {**make.parts(), "gender": "male"}, "b": {**make.parts(frames=5), "gender": "female"}}
    source = pickled(blocks)(folder)
    return source, write_keypoints(folder, load(source))


def test_a_body_model_is_of_the_chosen_persons_gender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load_body(path: Path, *, gender: str) -> BodyModel:
        bodies[gender] = BodyModel.open()
        return bodies[gender]

    bodies: dict[str, BodyModel] = {}
    monkeypatch.setattr(BodyModel, "load", load_body)
    source, points = two_people(tmp_path)
    job = Job(source, keypoints=points, person="b", body_model=tmp_path, write_video=False, weights="none")
    (refinement,) = run(job).refinements
    assert refinement.estimate.gender == "female" and refinement.before.body is bodies["female"]


def test_one_persons_format_asks_which_of_several_people(tmp_path: Path) -> None:
    source, points = two_people(tmp_path)
    job = Job(source, keypoints=points, output_format="bvh", write_video=False, weights="none")
    with pytest.raises(InputError, match="a file holds one person; choose one: --person a, b"):
        run(job)
    assert run(replace(job, person="b")).outputs.results.suffix == ".bvh"


def test_an_adapter_gets_everybody_to_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter of somebody's own may write files from scratch, and needs those who were not refined."""
    saved: list[list[Estimate]] = []

    def save(estimates: list[Estimate], path: Path) -> None:
        saved.append(list(estimates))
        path.touch()

    monkeypatch.setattr(load_save, "save", save)
    source, points = two_people(tmp_path)
    (refinement,) = run(Job(source, keypoints=points, person="b", write_video=False, weights="none")).refinements
    ((first, second),) = saved
    assert np.array_equal(first.body_pose, load(source)[0].body_pose) and first.track_id == "a"
    assert second is refinement.refined


#: An estimate that is lost in some frames and far off in all: every option of `refine` shows in its result.
OPTIONS: dict[str, dict[str, Any]] = {
    "smooth_seconds": {"smooth_seconds": 0.0},
    "align": {"align": "procrustes"},
    "weights": {"weights": "none"},
    "mode": {"mode": "sequential"},
    "passes": {"passes": 3},
}


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_the_function_refine_as_those_of_the_class(option: str) -> None:
    estimate = in_room(SAME, 30, error_deg=40.0)
    lost = estimate.body_pose.copy()
    lost[4:8] += np.random.default_rng(0).normal(0, 0.4, lost[4:8].shape).astype(np.float32)
    lost_estimate = estimate.replace(body_pose=lost)
    by_function, by_class, by_default = (
        result.after.keypoints("body25")
        for result in (
            refine(lost_estimate, body=open_body(), **OPTIONS[option]),
            Refiner(open_body(), **OPTIONS[option]).refine(lost_estimate),
            Refiner(open_body()).refine(lost_estimate),
        )
    )
    assert np.array_equal(by_function, by_class)
    assert np.abs(by_function - by_default).max() > 1e-3


def test_the_function_refines_on_the_body_that_it_is_given() -> None:
    assert refine(scene(4), body=open_body(), weights="none").before.body is open_body()


def test_the_function_says_what_is_wrong_with_the_video_beside(folder: Path) -> None:
    (folder / "0_input_video.mp4").write_bytes(b"broken")
    result = refine(load(folder)[0], weights="none")
    assert "video-ignored" in {note.code for note in result.estimate.notes}
