"""The Gauss-Newton solver on posed keypoints."""
