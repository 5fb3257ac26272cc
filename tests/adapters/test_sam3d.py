"""SAM 3D Body: keypoints instead of parameters, in any container; people are linked, the body is posed from them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import Estimate, InputError, Keypoints, Refiner
from lsmplify_refine.formats import load_save
from lsmplify_refine.formats.export import export
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.keypoints import find_keypoints
from lsmplify_refine.job.run import run
from lsmplify_refine.values.conventions import MHR70
from tests.support import estimator_files as make
from tests.support import sam3d_files as sam3d
from tests.support.adapter_cases import CASES, cases_of
from tests.support.round_trips import check_unrefined, last_name, raw
from tests.support.scenes import open_body

VIDEO = [name for name in cases_of("sam3d") if name != "sam3d npz"]
FOLLOWED = [index for index, name in enumerate(MHR70.points) if name not in MHR70.unfollowed]
REAL = sorted((Path(__file__).resolve().parents[3] / "shared" / "data" / "real").glob("sam3d_*.npz"))


@pytest.mark.parametrize("case", cases_of("sam3d"))
def test_what_is_not_refined_keeps_its_bytes(case: str, tmp_path: Path) -> None:
    check_unrefined(CASES[case], tmp_path)


@pytest.mark.parametrize("case", VIDEO)
def test_people_are_linked_over_gaps_and_changes_of_order(case: str, tmp_path: Path) -> None:
    people = load_save.load(CASES[case].write(tmp_path))
    assert [person.track_id for person in people] == (["4", "9"] if case == "sam3d recording" else ["0", "1"])
    seen = [frame for frame in range(sam3d.FRAMES) if frame not in sam3d.UNSEEN]
    assert people[0].frame_ids.tolist() == list(range(sam3d.FRAMES)) and people[1].frame_ids.tolist() == seen
    for number, person in enumerate(people):
        assert person.points is not None and person.fps == (30.0 if case == "sam3d recording" else None)
        true = sam3d.true_points(number)[person.frame_ids]
        assert np.abs(person.points.positions - true).max() < 1e-5
        assert person.camera is not None and person.camera.image_size == sam3d.SIZE
        assert np.abs(person.camera.K[:, (0, 0, 1), (0, 2, 2)] - [sam3d.FOCAL, 640, 360]).max() < 1e-3
        coded = {note.code for note in person.notes}
        assert ("people-linked" in coded) == (case != "sam3d recording")


def test_gaps_in_the_ids_are_closed_by_the_boxes(tmp_path: Path) -> None:
    """Ids are lost in some frames, and nobody is seen in others; the order of detections changes all the time."""
    frames = 24
    rows: list[list[dict[str, Any]]] = []
    for frame in range(frames):
        here = sam3d.outputs(frame, frames=frames)
        for person, values in zip(sam3d.seen_people(frame), here, strict=True):
            if not (frame in (7, 8, 15) or (frame == 11 and person == 1)):
                values["track_id"] = (4, 9)[person]
        rows.append([] if frame in (18, 19) else here)
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(rows))
    people = {person.track_id: person for person in load_save.load(tmp_path / "r.pkl")}
    assert set(people) == {"4", "9"}
    for number, name in enumerate(("4", "9")):
        points = people[name].points
        assert points is not None
        true = sam3d.true_points(number, frames)[people[name].frame_ids]
        assert np.abs(points.positions - true).max() < 1e-5
    assert len(people["4"]) == frames - 2 and len(people["9"]) == frames - 2 - len(sam3d.UNSEEN)


def test_images_named_from_one_are_frames_from_zero(tmp_path: Path) -> None:
    by_name = {f"{frame + 1:06d}.jpg": sam3d.outputs(frame) for frame in range(3)}
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(by_name))
    (tmp_path / "n.pkl").write_bytes(pickle.dumps({frame + 1: sam3d.outputs(frame) for frame in range(3)}))
    assert load_save.load(tmp_path / "r.pkl")[0].frame_ids.tolist() == [0, 1, 2]
    assert load_save.load(tmp_path / "n.pkl")[0].frame_ids.tolist() == [1, 2, 3]


def test_ids_that_repeat_in_a_frame_identify_nobody(tmp_path: Path) -> None:
    frames = [sam3d.outputs(frame) for frame in range(4)]
    for people in frames:
        for person in people:
            person["track_id"] = 0
    (tmp_path / "r.pkl").write_bytes(pickle.dumps(frames))
    assert [len(person) for person in load_save.load(tmp_path / "r.pkl")] == [4, 3]


@pytest.mark.parametrize("case", cases_of("sam3d"))
def test_a_whole_job_renews_the_keypoints_and_marks_what_is_stale(case: str, tmp_path: Path) -> None:
    """Onto other keypoints than the file's own: the left forearm is turned."""
    (tmp_path / "in").mkdir()
    source = CASES[case].write(tmp_path / "in")
    people = load_save.load(source)
    keypoints = {person.track_id: _bent(person) for person in people}
    _write_keypoints(tmp_path / "k.npz", people, keypoints)
    outcome = run(Job(source, keypoints=tmp_path / "k.npz", output=tmp_path / "out", write_video=False, align="camera"))
    again = load_save.load(outcome.outputs.results)
    for person, read in zip(people, again, strict=True):
        assert person.points is not None and read.points is not None and person.camera and read.camera
        assert (read.track_id, read.frame_ids.tolist()) == (person.track_id, person.frame_ids.tolist())
        wrist = MHR70.points.index("left_wrist")
        wanted = keypoints[person.track_id][:, wrist]
        before, after = (
            np.linalg.norm(points.positions[:, wrist] - wanted, axis=-1).mean()
            for points in (person.points, read.points)
        )
        assert after < 0.4 * before
        finger = MHR70.points.index("left_index_tip")
        old, new = (
            np.linalg.norm(points.positions[:, finger] - points.positions[:, wrist], axis=-1)
            for points in (person.points, read.points)
        )
        assert np.abs(old - new).max() < 0.01
        assert np.abs(read.camera.K - person.camera.K).max() < 2e-3  # renewed pixels are those of renewed points
    was, now = make.leaves(source), make.leaves(outcome.outputs.results)
    gone, added = was.keys() - now.keys(), now.keys() - was.keys()
    assert {last_name(key) for key in gone} <= {"pred_vertices"}
    assert {last_name(key) for key in added} == {"lsmplify_refine_stale"}
    assert all("mhr_model_params" in list(np.asarray(now[key])) for key in added)
    differ = {last_name(key) for key in was.keys() & now.keys() if raw(was[key]) != raw(now[key])}
    assert differ == set(CASES[case].changing)


