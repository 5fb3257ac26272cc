from __future__ import annotations

from collections.abc import Iterator

import pytest

from lsmplify_refine.detect import registry


@pytest.fixture(autouse=True)
def fresh_registry() -> Iterator[None]:
    """No test sees the detectors that another one installed."""
    registry.detectors.cache_clear()
    yield
    registry.detectors.cache_clear()
