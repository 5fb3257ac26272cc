from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

# one thread for each worker: the tests' tensors are small, and the workers of `-n 2` would fight over the cores
os.environ.setdefault("OMP_NUM_THREADS", "1")

# the tests' own helpers; at the end, so that an installed package is tested and not the checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that use it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not in the repository")
    return path
