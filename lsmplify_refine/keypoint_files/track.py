"""`KeypointTrack`, one person's keypoints and frame numbers, and how a file's points map to the body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lsmplify_refine.errors import InputError
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.layouts import LAYOUTS, Layout, layouts_of
from lsmplify_refine.values.notes import Note

#: Max coordinate in any unit; the squares of larger ones may overflow float32.
_MAX_COORDINATE = 1e9
#: Max relative difference of rates that count as equal (29.97 and 30).
_SAME_RATE = 0.01
#: Max difference of lengths that count as equal, in frames of the video.
_SAME_LENGTH_FRAMES = 2.0
#: Max distance of a time from a sample that counts as the sample's time, in samples.
_ON_SAMPLE = 0.02


@dataclass(frozen=True)
class KeypointMapping:
    """How a file's points map to the body.

    Attributes:
        convention: The convention of the points.
        used: Points that occur in the file; the body has the same point or a substitute.
        synthesised: The used points that the body forms as a mixture of other points.
        missing: Points of the convention that never occur in the file.
        unmapped: Points of the file that are not used.
        hand_points: Number of the hands' points that occur in the file; they do not count for the body.
    """

    convention: str
    used: tuple[str, ...]
    synthesised: tuple[str, ...]
    missing: tuple[str, ...]
    unmapped: tuple[str, ...]
    hand_points: int = 0

    def note(self) -> Note:
        """One sentence for the report."""
        parts = [f"{len(self.used)} of {len(CONVENTIONS[self.convention].points)} {self.convention} points used"]
        for what, names in (
            ("synthesised on the body", self.synthesised),
            ("never seen", self.missing),
            ("not used", self.unmapped),
        ):
            if names:
                parts.append(f"{what}: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}")
        if self.hand_points:
            parts.append(f"{self.hand_points} points of the hands")
        return Note("keypoints-mapped", "keypoints: " + "; ".join(parts))


@dataclass(frozen=True)
class KeypointTrack:
    """One person's keypoints.

    Attributes:
        keypoints: T rows.
        frame_ids: (T,) ascending frame numbers; 0 to T - 1 if the file has none.
        numbered: Whether the file numbers its frames.
        person: The file's id of the person, or a running number.
        identified: Whether the id comes from the file.
        unmapped: Points of the file that are not used, in words.
        fps: Frames per second, if the file says.
        notes: The reader's decisions that the user should know.

    Raises:
        InputError: The frame numbers do not ascend, or their number differs from the rows.
    """

    keypoints: Keypoints
    frame_ids: np.ndarray
    numbered: bool = False
    person: str = "0"
    identified: bool = False
    unmapped: tuple[str, ...] = ()
    fps: float | None = None
    notes: tuple[Note, ...] = field(default=())

    def __post_init__(self) -> None:
        if len(self.frame_ids) != len(self.keypoints.positions) or (np.diff(self.frame_ids) <= 0).any():
            raise InputError(f"{self.keypoints.source}: the frame numbers do not ascend; sort the frames, each once")

    def __len__(self) -> int:
        return len(self.frame_ids)

    def mapping(self, origins: Mapping[str, str]) -> KeypointMapping:
        """How the file's points map to a body with these `BodyModel.point_origins`."""
        body = self.keypoints.body
        convention = CONVENTIONS[body.convention]
        seen_points, seen_body = (each.confidence.max(axis=0, initial=0.0) > 0 for each in (self.keypoints, body))
        seen = [name for name, is_seen in zip(convention.points, seen_body) if is_seen]
        used = tuple(name for name in seen if name not in convention.unfollowed)
        return KeypointMapping(
            body.convention,
            used,
            tuple(name for name in used if origins[name] == "synthesised"),
            tuple(name for name in convention.points if name not in seen),
            (*(name for name in seen if name in convention.unfollowed), *self.unmapped),
            int(seen_points.sum() - seen_body.sum()),
        )

    def at(self, frame_ids: np.ndarray, fps: float | None = None) -> Keypoints:
        """The keypoints of these frames; confidence 0 where the file lacks the person.

        If the file has T rows and no frame numbers, or numbers the same run from another start, rows are taken one by
        one. Otherwise, a file with another rate is resampled in time, and unnumbered rows are the video's frames.

        Args:
            frame_ids: (T,) frames of the video.
            fps: Frame rate of the video, if known.

        Raises:
            InputError: None of the frames is in the file, or unnumbered rows do not fit the frames.
        """
        if len(frame_ids) == len(self) and (not self.numbered or self._numbers_the_rows_of(frame_ids)):
            return self.keypoints
        if fps is not None and self.fps is not None and abs(self.fps - fps) > _SAME_RATE * fps:
            return self.at_times(frame_ids, fps)
        if not self.numbered and (np.array_equal(frame_ids, np.arange(len(frame_ids))) or frame_ids.max() >= len(self)):
            raise InputError(
                f"{self.keypoints.source}: has keypoints for {len(self)} frames, the parameters have "
                f"{len(frame_ids)}; give keypoints of the same frames"
            )
        if not np.isin(frame_ids, self.frame_ids).any():
            raise InputError(
                f"{self.keypoints.source}: its frames are {self.frame_ids[0]} to {self.frame_ids[-1]}, the parameters' "
                f"{frame_ids.min()} to {frame_ids.max()}; give keypoints of the same frames"
            )
        return self.rows(frame_ids)

    def _numbers_the_rows_of(self, frame_ids: np.ndarray) -> bool:
        """Whether the file numbers the same run from another start: from 1, or without any of these frames."""
        if not self._gapless or (np.diff(frame_ids) != 1).any():
            return False
        unnumbered = frame_ids[0] == 0
        return unnumbered or self.frame_ids[0] == frame_ids[0] + 1 or not np.isin(frame_ids, self.frame_ids).any()

    @property
    def _gapless(self) -> bool:
        return bool((np.diff(self.frame_ids) == 1).all())

    def at_times(self, frame_ids: np.ndarray, fps: float) -> Keypoints:
        """The keypoints at the times of these frames, interpolated linearly between adjacent samples, else missing.

        Frame 0 is time 0 in both. A gapless file as long as the frames starts with the first of them.

        Args:
            frame_ids: (T,) frames of the video.
            fps: Frame rate of the video; the track states its own.

        Raises:
            InputError: None of the times is in the file.
        """
        assert self.fps is not None
        place = frame_ids * (self.fps / fps)
        if self._gapless and abs(len(self) / self.fps - (np.ptp(frame_ids) + 1) / fps) < _SAME_LENGTH_FRAMES / fps:
            place = place - place[0] + self.frame_ids[0]
        at = np.clip(np.searchsorted(self.frame_ids, place + _ON_SAMPLE, side="right") - 1, 0, len(self) - 1)
        share = place - self.frame_ids[at]
        after = np.where(share > _ON_SAMPLE, np.minimum(at + 1, len(self) - 1), at)
        neighbours = (share >= -_ON_SAMPLE) & (self.frame_ids[after] - place > -_ON_SAMPLE)
        neighbours &= self.frame_ids[after] - self.frame_ids[at] <= 1
        if not neighbours.any():
            begin, end = (frame_ids[[0, -1]] / fps).round(2)
            first, last = (self.frame_ids[[0, -1]] / self.fps).round(2)
            raise InputError(
                f"{self.keypoints.source}: lasts from {first:g} to {last:g} s at its {self.fps:g} fps, the parameters "
                f"from {begin:g} to {end:g} s at {fps:g} fps; give keypoints of the same time span"
            )
        confidence = np.minimum(self.keypoints.confidence[at], self.keypoints.confidence[after])
        confidence = np.where(neighbours[:, None], confidence, 0.0)
        here, there = (np.nan_to_num(self.keypoints.positions[rows]) for rows in (at, after))
        positions = here + np.clip(share, 0.0, 1.0)[:, None, None] * (there - here)
        return replace(
            self.keypoints,
            positions=np.where(confidence[..., None] > 0, positions, 0.0).astype(np.float32),
            confidence=confidence.astype(np.float32),
            source=f"{self.keypoints.source} ({self.fps:g} fps, interpolated to {fps:g})",
        )

    def rows(self, frame_ids: np.ndarray) -> Keypoints:
        """The keypoints of the frames with these numbers (T,); confidence 0 for frames that the file lacks."""
        found = np.isin(frame_ids, self.frame_ids)
        rows = np.searchsorted(self.frame_ids, np.where(found, frame_ids, self.frame_ids[0]))
        return replace(
            self.keypoints,
            positions=np.where(found[:, None, None], self.keypoints.positions[rows], 0.0).astype(np.float32),
            confidence=np.where(found[:, None], self.keypoints.confidence[rows], 0.0).astype(np.float32),
        )