def _bent(person: Estimate) -> np.ndarray:
    """(T, 70, 3) the person's points, the left forearm and hand turned by 0.4 rad about the elbow's depth axis."""
    assert person.points is not None
    points: np.ndarray = person.points.positions.copy()
    elbow = MHR70.points.index("left_elbow")
    moving = [
        index
        for index, name in enumerate(MHR70.points)
        if name.startswith(("left_thumb", "left_index", "left_middle", "left_ring", "left_pinky", "left_wrist"))
    ]
    turn: np.ndarray = np.array([[np.cos(0.4), -np.sin(0.4), 0], [np.sin(0.4), np.cos(0.4), 0], [0, 0, 1]])
    points[:, moving] = (points[:, moving] - points[:, [elbow]]) @ turn.T + points[:, [elbow]]
    return points


def _write_keypoints(path: Path, people: list[Estimate], keypoints: dict[str, np.ndarray]) -> None:
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    positions = np.zeros((len(people), len(frames), 70, 3), np.float32)
    confidence = np.zeros(positions.shape[:3], np.float32)
    for index, person in enumerate(people):
        rows = np.searchsorted(frames, person.frame_ids)
        positions[index, rows], confidence[index, rows] = keypoints[person.track_id], 1.0
    ids = np.array([person.track_id for person in people])
    np.savez(path, convention="mhr70", positions=positions, confidence=confidence, frame_ids=frames, people=ids)


