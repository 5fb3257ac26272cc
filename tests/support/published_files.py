"""Checkpoints of the published network, in the layout of its release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from lsmplify_refine.regressor.published import PublishedNetwork


def random_network() -> PublishedNetwork:
    """Random weights whose residuals depend visibly on the inputs; float64."""
    torch.manual_seed(0)
    network = PublishedNetwork().double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.startswith("regressor.layers.1.weight"):
                parameter.mul_(30)
            elif name.endswith("mask"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return network


def write_published(path: Path, edit: Callable[[dict[str, Any]], Any] = lambda weights: None) -> PublishedNetwork:
    """Write a checkpoint of the release's layout with random weights, after `edit`."""
    network = random_network().float()
    weights: dict[str, Any] = {"openpose_regressor": torch.rand(25, 30), **network.state_dict()}
    edit(weights)
    torch.save({"model": weights, "epochs": 3}, path)
    return network
