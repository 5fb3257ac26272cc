"""A person's shape on a body model, as the engine fits it and as exported meshes and skeletons show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Real


@dataclass(frozen=True)
class BodyShape:
    """A shape on some body model.

    Attributes:
        betas: Shape coefficients of that model.
        scale: Uniform size about the pelvis.
    """

    betas: Real[np.ndarray, " betas"]
    scale: float = 1.0