def test_its_own_keypoints_pose_the_body_and_lose_their_jitter(tmp_path: Path) -> None:
    frames = 40
    sam3d.write_recording(tmp_path / "run", frames=frames, noise_m=0.01)
    outcome = run(Job(tmp_path / "run", output=tmp_path / "out", write_video=False))
    again = load_save.load(outcome.outputs.results)
    for number, (result, read) in enumerate(zip(outcome.refinements, again, strict=True)):
        assert result.refined.posed and result.refined.frame == "camera"
        assert result.metrics["refined"]["mpjpe_mm_mhr70"] < result.metrics["calibrated"]["mpjpe_mm_mhr70"]
        assert read.points is not None and result.estimate.points is not None
        true = sam3d.true_points(number, frames)[read.frame_ids][:, FOLLOWED]
        noisy, calm = (
            1000 * np.linalg.norm(points.positions[:, FOLLOWED] - true, axis=-1).mean()
            for points in (result.estimate.points, read.points)
        )
        assert calm < 0.6 * noisy


def test_unposed_people_are_not_exported_and_refine_poses_them(tmp_path: Path) -> None:
    (person,) = load_save.load(sam3d.write_person_npz(tmp_path / "img_subj00.npz"))
    assert not person.posed
    with pytest.raises(InputError, match="keypoints instead of SMPL parameters"):
        export(person, tmp_path / "r.npz", "smpl-npz")
    refined = Refiner(open_body()).refine(person).refined
    assert export(refined, tmp_path / "r.npz", "smpl-npz") is not None
    (again,) = load_save.load(tmp_path / "r.npz")
    assert again.camera is not None and again.frame == "camera" and np.array_equal(again.body_pose, refined.body_pose)


@pytest.mark.parametrize("format", ["smpl-npz", "smplx-npz", "amass", "gvhmr", "bvh"])
def test_other_formats_can_be_written(format: str, tmp_path: Path) -> None:
    source = sam3d.write_recording(tmp_path / "run")
    outcome = run(Job(source, output=tmp_path / "out", write_video=False, output_format=format, person="4"))  # type: ignore[arg-type]
    assert outcome.outputs.results.is_file()


def test_2d_keypoints_refine_what_was_posed(tmp_path: Path) -> None:
    source = sam3d.write_recording(tmp_path / "run")
    person = load_save.load(source)[0]
    assert person.camera is not None and person.points is not None
    bent = _bent(person)
    pixels = bent[..., :2] / bent[..., 2:] * sam3d.FOCAL + np.array(sam3d.SIZE) / 2
    refiner = Refiner(open_body())
    result = refiner.refine(person.replace(keypoints=Keypoints("mhr70", pixels, np.ones(pixels.shape[:2]))))
    assert (
        result.metrics["calibrated"]["reprojection_px_mhr70"] > 2 * result.metrics["refined"]["reprojection_px_mhr70"]
    )
    posed = refiner.posed(person)
    assert posed.posed and posed.points is person.points
    own = np.linalg.norm(
        open_body().keypoints("mhr70", *_pose_of(posed), np.zeros(10))[:, FOLLOWED]
        - person.points.positions[:, FOLLOWED],
        axis=-1,
    )
    assert 1000 * own.mean() < 15


def _pose_of(estimate: Estimate) -> tuple[np.ndarray, np.ndarray]:
    from lsmplify_refine.engine.targets import pose_on_body

    pose = pose_on_body(estimate, open_body())
    return pose.rotations.numpy(), pose.pelvis.numpy()


