"""Load untrusted files: only arrays and plain values come out, within bounds, and no code in the file runs.

Why no code can run. A pickle acts in four ways, and none reaches a function that is not ours:

1. It asks for a name (`GLOBAL`, `STACK_GLOBAL`, `INST`). `Unpickler.find_class` looks up the exact module and name in a
   table. Nothing is imported, and no dotted name is resolved. Registered extensions are refused before they are looked
   up. Only the reader of a torch file answers a persistent id.
2. It calls what it got (`REDUCE`, `OBJ`, `NEWOBJ`). The table holds this package's `Name`s and `StandIn`s, and torch's
   dtypes, which cannot be called. They check their arguments, and make plain values or further stand-ins.
3. It sets a state (`BUILD`). A `Name` refuses; a stand-in keeps the state for later. No array, tensor, dtype or other
   object with a state exists while a pickle is read. Lists, dicts, sets and numbers have none.
4. It fills containers. Only plain values are hashed and compared: names and stand-ins refuse to be keys.

Then `make_plain` turns the stand-ins into arrays, from states that it has checked. It lets plain types through and
nothing else, by exact type, keys and members of sets included.

Why memory and time are bounded. `Opcodes` checks and charges every instruction before the C unpickler gets it. What
copies or repeats is charged before it does. Compressed data are unpacked as they are read. `Budget` holds the limits.
"""

from lsmplify_refine.safe_load._arrays import load_npy, load_npz, read_npy, read_npz, unpickle_objects
from lsmplify_refine.safe_load._body import load_body_npz, load_body_pickle
from lsmplify_refine.safe_load._files import check_input, open_input, read_input, read_text
from lsmplify_refine.safe_load._inspect import Content, inspect_file
from lsmplify_refine.safe_load._json import load_json, parse_json
from lsmplify_refine.safe_load._leaf import to_numpy
from lsmplify_refine.safe_load._limits import Budget
from lsmplify_refine.safe_load._toml import load_toml
from lsmplify_refine.safe_load._torch import load_torch
from lsmplify_refine.safe_load._trust import trust_notes, trusting
from lsmplify_refine.safe_load._unpickle import Pickled, load_pickle, load_pickled
from lsmplify_refine.safe_load._zip import open_zip

__all__ = [
    "Budget",
    "Content",
    "Pickled",
    "check_input",
    "inspect_file",
    "load_body_npz",
    "load_body_pickle",
    "load_json",
    "load_npy",
    "load_npz",
    "load_pickle",
    "load_pickled",
    "load_toml",
    "load_torch",
    "open_input",
    "open_zip",
    "parse_json",
    "read_input",
    "read_npy",
    "read_npz",
    "read_text",
    "to_numpy",
    "trust_notes",
    "trusting",
    "unpickle_objects",
]
