"""Keypoints from the video itself: detectors behind one small protocol, found by name."""

from lsmplify_refine.detect.keypoints import detect_keypoints
from lsmplify_refine.detect.protocol import Detector
from lsmplify_refine.detect.registry import detectors, open_detector

__all__ = ["Detector", "detect_keypoints", "detectors", "open_detector"]
