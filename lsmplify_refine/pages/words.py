"""What the numbers of a person say, in words: honest where something got worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lsmplify_refine.pages.base import NARROW_SPACE

Verdict = Literal["better", "same", "worse", "changed"]

#: Relative changes below this count as none.
_SAME = 0.03
#: Feet that slide by less, cm/s, and amplitudes that differ by less, as a share, look the same.
_SAME_SLIDE_CM_PER_S, _SAME_SPEED = 0.15, 0.05
#: A share between these is called half.
_HALF = (0.45, 0.55)

#: A metric's name to read and its unit, by the beginning of its key.
_NAMES = {
    "reprojection_px": ("distance to the keypoints", "px"),
    "mpjpe_mm": ("distance to the keypoints", "mm"),
    "accel_mm_per_frame2": ("acceleration", "mm/frame²"),
    "jitter_10m_per_s3_world": ("jitter in the world", "10 m/s³"),
    "jitter_10m_per_s3": ("jitter", "10 m/s³"),
    "speed_p95_m_per_s": ("amplitude", "m/s"),
    "foot_slide_cm_per_s": ("slide of standing feet", "cm/s"),
    "floor_spread_cm": ("unevenness of the floor", "cm"),
}


#: What the frames of each status do, one and several.
_DECISIONS = {
    "blended": ("keeps a part of it", "keep a part of it"),
    "held": ("keeps its original pose", "keep their original pose"),
    "doubtful": (
        "has keypoints that are probably another person's",
        "have keypoints that are probably another person's",
    ),
}


@dataclass(frozen=True)
class Change:
    """What became of one metric.

    Attributes:
        key: The metric's key in the report.
        before, after: Its values.
        words: What that means, as part of a sentence.
        verdict: Whether it is better.
    """

    key: str
    before: float
    after: float
    words: str
    verdict: Verdict

    @property
    def name(self) -> str:
        """Its name to read."""
        return name_of(self.key)[0]

    @property
    def is_distance(self) -> bool:
        """Whether it is the distance to the keypoints."""
        return self.key.startswith(("reprojection_px", "mpjpe_mm"))

    @property
    def ratio(self) -> float:
        """After over before."""
        return self.after / self.before if self.before else 1.0

    @property
    def unit(self) -> str:
        """Its unit."""
        return name_of(self.key)[1]


def error_name(person: Mapping[str, Any]) -> str:
    """The key of a person's keypoint error in the report, without `_before` or `_after`."""
    found: str = next(
        key.removesuffix("_after")
        for key in person["per_frame"]
        if key.startswith(("reprojection_px", "mpjpe_mm")) and key.endswith("_after")
    )
    return found


def name_of(key: str) -> tuple[str, str]:
    """A metric's name to read, and its unit."""
    start = next((start for start in _NAMES if key.startswith(start)), None)
    return (key.replace("_", " "), "") if start is None else _NAMES[start]


def changes(metrics: Mapping[str, Mapping[str, float | None]]) -> list[Change]:
    """The changes that a headline names: keypoints, jitter, feet, amplitude; empty without a stage to compare with."""
    before, after = metrics.get("calibrated"), metrics.get("refined")
    if before is None or after is None:
        return []
    found = []
    for start, say in (
        ("reprojection_px", _nearer),
        ("mpjpe_mm", _nearer),
        ("jitter_10m_per_s3", _jitter),
        ("foot_slide_cm_per_s", _feet),
        ("speed_p95_m_per_s", _amplitude),
    ):
        key = next((key for key in after if key.startswith(start)), None)
        old, new = (None, None) if key is None else (before.get(key), after[key])
        if key is not None and old is not None and new is not None:
            words, verdict = say(old, new)
            found.append(Change(key, old, new, words, verdict))
    return found


def headline(metrics: Mapping[str, Mapping[str, float | None]]) -> str:
    """A sentence on a person's metrics."""
    found = changes(metrics)
    if found:
        # the amplitude is worth a word only if it changed
        said = [each.words for each in found if not (each.key.startswith("speed") and each.verdict == "same")]
        return _sentence(said)
    fitted = metrics.get("fitted", {})
    for key, value in fitted.items():
        if key.startswith(("reprojection_px", "mpjpe_mm")) and value is not None:
            return f"Fitted to the keypoints with a mean distance of {value:.1f} {name_of(key)[1]}."
    return "No keypoint could be compared."


