"""Load untrusted files: only arrays and plain values come out, and no code in the file runs."""

from lsmplify_refine.safe_load._arrays import load_npy, load_npz, read_npy, read_npz, unpickle_objects
from lsmplify_refine.safe_load._body import load_body_npz, load_body_pickle
from lsmplify_refine.safe_load._inspect import Content, inspect_file
from lsmplify_refine.safe_load._json import load_json, parse_json
from lsmplify_refine.safe_load._leaf import to_numpy
from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._torch import load_torch
from lsmplify_refine.safe_load._trust import trust_notes, trusting
from lsmplify_refine.safe_load._unpickler import load_pickle, restricted_loads

__all__ = [
    "Budget",
    "Content",
    "inspect_file",
    "load_body_npz",
    "load_body_pickle",
    "load_json",
    "load_npy",
    "load_npz",
    "load_pickle",
    "load_torch",
    "parse_json",
    "read_npy",
    "read_npz",
    "restricted_loads",
    "to_numpy",
    "trust_notes",
    "trusting",
    "unpickle_objects",
]
