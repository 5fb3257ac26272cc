"""Real files of other people's tools in ../shared/data/real: what each must be read as, or refused with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.values.conventions import CONVENTIONS

pytestmark = pytest.mark.shared

_SIZE = (1920, 1080)


@pytest.fixture(scope="module")
def real(shared_data: Path) -> Path:
    return shared_data / "real"


@pytest.mark.parametrize(
    ("name", "chosen", "convention", "rows", "first", "people"),
    [
        ("opencap_walk.trc", None, "body25", 222, 0, 1),
        ("opencap_monocular.trc", None, "body25", 202, 0, 1),
        ("pose2sim_cam01_json", None, "body25", 3, 0, 2),
        ("pose2sim_halpe26", None, "halpe26", 3, 1, 1),
        ("openpose_17_points.json", "coco17", "coco17", 1, 0, 1),
        ("humanml3d_22_joints.npy", None, "smpl22", 170, 0, 1),
        ("videopose3d_h36m.npz", "h36m17", "h36m17", 591, 0, 1),
        ("mediapipe_dump_a.json", None, "mediapipe33", 1, 0, 1),
        ("mediapipe_dump_b.json", None, "mediapipe33", 1, 0, 1),
    ],
)
def test_keypoints(
    name: str, chosen: str | None, convention: str, rows: int, first: int, people: int, real: Path
) -> None:
    tracks = load_tracks(real / name, convention=chosen, image_size=_SIZE)
    assert len(tracks) == people
    assert tracks[0].keypoints.convention == convention
    assert len(tracks[0]) == rows and tracks[0].frame_ids[0] == first


def test_opencaps_joint_centres_win_over_its_markers(real: Path) -> None:
    (track,) = load_tracks(real / "opencap_monocular.trc")
    assert not track.keypoints.confidence.min() < 1 and "r_knee" in track.unmapped
    names = CONVENTIONS["body25"].points
    knee, hip, ankle = (track.keypoints.positions[:, names.index(f"right_{limb}")] for limb in ("knee", "hip", "ankle"))
    # the marker lies 3 to 8 cm to the side, which would stretch thigh and shin
    thigh, shin = np.linalg.norm(hip - knee, axis=-1), np.linalg.norm(knee - ankle, axis=-1)
    assert thigh.std() < 0.01 and shin.std() < 0.01


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("openpose_17_points.json", r"17 points may be coco17, h36m17; .*--keypoint-convention coco17"),
        ("videopose3d_h36m.npz", r"17 points may be coco17, h36m17"),
    ],
)
def test_keypoints_that_need_a_choice(name: str, message: str, real: Path) -> None:
    with pytest.raises(InputError, match=message):
        load_tracks(real / name, image_size=_SIZE)
