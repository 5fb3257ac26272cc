"""Load TOML."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from lsmplify_refine.errors import InputError
from lsmplify_refine.safe_load._files import read_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def load_toml(path: Path) -> dict[str, Any]:
    """Load a TOML file.

    Raises:
        InputError: The file cannot be read, or is not TOML.
    """
    text = read_text(path)
    try:
        content: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as TOML ({error})") from error
    return content
