"""Values that the whole package shares: cameras, estimates, keypoints, conventions, notes and SMPL's joints."""
