"""The benchmark bundles of GVHMR and GEM (`hmr4d_support`): what the files beside each other say about one clip.

EMDB: labels `emdb_vit_v4.pt`, estimates `emdb_vimo.pt`. RICH: `rich_test_labels.pt`, `rich_test_preproc.pt`, estimates
`rich_test_vimo_preproc.pt`; its cameras are in GVHMR's own `cam2params.pt`. 3DPW: `test_3dpw_gt_labels.pt`,
`preproc_test_bbx.pt`, `preproc_test_kp2d_v0.pt`, estimates `test_3dpw_vimo_labels.pt`. Each is a dict by clip.

Source: the data sets of zju3dv/GVHMR (hmr4d/dataset) and NVlabs/GENMO (genmo/datasets).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load import load_torch, to_numpy

#: Frame rate of all three data sets.
FPS = 30.0
#: Files of labels and of what was found in the images, by what a clip's value is called if it is a bare array.
_BESIDE = {
    "emdb_vit_v4.pt": "",
    "rich_test_labels.pt": "",
    "rich_test_preproc.pt": "",
    "test_3dpw_gt_labels.pt": "",
    "preproc_test_bbx.pt": "",
    "preproc_test_kp2d_v0.pt": "kp2d",
}
#: Image features of each frame: most of the bundle's bytes.
_HEAVY = ("features", "f_imgseq")
#: RICH's cameras are beside its bundle, or in the checkout whose `inputs` folder holds the bundle.
_CAMERAS = "rich/resource/cam2params.pt"
_CHECKOUTS = ("hmr4d/dataset", "third_party/GVHMR/hmr4d/dataset", "genmo/datasets", "gem/datasets")
_RICH_CLIP = re.compile(r"[^/]+/([^/_]+)_[^/]*/cam_(\d{1,3})")
#: (width, height) of EMDB's videos, which the bundle does not state.
_EMDB_SIZES = ((1440, 1920), (720, 960))


def values_beside(path: Path, clip: str) -> dict[str, Any]:
    """What the files beside one of a bundle's files say about a clip, without image features."""
    found: dict[str, Any] = {}
    for name, bare in _BESIDE.items():
        file = path.parent / name
        if not file.is_file():
            continue
        state = file.stat()
        value = _clips_of(file, state.st_mtime_ns, state.st_size).get(clip)
        if isinstance(value, Mapping):
            found |= value
        elif value is not None and bare:
            found[bare] = value
    return found | _rich_camera(path.parent, clip)


@lru_cache(maxsize=6)
def _clips_of(path: Path, modified: int, size: int) -> dict[str, Any]:
    """The clips of a file; the last files are cached, since a batch asks for one clip after the other."""
    tree = load_torch(path)
    if not isinstance(tree, dict):
        raise InputError(f"{path}: not a dict of clips, as GVHMR's bundles are")
    return {
        str(clip): {key: leaf for key, leaf in value.items() if key not in _HEAVY} if isinstance(value, dict) else value
        for clip, value in tree.items()
    }


def _rich_camera(folder: Path, clip: str) -> dict[str, Any]:
    """`T_w2c` and `K_fullimg` of a clip of RICH; nothing for other clips, or if the cameras are not found."""
    named = _RICH_CLIP.fullmatch(clip)
    if named is None:
        return {}
    root = folder.absolute().parent.parent.parent
    places = [folder / "cam2params.pt", *(root / checkout / _CAMERAS for checkout in _CHECKOUTS)]
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        return {}
    state = file.stat()
    pair = _clips_of(file, state.st_mtime_ns, state.st_size).get(f"{named[1]}_{int(named[2])}")
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise InputError(f"{file}: no camera {named[1]}_{int(named[2])}, which {clip} needs")
    return {"T_w2c": pair[0], "K_fullimg": pair[1]}


def image_size(values: Mapping[str, Any]) -> tuple[int, int] | None:
    """(width, height) of a clip: stated, or the one of EMDB's two that fits the principal point; None without both."""
    stated = to_numpy(values.get("img_wh"))
    if stated is not None and stated.size == 2:
        return int(stated.reshape(-1)[0]), int(stated.reshape(-1)[1])
    K = to_numpy(values.get("K_fullimg"))
    if K is None or K.shape[-2:] != (3, 3):
        return None
    centre = K.reshape(-1, 3, 3)[0, :2, 2]
    return min(_EMDB_SIZES, key=lambda size: float(np.abs(centre - np.array(size) / 2).sum()))
