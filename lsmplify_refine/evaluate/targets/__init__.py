"""Whole jobs on synthetic files: estimates and keypoints of known motion, refined by the command's own job.

`scripts/benchmark_targets.py` and the acceptance tests measure the same rows, so the makers live here: a script may not
import tests, nor a test a script.
"""
