"""Every container of one GVHMR result gives the same refined parameters."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine import Estimate, Refiner, load

CLIPS = ("clip1", "tennis")


def _numpy(tree: dict[str, Any]) -> dict[str, Any]:
    return {key: _numpy(value) if isinstance(value, dict) else value.numpy() for key, value in tree.items()}


def _write_conversions(clip: Path, folder: Path) -> list[Path]:
    """The folder, the `.pt` alone, a correct `.pkl`, and `save_npz` of the PyPI package gvhmr."""
    folders = [folder / name for name in ("folder", "pkl", "npz")]
    for target in folders:
        shutil.copytree(clip, target, ignore=shutil.ignore_patterns("*.npz", "*.mp4"))
    data = _numpy(torch.load(folders[0] / "hmr4d_results.pt", weights_only=True))
    (folders[1] / "hmr4d_results.pt").unlink()
    (folders[1] / "result.pkl").write_bytes(pickle.dumps(data, protocol=4))
    (folders[2] / "hmr4d_results.pt").unlink()
    keypoints = torch.load(clip / "preprocess" / "vitpose.pt", weights_only=True).numpy()
    blocks = {"world": data["smpl_params_global"], "camera": data["smpl_params_incam"]}
    flat = {f"{name}_{key}": value for name, block in blocks.items() for key, value in block.items()}
    np.savez(
        folders[2] / "result.npz",
        **flat,
        fps=np.array(30.0),
        camera=np.array("static"),
        intrinsics=data["K_fullimg"],
        kp2d=keypoints,
    )
    return [folders[0], folders[0] / "hmr4d_results.pt", folders[1] / "result.pkl", folders[2] / "result.npz"]


def _refined(refiner: Refiner, path: Path) -> Estimate:
    (estimate,) = load(path)
    # only some of the containers have room for the rate and for the network's contacts
    return refiner.refine(estimate.replace(fps=30.0, contacts=None)).refined


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("name", CLIPS)
def test_containers_agree(shared_data: Path, tmp_path: Path, name: str) -> None:
    clip = shared_data / "gvhmr" / name
    paths = _write_conversions(clip, tmp_path)
    if (clip / "hmr4d_results.npz").is_file():
        # the AMASS-like npz, as somebody really made it
        shutil.copy(clip / "hmr4d_results.npz", tmp_path / "folder" / "flattened.npz")
        paths.append(tmp_path / "folder" / "flattened.npz")
    refiner = Refiner()
    expected, *others = (_refined(refiner, path) for path in paths)
    assert expected.world is not None
    for other in others:
        assert other.world is not None
        for field in ("global_orient", "body_pose", "transl", "betas"):
            assert np.array_equal(getattr(other, field), getattr(expected, field)), field
        assert np.array_equal(other.world.global_orient, expected.world.global_orient)
        assert np.array_equal(other.world.transl, expected.world.transl)
