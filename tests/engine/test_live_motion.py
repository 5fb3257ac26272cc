"""Live motion: jitter goes, swings stay, a lag comes nearer to the offline result, and a stream uses it."""

from __future__ import annotations

import numpy as np
import pytest
import roma
import torch

from lsmplify_refine import Camera, InputError, Refiner, SmplParameters, StreamStep
from lsmplify_refine.engine.follow import Step
from lsmplify_refine.engine.live_motion import LiveFrame, LiveMotion
from lsmplify_refine.engine.motion import most_likely_motion
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.geometry.rotations import rotmat_to_rotvec, rotvec_to_rotmat
from lsmplify_refine.solver.problem import Pose
from tests.support.scenes import open_body, true_motion, true_pose

FRAMES, JOINTS = 90, 24
#: The first second, in which the noise is not yet read.
SETTLED = 30
KNEE = 4
K = np.array([[[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]])


def shaken(pose: Pose, radians: float, seed: int) -> Pose:
    generator = torch.Generator().manual_seed(seed)
    turn = radians * torch.randn((*pose.rotations.shape[:2], 3), generator=generator)
    return Pose(pose.rotations @ roma.rotvec_to_rotmat(turn), pose.pelvis)


def frames(estimate: Pose | None, fit: Pose, accepted: np.ndarray | None = None) -> list[LiveFrame]:
    """A stream of one person; every joint is seen."""
    count = len(fit.pelvis)
    shown = torch.ones(count, dtype=torch.bool) if accepted is None else torch.as_tensor(accepted)
    share = np.full((1, JOINTS + 1), 0.9)
    rows = [slice(row, row + 1) for row in range(count)]
    steps = [Step(fit[row], torch.zeros(1), shown[row]) for row in rows]
    return [
        LiveFrame(number, estimate and estimate[row], step, share)
        for number, (row, step) in enumerate(zip(rows, steps))
    ]


def run(stream: list[LiveFrame], *, lag_seconds: float = 0.0, fps: float = 30.0) -> tuple[list[int], Pose]:
    motion = LiveMotion(fps, lag_seconds, is_image=False)
    found = [motion.step(frame, np.zeros((1, 3))) for frame in stream]
    return [each.number for each in found], Pose.joined([each.found.pose for each in found])


def jitter(rotvec: np.ndarray) -> float:
    """Mean third difference after the first second."""
    return float(np.linalg.norm(np.diff(rotvec[SETTLED:], n=3, axis=0), axis=-1).mean())


def knee(pose: Pose) -> np.ndarray:
    return rotmat_to_rotvec(pose.rotations[:, KNEE].numpy())


@pytest.mark.parametrize("with_estimate", [True, False])
def test_jitter_goes_and_the_swing_stays(with_estimate: bool) -> None:
    truth = true_pose(FRAMES)
    fit = shaken(truth, 0.03, 1)
    _, found = run(frames(shaken(truth, 0.05, 0) if with_estimate else None, fit))
    assert jitter(knee(found)) < 0.5 * jitter(knee(fit))
    swing, true_swing = (np.ptp(knee(pose)[SETTLED:, 0]) for pose in (found, truth))
    assert swing == pytest.approx(true_swing, rel=0.1)


def test_a_lag_is_nearer_to_the_offline_result() -> None:
    truth = true_pose(FRAMES)
    estimate, fit = shaken(truth, 0.05, 0), shaken(truth, 0.03, 1)
    share = np.full((FRAMES, JOINTS + 1), 0.9)
    offline = most_likely_motion(estimate, fit, share, frame_ids=np.arange(FRAMES), fps=30.0, is_image=False)
    away = []
    for lag_seconds in (0.0, 0.3):
        numbers, found = run(frames(estimate, fit), lag_seconds=lag_seconds)
        angles = roma.rotmat_geodesic_distance(found.rotations, offline.rotations[numbers])
        away.append(float(angles[SETTLED:].mean()))
    assert away[1] < 0.5 * away[0]


@pytest.mark.parametrize(("fps", "late"), [(15.0, 6), (30.0, 12), (60.0, 24)])
def test_a_lagged_stream_begins_with_its_first_frame_again_and_again(fps: float, late: int) -> None:
    numbers, _ = run(frames(None, true_pose(late + 4)), lag_seconds=0.4, fps=fps)
    assert numbers == [0] * late + [0, 1, 2, 3]


def test_a_person_out_of_sight_holds_the_last_result_and_a_lag_bridges_the_gap() -> None:
    truth = true_pose(60)
    shown = np.ones(60, dtype=bool)
    shown[40:46] = False
    held = Pose(truth.rotations.clone(), truth.pelvis.clone())
    held.rotations[40:46], held.pelvis[40:46] = truth.rotations[39], truth.pelvis[39]
    stream = frames(None, held, shown)
    _, found = run(stream)
    assert torch.equal(found.rotations[45], found.rotations[39])
    numbers, found = run(stream, lag_seconds=0.3)
    gap = slice(numbers.index(41), numbers.index(45))
    errors = [np.abs(knee(pose) - knee(truth[slice(41, 45)])).mean() for pose in (found[gap], held[slice(41, 45)])]
    assert errors[0] < 0.3 * errors[1]


def test_an_estimate_moves_on_while_nothing_is_seen() -> None:
    truth = true_pose(60)
    shown = np.arange(60) < 50
    fit = truth.where(torch.as_tensor(shown), truth[torch.full((60,), 49)])
    biased = Pose(truth.rotations @ roma.rotvec_to_rotmat(torch.tensor([0.2, 0.0, 0.0])), truth.pelvis)
    _, found = run(frames(biased, fit, shown))
    assert np.abs(knee(found) - knee(truth))[50:].max() < 0.05


def test_without_an_estimate_in_some_frames_the_fits_decide() -> None:
    truth = true_pose(60)
    stream = frames(shaken(truth, 0.0, 0), truth)
    stream[50] = LiveFrame(50, None, stream[50].found, stream[50].share)
    _, found = run(stream)
    assert roma.rotmat_geodesic_distance(found.rotations, truth.rotations).max() < 0.03


@pytest.mark.parametrize("lag_seconds", [-0.1, 1.5, float("nan")])
def test_a_lag_out_of_range_is_refused(lag_seconds: float) -> None:
    with pytest.raises(InputError, match=r"lag_seconds is .*; give 0 to 1"):
        Refiner(open_body(), weights="none").stream("body25", lag_seconds=lag_seconds)


def streamed(lag_seconds: float = 0.0) -> list[StreamStep]:
    """A live run of a jittery estimator with noisy pixels."""
    generator = np.random.default_rng(0)
    pose, pelvis = true_motion(FRAMES)
    rotations = rotvec_to_rotmat(pose)
    points = open_body().keypoints("coco17", rotations, pelvis, np.zeros(10))
    pixels = project_to_image(points, np.repeat(K, FRAMES, axis=0)) + generator.normal(0, 2.0, (FRAMES, 17, 2))
    given = rotmat_to_rotvec(rotations @ rotvec_to_rotmat(generator.normal(0, 0.05, pose.shape)))
    transl = pelvis - np.array(MEAN_REST_PELVIS["smpl"]) + generator.normal(0, 0.02, pelvis.shape)
    live = Refiner(open_body()).stream("coco17", camera=Camera(K), lag_seconds=lag_seconds)
    steps = [live.step(pixels[t], None, SmplParameters(given[t, 0], given[t, 1:], transl[t])) for t in range(FRAMES)]
    (kept,) = live.estimates(steps)
    assert kept.frame_ids.tolist() == sorted({step.frame for step in steps})
    return steps


def test_a_stream_gives_the_motion_and_follows_its_own_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, late = streamed(), streamed(0.3)
    assert [step.frame for step in late] == [0] * 9 + list(range(FRAMES - 9))
    monkeypatch.setattr(LiveMotion, "step", lambda _, frame, offsets: frame)
    raw = streamed()
    knees = [np.stack([step.body_pose[KNEE - 1] for step in each]) for each in (steps, late, raw)]
    assert jitter(knees[0]) < 0.7 * jitter(knees[2]) and jitter(knees[1]) < 0.25 * jitter(knees[2])
    depths = [np.stack([step.transl[2:] for step in each]) for each in (steps, late, raw)]
    assert jitter(depths[0]) < 0.5 * jitter(depths[2]) and jitter(depths[1]) < 0.25 * jitter(depths[2])
    # the follower starts from its own results, so the fits and their errors are those without the motion
    assert [step.error_m for step in steps] == [step.error_m for step in raw]
    assert [step.error_m for step in late[9:]] == [step.error_m for step in raw[:-9]]
