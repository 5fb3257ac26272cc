"""What a file is that no adapter reads: known formats by name, and parameters of which a part is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import peek
from lsmplify_refine.keypoint_files import load_tracks
from lsmplify_refine.safe_load import to_numpy

_POSES = ("poses", "pose", "fullpose", "full_pose", "body_pose", "pose_body", "smpl_thetas", "pred_rotmat", "thetas")
_TRANSLATIONS = ("transl", "trans", "translation", "cam_trans", "smpl_trans", "pred_trans")
_SHAPES = ("betas", "shape", "beta", "smpl_betas", "pred_shape")

#: For coordinates that are shares of the image, to recognise them only.
_ANY_SIZE = (1000, 1000)
_KEYPOINTS = (
    "keypoints, not SMPL parameters; give them as --keypoints with the estimator's result as --input, or to `fit` alone"
)
#: Joints of NVIDIA's SOMA body without the root.
_SOMA_JOINTS = 77


def known_format(path: Path) -> str | None:
    """What to say of a file or folder of a known format that is not read; None for all others."""
    if path.is_dir():
        soma = any((path / name).is_file() for name in ("preprocess/hpe_results.pt", "hpe_results.pt"))
        return _SOMA if soma else None
    tree = _dict_in(path)
    return next((text for recognises, text in _KNOWN if recognises(tree)), None)


def what_it_is(path: Path) -> str | None:
    """What to say of a pose without a translation, and of keypoints; None for all others.

    Args:
        path: Recognised by no adapter.
    """
    return _without_translation(_dict_in(path)) or (_KEYPOINTS if _holds_keypoints(path) else None)


def _dict_in(path: Path) -> Mapping[Any, Any]:
    container = None if path.is_dir() else peek(path)
    return container.tree if container is not None and isinstance(container.tree, dict) else {}


def _holds_keypoints(path: Path) -> bool:
    """Whether the file is one of keypoints, in a convention that may have to be chosen."""
    try:
        load_tracks(path, image_size=_ANY_SIZE)
    except InputError as error:
        return "--keypoint-convention" in str(error)
    return True


def is_soma(tree: Any) -> bool:
    """Whether a dict holds GEM-X's parameters, which have GEM-SMPL's names."""
    blocks = [tree.get(name) for name in ("body_params_incam", "body_params_global")] if isinstance(tree, dict) else []
    found = [block for block in blocks if isinstance(block, Mapping)]
    if any({"identity_coeffs", "scale_params"} & block.keys() for block in found):
        return True
    return any(_width(block, "body_pose") in (3 * _SOMA_JOINTS, 3 * _SOMA_JOINTS - 3) for block in found)


def _width(tree: Mapping[Any, Any], key: str) -> int:
    array = to_numpy(tree.get(key))
    return 0 if array is None or not array.ndim or not len(array) else array.size // len(array)


def _has(*names: str) -> Callable[[Mapping[Any, Any]], bool]:
    return lambda tree: set(names) <= tree.keys()


_SOMA = "a GEM-X result: its body is SOMA (77 joints), not SMPL, and is not read; GEM-SMPL's smpl_params.pt is"
#: Known formats that are not read: how to recognise them, and what to say.
_KNOWN: tuple[tuple[Callable[[Mapping[Any, Any]], bool], str], ...] = (
    (is_soma, _SOMA),
    (
        lambda tree: _width(tree, "poses") == 46 or _width(tree, "bodyPose") == 46,
        "SKEL parameters (46 numbers a frame, as HSMR writes them), not SMPL; they are not read",
    ),
    (_has("outputs", "imgpaths"), "a TRACE result, which is not read"),
    (_has("global_t", "focal_l"), "a CLIFF result, which is not read"),
    (_has("pred_joints", "camera", "pose"), "a SPIN evaluation file without translations; it is not read"),
)


def _without_translation(tree: Mapping[Any, Any]) -> str | None:
    """What to say of a pose without a translation; None if it is none."""
    keys = {key.lower(): key for key in tree if isinstance(key, str)}
    pose = next((keys[name] for name in _POSES if name in keys), None)
    if pose is None or keys.keys() & set(_TRANSLATIONS):
        return None
    shape = next((keys[name] for name in _SHAPES if name in keys), None)
    has = f"a pose ({pose}) and a shape ({shape})" if shape else f"a pose ({pose})"
    return (
        f"has {has} but no translation, one of {', '.join(_TRANSLATIONS[:4])}: (T, 3) in metres; add it to the file; "
        "zeros will do if 3D keypoints are given"
    )
