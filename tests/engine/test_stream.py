"""Streams: public values in and out, people of any size, missing keypoints, errors, files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lsmplify_refine import BodyModel, Camera, InputError, Refiner, SmplParameters, Stream, StreamStep, load, save
from lsmplify_refine.engine.live_follow import LiveFollower
from lsmplify_refine.engine.live_motion import LiveMotion
from lsmplify_refine.engine.shape import FittedShape
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.learn.motion import load_take
from tests.support.model_files import write_smpl
from tests.support.scenes import SEEN, open_body, true_motion

NO_BETAS = np.zeros(10)
SMPL_PELVIS = np.array(MEAN_REST_PELVIS["smpl"])
K = np.array([[[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]])

#: The first two seconds, in which a stream learns the person's size.
SETTLED = 60


@pytest.fixture(scope="module")
def refiner() -> Refiner:
    return Refiner(open_body())


def people_points(scale: float = 1.0, frames: int = 90, noise_m: float = 0.005) -> tuple[np.ndarray, np.ndarray]:
    """BODY_25 points of `true_motion` by a person of some size, with noise, and the person's joints."""
    pose, pelvis = true_motion(frames)
    rotations = rotvec_to_rotmat(pose)
    points = open_body().keypoints("body25", rotations, pelvis, NO_BETAS, scale)
    points = points + np.random.default_rng(0).normal(0, noise_m, points.shape)
    return points, open_body().joints(rotations, pelvis, NO_BETAS, scale)


def in_pixels(points: np.ndarray) -> np.ndarray:
    return project_to_image(points, np.repeat(K, len(points), axis=0))


def run(live: Stream, points: np.ndarray) -> list[StreamStep]:
    return [live.step(frame) for frame in points]


def error_mm(steps: list[StreamStep], joints: np.ndarray) -> float:
    """Mean error of the 22 body joints, without alignment, after the first two seconds."""
    found = np.stack([step.joints for step in steps])
    return float(1000 * np.linalg.norm(found - joints, axis=-1)[SETTLED:, :22].mean())


