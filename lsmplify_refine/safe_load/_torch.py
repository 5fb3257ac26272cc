"""Load torch.save files without torch.load.

`torch.load(weights_only=True)` runs no code from torch 2.6 on, but it has no bounds: a file of 900 bytes takes 2 GB of
torch 2.13, and keys of equal hash take minutes. Its list belongs to the whole process, and any library may add to it;
NumPy's names on it would mean NumPy's own functions, which trust a pickle. So these pickles are read as any other, and
the bytes of the tensors are counted first.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Any

import torch

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._files import open_input
from lsmplify_refine.safe_load._limits import Budget, pickle_errors
from lsmplify_refine.safe_load._plain import make_plain
from lsmplify_refine.safe_load._tensors import Storage, storage_of
from lsmplify_refine.safe_load._trust import file_budget
from lsmplify_refine.safe_load._unpickle import LEGACY_MAGIC, Unpickler, load_legacy, storage_id
from lsmplify_refine.safe_load._zip import open_zip, read_member


def load_torch(path: Path) -> Any:
    """Load a torch.save file: tensors on the CPU without gradients, arrays and plain values.

    Raises:
        InputError: The file is damaged, or names a class or function that is not on the list.
    """
    where, budget = str(path), file_budget(path)
    with open_input(path) as stream, pickle_errors(where, "torch file"):
        if budget.trusted:
            return make_plain(torch.load(stream, map_location="cpu", weights_only=False), where, budget)
        head = stream.peek(len(LEGACY_MAGIC))
        if head.startswith(LEGACY_MAGIC):
            return make_plain(load_legacy(stream, where, budget), where, budget)
        if not head.startswith(b"PK"):
            raise InputError(f"{where}: not a readable torch file: it does not begin like one")
        with open_zip(path, where, "torch") as archive:
            return make_plain(_load_zip(archive, where, budget), where, budget)


def _load_zip(archive: zipfile.ZipFile, where: str, budget: Budget) -> Any:
    names = set(archive.namelist())
    found = [name for name in names if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(found) != 1:
        raise InputError(f"{where}: not a readable torch file: {len(found)} members named data.pkl instead of one")
    root = found[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in names:
        raise InputError(f"{where}: refused: a TorchScript program; give a file with tensors")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != sys.byteorder.encode():
        raise InputError(f"{where}: written on a machine with another byte order; convert it there")
    stored: dict[str, torch.UntypedStorage] = {}

    def storage(pid: Any) -> Storage:
        """The storage of a persistent id, read on first use."""
        dtype, key, size = storage_id(pid)
        if key not in stored:
            if f"{root}data/{key}" not in names:
                raise InputError(f"{where}: the data of a tensor are missing; the file is damaged")
            stored[key] = storage_of(read_member(archive, f"{root}data/{key}"), dtype).data
        if size > stored[key].nbytes():
            raise InputError(f"{where}: a tensor declares {size} bytes and has {stored[key].nbytes()}; it is damaged")
        return Storage(stored[key], dtype)

    with archive.open(found[0]) as stream:
        return Unpickler(stream, where, budget, encoding="utf-8", persistent=storage).load()
