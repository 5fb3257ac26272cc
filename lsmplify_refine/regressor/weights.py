"""Shipped and trained weights: safetensors files whose header holds the network's size and its training record."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lsmplify_refine.errors import InputError, escaped
from lsmplify_refine.regressor.network import NetworkConfig, ResidualRegressor
from lsmplify_refine.regressor.published import PublishedNetwork, load_published
from lsmplify_refine.safe_load import check_input

Network = ResidualRegressor | PublishedNetwork
_PUBLISHED = "published"
#: More tensors than any of these networks has, and a larger number than any that training ends with.
_MAX_TENSORS, _MAX_WEIGHT = 2000, 1e6


def save_weights(network: nn.Module, path: Path, record: dict[str, Any]) -> None:
    """Write a network; `record` (configuration, data) goes into the header as JSON."""
    size = asdict(network.config) if isinstance(network, ResidualRegressor) else _PUBLISHED
    header = {"network": json.dumps(size), "record": json.dumps(record)}
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_file(tensors, path, metadata=header)


def load_weights(path: Path) -> Network:
    """Read a network, ready to use: ours, or the published one (from training, or its authors' checkpoint).

    Raises:
        InputError: No such file, damaged, or neither network's weights.
    """
    if path.suffix != ".safetensors":
        return load_published(path)
    check_input(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if len(file.keys()) > _MAX_TENSORS:
                raise ValueError(f"{len(file.keys())} tensors")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        size = json.loads(header["network"])
        network = PublishedNetwork() if size == _PUBLISHED else _network_of_size(size, tensors)
        network.load_state_dict(tensors)
        for name, value in tensors.items():
            if not value.isfinite().all():
                raise ValueError(f"{name} is not finite")
            if value.is_floating_point() and value.numel() and value.abs().max() > _MAX_WEIGHT:
                raise ValueError(f"{name} holds {value.abs().max():.3g}")
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = escaped(error, 150)
        raise InputError(f"{path}: not this regressor's weights, or cut short: {reason}") from error
    return network.eval().requires_grad_(False)


def _network_of_size(size: dict[str, Any], tensors: dict[str, Tensor]) -> ResidualRegressor:
    """The network of a header, built only if the file has its tensors: a header may state any size."""
    config = NetworkConfig(**size)
    if not 0 < config.depth <= len(tensors):
        raise ValueError(f"a network of {config.depth} layers from {len(tensors)} tensors")
    heads = tensors.get("blocks.0.adjacency")
    if heads is not None and len(heads) == config.heads:
        with torch.device("meta"):
            planned = {name: value.shape for name, value in ResidualRegressor(config).state_dict().items()}
        if planned == {name: value.shape for name, value in tensors.items()}:
            return ResidualRegressor(config)
    raise ValueError(f"the tensors are not those of a network of {size}")


def weights_record(path: Path) -> dict[str, Any]:
    """How the weights were trained, from the header of their safetensors file.

    Raises:
        InputError: It does not say so, or is not a safetensors file.
    """
    check_input(path)
    try:
        with safe_open(path, framework="pt") as file:
            record: dict[str, Any] = json.loads((file.metadata() or {})["record"])
            return record
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise InputError(f"{path}: does not say how it was trained; give weights that `train` wrote") from error


def open_network(weights: Path | str, device: str = "cpu") -> Network | None:
    """The network of a `weights` option: "shipped", "none", or a file.

    Raises:
        InputError: As `load_weights`.
    """
    if weights == "none":
        return None
    network = load_shipped_weights() if weights == "shipped" else load_weights(Path(weights))
    return network.to(device)


def load_shipped_weights() -> Network:
    """The weights that come with the package."""
    return load_weights(shipped_weights())


def shipped_weights() -> Path:
    """Path of the shipped weights; assets are plain files in every installation."""
    return Path(str(resources.files("lsmplify_refine.assets") / "regressor.safetensors"))
