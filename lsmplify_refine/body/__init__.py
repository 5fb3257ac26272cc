"""The body model: files, keypoint-only forward pass with analytic Jacobian, full meshes through smplx."""

from lsmplify_refine.body.model import BodyModel

__all__ = ["BodyModel"]
