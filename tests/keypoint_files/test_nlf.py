"""NLF: joints with their uncertainties, which become confidence."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine import InputError, Refiner, load_tracks
from lsmplify_refine.values.keypoints import Keypoints
from tests.support.rooms import true_points
from tests.support.scenes import open_body


def output(frames: int = 6, *, scale: float = 1000.0) -> dict[str, Any]:
    """Two people, in changing order; the second is not found in frame 2; the left wrist is uncertain."""
    one = true_points(frames, "smpl24")
    joints, spreads = [], []
    for frame in range(frames):
        people = [one[frame], one[frame] + [2.0, 0, 0]][: 1 if frame == 2 else 2]
        spread = np.full((len(people), 24), 0.02)
        spread[:, 20] = 0.08
        joints.append(torch.tensor(scale * np.stack(people[::-1] if frame == 4 else people)).float())
        spreads.append(torch.tensor(scale * spread).float())
    return {"joints3d_nonparam": joints, "joint_uncertainties": spreads, "boxes": [torch.zeros(1, 5)] * frames}


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_people_are_linked_and_uncertainty_is_confidence(kind: str, tmp_path: Path) -> None:
    if kind == "torch":
        torch.save(output(), tmp_path / "nlf.pt")
    else:
        whole = {key: [part.numpy() for part in value] for key, value in output(scale=1.0).items()}
        (tmp_path / "nlf.pt").write_bytes(pickle.dumps(whole))
    first, second = load_tracks(tmp_path / "nlf.pt")
    assert first.frame_ids.tolist() == list(range(6)) and second.frame_ids.tolist() == [0, 1, 3, 4, 5]
    np.testing.assert_allclose(first.keypoints.positions, true_points(6, "smpl24"), atol=1e-4)
    assert np.allclose(first.keypoints.confidence[:, 20], 0.25) and np.allclose(first.keypoints.confidence[:, 0], 1)
    assert ("unit-inferred" in {note.code for note in first.notes}) == (kind == "torch")


def test_one_person_in_an_npz(tmp_path: Path) -> None:
    points = true_points(6, "smpl24")
    np.savez(tmp_path / "nlf.npz", joints3d_nonparam=points, joint_uncertainties=np.full((6, 24), 0.03))
    (track,) = load_tracks(tmp_path / "nlf.npz")
    np.testing.assert_allclose(track.keypoints.positions, points, atol=1e-5)


def test_an_uncertain_joint_pulls_less() -> None:
    """A wrist that is 20 cm off, said to be uncertain, spoils the arm less than one that is said to be certain."""
    points = true_points(1, "smpl24")
    wrong = points.copy()
    wrong[:, 20] += [0.1, 0.1, 0.15]
    errors = []
    for confidence in (1.0, 0.25):
        weights = np.ones((1, 24))
        weights[:, 20] = confidence
        fitted = Refiner(open_body()).fit(Keypoints("smpl24", wrong, weights))
        errors.append(np.linalg.norm(fitted.after.keypoints("smpl24")[0, 20] - points[0, 20]))
    assert errors[1] < errors[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joint_uncertainties": [np.ones((1, 24))]}, "joint_uncertainties: not one for each of joints3d_nonparam"),
        ({"joint_uncertainties": [np.zeros((2, 24))] * 6}, "joint_uncertainties: not one for each|no positive numbers"),
        ({"joints3d_nonparam": "text"}, "joints3d_nonparam: expected"),
        ({"joints3d_nonparam": [np.ones((2, 24, 2))] * 6}, "joints3d_nonparam: expected"),
        ({"joints3d_nonparam": []}, "joints3d_nonparam: expected a list of frames"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    whole = {key: [part.numpy() for part in value] for key, value in output().items()}
    (tmp_path / "nlf.pkl").write_bytes(pickle.dumps(whole | change))
    with pytest.raises(InputError, match=message):
        load_tracks(tmp_path / "nlf.pkl")
