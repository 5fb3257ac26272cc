from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import browser


@pytest.fixture
def tab() -> Iterator[Any]:
    """A page in Chromium; its errors, and requests to other machines, end the test."""
    with browser.open_tab() as page:
        yield page