def cleaned(convention: str, positions: np.ndarray, confidence: np.ndarray, source: str) -> Keypoints:
    """Keypoints with confidence clipped to [0, 1] (ViTPose reaches 1.02); NaN and negative confidence mean missing.

    Args:
        convention: Their convention.
        positions: (T, K, 2) pixels or (T, K, 3).
        confidence: (T, K).
        source: For `Keypoints.source`.
    """
    usable = (np.abs(np.nan_to_num(positions, nan=np.inf)) < _MAX_COORDINATE).all(axis=-1) & ~np.isnan(confidence)
    trusted = np.where(usable, np.clip(np.nan_to_num(confidence, posinf=1.0), 0.0, 1.0), 0.0)
    return Keypoints(convention, positions.astype(np.float32), trusted.astype(np.float32), source)


def choose_layout(count: int, wanted: str | None, among: Sequence[str] | None, where: str) -> Layout:
    """The layout of `count` points: the wanted one, or else the only one that fits.

    Args:
        count: Number of points in the file.
        wanted: A layout, or the convention of its first points, named by the user or the file.
        among: Layouts that the format can hold; None for all.
        where: File and key, for error messages.

    Raises:
        InputError: The wanted layout has another number of points, or no layout or several have this number.
    """
    if wanted is not None:
        if wanted not in LAYOUTS:
            raise InputError(f"{where}: convention {wanted!r} is not known; known: {', '.join(LAYOUTS)}")
        named = [each for each in layouts_of(count) if wanted in _names_of(each)]
        if not named:
            expected = " or ".join(str(each.count) for each in LAYOUTS.values() if wanted in _names_of(each))
            raise InputError(f"{where}: {count} points; {wanted} has {expected}")
        return min(named, key=lambda each: each.name != wanted)
    fitting = [each for each in layouts_of(count, among) if among or not each.named_only]
    if not fitting:
        known = ", ".join(f"{each.name} ({each.count})" for each in LAYOUTS.values() if not among or each.name in among)
        raise InputError(f"{where}: no known convention has {count} points; known: {known}")
    if len(fitting) > 1:
        names = ", ".join(each.name for each in fitting)
        raise InputError(
            f"{where}: {count} points may be {names}; choose one with --keypoint-convention, as in "
            f"--keypoint-convention {fitting[0].name} (see docs/keypoints.md)"
        )
    return fitting[0]


def _names_of(layout: Layout) -> tuple[str, ...]:
    """What a file or user may call a layout: also the convention of its first points."""
    return layout.name, layout.convention.name, layout.convention.body


def left_out(layout: Layout) -> tuple[str, ...]:
    """The points that a layout has beyond its convention, in words."""
    return (f"{layout.extra} points ({layout.rest})",) if layout.extra else ()
