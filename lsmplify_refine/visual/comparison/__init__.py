"""The comparison video: before and after over the clip, or in the world, in several layouts."""

from lsmplify_refine.visual.comparison.people import DrawnBody, DrawnPerson, WorldBody
from lsmplify_refine.visual.comparison.write import write_comparison

__all__ = ["DrawnBody", "DrawnPerson", "WorldBody", "write_comparison"]