def test_2d_keypoints_without_ids_find_their_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is who is told by where the posed bodies are in the image."""
    matched: list[bool] = []

    def recorded(job: Job, people: list[Estimate], *rest: Any) -> Any:
        matched.extend(person.posed for person in people)
        return find_keypoints(job, people, *rest)

    monkeypatch.setattr("lsmplify_refine.job.run.find_keypoints", recorded)
    source = sam3d.write_recording(tmp_path / "run")
    people = load_save.load(source)
    frames = np.arange(sam3d.FRAMES)
    positions = np.zeros((2, len(frames), 70, 2), np.float32)
    confidence = np.zeros((2, len(frames), 70), np.float32)
    for row, person in enumerate(people[::-1]):
        bent = _bent(person)
        positions[row, person.frame_ids] = bent[..., :2] / bent[..., 2:] * sam3d.FOCAL + np.array(sam3d.SIZE) / 2
        confidence[row, person.frame_ids] = 1.0
    names = np.array(["x", "y"])
    np.savez(
        tmp_path / "k.npz",
        convention="mhr70",
        positions=positions,
        confidence=confidence,
        frame_ids=frames,
        people=names,
    )
    outcome = run(Job(source, keypoints=tmp_path / "k.npz", output=tmp_path / "out", write_video=False))
    assert len(outcome.refinements) == 2 and matched == [True, True]
    for refinement in outcome.refinements:
        wrong, right = (refinement.metrics[stage]["reprojection_px_mhr70"] for stage in ("calibrated", "refined"))
        assert wrong < 60 and right < 0.5 * wrong  # the other person is hundreds of pixels away


def test_a_list_is_the_people_of_an_image_or_one_persons_frames_or_asked(tmp_path: Path) -> None:
    def saved(rows: list[dict[str, object]]) -> Path:
        (tmp_path / "r.pkl").write_bytes(pickle.dumps(rows))
        return tmp_path / "r.pkl"

    assert [len(person) for person in load_save.load(saved(sam3d.outputs(0)))] == [1, 1]
    frames = [sam3d.person_of(0, frame) for frame in range(4)]
    assert [person.frame_ids.tolist() for person in load_save.load(saved(frames))] == [[0, 1, 2, 3]]
    both = saved([*frames, sam3d.person_of(1, 0)])
    with pytest.raises(InputError, match="lists=people or lists=frames"):
        load_save.load(both)
    assert len(load_save.load(both, format="sam3d:lists=people")) == 5
    people_first = {person: [sam3d.person_of(person, frame) for frame in range(4)] for person in (0, 1)}
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(people_first))
    people = load_save.load(tmp_path / "p.pkl", format="sam3d:lists=frames")
    assert [person.frame_ids.tolist() for person in people] == [[0, 1, 2, 3]] * 2


def test_names_of_files_tell_frames(tmp_path: Path) -> None:
    for name in ("sam3d_000001", "sam3d_000002", "sam3d_000003"):
        sam3d.write_person_npz(tmp_path / f"{name}.npz", frame=int(name[-1]) - 1)
    (person,) = load_save.load(tmp_path)
    assert person.frame_ids.tolist() == [0, 1, 2]
    assert "frames-from-one" in {note.code for note in person.notes}


def test_a_file_without_pixels_has_no_camera(tmp_path: Path) -> None:
    rows = sam3d.person_of(0, 0)
    del rows["pred_keypoints_2d"]
    (tmp_path / "r.pkl").write_bytes(pickle.dumps([[rows]]))
    (person,) = load_save.load(tmp_path / "r.pkl")
    assert person.camera is None and person.boxes is None


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("pred_keypoints_3d", np.zeros((69, 3), np.float32), r"expected \(70, 3\) and \(3,\) numbers"),
        ("pred_cam_t", np.array([0, np.nan, 4], np.float32), "NaN, infinite or impossible values"),
        ("pred_cam_t", np.array([0, 1e9, 4], np.float32), "NaN, infinite or impossible values"),
    ],
)
def test_wrong_values_are_refused(key: str, value: np.ndarray, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.pkl").write_bytes(pickle.dumps({3: [sam3d.person_of(0, 0) | {key: value}]}))
    with pytest.raises(InputError, match=message):
        load_save.load(tmp_path / "r.pkl")


@pytest.mark.shared
@pytest.mark.skipif(not REAL, reason="the real files are not here")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_the_real_people(path: Path, tmp_path: Path) -> None:
    (result,) = run(Job(path, output=tmp_path, write_video=False)).refinements
    error = {stage: metrics["mpjpe_mm_mhr70"] for stage, metrics in result.metrics.items()}
    assert error["refined"] < 15 and error["refined"] <= error["calibrated"]
    camera = result.estimate.camera
    assert camera is not None and camera.image_size == (1920, 890)
    pixels = np.load(path)["pred_keypoints_2d"]
    assert result.estimate.points is not None
    points = result.estimate.points.positions[0]
    found = points[:, :2] / points[:, 2:] * camera.K[0, 0, 0] + camera.K[0, :2, 2]
    assert np.abs(found - pixels).max() < 1e-3
