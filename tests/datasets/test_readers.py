"""`read_truth`: readers, their options, people, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.datasets.readers import read_truth
from lsmplify_refine.datasets.truth import Truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.values.keypoints import Keypoints
from tests.support import dataset_files as datasets
from tests.support import sports_files as sports
from tests.support.dataset_motion import record


def test_any_result_can_be_the_truth(tmp_path: Path) -> None:
    root = sports.write_lucidaction(tmp_path)
    (truth,) = read_truth(f"load:{root}/truth/diving/expert/back_dive/007/front.npz")
    assert truth.body is not None and truth.frame == "camera" and truth.frames == len(truth.frame_ids) == 24


def test_people_of_a_clip_and_one_of_them(tmp_path: Path) -> None:
    path = datasets.write_threedpw(tmp_path)
    assert [truth.person for truth in read_truth(f"threedpw:{path}")] == ["0", "1"]
    (truth,) = read_truth(f"threedpw,person=1:{path}")
    assert truth.person == "1" and truth.fps == 30.0
    with pytest.raises(InputError, match="nobody is called 7; known: 0, 1"):
        read_truth(f"threedpw,person=7:{path}")


def test_points_of_a_keypoint_file(tmp_path: Path) -> None:
    points = record(8).points("body25")
    np.savez(tmp_path / "k.npz", convention="body25", positions=points, confidence=np.ones(points.shape[:2]))
    (truth,) = read_truth(f"keypoints,frame=world,fps=60:{tmp_path}/k.npz")
    assert truth.points is not None and (truth.frame, truth.fps) == ("world", 60.0)
    np.testing.assert_allclose(truth.points.positions, points, atol=1e-5)
    flat = record(8).pixels("coco17")
    np.savez(tmp_path / "flat.npz", convention="coco17", positions=flat, confidence=np.ones(flat.shape[:2]))
    with pytest.raises(InputError, match="2D keypoints; the truth needs points in space"):
        read_truth(f"keypoints:{tmp_path}/flat.npz")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/x.pkl", "expected READER:PATH"),
        ("emdb", "expected READER:PATH"),
        ("emdb,clip:/x", "expected READER:PATH"),
        ("mocap:/x", "no reader mocap; readers: load, keypoints, aistpp, athletepose3d, rich, gvhmr"),
        ("load,clip=3:/x", "load,clip=...: no such option"),
        ("rich,cam=3:/x", "rich,cam=...: no such option; known: subject, view, gender, person"),
        ("hmr4d,sequence=3:/x", "/x: no such file"),
    ],
)
def test_what_is_no_truth_is_said(text: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        read_truth(text)
    assert expected in str(error.value)


def test_a_truth_has_a_row_for_each_frame_that_counts() -> None:
    points = Keypoints("smpl24", np.zeros((3, 24, 3), np.float32), np.ones((3, 24), np.float32))
    Truth(np.array([0, 2, 5]), 9, "camera", points=points)
    for ids, frames in (([0, 2], 9), ([0, 2, 2], 9), ([0, 2, 9], 9)):
        with pytest.raises(InputError):
            Truth(np.array(ids), frames, "camera", points=points)
