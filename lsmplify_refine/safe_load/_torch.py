"""torch.load without pickled code, its refusals in one line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO, Any

import torch

from lsmplify_refine.errors import InputError


def load_torch(source: Path | IO[bytes], where: str = "") -> Any:
    """What a torch.save file holds, on the CPU, tensors and plain values only.

    Args:
        source: The file.
        where: Its name in error messages, if it is not a path.

    Raises:
        InputError: It is damaged, or asks for anything else (the message says for what).
    """
    where = where or str(source)
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from error
    # torch reports refusals, damage and foreign files through many types
    except Exception as error:
        asked = re.search(r"nsupported (?:global: GLOBAL|GLOBAL|class) (\S+)", str(error))
        if asked:
            raise InputError(
                f"{where}: refused: the file asks for {asked[1]}, which could run code; "
                "only tensors and plain Python values are read"
            ) from error
        detail = re.search(r"WeightsUnpickler error: (.*)", str(error))
        first = detail[1] if detail else next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(f"{where}: not a readable torch file: {first[:200]}") from error