def several(people: Sequence[Mapping[str, Any]]) -> str:
    """A sentence on the people of a report, from the nearest to the farthest."""
    if not people:
        return "Nobody was refined."
    found = [change for person in people for change in changes(person["metrics"])[:1] if change.is_distance]
    if len(found) < len(people):
        return f"{len(people)} people were fitted." if "fitted" in people[0]["metrics"] else f"{len(people)} people."
    worse = sum(change.verdict == "worse" for change in found)
    if worse:
        return f"{len(people)} people, {worse} of them farther from the keypoints than before."
    least, most = (f"{each:.0f}" for each in sorted(100 - 100 * change.ratio for change in found)[:: len(found) - 1])
    return f"{len(people)} people, {least} to {most}{NARROW_SPACE}% nearer to the keypoints."


def decisions(counts: Mapping[str, int], frames: int, *, fitted: bool = False) -> str:
    """A sentence on what the gate decided; what was fitted had no pose before it was posed frame by frame."""
    first = "first" if fitted else "original"
    if counts.get("accepted", 0) == frames:
        return "The whole correction was kept in every frame."
    if counts.get("held", 0) == frames:
        return f"Nothing was changed: every frame keeps its {first} pose."
    said = [f"{counts.get('accepted', 0)} of {frames} frames keep the whole correction"]
    for status, (one, several) in _DECISIONS.items():
        count = counts.get(status, 0)
        if count:
            said.append(f"{count} {one if count == 1 else several}".replace("original", first))
    more = " The first pose is that of the frame alone." if fitted and counts.get("held") else ""
    return _sentence(said) + more


def change_words(before: float | None, after: float | None) -> str:
    """A relative change such as -72 %; "" if there is nothing to compare with."""
    if before is None or after is None or before == 0:
        return ""
    percent = 100 * (after / before - 1)
    return (
        f"±0{NARROW_SPACE}%" if abs(percent) < 0.5 else f"{percent:+,.0f}{NARROW_SPACE}%".replace("-", "\N{MINUS SIGN}")
    )


def _sentence(parts: list[str]) -> str:
    text = ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]
    return text[0].upper() + text[1:] + "."


def _nearer(before: float, after: float) -> tuple[str, Verdict]:
    verdict = _verdict(before, after)
    if verdict == "same":
        return "as near to the keypoints as before", verdict
    return f"{_percent(before, after)} {'nearer to' if verdict == 'better' else 'farther from'} the keypoints", verdict


def _jitter(before: float, after: float) -> tuple[str, Verdict]:
    verdict = _verdict(before, after)
    if verdict == "same":
        return "jitter as before", verdict
    if verdict == "better" and _HALF[0] <= after / before <= _HALF[1]:
        return "jitter halved", verdict
    return f"{_percent(before, after)} {'less' if verdict == 'better' else 'more'} jitter", verdict


def _feet(before: float, after: float) -> tuple[str, Verdict]:
    if abs(after - before) < _SAME_SLIDE_CM_PER_S or _verdict(before, after) == "same":
        return "feet as still as before", "same"
    if after < before:
        return f"feet that slide {_percent(before, after)} less", "better"
    return f"feet that slide {before:.1f} → {after:.1f} cm/s, more than before", "worse"


def _amplitude(before: float, after: float) -> tuple[str, Verdict]:
    """Neither direction is good or bad by itself."""
    if before == 0 or abs(after / before - 1) < _SAME_SPEED:
        return "fast motion as fast as before", "same"
    return f"fast motion {_percent(before, after)} {'faster' if after > before else 'slower'}", "changed"


def _verdict(before: float, after: float) -> Verdict:
    if abs(after - before) <= _SAME * max(before, 1e-9):
        return "same"
    return "better" if after < before else "worse"


def _percent(before: float, after: float) -> str:
    return f"{abs(100 * (after / before - 1)):.0f}{NARROW_SPACE}%" if before > 0 else "much"
