"""Every format, refined: a file in the true layout goes through the whole job and comes back in its own container.

Keys and their order, types, shapes and strides stay; what is not refined keeps its bits. The keypoints are each
person's own, with one bent elbow, in millimetres and in a room of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lsmplify_refine import Estimate
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.formats import load_save
from lsmplify_refine.geometry.rotations import rotvec_to_rotmat
from lsmplify_refine.job.job import Job
from lsmplify_refine.job.run import run
from tests.adapters.test_round_trips import CASES as ROUND_TRIPS
from tests.adapters.test_round_trips import _last_name, raw
from tests.support import estimator_files as make
from tests.support import gvhmr_files as gvhmr
from tests.support.scenes import open_body

PARTS = ("global_orient", "body_pose", "transl")
NET_OUTPUTS = tuple(f"net_outputs_pred_smpl_params_{block}" for block in ("incam", "global"))

DECODED = ("net_outputs_decode_dict_body_pose", "net_outputs_decode_dict_global_orient")


def _flat(*blocks: str) -> tuple[str, ...]:
    return tuple(f"{block}_{name}" for block in blocks for name in PARTS)


#: name -> (writer, format with options or None, the last keys of the values that are refined)
CASES: dict[str, tuple[Callable[[Path], Path], str | None, tuple[str, ...]]] = {
    **{name: (write, how, changing) for name, (write, how, _, changing) in ROUND_TRIPS.items()},
    "gvhmr pt": (lambda folder: gvhmr.write_pt(folder / "hmr4d_results.pt", gvhmr.official()), None, PARTS),
    "gvhmr folder": (
        lambda folder: gvhmr.write_folder(folder / "out", gvhmr.official()) / "hmr4d_results.pt",
        None,
        PARTS,
    ),
    "gvhmr pkl": (lambda folder: gvhmr.write_pkl(folder / "r.pkl", gvhmr.official()), None, PARTS),
    "gvhmr npz": (
        lambda folder: gvhmr.write_amass_like(folder / "r.npz", gvhmr.official()),
        None,
        ("poses", "trans", *_flat("smpl_params_incam", *NET_OUTPUTS), *DECODED),
    ),
    "gvhmr package": (
        lambda folder: gvhmr.write_package_npz(folder / "r.npz", gvhmr.official()),
        None,
        _flat("world", "camera"),
    ),
}


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


@pytest.mark.parametrize("case", CASES)
def test_the_same_container_comes_back_refined(case: str, tmp_path: Path) -> None:
    write, how, changing = CASES[case]
    (tmp_path / "in").mkdir()
    source = write(tmp_path / "in")
    people = load_save.load(source, format=how)
    keypoints = write_keypoints(tmp_path, people)
    # frame by frame: these poses have nothing to do with each other
    job = Job(source, keypoints=keypoints, format=how, output=tmp_path / "out", write_video=False, smooth_seconds=0)
    outcome = run(job)

    for refinement in outcome.refinements:
        wrong, right = (refinement.metrics[stage]["mpjpe_mm_body25"] for stage in ("calibrated", "refined"))
        assert right < 0.7 * wrong
    target = outcome.outputs.results
    before, after = make.leaves(source), make.leaves(target)
    assert list(before) == list(after)
    differ = {key for key, value in before.items() if raw(value) != raw(after[key])}
    assert {_last_name(key) for key in differ} == set(changing)
    for key in differ:
        # type, shape, dtype and strides of what was refined; JSON's lists in lists
        assert raw(before[key])[:4] == raw(after[key])[:4] if not isinstance(before[key], list) else True, key
    again = load_save.load(target, format=how)
    for person, read, refinement in zip(people, again, outcome.refinements, strict=True):
        assert (read.track_id, read.frame_ids.tolist()) == (person.track_id, person.frame_ids.tolist())
        assert np.array_equal(read.betas, person.betas)
        assert np.array_equal(read.body_pose[:, [19, 20]], person.body_pose[:, [19, 20]])  # wrists: not seen
        turned = rotvec_to_rotmat(read.body_pose) - rotvec_to_rotmat(refinement.refined.body_pose)
        assert np.abs(turned).max() < 2e-3  # EasyMocap writes three decimals
        assert not np.array_equal(read.body_pose[:, 17], person.body_pose[:, 17])  # the elbow
