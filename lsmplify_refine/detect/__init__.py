"""Detect keypoints in the video: `detect_keypoints`, the detector protocol, and detectors by name."""

from lsmplify_refine.detect.protocol import Detector
from lsmplify_refine.detect.registry import detectors, open_detector
from lsmplify_refine.detect.run import detect_keypoints

__all__ = ["Detector", "detect_keypoints", "detectors", "open_detector"]
