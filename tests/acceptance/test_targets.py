"""Whole jobs on real files of generated motion: 3D keypoints of another frame, three cameras, two people who cross."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.evaluate.scores import MPJPE, PVE
from lsmplify_refine.evaluate.targets.estimate_files import write_generic
from lsmplify_refine.evaluate.targets.keypoint_files import write_body25_trc
from lsmplify_refine.evaluate.targets.motion import estimated, generated_motion
from lsmplify_refine.evaluate.targets.rooms import crossing, seen_in_room
from lsmplify_refine.evaluate.targets.rows import (
    GAP_FRAMES,
    TRACK_IDS,
    TWO_PEOPLE,
    from_cameras,
    in_space,
    refine_people,
    refined,
)
from lsmplify_refine.evaluate.targets.scores import PVE_TURNED, errors_mm

# whole jobs on files
pytestmark = pytest.mark.slow

#: So short that an unlucky error is mostly one rotation of the take, which keypoints of another frame cannot tell. The
#: seeds below are not unlucky. `scripts/benchmark_targets.py` measures longer takes.
FRAMES = 75


@pytest.mark.parametrize("noise_m", [0.0, 0.02])
def test_3d_keypoints_of_another_frame_in_every_form(noise_m: float) -> None:
    rows = list(in_space([generated_motion(FRAMES, seed=1)], [noise_m]))
    assert len({row.name for row in rows}) == 7
    for row in rows:
        assert row.improved, (row.name, row.figures)
        # what is left is mostly one rotation of the take, which the keypoints cannot tell
        assert row.figures[f"{PVE_TURNED}_after"] < 0.5 * row.figures[f"{PVE_TURNED}_before"], (row.name, row.figures)


def test_3d_keypoints_of_another_frame_rate(tmp_path: Path) -> None:
    """A laboratory's 100 Hz onto a video's 30: as good as keypoints of the video's own frames."""
    after = {}
    for fps in (30.0, 100.0):
        motion, recorded = (generated_motion(round(4 * rate), seed=1, fps=rate) for rate in (30.0, fps))
        folder = tmp_path / f"{fps:g}"
        folder.mkdir()
        points = seen_in_room(recorded, "body25", noise_m=0.01, gaps=False)
        source = write_generic(folder, estimated(motion, seed=1))
        (wrong,), (right,) = refined(source, write_body25_trc(folder, points, fps))
        after[fps] = errors_mm(right, motion)[PVE].mean()
        assert after[fps] < errors_mm(wrong, motion)[PVE].mean()
    assert after[100.0] < 1.1 * after[30.0] + 1


def test_three_cameras_one_dropping_out() -> None:
    rows = list(from_cameras([generated_motion(FRAMES, seed=2)]))
    assert len(rows) == 3
    for row in rows:
        assert row.improved and row.figures["targets_mean_mm"] < 10, (row.name, row.figures)
        assert len(row.targets_mm[0]) > 0.98 * FRAMES * (25 if row.name.startswith("OpenPose") else 17)


@pytest.mark.parametrize("kind", TWO_PEOPLE)
def test_two_people_cross_and_one_leaves(kind: str, tmp_path: Path) -> None:
    people = crossing(generated_motion(FRAMES, seed=3), generated_motion(FRAMES, seed=4))
    before, after = refine_people(tmp_path, people, kind, seed=0)
    there = [np.arange(FRAMES), np.delete(np.arange(FRAMES), slice(FRAMES // 2, FRAMES // 2 + GAP_FRAMES))]
    for read in (before, after):
        assert [estimate.track_id for estimate in read] == [str(person) for person in TRACK_IDS]
        assert [estimate.frame_ids.tolist() for estimate in read] == [ids.tolist() for ids in there]
    for number, truth in enumerate(people):
        wrong, right = (errors_mm(read[number], truth) for read in (before, after))
        for name, share in ((MPJPE, 1.0), (PVE, 1.0), (PVE_TURNED, 0.7)):
            assert right[name].mean() < share * wrong[name].mean(), (number, name)
    # the error of who comes back is the opposite one: a low-pass across the gap would spoil the frames beside it
    edges = np.arange(FRAMES // 2 - 2, FRAMES // 2 + 2)
    assert right[PVE_TURNED][edges].mean() < 0.7 * wrong[PVE_TURNED][edges].mean()
