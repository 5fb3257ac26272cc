"""Loading files that strangers made: arrays and plain values come out, nothing in the file gets to run."""

from lsmplify_refine.safe_load._arrays import Content, inspect_file, load_npy, load_npz
from lsmplify_refine.safe_load._body import load_body_npz, load_body_pickle
from lsmplify_refine.safe_load._torch import load_torch
from lsmplify_refine.safe_load._unpickler import load_pickle

__all__ = [
    "Content",
    "inspect_file",
    "load_body_npz",
    "load_body_pickle",
    "load_npy",
    "load_npz",
    "load_pickle",
    "load_torch",
]
