"""The engine: targets, calibrate, project, smooth, gate, strung together by `Refiner`."""

from lsmplify_refine.engine.refinement import BodyTrack, Refinement
from lsmplify_refine.engine.refiner import Refiner

__all__ = ["BodyTrack", "Refinement", "Refiner"]
