"""WHAM: people by id with gaps, and the model's translation in the world."""

from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pytest

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.keypoint_files import load_tracks
from tests.support import clips
from tests.support import estimator_files as make
from tests.support.adapter_cases import CASES, cases_of, pickled
from tests.support.round_trips import check_job, check_refined, check_unrefined


@pytest.mark.parametrize("case", cases_of("wham"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("wham"))
def test_refined_values_are_written_where_they_belong(case: str, tmp_path: Path) -> None:
    check_refined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", cases_of("wham"))
def test_a_whole_job_gives_the_same_container_back(case: str, tmp_path: Path) -> None:
    check_job(CASES[case], tmp_path)


def test_wham_people_and_gaps(tmp_path: Path) -> None:
    first, second = load_save.load(pickled(make.wham())(tmp_path))
    assert (first.track_id, second.track_id) == ("0", "3")
    assert second.frame_ids.tolist() == [2, 3, 4, 20, 21]
    assert first.camera is None and first.world is not None and first.world.up == "y"


def test_wham_world_translation_is_the_models(tmp_path: Path) -> None:
    """The file's is the mid-hip: turning the body about it must not move the middle of the hips."""
    tree = make.wham()
    tree[0]["trans_world"][:] = [0.0, 1.0, 0.0]
    estimate = load_save.load(pickled(tree)(tmp_path))[0]
    assert estimate.world is not None
    turned = rotvec_to_rotmat(estimate.world.global_orient) @ [0.0009, -0.0910, -0.0056]
    hips = estimate.world.transl + MEAN_REST_PELVIS["smpl"] + turned
    np.testing.assert_allclose(hips, np.tile([0.0, 1.0, 0.0], (len(estimate), 1)), atol=1e-6)


def test_the_folder_is_read_with_whams_own_keypoints(tmp_path: Path) -> None:
    folder = make.write_wham(tmp_path / "clip")
    first, second = load_save.load(folder)
    assert first.source == folder / "wham_output.pkl"
    for person, track in ((first, 0), (second, 3)):
        assert person.keypoints is not None and person.keypoints.convention == "coco17"
        expected = make.wham_tracking()[np.int32(track)]["keypoints"]
        seen = person.keypoints.confidence.max(axis=1) > 0
        assert np.allclose(person.keypoints.positions[seen], expected[..., :2])
    assert seen.tolist() == [True, True, True, True, False]  # the tracker lost the second person in frame 21


def test_a_job_uses_them(tmp_path: Path) -> None:
    folder = make.write_wham(tmp_path / "clip")
    video = clips.write_video(tmp_path / "v.mp4", 22, (make.WIDTH, make.HEIGHT))
    outcome = run(Job(folder, video=video, output=tmp_path / "out", write_video=False))
    sources = {
        refinement.estimate.keypoints.source for refinement in outcome.refinements if refinement.estimate.keypoints
    }
    assert sources == {"tracking_results.pth (ViTPose)"}
    assert outcome.outputs.results == tmp_path / "out" / "wham_output_refined.pkl"


@pytest.mark.parametrize("fault", ["no such person", "other frames", "damaged"])
def test_tracks_that_do_not_fit_are_ignored_with_a_note(fault: str, tmp_path: Path) -> None:
    folder = make.write_wham(tmp_path / "clip")
    tracks = make.wham_tracking()
    if fault == "no such person":
        tracks = {7: tracks[np.int32(0)]}
    elif fault == "other frames":
        for track in tracks.values():
            track["frame_id"] = track["frame_id"] + 100
    else:
        tracks[np.int32(0)]["keypoints"] = tracks[np.int32(0)]["keypoints"][:, :, 0]
    joblib.dump(tracks, folder / "tracking_results.pth")
    for person in load_save.load(folder):
        assert person.keypoints is None
        assert [note.severity for note in person.notes if note.code == "side-file-ignored"] == ["warning"]


def test_the_tracks_alone_are_a_keypoint_file(tmp_path: Path) -> None:
    tracks = load_tracks(make.write_wham(tmp_path / "clip") / "tracking_results.pth")
    assert {track.person: track.frame_ids.tolist() for track in tracks} == {"0": [*range(7)], "3": [2, 3, 4, 20]}
    assert all(track.identified and track.numbered for track in tracks)
    with pytest.raises(InputError, match="keypoints, not SMPL parameters"):
        load_save.load(tmp_path / "clip" / "tracking_results.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.zeros((7, 17, 2))}, r"0.keypoints: shape \(7, 17, 2\)"),
        ({"keypoints": None}, "0.keypoints: no array of numbers"),
        ({"keypoints": np.zeros((7, 19, 3))}, "0.keypoints: 19 points; coco17 has 17"),
        ({"frame_id": np.arange(3)}, "0.frame_id: expected 7 whole numbers"),
    ],
)
def test_bad_tracks_are_named(change: dict[str, object], message: str, tmp_path: Path) -> None:
    tracks = make.wham_tracking()
    tracks[np.int32(0)] |= change
    joblib.dump(tracks, tmp_path / "tracking_results.pth")
    with pytest.raises(InputError, match=message):
        load_tracks(tmp_path / "tracking_results.pth")
