"""Checks for every adapter: a file is read, changed and written back, and everything else keeps its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from tests.support import estimator_files as make
from tests.support.adapter_cases import Case
from tests.support.scenes import open_body

ROW = 2


def refined(estimate: Estimate) -> Estimate:
    """Change one joint of one row, and that row's roots."""
    row = min(ROW, len(estimate) - 1)
    pose, orient, transl = estimate.body_pose.copy(), estimate.global_orient.copy(), estimate.transl.copy()
    pose[row, 17] += 0.2
    orient[row] += 0.1
    transl[row] += 0.05
    world = estimate.world
    if world is not None and estimate.frame == "world":
        world = WorldRoot(orient.copy(), transl.copy(), world.up)
    elif world is not None:
        world = WorldRoot(world.global_orient.copy(), world.transl.copy(), world.up)
        world.global_orient[row] -= 0.1
        world.transl[row] += 0.02
    return estimate.replace(body_pose=pose, global_orient=orient, transl=transl, world=world)


def stores_world(estimate: Estimate) -> bool:
    """Whether the file holds a world root itself, and not only a camera that leads to one, as TRAM's."""
    slots = estimate.passthrough.slots
    return estimate.frame == "world" or any(slot.field == "world_orient" for slot in slots)


def raw(leaf: Any) -> Any:
    if isinstance(leaf, (np.ndarray, torch.Tensor)):
        array = np.asarray(leaf)
        return type(leaf), array.shape, array.dtype, array.flags["F_CONTIGUOUS"], array.tobytes()
    return leaf


def last_name(key: tuple[Any, ...]) -> str:
    return next(part for part in reversed(key) if isinstance(part, str))


def check_unrefined(case: Case, folder: Path) -> None:
    """What is not refined keeps its bytes."""
    source = case.write(folder)
    estimates = load_save.load(source, format=case.how)
    assert {estimate.format for estimate in estimates} == {case.adapter}
    target = folder / "copy" / source.name
    target.parent.mkdir()
    load_save.save(estimates, target)
    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    for key, value in before.items():
        assert raw(value) == raw(after[key]), key
    assert source.is_dir() or type(make.load_plain(source)) is type(make.load_plain(target))


def check_refined(case: Case, folder: Path) -> None:
    """Refined values are written where they belong, and nowhere else."""
    source = case.write(folder)
    estimates = load_save.load(source, format=case.how)
    wanted = [*estimates[:-1], refined(estimates[-1])]
    target = folder / "copy" / source.name
    target.parent.mkdir()
    load_save.save(wanted, target)

    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    differ = {key for key in before if raw(before[key]) != raw(after[key])}
    assert {last_name(key) for key in differ} == set(case.changing)
    for key in differ:
        assert raw(before[key])[:4] == raw(after[key])[:4] if not isinstance(before[key], list) else True, key
    for again, estimate in zip(load_save.load(target, format=case.how), wanted, strict=True):
        assert (again.track_id, again.frame_ids.tolist()) == (estimate.track_id, estimate.frame_ids.tolist())
        for name in ("global_orient", "body_pose"):
            turned = rotvec_to_rotmat(getattr(again, name)) - rotvec_to_rotmat(getattr(estimate, name))
            assert np.abs(turned).max() < 1e-5, name
        scale = max(1.0, np.abs(estimate.transl).max())
        np.testing.assert_allclose(again.transl, estimate.transl, atol=2e-6 * scale)
        if estimate.world is not None and again.world is not None and stores_world(estimate):
            np.testing.assert_allclose(again.world.transl, estimate.world.transl, atol=1e-5)
    # rows and joints that were not touched are as they were, to the bit
    again, estimate = load_save.load(target, format=case.how)[-1], estimates[-1]
    rows = np.arange(len(estimate)) != min(ROW, len(estimate) - 1)
    assert np.array_equal(again.transl[rows], estimate.transl[rows])
    assert np.array_equal(again.body_pose[rows], estimate.body_pose[rows])
    assert np.array_equal(np.delete(again.body_pose, 17, axis=1), np.delete(estimate.body_pose, 17, axis=1))


def write_keypoints(folder: Path, people: list[Estimate]) -> Path:
    """Everybody's BODY_25 points with the left elbow bent by half a radian more."""
    frames = np.unique(np.concatenate([person.frame_ids for person in people]))
    points = np.full((len(people), len(frames), 25, 3), np.nan)
    for index, person in enumerate(people):
        pose = pose_on_body(person, open_body())
        rotations = pose.rotations.numpy()
        rotations[:, 18] = rotations[:, 18] @ rotvec_to_rotmat([0.0, -0.5, 0.0]).astype(np.float32)
        true = open_body().keypoints("body25", rotations, pose.pelvis.numpy(), np.zeros(10))
        points[index, np.searchsorted(frames, person.frame_ids)] = true
    room = 1000 * (points @ rotvec_to_rotmat([1.2, -0.7, 0.4]) + [3.0, -1.0, 5.0])
    seen = np.isfinite(room).all(-1).astype(np.float32)
    ids = np.array([person.track_id for person in people])
    path = folder / "keypoints.npz"
    np.savez(path, convention="body25", positions=room, confidence=seen, frame_ids=frames, people=ids)
    return path


def check_job(case: Case, folder: Path) -> None:
    """A whole job gives the same container back, refined."""
    (folder / "in").mkdir()
    source = case.write(folder / "in")
    people = load_save.load(source, format=case.how)
    keypoints = write_keypoints(folder, people)
    # frame by frame: these poses have nothing to do with each other
    job = Job(source, keypoints=keypoints, format=case.how, output=folder / "out", write_video=False, smooth_seconds=0)
    outcome = run(job)

    for refinement in outcome.refinements:
        wrong, right = (refinement.metrics[stage]["mpjpe_mm_body25"] for stage in ("calibrated", "refined"))
        assert right < 0.7 * wrong
    target = outcome.outputs.results
    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    differ = {key for key, value in before.items() if raw(value) != raw(after[key])}
    assert {last_name(key) for key in differ} == set(case.changing)
    for key in differ:
        # type, shape, dtype and strides of what was refined; JSON's lists in lists
        assert raw(before[key])[:4] == raw(after[key])[:4] if not isinstance(before[key], list) else True, key
    again = load_save.load(target, format=case.how)
    for person, read, refinement in zip(people, again, outcome.refinements, strict=True):
        assert (read.track_id, read.frame_ids.tolist()) == (person.track_id, person.frame_ids.tolist())
        assert np.array_equal(read.betas, person.betas)
        assert np.array_equal(read.body_pose[:, [19, 20]], person.body_pose[:, [19, 20]])  # wrists: not seen
        turned = rotvec_to_rotmat(read.body_pose) - rotvec_to_rotmat(refinement.refined.body_pose)
        assert np.abs(turned).max() < 2e-3  # EasyMocap writes three decimals
        assert not np.array_equal(read.body_pose[:, 17], person.body_pose[:, 17])  # the elbow
