"""The stages of baking the open body: source, tpose, skeleton, skinning, keypoints, decimate."""
