"""GVHMR results: `hmr4d_results.pt`, its `.pkl` and `.npz` conversions, and the demo's output folder.

Read are the demo's torch file (with or without `net_outputs`), the pickle of the same dict as numpy arrays,
the AMASS-like npz with flattened names, and `save_npz` of the PyPI package gvhmr. Keypoints, boxes and video
that the demo leaves beside the file are picked up. Writing gives the same container; what was not refined
keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.adapters import _gvhmr_layouts as layouts
from lsmplify_refine.adapters._gvhmr_side_files import with_side_files
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import (
    Container,
    look_up,
    peek,
    read_container,
    to_numpy,
    with_values,
    write_container,
)
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate, WorldRoot
from lsmplify_refine.values.notes import Note

NAME = "gvhmr"

#: What the demo and its converters call the result.
_RESULT_NAMES = ("hmr4d_results.pt", "hmr4d_results.pkl", "hmr4d_results.pt.pkl", "hmr4d_results.npz")

_NOTE_COPIED = Note(
    "world-only",
    "smpl_params_incam equals smpl_params_global: it was made by the widely copied Blender snippet; "
    "camera motion is recovered from the keypoints",
)
_NOTE_MIRRORS = Note(
    "net-outputs-refined", "net_outputs: the copies of the parameters get the refined values, raw network outputs stay"
)
_NOTE_RAW = Note("net-outputs-raw", "net_outputs: left as the raw record, without the refined values")


@dataclass(frozen=True)
class _Record:
    """An estimate's passthrough.

    Attributes:
        container: The file as read.
        layout: Its names.
        incam_is_copy: The incam block is a copy of the global one, and stays one.
        mirrors: Write the refined values to the copies under net_outputs too.
    """

    container: Container
    layout: layouts.Layout
    incam_is_copy: bool
    mirrors: bool = True


def recognises(path: Path) -> bool:
    """Whether this is a GVHMR result or the folder of one."""
    if path.is_dir():
        return _result_in(path) is not None
    container = peek(path)
    if container is None or not isinstance(container.tree, dict):
        return False
    return layouts.layout_of(tuple(map(str, container.tree)), container.kind) is not None


def read(path: Path) -> list[Estimate]:
    """The one person of a GVHMR result.

    Raises:
        InputError: Keys are missing, have the wrong shape, or hold no finite numbers.
    """
    if path.is_dir():
        found = _result_in(path)
        if found is None:
            raise InputError(f"{path}: no {', '.join(_RESULT_NAMES)} in this folder")
        path = found
    container = read_container(path)
    tree = container.tree
    layout = layouts.layout_of(tuple(map(str, tree)), container.kind)
    if layout is None:
        raise InputError(f"{path}: no GVHMR result: smpl_params_incam and smpl_params_global are missing")
    incam = _block(tree, layout, layout.incam, path)
    world = _world_root(tree, layout, path, len(incam["transl"]))
    is_copy = (
        world is not None
        and np.array_equal(incam["global_orient"], world.global_orient)
        and np.array_equal(incam["transl"], world.transl)
    )
    record = _Record(container, layout, incam_is_copy=is_copy)
    has_mirrors = layouts.has_mirrors(tree, layout)
    estimate = Estimate(
        family="smplx",
        gender="neutral",
        global_orient=incam["global_orient"],
        body_pose=incam["body_pose"].reshape(-1, 21, 3),
        betas=incam["betas"],
        transl=incam["transl"],
        frame="world" if is_copy else "camera",
        camera=_camera(tree, layout, path, len(incam["transl"])),
        fps=_fps(tree, layout),
        world=world,
        notes=(*([_NOTE_COPIED] if is_copy else []), *([_NOTE_MIRRORS] if has_mirrors else [])),
        source=path,
        passthrough=record,
    )
    return [with_side_files(estimate, tree, path)]


def write(estimates: Sequence[Estimate], path: Path) -> None:
    """Write in the container that was read; untouched values keep their bytes.

    The refined body pose goes to both blocks, each root to its own; the copies under net_outputs follow
    unless `keep_raw_record` said otherwise.

    Raises:
        InputError: Not exactly one estimate, or not one that `read` gave.
    """
    if len(estimates) != 1:
        raise InputError(f"{path}: a GVHMR file holds one person, not {len(estimates)}; save one of them")
    estimate, record = estimates[0], estimates[0].passthrough
    if not isinstance(record, _Record) or estimate.source is None:
        raise InputError(f"{path}: only an estimate that was read from a GVHMR file can be written as one")
    tree, layout = record.container.tree, record.layout
    read_incam = _block(tree, layout, layout.incam, estimate.source)
    read_world = _world_root(tree, layout, estimate.source, len(read_incam["transl"]))
    before, after = _both_blocks(read_incam, read_world), _both_blocks(_parameters(estimate), estimate.world)
    if record.incam_is_copy:
        after["incam"] |= {name: after["world"][name] for name in ("global_orient", "transl") if after["world"]}
    changed: dict[str, layouts.Params] = {}
    for block, values in after.items():
        values_read = before[block]
        after[block] = {name: value for name, value in values.items() if name in values_read}
        changed[block] = {
            name: _changed(value, values_read[name], f"{estimate.source}: {name}")
            for name, value in after[block].items()
        }
    values = layouts.updates(tree, layout, after, changed, mirrors=record.mirrors)
    write_container(record.container, with_values(tree, values), path)


def keep_raw_record(estimate: Estimate) -> Estimate:
    """The same estimate, to be written with `net_outputs` left as the network gave it."""
    if not isinstance(estimate.passthrough, _Record):
        raise InputError(f"{estimate.source}: was not read from a GVHMR file")
    notes = tuple(_NOTE_RAW if note == _NOTE_MIRRORS else note for note in estimate.notes)
    return estimate.replace(passthrough=replace(estimate.passthrough, mirrors=False), notes=notes)


def _result_in(folder: Path) -> Path | None:
    return next((folder / name for name in _RESULT_NAMES if (folder / name).is_file()), None)


def _block(tree: dict[str, Any], layout: layouts.Layout, block: tuple[str, ...], path: Path) -> layouts.Params:
    """The four parameters of a block, (L, n) each, checked."""
    widths = {"body_pose": 63, "betas": None, "global_orient": 3, "transl": 3}
    values: layouts.Params = {}
    for name, width in widths.items():
        key = ".".join(layout.path(*block, name))
        value = to_numpy(look_up(tree, layout.path(*block, name)))
        if value is None:
            raise InputError(f"{path}: {key}: missing, or no array of numbers; is it a whole GVHMR result?")
        if name == "body_pose" and value.shape[1:] == (21, 3):
            value = value.reshape(len(value), 63)
        length = len(values["body_pose"]) if values else (len(value) if value.ndim else 0)
        if value.ndim != 2 or value.shape != (length, width or value.shape[1]):
            raise InputError(f"{path}: {key}: shape {value.shape}; expected ({length or 'L'}, {width or 10})")
        if not length:
            raise InputError(f"{path}: {key}: the file holds zero frames; nothing to refine")
        _check_finite(value, f"{path}: {key}")
        values[name] = value
    return values


def _check_finite(value: np.ndarray, where: str) -> None:
    finite = np.isfinite(value.reshape(len(value), -1)).all(axis=1)
    if not finite.all():
        raise InputError(f"{where}: NaN or infinite values (first in row {np.argmin(finite)}); repair or cut them")


def _world_root(tree: dict[str, Any], layout: layouts.Layout, path: Path, length: int) -> WorldRoot | None:
    """The gravity-aligned root; only the AMASS-like npz may lack the block."""
    if layout is not layouts.AMASS_LIKE or look_up(tree, layout.path(*layout.world, "transl")) is not None:
        block = _block(tree, layout, layout.world, path)
        root: tuple[np.ndarray, np.ndarray] | None = (block["global_orient"], block["transl"])
    else:
        root = layouts.derived_world_root(tree, layout)
    if root is None:
        return None
    for name, value in zip(("global_orient", "transl"), root):
        if value.shape != (length, 3):
            raise InputError(
                f"{path}: world {name}: shape {value.shape}; expected ({length}, 3) as in the camera frame"
            )
        _check_finite(value, f"{path}: world {name}")
    return WorldRoot(*root, up="y")


def _camera(tree: dict[str, Any], layout: layouts.Layout, path: Path, length: int) -> Camera | None:
    """K and, since GVHMR centres the principal point, the image size."""
    key = ".".join(layout.path(*layout.intrinsics))
    K = to_numpy(look_up(tree, layout.path(*layout.intrinsics)))
    if K is None:
        return None
    if K.shape not in ((3, 3), (length, 3, 3)):
        raise InputError(f"{path}: {key}: shape {K.shape}; expected ({length}, 3, 3)")
    K = np.broadcast_to(K, (length, 3, 3)).copy()
    _check_finite(K, f"{path}: {key}")
    if (K[:, (0, 1), (0, 1)] <= 0).any():
        raise InputError(f"{path}: {key}: a focal length is not positive")
    width, height = (round(2 * float(K[0, axis, 2])) for axis in (0, 1))
    return Camera(K, (width, height) if width > 0 and height > 0 else None)


def _fps(tree: dict[str, Any], layout: layouts.Layout) -> float | None:
    value = None if layout.fps is None else to_numpy(tree.get(layout.fps))
    return float(value) if value is not None and value.size == 1 and value > 0 else None


def _parameters(estimate: Estimate) -> layouts.Params:
    return {
        "body_pose": estimate.body_pose.reshape(len(estimate), -1),
        "betas": estimate.betas,
        "global_orient": estimate.global_orient,
        "transl": estimate.transl,
    }


def _both_blocks(incam: layouts.Params, world: WorldRoot | None) -> dict[str, layouts.Params]:
    """The world block shares pose and shape with the camera block and has its own root."""
    root = {} if world is None else {"global_orient": world.global_orient, "transl": world.transl}
    shared = {name: incam[name] for name in ("body_pose", "betas")}
    return {"incam": incam, "world": shared | root}


def _changed(new: np.ndarray, read: np.ndarray, where: str) -> np.ndarray:
    """Which values are not as read; a rotation vector counts as a whole, lest two be mixed."""
    if new.shape != read.shape:
        raise InputError(f"{where}: shape {new.shape} cannot be written where the file has {read.shape}")
    group = 3 if new.shape[1] % 3 == 0 else new.shape[1]
    differs = (new.astype(read.dtype) != read).reshape(len(read), -1, group)
    return np.broadcast_to(differs.any(axis=2, keepdims=True), differs.shape).reshape(read.shape).copy()
