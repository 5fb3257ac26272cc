"""Shipped and trained weights: safetensors, with the network's size and how it was trained in the header."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lsmplify_refine.errors import InputError
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor


def save_weights(network: ResidualRegressor, path: Path, record: dict[str, Any]) -> None:
    """Write a network; `record` (configuration, data) goes into the header as JSON."""
    header = {"network": json.dumps(asdict(network.config)), "record": json.dumps(record)}
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, path, metadata=header)


def load_weights(path: Path) -> ResidualRegressor:
    """Read a network, ready to use.

    Raises:
        InputError: No such file, damaged, or not this network's weights.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        network = ResidualRegressor(NetworkConfig(**json.loads(header["network"])))
        network.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path}: not this regressor's weights, or cut short: {reason}") from error
    return network.eval().requires_grad_(False)


def load_shipped_weights() -> ResidualRegressor:
    """The weights that come with the package."""
    with resources.as_file(resources.files("lsmplify_refine.assets") / "regressor.safetensors") as path:
        return load_weights(path)
