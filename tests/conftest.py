from __future__ import annotations

import sys
from pathlib import Path

import pytest

# the tests' own helpers; at the end, so that an installed package is tested and not the checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that use it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not in the repository")
    return path
