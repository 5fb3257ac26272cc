from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# one thread for each worker: the tests' tensors are small, and the workers of `-n 2` would fight over the cores
os.environ.setdefault("OMP_NUM_THREADS", "1")

# who starts the tests in the background or under nohup has signals ignored, also by every process that the tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# the tests' own helpers; at the end, so that an installed package is tested and not the checkout
sys.path.append(str(Path(__file__).resolve().parents[1]))

# tests check the array shapes in types; users never pay for that. As in Python's typing rules, an int may be a float.
install_import_hook(
    [f"lsmplify_refine.{folder}" for folder in ("geometry", "body", "solver", "engine")],
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))",
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data beside the checkout; tests that use it skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the real data in ../shared/data, which is not in the repository")
    return path
