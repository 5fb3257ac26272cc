"""The comparison video: the clip twice, side by side, with the mesh before and after drawn over it."""

from lsmplify_refine.visual.comparison.people import DrawnPerson
from lsmplify_refine.visual.comparison.write import write_comparison

__all__ = ["DrawnPerson", "write_comparison"]
