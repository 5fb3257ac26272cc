"""Load the networks under test."""

from __future__ import annotations

from pathlib import Path

from lsmplify_refine.errors import InputError
from lsmplify_refine.regressor.network import ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork
from lsmplify_refine.regressor.weights import load_weights, shipped_weights


def load_ours(path: Path | None) -> tuple[ResidualRegressor, Path]:
    """Load our regressor, by default the shipped one; returns it with the path of its file.

    Raises:
        InputError: The weights do not exist, or are of the published network.
    """
    path = path or shipped_weights()
    network = load_weights(path)
    if not isinstance(network, ResidualRegressor):
        raise InputError(f"{path}: weights of the published network; give them as --published")
    return network, path


def load_peer(path: Path) -> PublishedNetwork:
    """Load the published network, trained by us (safetensors) or by its authors (.pth.tar).

    Raises:
        InputError: The weights do not exist, or are of our regressor.
    """
    network = load_weights(path)
    if not isinstance(network, PublishedNetwork):
        raise InputError(f"{path}: weights of our regressor; give them as --weights")
    return network
