"""Plain files: SMPL parameters under smplx's argument names, as the generic adapter reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import Container, write_container
from lsmplify_refine.values.estimate import Estimate

_KINDS = {".npz": "npz", ".pkl": "pickle", ".pt": "torch"}


def plain_arrays(estimate: Estimate) -> dict[str, Any]:
    """One person's parameters, in the estimate's own family and frame.

    Raises:
        InputError: It has none (see `Estimate.posed`).
    """
    estimate.check_posed()
    arrays: dict[str, Any] = {
        "model_type": np.array(estimate.family),
        "gender": np.array(estimate.gender),
        "global_orient": estimate.global_orient,
        "body_pose": estimate.body_pose.reshape(len(estimate), -1),
        "betas": estimate.betas,
        "transl": estimate.transl,
        "frame_ids": estimate.frame_ids,
    }
    up = "y" if estimate.world is None else estimate.world.up
    arrays["coordinates"] = np.array("camera" if estimate.frame == "camera" else f"world, {up} up")
    # what a fit to hands adds to SMPL, only other output formats hold
    if estimate.family != "smpl":
        arrays |= {name: _flat(value) for name, value in estimate.extremities().items()}
    if estimate.flat_hand_mean is not None and estimate.left_hand_pose is not None:
        arrays["flat_hand_mean"] = np.array(estimate.flat_hand_mean)
    if estimate.camera is not None and estimate.frame == "camera":
        arrays["K"] = estimate.camera.K
    if estimate.fps is not None:
        arrays["fps"] = np.array(estimate.fps)
    return arrays


def _flat(value: np.ndarray) -> np.ndarray:
    """One row for each frame, as smplx's arguments have them."""
    return value.reshape(len(value), -1)


def check_plain(estimates: Sequence[Estimate], path: Path) -> None:
    """Check that estimates can be written to a plain file of this name.

    Raises:
        InputError: Its ending is not known, or the people do not fit in one file.
    """
    if path.suffix not in _KINDS:
        raise InputError(f"{path}: the name must end in {', '.join(_KINDS)}")
    if _KINDS[path.suffix] == "npz" and len(estimates) > 1:
        raise InputError(f"{path}: an .npz file holds one person, not {len(estimates)}; end the name in .pkl or .pt")
    if len({estimate.track_id for estimate in estimates}) < len(estimates):
        raise InputError(f"{path}: two people have the same track_id; give each another one")


def write_plain(estimates: Sequence[Estimate], path: Path) -> None:
    """Write one person, or a dict of people by track id, in the container that the name's ending says."""
    kind = _KINDS[path.suffix]
    people = {estimate.track_id: plain_arrays(estimate) for estimate in estimates}
    if kind == "torch":
        people = {name: {key: _for_torch(value) for key, value in each.items()} for name, each in people.items()}
    tree = next(iter(people.values())) if len(people) == 1 else people
    write_container(Container(kind, tree), tree, path)


def _for_torch(value: np.ndarray) -> Any:
    """A tensor, or the text that an array holds."""
    return str(value) if value.dtype.kind == "U" else torch.as_tensor(value)
