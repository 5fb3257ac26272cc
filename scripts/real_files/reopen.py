"""Open written results as their estimators' own readers do: with the plain libraries, by name, shape and type."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch

#: The names that smplcodec's reader accepts; it fails on any other.
_SMPLCODEC = frozenset(
    {
        "codecVersion", "smplVersion", "gender", "shapeParameters", "frameCount", "frameRate", "bodyTranslation",
        "bodyPose", "headPose", "leftHandPose", "rightHandPose", "expressionParameters", "vertexOffsets",
    }
)  # fmt: skip


class Unlike(Exception):
    """A written file that its estimator's reader would not take."""


def reopened(format: str, source: Path, target: Path) -> str:
    """Open a written result beside its original, and say how.

    Args:
        format: Name of the adapter.
        source: The estimator's file or folder.
        target: The written one. It is ours, so that pickles in it may be loaded.

    Raises:
        Unlike: Names, shapes or types differ, or numbers are not finite.
    """
    if target.is_dir():
        files = sorted(path for path in target.rglob("*") if path.is_file())
        for file in files:
            _compare(plain(source / file.relative_to(target)), plain(file), file.name)
        return f"{len(files)} files, same names, shapes and types"
    value = plain(target)
    if format in _RULES:
        _RULES[format](value)
    added = _SMPLCODEC if format == "smplcodec" else frozenset()
    _compare(plain(source), value, target.name, added)
    return "same names, shapes and types"


def plain(path: Path) -> Any:
    """A file's content as the libraries themselves read it."""
    head = path.read_bytes()[:6]
    if head.lstrip()[:1] in (b"{", b"["):
        return json.loads(path.read_text(encoding="utf-8"))
    if head.startswith(b"\x93NUMPY"):
        value = np.load(path, allow_pickle=True)
        return value.item() if value.ndim == 0 else value
    if head.startswith(b"PK"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except RuntimeError:  # no torch file
            with np.load(path, allow_pickle=True) as archive:
                return {name: archive[name] for name in archive.files}
    if head.startswith(b"\x80"):
        try:
            return pickle.loads(path.read_bytes())
        except (
            pickle.UnpicklingError,
            KeyError,
            EOFError,
            UnicodeDecodeError,
        ):  # joblib's arrays lie within the pickle
            return joblib.load(path)
    return joblib.load(path)


def _compare(before: Any, after: Any, where: str, added: frozenset[str] = frozenset()) -> None:
    """Check that two trees have the same names, shapes and types, and finite numbers where there were some."""
    if isinstance(before, np.ndarray) and before.dtype == object and before.ndim == 0:
        before, after = before.item(), after.item()
    if isinstance(before, Mapping):
        if not isinstance(after, Mapping) or [key for key in after if key not in added - before.keys()] != list(before):
            raise Unlike(f"{where}: other names than the original's")
        for key, value in before.items():
            _compare(value, after[key], f"{where}: {key}")
    elif isinstance(before, (list, tuple)):
        if len(before) != len(after):
            raise Unlike(f"{where}: {len(after)} entries; the original has {len(before)}")
        for index, (one, other) in enumerate(zip(before, after)):
            _compare(one, other, f"{where}: {index}")
    elif isinstance(before, (np.ndarray, torch.Tensor)):
        if type(before) is not type(after) or before.shape != after.shape or before.dtype != after.dtype:
            raise Unlike(f"{where}: not a {type(before).__name__} of {before.dtype} {tuple(before.shape)}")
        _check_finite(np.asarray(before), np.asarray(after), where)
    elif type(before) is not type(after) and not {type(before), type(after)} <= {int, float}:
        raise Unlike(f"{where}: {type(after).__name__} instead of {type(before).__name__}")


def _check_finite(before: np.ndarray, after: np.ndarray, where: str) -> None:
    if before.dtype.kind == "f" and (np.isfinite(before) & ~np.isfinite(after)).any():
        raise Unlike(f"{where}: NaN or infinite values that the original does not have")


def _need(condition: bool, text: str) -> None:
    if not condition:
        raise Unlike(text)


def _gvhmr(tree: Any) -> None:
    for block in ("smpl_params_global", "smpl_params_incam"):
        frames = len(tree[block]["body_pose"])
        for name, width in (("body_pose", 63), ("betas", 10), ("global_orient", 3), ("transl", 3)):
            _need(tuple(tree[block][name].shape) == (frames, width), f"{block}.{name}: not ({frames}, {width})")


def _romp(tree: Any) -> None:
    results = tree["results"][()]
    _need(results["smpl_thetas"].shape[1] == 72, "results.smpl_thetas: not (N, 72)")


def _phalp(tree: Any) -> None:
    for name, frame in tree.items():
        for body in frame["smpl"]:
            turns = np.concatenate([body["global_orient"], body["body_pose"]])
            apart = np.abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max()
            _need(turns.shape == (24, 3, 3) and apart < 1e-4, f"{name}: not 24 rotation matrices")


def _smplcodec(tree: Any) -> None:
    _need(set(tree) <= _SMPLCODEC, f"names that smplcodec does not know: {set(tree) - _SMPLCODEC}")
    _need(len(tree["bodyPose"]) == int(tree["frameCount"]), "bodyPose: not frameCount rows")


def _aistpp(tree: Any) -> None:
    frames = len(tree["smpl_poses"])
    _need(tree["smpl_poses"].shape == (frames, 72) and tree["smpl_trans"].shape == (frames, 3), "not (N, 72), (N, 3)")


#: What a format's own reader takes for granted, beside the same names, shapes and types.
_RULES: dict[str, Callable[[Any], None]] = {
    "gvhmr": _gvhmr,
    "romp": _romp,
    "phalp": _phalp,
    "smplcodec": _smplcodec,
    "aistpp": _aistpp,
}
