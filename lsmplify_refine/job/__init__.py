"""One run of the command: read, people, keypoints, check, refine, write."""
