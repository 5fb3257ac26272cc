"""Files that no adapter reads are refused by the name of what they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats import load_save
from tests.support import estimator_files as make
from tests.support import keypoint_json
from tests.support.adapter_cases import archived, pickled


def _soma(width: int, **more: Any) -> dict[str, Any]:
    block = {"body_pose": torch.zeros(4, width), "global_orient": torch.zeros(4, 3), "transl": torch.zeros(4, 3)}
    return {"body_params_incam": block | more, "body_params_global": block | more, "K_fullimg": torch.eye(3)}


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (_soma(231), "GEM-X result: its body is SOMA"),
        (_soma(63, identity_coeffs=torch.zeros(4, 45)), "GEM-X result: its body is SOMA"),
        ({"poses": np.zeros((3, 46)), "trans_": 1}, "SKEL parameters"),
        ({"global_t": np.zeros((3, 3)), "focal_l": 1, "pose": 1}, "a CLIFF result"),
        ({"outputs": {}, "imgpaths": []}, "a TRACE result"),
        (
            {"pose": np.zeros((3, 24, 3)), "shape": np.zeros((3, 10)), "joint_3d_gt": 1},
            r"a pose \(pose\) and a shape \(shape\) but no translation, one of transl, trans",
        ),
        ({"body_pose": np.zeros((3, 63))}, r"a pose \(body_pose\) but no translation"),
    ],
)
def test_known_formats_that_are_not_read(tree: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = pickled(tree)(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        load_save.load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_of_gem_x(tmp_path: Path) -> None:
    (tmp_path / "out" / "preprocess").mkdir(parents=True)
    (tmp_path / "out" / "preprocess" / "hpe_results.pt").write_bytes(b"")
    with pytest.raises(InputError, match="GEM-X result"):
        load_save.load(tmp_path / "out")


@pytest.mark.parametrize("count", [17, 25])
def test_keypoints_as_input(count: int, tmp_path: Path) -> None:
    folder = keypoint_json.openpose_folder(tmp_path / "op", [keypoint_json.moving(count)])
    torch.save(torch.rand(4, count, 3), tmp_path / "vitpose.pt")
    for path in (folder, next(folder.iterdir()), tmp_path / "vitpose.pt"):
        with pytest.raises(InputError, match="keypoints, not SMPL parameters; give them as --keypoints"):
            load_save.load(path)


def test_other_files_list_their_keys(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"a": 1}))
    for path in (tmp_path / "a.json", archived({"a": make.values(3)})(tmp_path)):
        with pytest.raises(InputError, match=r"with the keys a is not in a known format"):
            load_save.load(path)
