"""Keypoints from the video itself: detectors behind one small protocol, found by name."""

from lsmplify_refine.detect.protocol import Detector
from lsmplify_refine.detect.registry import detectors, open_detector
from lsmplify_refine.detect.run import detect_keypoints

__all__ = ["Detector", "detect_keypoints", "detectors", "open_detector"]
