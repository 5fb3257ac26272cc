"""The adapters by name: the built-in ones, then those that other packages register."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from lsmplify_refine.values.estimate import Estimate

#: Third parties add an adapter module under this entry-point group.
ENTRY_POINT_GROUP = "lsmplify_refine.adapters"

#: Found even where the package runs from a source tree without metadata.
_BUILT_IN = {
    name: f"lsmplify_refine.adapters.{name}"
    # each format stands before those that would take its files for their own
    for name in (
        "gvhmr",
        "amass",
        "smplcodec",
        "wham",
        "vibe",
        "phalp",
        "prompthmr",
        "tram",
        "romp",
        "smplerx",
        "smplestx",
        "easymocap",
        "generic",
    )
}


class Adapter(Protocol):
    """What an adapter module has: three functions."""

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder is in this format, judged by its content first."""
        ...

    def read(self, path: Path) -> list[Estimate]:
        """One estimate per person."""
        ...

    def write(self, estimates: Sequence[Estimate], path: Path) -> None:
        """Write in the container that the estimates came from."""
        ...


@runtime_checkable
class AdapterWithOptions(Adapter, Protocol):
    """An adapter whose files leave something open, which the user decides.

    Attributes:
        OPTIONS: Option name -> allowed values; none allow any text.
    """

    OPTIONS: Mapping[str, Sequence[str]]

    def read(self, path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
        """One estimate per person, read with the chosen options."""
        ...


@lru_cache(maxsize=1)
def adapters() -> dict[str, Adapter]:
    """The adapters by name: the built-in ones, then those of the entry-point group."""
    found: dict[str, Adapter] = {name: import_module(module) for name, module in _BUILT_IN.items()}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name in found:
            continue
        try:
            found[point.name] = point.load()
        # somebody else's package must not break the formats that work
        except Exception as error:
            warnings.warn(f"the adapter {point.name} ({point.value}) cannot be loaded: {error}", stacklevel=2)
    return found
