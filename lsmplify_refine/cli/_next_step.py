"""What to look at after a run."""

from __future__ import annotations

import os
import shlex
import subprocess
from importlib.util import find_spec

from lsmplify_refine.job.job import Outputs

#: Results for animation tools, which `view` does not read.
_NOT_READ = (".bvh", ".glb")


def next_step(outputs: Outputs) -> str:
    """The page to open, and the command that shows the result in 3D."""
    page = f"open {quoted(str(outputs.page))}" if outputs.page is not None else ""
    results = [path for path in (outputs.results, *outputs.more) if path.suffix not in _NOT_READ]
    if results:
        install = "" if find_spec("viser") else f"pip install {quoted('lsmplify-refine[view]')} && "
        view = f"{install}lsmplify-refine view {quoted(str(results[0]))}"
        return f"{page}; in 3D: {view}" if page else view
    return page or f"open {quoted(str(outputs.comparison or outputs.report))}"


def quoted(word: str) -> str:
    """A word as this system's shell takes it."""
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)
