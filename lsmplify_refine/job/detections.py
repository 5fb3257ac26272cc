"""Everybody's keypoints in the frames of a result, one row per detection: people come and go, frames are many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.values.keypoints import Keypoints

#: Detections that are compared with a person at once.
_AT_ONCE = 4096


@dataclass(frozen=True)
class Detections:
    """Detections of all tracks.

    Attributes:
        keypoints: A row per detection.
        tracks: Index of each detection's track.
        at: Index of each detection's frame.
        frames: The frame numbers.
    """

    keypoints: Keypoints
    tracks: Int[np.ndarray, " detections"]
    at: Int[np.ndarray, " detections"]
    frames: Int[np.ndarray, " frames"]

    @classmethod
    def of(cls, tracks: Sequence[KeypointTrack], frames: Int[np.ndarray, " frames"], fps: float | None) -> Detections:
        """The detections in these frames; unnumbered tracks are taken at their times, as `KeypointTrack.at` does."""
        positions, confidence, numbers, places = [], [], [], []
        for number, track in enumerate(tracks):
            found = track.keypoints if track.numbered else track.at(frames, fps)
            ids = track.frame_ids if track.numbered else frames
            at = np.minimum(np.searchsorted(frames, ids), len(frames) - 1)
            kept = (frames[at] == ids) & (found.confidence > 0).any(axis=1)
            positions.append(found.positions[kept])
            confidence.append(found.confidence[kept])
            places.append(at[kept])
            numbers.append(np.full(int(kept.sum()), number))
        keypoints = replace(
            tracks[0].keypoints,
            positions=np.concatenate(positions).astype(np.float32),
            confidence=np.concatenate(confidence).astype(np.float32),
        )
        return cls(keypoints, np.concatenate(numbers), np.concatenate(places), frames)

    @property
    def body(self) -> Detections:
        """The detections without the points of the hands."""
        return replace(self, keypoints=self.keypoints.body)

    def track(self, number: int) -> Keypoints:
        """A track's keypoints in all frames, confidence 0 where it has none."""
        mine = self.tracks == number
        shape = (len(self.frames), *self.keypoints.positions.shape[1:])
        positions, confidence = np.zeros(shape, np.float32), np.zeros(shape[:2], np.float32)
        positions[self.at[mine]] = self.keypoints.positions[mine]
        confidence[self.at[mine]] = self.keypoints.confidence[mine]
        return replace(self.keypoints, positions=positions, confidence=confidence)

    def only(self, chosen: Int[np.ndarray, " chosen"]) -> Keypoints:
        """Some detections' keypoints."""
        return replace(
            self.keypoints,
            positions=self.keypoints.positions[chosen],
            confidence=self.keypoints.confidence[chosen],
        )

    def compare(
        self,
        measure: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
        expected: np.ndarray,
    ) -> Float[np.ndarray, " detections"]:
        """`measure` of each detection (points, confidence) against (T, ...) what is expected in its frame."""
        found = [
            measure(self.keypoints.positions[part], self.keypoints.confidence[part], expected[self.at[part]])
            for start in range(0, len(self.at), _AT_ONCE)
            for part in (slice(start, start + _AT_ONCE),)
        ]
        return np.concatenate(found) if found else np.zeros(0)
