"""Which feet stand still, as each estimator's file says it."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.families import to_family
from lsmplify_refine.values.smpl_joints import FEET, JOINT_NAMES
from tests.support import estimator_files as make
from tests.support import gvhmr_files as gvhmr

#: Column of each foot joint in GVHMR's and PromptHMR's logits.
_COLUMNS = {"left_ankle": 0, "left_foot": 1, "right_ankle": 2, "right_foot": 3}


def _expected(logits: np.ndarray) -> np.ndarray:
    columns = [_COLUMNS[JOINT_NAMES[joint]] for joint in FEET]
    probabilities: np.ndarray = 1 / (1 + np.exp(-logits[:, columns].astype(np.float64)))
    return probabilities


def _saved(tree: Any, folder: Path) -> Path:
    (folder / "result.pkl").write_bytes(pickle.dumps(tree))
    return folder / "result.pkl"


@pytest.mark.parametrize("write", [gvhmr.write_pt, gvhmr.write_amass_like])
@pytest.mark.parametrize("nested", [False, True])
def test_gvhmr_says_it_in_its_static_logits(write: Any, nested: bool, tmp_path: Path) -> None:
    results = gvhmr.official()
    logits = results["net_outputs"]["static_conf_logits"][0].numpy()
    if nested:
        # the copy among the raw outputs is used too
        del results["net_outputs"]["static_conf_logits"]
        logits = results["net_outputs"]["model_output"]["static_conf_logits"][0].numpy()
    name = "hmr4d_results.npz" if write is gvhmr.write_amass_like else "hmr4d_results.pt"
    write(tmp_path / name, results)
    estimate = load_save.load(tmp_path / name)[0]
    assert estimate.contacts is not None
    np.testing.assert_allclose(estimate.contacts, _expected(logits), atol=1e-6)


def test_a_gvhmr_file_without_outputs_does_not_say_it(tmp_path: Path) -> None:
    path = gvhmr.write_pt(tmp_path / "hmr4d_results.pt", gvhmr.official(net_outputs=False))
    estimate = load_save.load(path)[0]
    assert estimate.contacts is None
    assert "contacts-ignored" not in [note.code for note in estimate.notes]


def test_logits_of_another_length_are_ignored_and_said(tmp_path: Path) -> None:
    results = gvhmr.official()
    results["net_outputs"]["static_conf_logits"] = results["net_outputs"]["static_conf_logits"][:, :-1]
    estimate = load_save.load(gvhmr.write_pt(tmp_path / "hmr4d_results.pt", results))[0]
    assert estimate.contacts is None
    notes = [note for note in estimate.notes if note.code == "contacts-ignored"]
    assert len(notes) == 1 and notes[0].text.startswith("net_outputs.static_conf_logits is ignored")


def test_prompthmr_says_it_by_person(tmp_path: Path) -> None:
    tree = make.prompthmr()
    for person in load_save.load(_saved(tree, tmp_path)):
        logits = tree["people"][int(person.track_id)]["smplx_cam"]["static_conf_logits"]
        assert person.contacts is not None
        np.testing.assert_allclose(person.contacts, _expected(logits), atol=1e-6)


def test_whams_frames_become_steps_of_whole_feet(tmp_path: Path) -> None:
    tree = dict(make.wham())
    still = np.ones((make.FRAMES, 4), np.float32)
    still[3, 1] = 0.2  # one point of the left foot moves in frame 3
    tree[0]["contact"] = still
    people = load_save.load(_saved(tree, tmp_path))
    assert people[0].contacts is not None and people[1].contacts is None
    left, right = (
        [column for column, joint in enumerate(FEET) if JOINT_NAMES[joint].startswith(side)]
        for side in ("left", "right")
    )
    assert (people[0].contacts[:, right] == 1).all()
    np.testing.assert_allclose(people[0].contacts[:, left].max(1), [1, 1, 0.2, 0.2, 1, 1, 1])


def test_contacts_stay_when_an_estimate_changes() -> None:
    contacts = np.full((3, 4), 0.5)
    estimate = Estimate(
        "smpl", "neutral", np.zeros((3, 3)), np.zeros((3, 23, 3)), np.zeros((3, 10)), np.zeros((3, 3)),
        contacts=contacts,
    )  # fmt: skip
    assert estimate.replace(fps=30.0).contacts is contacts
    assert to_family(estimate, "smplx")[0].contacts is contacts
