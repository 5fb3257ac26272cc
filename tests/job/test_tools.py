from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lsmplify_refine import BodyModel
from lsmplify_refine.errors import InputError
from lsmplify_refine.job import run as job_run
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.tools import Tools
from lsmplify_refine.regressor import weights
from tests.support import clips
from tests.support.scenes import scene


def test_the_body_model_is_of_the_inputs_gender_unless_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    genders: list[str] = []

    def load_body(path: Path, *, gender: str) -> BodyModel:
        genders.append(gender)
        return BodyModel.open()

    monkeypatch.setattr(BodyModel, "load", load_body)
    estimate, job, tools = scene(8), Job(Path("a"), body_model=Path("b")), Tools()
    male = tools.body(job, estimate.replace(gender="male"))
    female = tools.body(replace(job, gender="female"), estimate.replace(gender="male"))
    assert genders == ["male", "female"] and male is not female
    assert tools.body(replace(job, gender="male"), estimate.replace(gender="female")) is male


def test_the_open_body_has_no_genders() -> None:
    with pytest.raises(InputError, match="the open body has no genders"):
        Tools().body(Job(Path("a"), gender="male"), scene(8))


def test_many_runs_open_body_and_weights_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    load_shipped, open_body = weights.load_shipped_weights, BodyModel.open

    def counted(what: str, function: Callable[[], Any]) -> Callable[[], Any]:
        def call() -> Any:
            opened.append(what)
            return function()

        return call

    monkeypatch.setattr(weights, "load_shipped_weights", counted("weights", load_shipped))
    monkeypatch.setattr(BodyModel, "open", counted("body", open_body))
    folder, tools = clips.write_folder(tmp_path / "clip"), Tools()
    for name in ("a", "b"):
        job_run.run(Job(folder, output=tmp_path / name, write_video=False), tools=tools)
    assert sorted(opened) == ["body", "weights"]
    first, second = ((tmp_path / name / "hmr4d_results_refined.pt").read_bytes() for name in ("a", "b"))
    assert first == second


def test_other_options_have_another_refiner() -> None:
    tools = Tools()
    body = tools.body(Job(Path("a")), scene(8))
    options = Job(Path("a")).as_keywords()
    assert tools.refiner(body, "cpu", options) is tools.refiner(body, "cpu", options)
    assert tools.refiner(body, "cpu", options | {"passes": 2}).passes == 2