def with_known_size(refiner: Refiner, points: np.ndarray, scale: float, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a stream gives on a body of this size from the first frame to the last."""
    live = refiner.stream("body25")
    with monkeypatch.context() as patched:
        known = [FittedShape(NO_BETAS, scale, np.zeros(3))]
        patched.setattr(LiveFollower, "shapes", property(lambda self: known))
        patched.setattr(LiveFollower, "_calibrate", lambda *_: None)
        return run(live, points)


@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_people_of_any_size_are_posed_as_if_it_were_known(
    refiner: Refiner, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, joints = people_points(scale)
    steps = run(refiner.stream("body25"), points)
    known = error_mm(with_known_size(refiner, points, scale, monkeypatch), joints)
    mean_body = error_mm(with_known_size(refiner, points, 1.0, monkeypatch), joints)
    assert mean_body > 40 and error_mm(steps, joints) < 1.2 * known
    assert all(step.accepted for step in steps)


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.85, 1.15])
def test_recorded_people_of_any_size(
    refiner: Refiner, scale: float, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the size alone: without a lag, the filter gives half a millimetre of place for less jitter
    monkeypatch.setattr(LiveMotion, "step", lambda self, frame, offsets: frame)
    errors = []
    for name in ("03/03_01", "05/05_02", "13/13_07", "13/13_13", "13/13_38_s1"):
        take = load_take(shared_data / "mocap" / "cmu" / f"{name}_poses.npz")
        frames = min(150, len(take))
        rotvec = np.zeros((frames, 24, 3))
        rotvec[:, :22] = take.rotvec[:frames]
        rotations, pelvis = rotvec_to_rotmat(rotvec), take.pelvis[:frames].astype(np.float64)
        joints = open_body().joints(rotations, pelvis, NO_BETAS, scale)
        points = open_body().keypoints("body25", rotations, pelvis, NO_BETAS, scale)
        points = points + np.random.default_rng(0).normal(0, 0.005, points.shape)
        known = error_mm(with_known_size(refiner, points, scale, monkeypatch), joints)
        errors.append((error_mm(run(refiner.stream("body25"), points), joints), known))
    live, known = np.mean(errors, 0)
    assert live < 1.2 * known < 10


def in_image(frames: int) -> tuple[np.ndarray, list[SmplParameters], np.ndarray, np.ndarray]:
    """COCO pixels of a person of another shape, estimates that are wrong, and joints of both."""
    generator = np.random.default_rng(0)
    pose, pelvis = true_motion(frames)
    betas = np.array([1.5, -1.0, 1.0, 0, 0.5, 0, 0, 0, 0, 0])
    rotations = rotvec_to_rotmat(pose)
    points = open_body().keypoints("coco17", rotations, pelvis, betas)
    pixels = in_pixels(points) + generator.normal(0, 1.0, (frames, 17, 2))
    drift = np.zeros_like(pose)
    drift[:, SEEN] = 0.2 * np.sin(np.arange(frames)[:, None, None] / 20 + generator.uniform(0, 6, (1, len(SEEN), 3)))
    wrong, place = rotations @ rotvec_to_rotmat(drift), pelvis + np.array([0.1, -0.05, 0.1])
    rotvec = rotmat_to_rotvec(wrong)
    estimates = [SmplParameters(rotvec[t, 0], rotvec[t, 1:], place[t] - SMPL_PELVIS) for t in range(frames)]
    truth = open_body().joints(rotations, pelvis, betas)
    return pixels, estimates, truth, open_body().joints(wrong, place, NO_BETAS)


def test_pixels_with_a_camera_improve_an_estimate(refiner: Refiner) -> None:
    pixels, estimates, truth, estimated = in_image(90)
    live = refiner.stream("coco17", camera=Camera(K, (640, 480)))
    steps = [live.step(frame, None, estimate) for frame, estimate in zip(pixels, estimates)]

    def errors(joints: np.ndarray) -> tuple[float, float]:
        """Pixels, and mm about the pelvis, after the first two seconds."""
        in_px = in_pixels(joints[:, :22]) - in_pixels(truth[:, :22])
        in_m = (joints - joints[:, :1] - truth + truth[:, :1])[:, :22]
        px, mm = (np.linalg.norm(difference, axis=-1)[SETTLED:].mean() for difference in (in_px, 1000 * in_m))
        return px, mm

    before, after = errors(estimated), errors(np.stack([step.joints for step in steps]))
    assert after[0] < 0.3 * before[0] and after[1] < 0.8 * before[1]
    assert (steps[-1].joints[0] - truth[-1, 0])[2] == pytest.approx(0.1, abs=0.1)  # the estimate's depth


def test_without_an_estimate_an_image_does_not_change_the_size(refiner: Refiner) -> None:
    pixels, _, truth, _ = in_image(20)
    live = refiner.stream("coco17", camera=Camera(K))
    steps = run(live, pixels)
    assert all(step.scale == 1 for step in steps)
    found = in_pixels(np.stack([step.joints[:22] for step in steps]))
    assert np.linalg.norm(found - in_pixels(truth[:, :22]), axis=-1).mean() < 12


def test_hands_do_not_count_for_the_body(refiner: Refiner) -> None:
    points, _ = people_points(frames=5)
    far = np.concatenate([points, np.full((5, 42, 3), 2.0)], axis=1)
    expected, found = run(refiner.stream("body25"), points), run(refiner.stream("body67"), far)
    assert np.array_equal(found[-1].body_pose, expected[-1].body_pose)


def test_nan_means_missing(refiner: Refiner) -> None:
    points, _ = people_points(frames=6)
    confidence, wrong = np.ones(points.shape[:2]), points.copy()
    confidence[:, 4], wrong[:, 4] = 0.0, 99.0
    points[:, 4] = np.nan
    by_nan, by_confidence = refiner.stream("body25"), refiner.stream("body25")
    for frame, shown in enumerate(confidence):
        steps = by_nan.step(points[frame]), by_confidence.step(wrong[frame], shown)
        assert np.array_equal(steps[0].body_pose, steps[1].body_pose) and steps[0].accepted
    gone = by_nan.step(np.full((25, 3), np.nan))
    assert not gone.accepted and np.array_equal(gone.transl, steps[0].transl)
    assert np.allclose(gone.body_pose, steps[0].body_pose, atol=1e-6) and gone.frame == 6


def test_placeholders_of_detectors_are_missing_in_an_image(refiner: Refiner) -> None:
    pixels, _, _, _ = in_image(2)
    by_nan, by_placeholder = (refiner.stream("coco17", camera=Camera(K, (640, 480))) for _ in range(2))
    for frame in pixels:
        nan, placeholder = frame.copy(), frame.copy()
        nan[[9, 10, 15]] = np.nan
        placeholder[9], placeholder[10], placeholder[15] = 0, -1, (3000, 200)
        assert np.array_equal(by_nan.step(nan).body_pose, by_placeholder.step(placeholder).body_pose)


def test_a_stream_that_has_seen_nothing_gives_finite_values(refiner: Refiner) -> None:
    step = refiner.stream("body25").step(np.full((25, 3), np.nan))
    assert not step.accepted and np.isfinite(step.body_pose).all() and np.isfinite(step.transl).all()


def test_people_of_a_stream_equal_streams_of_single_people(refiner: Refiner) -> None:
    points = np.stack([people_points(scale, 20)[0] for scale in (0.85, 1.15)], 1)
    points[:10, 1] = np.nan  # the second person comes later
    together = run(refiner.stream("body25"), points)
    for person in range(2):
        alone = run(refiner.stream("body25"), points[:, person])
        assert [bool(step.accepted[person]) for step in together] == [bool(step.accepted) for step in alone]
        assert together[-1].scale[person] == pytest.approx(float(alone[-1].scale), abs=1e-3)
        assert np.abs(together[-1].joints[person] - alone[-1].joints).max() < 0.005
    assert together[-1].joints.shape == (2, 24, 3) and together[-1].error_m.shape == (2,)


def test_people_without_an_estimate_in_a_frame_are_followed_from_their_keypoints(refiner: Refiner) -> None:
    points, _ = people_points(frames=4)
    pose, pelvis = true_motion(4)
    live = refiner.stream("body25")
    for frame in range(4):
        orient = pose[frame, 0] if frame < 2 else np.full(3, np.nan)
        step = live.step(points[frame], None, SmplParameters(orient, pose[frame, 1:], pelvis[frame] - SMPL_PELVIS))
        assert step.accepted and step.error_m < 0.02


def test_parameters_are_those_of_the_joints(refiner: Refiner) -> None:
    """`transl` plus J0 is the pelvis, and the rotations pose the joints."""
    points, _ = people_points(0.85, 10)
    step = run(refiner.stream("body25"), points)[-1]
    rotations = rotvec_to_rotmat(np.concatenate([step.global_orient[None], step.body_pose]))[None]
    posed = open_body().joints(rotations, (step.transl + SMPL_PELVIS)[None], NO_BETAS, float(step.scale))[0]
    assert np.abs(posed[0] - step.joints[0]).max() < 1e-5
    assert np.linalg.norm(posed - step.joints, axis=-1).max() < 0.05  # betas of the open body are not SMPL's


def test_rotation_vectors_do_not_jump_at_half_a_turn(refiner: Refiner) -> None:
    pose, pelvis = true_motion(12)
    heading = np.linspace(-0.3, 0.3, 12)  # about half a turn from facing away
    pose[:, 0] = rotmat_to_rotvec(rotvec_to_rotmat(np.stack([0 * heading, np.pi + heading, 0 * heading], 1)))
    points = open_body().keypoints("body25", rotvec_to_rotmat(pose), pelvis, NO_BETAS)
    found = np.stack([step.global_orient for step in run(refiner.stream("body25"), points)])
    assert np.abs(np.diff(found, axis=0)).max() < 0.3


def test_a_known_pose_is_held_where_keypoints_see_nothing(refiner: Refiner) -> None:
    points, _ = people_points(frames=10)
    pose, pelvis = true_motion(10)
    pose[:, 20, 0] = 0.5  # a hand's twist
    live = refiner.stream("body25")
    live.begin(SmplParameters(pose[0, 0], pose[0, 1:], pelvis[0] - SMPL_PELVIS))
    twist = [run(each, points[1:])[-1].body_pose[19, 0] for each in (live, refiner.stream("body25"))]
    assert abs(twist[0] - 0.5) < 0.1 < abs(twist[1] - 0.5)


def test_betas_of_the_bodys_own_family_are_used(tmp_path: Path) -> None:
    own = Refiner(BodyModel.load(write_smpl(tmp_path)), weights="none")
    pose, pelvis = true_motion(3)
    betas = np.linspace(-1, 1, 10)
    points = own.body.keypoints("smpl24", rotvec_to_rotmat(pose), pelvis, betas)
    live = own.stream("smpl24")
    for frame in range(3):
        transl = pelvis[frame] - own.body.rest_pelvis(betas)
        step = live.step(points[frame], None, SmplParameters(pose[frame, 0], pose[frame, 1:], transl, betas))
        assert step.betas is not None and np.allclose(step.betas, betas) and step.scale == 1
    assert np.allclose(step.transl, transl, atol=0.02)


def test_an_estimators_family_and_betas_come_out_again(refiner: Refiner) -> None:
    points, _ = people_points(frames=3)
    pose, pelvis = true_motion(3)
    betas = np.linspace(-1, 1, 16)
    live = refiner.stream("body25", family="smplx")
    transl = pelvis - MEAN_REST_PELVIS["smplx"]
    steps = [live.step(points[t], None, SmplParameters(pose[t, 0], pose[t, 1:22], transl[t], betas)) for t in range(3)]
    assert (
        steps[-1].betas is not None and np.array_equal(steps[-1].betas, betas) and steps[-1].body_pose.shape == (21, 3)
    )
    assert np.abs(steps[-1].transl - transl[-1]).max() < 0.02


@pytest.mark.parametrize(("people", "name"), [((), "live.npz"), ((2,), "live.pkl")])
def test_steps_are_saved_and_loaded(refiner: Refiner, people: tuple[int, ...], name: str, tmp_path: Path) -> None:
    points, _ = people_points(frames=5)
    points = np.broadcast_to(points.reshape(5, *(1 for _ in people), 25, 3), (5, *people, 25, 3))
    live = refiner.stream("body25", fps=25.0)
    steps = run(live, points)
    made = live.estimates(steps[1:])
    save(made, tmp_path / name)
    read = load(tmp_path / name)
    assert len(read) == (people[0] if people else 1)
    for person, estimate in enumerate(read):
        assert estimate.fps == 25 and estimate.frame_ids.tolist() == [1, 2, 3, 4] and estimate.family == "smpl"
        for field in ("global_orient", "body_pose", "transl", "betas"):
            expected = np.stack([getattr(step, field) for step in steps[1:]])
            expected = expected[:, person] if people else expected
            assert np.allclose(getattr(estimate, field), expected, atol=1e-6), field
    with pytest.raises(InputError, match="no steps"):
        live.estimates([])


def test_the_camera_is_saved_too(refiner: Refiner, tmp_path: Path) -> None:
    pixels, estimates, _, _ = in_image(3)
    live = refiner.stream("coco17", camera=Camera(K))
    steps = [live.step(frame, None, estimate) for frame, estimate in zip(pixels, estimates)]
    save(live.estimates(steps), tmp_path / "live.npz")
    (read,) = load(tmp_path / "live.npz")
    assert read.frame == "camera" and read.camera is not None and np.allclose(read.camera.K, K)


def test_a_stream_refuses_what_it_cannot_use(refiner: Refiner) -> None:
    with pytest.raises(InputError, match="'body24' is not known; known: coco17, body25, "):
        refiner.stream("body24")
    with pytest.raises(InputError, match=r"one camera matrix; Camera.K has shape \(2, 3, 3\)"):
        refiner.stream("body25", camera=Camera(np.repeat(K, 2, axis=0)))
    with pytest.raises(InputError, match="fps is 0"):
        refiner.stream("body25", fps=0.0)


@pytest.mark.parametrize(
    ("points", "confidence", "message"),
    [
        (
            np.zeros((17, 3)),
            None,
            r"takes body25 in metres: \(25, 3\) or \(people, 25, 3\); conventions of 17 p.*: coco17, h",
        ),
        (np.zeros((25, 2)), None, "for pixels, give the stream a camera"),
        (np.zeros(75), None, r"shape \(75,\)"),
        (np.zeros((25, 3)), np.ones(24), r"confidence has shape \(24,\); expected \(25,\)"),
        (np.zeros((2, 25, 3)), np.ones((2, 25)), "points are of 2 people; this stream began with one person"),
    ],
)
def test_wrong_shapes_are_said(refiner: Refiner, points: np.ndarray, confidence: Any, message: str) -> None:
    live = refiner.stream("body25")
    live.step(people_points(frames=1)[0][0])
    with pytest.raises(InputError, match=message):
        live.step(points, confidence)


def test_metres_are_refused_where_pixels_are_expected(refiner: Refiner) -> None:
    with pytest.raises(InputError, match=r"takes coco17 in pixels: \(17, 2\).*for metres, make the stream without"):
        refiner.stream("coco17", camera=Camera(K)).step(np.zeros((17, 3)))


def test_wrong_parameters_are_said(refiner: Refiner) -> None:
    orient, body_pose, transl = np.zeros(3), np.zeros((23, 3)), np.zeros(3)
    with pytest.raises(InputError, match=r"body_pose has shape \(22, 3\); expected \(21, 3\) or \(23, 3\)"):
        SmplParameters(orient, body_pose[1:], transl)
    with pytest.raises(InputError, match="body_pose has 21 joints, smpl has 23; give the stream the est"):
        refiner.stream("body25").begin(SmplParameters(orient, body_pose[2:], transl))
    with pytest.raises(InputError, match="begins with a pose of everybody; this one has NaN"):
        refiner.stream("body25").begin(SmplParameters(orient, body_pose, transl + np.nan))
    live = refiner.stream("body25")
    live.step(people_points(frames=1)[0][0], None, SmplParameters(orient, body_pose, transl, np.zeros(10)))
    with pytest.raises(InputError, match="betas have 16 coefficients; this stream began with 10"):
        live.begin(SmplParameters(orient, body_pose, transl, np.zeros(16)))
