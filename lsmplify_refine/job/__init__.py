"""One run of the command: read, choose people, find keypoints, check, refine, write."""
