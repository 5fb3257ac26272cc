"""Read 2D and 3D keypoint files: one module per family of formats, each recognised by content."""

from lsmplify_refine.keypoint_files.arrays import keypoints_from_array
from lsmplify_refine.keypoint_files.load import load_keypoints, load_tracks
from lsmplify_refine.keypoint_files.track import KeypointMapping, KeypointTrack

__all__ = [
    "KeypointMapping",
    "KeypointTrack",
    "keypoints_from_array",
    "load_keypoints",
    "load_tracks",
]
