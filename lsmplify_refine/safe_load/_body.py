"""Load SMPL-family model files, including old chumpy pickles, without chumpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._arrays import read_npz, unpickle_objects
from lsmplify_refine.safe_load._unpickle import load_pickle


def load_body_pickle(path: Path) -> dict[str, Any]:
    """Load a SMPL-family `.pkl` as numpy arrays (sparse regressors as scipy matrices).

    Raises:
        InputError: The file is damaged, is not a dict, or names a class or function that a body model does not need.
    """
    value = load_pickle(path)
    if not isinstance(value, dict):
        raise InputError(f"{path}: holds a {type(value).__name__}; a body model file holds a dict of arrays")
    return {str(key): _single(item) for key, item in value.items()}


def load_body_npz(path: Path) -> dict[str, Any]:
    """Load a SMPL-family `.npz`; SMPL-X's own file holds dicts as object arrays.

    Raises:
        InputError: The file is damaged, or names a class or function that a body model does not need.
    """
    return {key: _single(value) for key, value in read_npz(path, unpickle_objects).items()}


def _single(value: Any) -> Any:
    """The object in a 0-dimensional object array; any other value as it is."""
    single = isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 0
    return value.item() if single else value
