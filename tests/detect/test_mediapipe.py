"""MediaPipe with its real model, where both are there."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from lsmplify_refine import Keypoints
from lsmplify_refine.detect import open_detector
from lsmplify_refine.detect.mediapipe import MediaPipe
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.metrics import confidence_weighted_mean, reprojection_errors_px
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.conventions import COCO17, MEDIAPIPE33
from lsmplify_refine.visual.encode import VideoWriter
from lsmplify_refine.visual.video import probe, read_frames

FRAMES = 24


@pytest.fixture(scope="module")
def model(shared_data: Path) -> Path:
    pytest.importorskip("mediapipe", reason="needs MediaPipe: pip install 'lsmplify-refine[detect]'")
    path = shared_data.parent / "models" / "pose_landmarker_heavy.task"
    if not path.is_file():
        pytest.skip("needs MediaPipe's model in ../shared/models")
    return path


def test_a_model_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe", reason="needs MediaPipe: pip install 'lsmplify-refine[detect]'")
    with pytest.raises(InputError, match=r"--detector-model .*none\.task: no such file"):
        open_detector("mediapipe", tmp_path / "none.task")
    (tmp_path / "bad.task").write_bytes(b"hello")
    with pytest.raises(InputError, match=r"bad\.task: not a MediaPipe pose landmarker model"):
        open_detector("mediapipe", tmp_path / "bad.task")


@pytest.mark.shared
def test_points_in_space_stand_about_the_hips(shared_data: Path, model: Path) -> None:
    """The hips are the origin, the nose is above them (y down), and a leg is as long as legs are."""
    detector = MediaPipe(model)
    image = next(iter(read_frames(shared_data / "gvhmr" / "clip1" / "0_input_video.mp4")))
    (person,) = detector.detect_in_space(image)
    points, visibility = person[:, :3], person[:, 3]
    assert np.abs(points[23:25].mean(0)).max() < 0.05 and points[0, 1] < -0.3
    leg = np.linalg.norm(points[23] - points[25]) + np.linalg.norm(points[25] - points[27])
    assert 0.6 < leg < 1.1 and (visibility >= 0).all() and (visibility <= 1).all()
    assert detector.detect_in_space(np.zeros((64, 64, 3), np.uint8)).shape == (0, 33, 4)


@pytest.mark.slow
@pytest.mark.shared
def test_a_real_clip_is_refined_from_nothing_but_result_and_video(
    shared_data: Path, model: Path, tmp_path: Path
) -> None:
    """The keypoints that lie beside the clip are hidden, and what comes out is nearer to them."""
    clip = shared_data / "gvhmr" / "tennis"
    video = cut(clip / "0_input_video.mp4", tmp_path / "0_input_video.mp4")
    hidden = torch.load(clip / "preprocess" / "vitpose.pt", weights_only=True).numpy()[:FRAMES]
    vitpose = Keypoints("coco17", hidden[..., :2], hidden[..., 2].clip(0, 1))
    write_cut(clip / "hmr4d_results.pt", tmp_path / "hmr4d_results.pt")
    outcome = run(Job(tmp_path / "hmr4d_results.pt", video=video, detector_model=model, write_video=False))
    (refinement,) = outcome.refinements
    assert any("by mediapipe (pose_landmarker_heavy.task): somebody in 24 of 24" in note.text for note in outcome.notes)
    assert refinement.camera is not None
    before, after = (
        confidence_weighted_mean(
            reprojection_errors_px(track.keypoints("coco17"), refinement.camera.K, vitpose), vitpose.confidence
        )
        for track in (refinement.before, refinement.after)
    )
    assert after < 0.95 * before


@pytest.mark.shared
def test_a_person_beside_themselves(shared_data: Path, model: Path, tmp_path: Path) -> None:
    """Two of the same person in one picture: both found, where they are, sides not mixed up."""
    clip = shared_data / "gvhmr" / "clip1"
    frame = next(iter(read_frames(clip / "0_input_video.mp4")))
    width = frame.shape[1]
    detector = open_detector("mediapipe", model)
    people = detector.detect(np.concatenate([frame, frame], axis=1), 0.0)
    people = people[people[..., 2].mean(axis=1) > 0.4]
    assert len(people) == 2
    expected = torch.load(clip / "preprocess" / "vitpose.pt", weights_only=True).numpy()[0, 5:, :2]
    limbs = [MEDIAPIPE33.points.index(name) for name in COCO17.points[5:]]
    for offset, person in zip((0, width), sorted(people, key=lambda each: each[0, 0])):
        assert np.linalg.norm(person[limbs, :2] - [offset, 0] - expected, axis=-1).mean() < 0.03 * len(frame)


def cut(source: Path, target: Path) -> Path:
    info = probe(source)
    with VideoWriter(target, info.width, info.height, info.fps) as writer:
        for frame in islice(read_frames(source), FRAMES):
            writer.write(frame)
    return target


def write_cut(source: Path, target: Path) -> None:
    """A GVHMR result's first frames."""
    whole = torch.load(source, map_location="cpu", weights_only=True)
    frames = len(whole["smpl_params_incam"]["transl"])

    def first(value: object) -> object:
        if isinstance(value, dict):
            return {key: first(part) for key, part in value.items()}
        is_track = isinstance(value, torch.Tensor) and value.ndim > 0 and len(value) == frames
        return value[:FRAMES].clone() if is_track else value  # type: ignore[index]

    torch.save({key: first(value) for key, value in whole.items() if key != "net_outputs"}, target)
