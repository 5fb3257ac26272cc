"""How long the stages of a run take: logged for `lsmplify-refine -v`, and for programs that set up logging."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOG = logging.getLogger(__name__)


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Log how long the block took, also if it fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        _LOG.info("%s: %.2f s", stage, time.perf_counter() - began)
