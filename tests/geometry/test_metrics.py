from __future__ import annotations

import numpy as np
import pytest

from lsmplify_refine import Camera, Keypoints
from lsmplify_refine.geometry.metrics import (
    accel_mm_per_frame2,
    confidence_weighted_mean,
    floor_spread_cm,
    foot_slide_cm_per_s,
    jerk_m_per_s3,
    jitter_10m_per_s3,
    keypoint_error_name,
    keypoint_errors,
    reprojection_errors_px,
    robust_rms,
    speed_p95_m_per_s,
    speeds_m_per_s,
)
from lsmplify_refine.geometry.projection import project_to_image

K = np.array([[[100.0, 0, 50], [0, 200, 40], [0, 0, 1]]])


def test_projection_by_hand() -> None:
    assert np.allclose(project_to_image(np.array([[[1.0, 2.0, 4.0]]]), K), [[[75, 140]]])


def test_missing_keypoints_cost_nothing() -> None:
    points = np.tile([0.0, 0.0, 2.0], (1, 17, 1))
    positions = np.tile([53.0, 44.0], (1, 17, 1))
    confidence = np.ones((1, 17))
    positions[0, 3], confidence[0, 3] = np.nan, 0
    errors = reprojection_errors_px(points, K, Keypoints("coco17", positions, confidence))
    assert errors[0, 3] == 0
    assert confidence_weighted_mean(errors, confidence) == pytest.approx(5.0)
    assert np.isnan(confidence_weighted_mean(errors, 0 * confidence))


def test_3d_keypoints_are_measured_in_millimetres_and_2d_ones_in_pixels() -> None:
    points = np.tile([0.0, 0.0, 2.0], (1, 17, 1))
    confidence = np.ones((1, 17))
    confidence[0, 3] = 0
    space = Keypoints("coco17", points + np.array([0.003, 0.0, 0.004]), confidence)
    space.positions[0, 3] = np.nan
    errors = keypoint_errors(points, None, space)
    assert keypoint_error_name(space) == "mpjpe_mm_coco17"
    assert errors[0, 3] == 0 and errors[0, 4] == pytest.approx(5.0)
    image = Keypoints("coco17", np.tile([53.0, 44.0], (1, 17, 1)), confidence)
    assert keypoint_error_name(image) == "reprojection_px_coco17"
    assert keypoint_errors(points, Camera(K), image)[0, 4] == pytest.approx(5.0)
    with pytest.raises(ValueError, match="camera"):
        keypoint_errors(points, None, image)


def test_robust_error_grows_no_further_than_its_radius() -> None:
    errors = np.array([[0.0], [1.0], [10.0], [1e6]])
    found = robust_rms(errors, np.ones((4, 1)), 10.0)
    assert np.allclose(found, [0, np.sqrt(1 / 1.01), np.sqrt(50), 10], rtol=1e-3)
    assert robust_rms(errors, np.zeros((4, 1)), 10.0).tolist() == [0, 0, 0, 0]


def test_acceleration_of_a_parabola_and_across_a_gap() -> None:
    time = np.arange(6.0)
    joints = np.zeros((6, 2, 3))
    joints[..., 1] = 0.0005 * time[:, None] ** 2
    assert accel_mm_per_frame2(joints, np.arange(6)) == pytest.approx(1.0)
    joints[3:, :, 0] += 5.0  # a jump over the gap is not an acceleration
    assert accel_mm_per_frame2(joints, np.array([0, 1, 2, 10, 11, 12])) == pytest.approx(1.0)
    assert accel_mm_per_frame2(joints[:2], np.arange(2)) == 0


def test_jitter_is_the_jerk_in_tens_of_metres_per_second_cubed() -> None:
    """x = 5 t^3 has a jerk of 30 m/s^3 at any frame rate."""
    for fps in (25.0, 60.0):
        joints = np.zeros((9, 2, 3))
        joints[..., 1] = 5 * (np.arange(9)[:, None] / fps) ** 3
        assert jitter_10m_per_s3(joints, np.arange(9), fps) == pytest.approx(3.0)
        assert np.allclose(jerk_m_per_s3(joints, np.arange(9), fps)[2:-1], 30.0)
        joints[4:, :, 0] += 1.0
        ids = np.array([0, 1, 2, 3, 10, 11, 12, 13, 14])
        assert jitter_10m_per_s3(joints, ids, fps) == pytest.approx(3.0)
        assert np.allclose(jerk_m_per_s3(joints, ids, fps), [0, 0, 30, 0, 0, 0, 30, 30, 0])
    assert jitter_10m_per_s3(joints[:3], np.arange(3), 30.0) == 0
    assert jerk_m_per_s3(joints[:3], np.arange(3), 30.0).tolist() == [0, 0, 0]


def test_amplitude_is_the_speed_that_five_percent_exceed() -> None:
    """A joint at rest for 95 of 100 steps, then at 2 m/s; a jump over a gap is not a speed."""
    for fps in (25.0, 60.0):
        joints = np.zeros((101, 1, 3))
        joints[95:, 0, 2] = 2 / fps * np.arange(6)
        assert speed_p95_m_per_s(joints, np.arange(101), fps) < 0.2
        joints[94:, 0, 2] = 2 / fps * np.arange(7)
        assert speed_p95_m_per_s(joints, np.arange(101), fps) == pytest.approx(2.0)
        ids = np.arange(101) + 10 * (np.arange(101) > 50)
        joints[51:, 0, 0] += 5.0
        assert speed_p95_m_per_s(joints, ids, fps) == pytest.approx(2.0)
    assert speed_p95_m_per_s(joints[:1], np.arange(1), 30.0) == 0


def test_a_frames_speed_is_since_the_frame_before() -> None:
    joints = np.zeros((5, 2, 3))
    joints[:, 0, 0] = [0.0, 0.1, 0.1, 5.0, 5.3]
    assert np.allclose(speeds_m_per_s(joints, np.array([0, 1, 2, 7, 8]), 20.0), [0, 1, 0, 0, 3])


@pytest.mark.parametrize(("up", "ground"), [(1, 0), (2, 1)])
def test_only_feet_that_stand_slide_and_only_along_the_ground(up: int, ground: int) -> None:
    feet = np.zeros((7, 4, 3))
    frames = np.arange(7.0)[:, None]
    feet[..., ground] = frames * [0.001, 0.5, 0.003, 0.5]
    feet[..., up] = 5 * frames  # rising is not sliding
    still = np.tile([0.9, 0.3, 0.85, 0.8], (7, 1))
    ids = np.array([0, 1, 2, 3, 10, 11, 12])
    feet[4:, :, ground] += 100.0  # the step across the gap is left out
    assert foot_slide_cm_per_s(feet, still, ids, 30.0, up=up) == pytest.approx(6.0)
    assert foot_slide_cm_per_s(feet, 0 * still, ids, 30.0, up=up) == 0
    assert foot_slide_cm_per_s(feet[:1], still[:1], ids[:1], 30.0, up=up) == 0


def test_the_floor_is_as_even_as_the_lowest_foot() -> None:
    feet = np.zeros((4, 4, 3))
    feet[..., 2] = [[0.1, 0.5, 0.5, 0.5], [0.5, 0.2, 0.5, 0.5], [0.5, 0.5, 0.1, 0.5], [0.5, 0.5, 0.5, 0.2]]
    assert floor_spread_cm(feet, up=2) == pytest.approx(5.0)
    assert floor_spread_cm(feet, up=1) == 0
