"""Whole jobs on synthetic files: estimates and keypoints of known motion, refined by the command's own job.

`scripts/benchmark_targets.py` and the acceptance tests measure the same rows. Scripts and tests may not import each
other, so the rows are here.
"""
