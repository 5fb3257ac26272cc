"""AIST++: the dancer's SMPL motion, seen by one of its nine cameras.

`motions/<sequence>.pkl` is a body that is scaled to centimetres: joints = smpl(smpl_poses) * smpl_scaling + smpl_trans.
`cameras/mapping.txt` names the environment of each sequence; `cameras/<environment>.json` lists its cameras, in
centimetres. Source: google/aistplusplus_api, aist_plusplus/loader.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from lsmplify_refine.datasets.truth import Truth, check_options, truth_of
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.containers import read_container
from lsmplify_refine.formats.leaves import number_of
from lsmplify_refine.formats.load_save import load
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS, move_body
from lsmplify_refine.safe_load import load_json, read_text
from lsmplify_refine.values.camera import CalibratedCamera, Camera

#: Frame rate of its videos and motions.
FPS = 60.0
_CM_PER_M = 100.0


def read(path: Path, options: Mapping[str, str]) -> list[Truth]:
    """Read the dancer of a sequence.

    Args:
        path: `motions/<sequence>.pkl`.
        options: `view`, a camera such as c01; without it the truth stays in the data set's world.

    Raises:
        InputError: Files or keys are missing, or there is no such camera.
    """
    check_options("aistpp", options, ("view",))
    (dancer,) = load(path, format="aistpp")
    scaling = number_of(read_container(path).tree.get("smpl_scaling")) or _CM_PER_M
    scale = scaling / _CM_PER_M
    view = options.get("view")
    if view is not None:
        camera = camera_of(path.parent.parent / "cameras", path.stem, view)
        # the reader divides the world by the scaling, so that the body has its own size
        root = move_body(
            dancer.global_orient,
            dancer.transl,
            np.array(MEAN_REST_PELVIS["smpl"]),
            rotation=camera.R,
            translation=camera.t / scale,
        )
        K = np.tile(camera.K, (len(dancer), 1, 1))
        dancer = dancer.replace(
            global_orient=root[0], transl=root[1], frame="camera", world=None, camera=Camera(K), fps=FPS
        )
    truth = truth_of(dancer)
    return [Truth(**{**vars(truth), "scale": scale, "fps": FPS})]


def camera_of(folder: Path, sequence: str, view: str) -> CalibratedCamera:
    """A camera of a sequence, in metres.

    Args:
        folder: The data set's folder `cameras`.
        sequence: Name of the sequence, such as gWA_sFM_cAll_d27_mWA2_ch21.
        view: Name of the camera, such as c01.

    Raises:
        InputError: Files or keys are missing, or there is no such camera.
    """
    mapping = folder / "mapping.txt"
    if not mapping.is_file():
        raise InputError(f"{mapping}: no such file; the cameras of AIST++ must lie beside its motions")
    words = read_text(mapping).split()
    environment = dict(zip(words[::2], words[1::2])).get(sequence)
    if environment is None:
        raise InputError(f"{mapping}: does not name the environment of {sequence}")
    file = folder / f"{environment}.json"
    cameras = load_json(file)
    listed = [each for each in cameras if isinstance(each, dict)] if isinstance(cameras, list) else []
    named = {str(each.get("name")): each for each in listed}
    if view not in named:
        raise InputError(f"{file}: no camera {view}; it has {', '.join(named)}")
    found = {}
    for key, size in (("matrix", 9), ("rotation", 3), ("translation", 3), ("distortions", 5)):
        try:
            found[key] = np.asarray(named[view].get(key), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{file}: {view}: {key}: not numbers") from error
        if found[key].size != size or not np.isfinite(found[key]).all():
            raise InputError(f"{file}: {view}: {key}: expected {size} numbers")
    rotation, _ = cv2.Rodrigues(found["rotation"].reshape(3, 1))
    metres = found["translation"].reshape(3) / _CM_PER_M
    return CalibratedCamera(view, found["matrix"].reshape(3, 3), rotation, metres, found["distortions"].reshape(5))
