"""The adapter protocol, and the adapters by name: built-in ones first, then those of other packages."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from lsmplify_refine.errors import escaped
from lsmplify_refine.values.estimate import Estimate

#: Third parties add an adapter module under this entry-point group.
ENTRY_POINT_GROUP = "lsmplify_refine.adapters"

#: Available even in a source tree without package metadata.
_BUILT_IN = {
    name: f"lsmplify_refine.adapters.{name}"
    # specific formats come before those that would also recognise their files
    for name in (
        "gvhmr",
        "gem",
        "hmr4d",
        "emdb",
        "threedpw",
        "amass",
        "smplcodec",
        "aistpp",
        "wham",
        "vibe",
        "phalp",
        "prompthmr",
        "tram",
        "sam3d",
        "comotion",
        "human3r",
        "multihmr",
        "glamr",
        "hybrik",
        "slahmr",
        "camsmplify",
        "romp",
        "smplerx",
        "smplestx",
        "smplifyx",
        "easymocap",
        "generic",
    )
}


class Adapter(Protocol):
    """The three functions of an adapter module."""

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder is in this format, judged by content rather than by name."""
        ...

    def read(self, path: Path) -> list[Estimate]:
        """Read one estimate per person."""
        ...

    def write(self, estimates: Sequence[Estimate], path: Path) -> None:
        """Write to the same kind of container as the estimates were read from."""
        ...


@runtime_checkable
class AdapterWithOptions(Adapter, Protocol):
    """An adapter with options, for files whose content is ambiguous.

    Attributes:
        OPTIONS: Option name -> allowed values; an empty sequence allows any text.
    """

    OPTIONS: Mapping[str, Sequence[str]]

    def read(self, path: Path, options: Mapping[str, str] | None = None) -> list[Estimate]:
        """Read one estimate per person with the chosen options."""
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
        # a broken third-party package must not disable the other formats
        except Exception as error:
            warnings.warn(f"the adapter {point.name} ({point.value}) cannot be loaded: {escaped(error)}", stacklevel=2)
    return found
