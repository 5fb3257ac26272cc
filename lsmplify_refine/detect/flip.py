"""Flip test: the detector runs on each frame and on its mirror image, and the results are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

#: Two detections are one person if their mean point distance is below this share of the person's size.
_SAME_PERSON = 0.1
#: A point whose two positions differ by this share of the person's size keeps half of its confidence.
_HALF_CONFIDENCE = 0.05


def detect_flipped(detect: Callable[[np.ndarray], np.ndarray], image: np.ndarray, mirror: Sequence[int]) -> np.ndarray:
    """Run a detector on an image and its mirror image, and merge what it finds.

    The two detections of a person are averaged; points that differ lose confidence. A person found in only one of the
    two keeps half the confidence.

    Args:
        detect: Image (H, W, 3) to people (P, K, 3); see `Detector.detect`.
        image: (H, W, 3).
        mirror: `Convention.mirror`.

    Returns:
        (P, K, 3) x, y, confidence.
    """
    plain = detect(image)
    turned = detect(np.ascontiguousarray(image[:, ::-1]))[:, list(mirror)]
    turned[..., 0] = image.shape[1] - turned[..., 0]
    if not len(plain) or not len(turned):
        return _halved(np.concatenate([plain, turned]))
    apart = np.linalg.norm(plain[:, None, :, :2] - turned[None, :, :, :2], axis=-1)
    apart /= np.maximum(np.linalg.norm(np.ptp(plain[..., :2], axis=1), axis=-1), 1e-6)[:, None, None]
    cost = apart.mean(axis=-1)
    pairs = [(i, j) for i, j in zip(*linear_sum_assignment(cost)) if cost[i, j] < _SAME_PERSON]
    merged = np.array([(plain[i] + turned[j]) / 2 for i, j in pairs]).reshape(-1, *plain.shape[1:])
    merged[..., 2] /= 1 + (np.array([apart[i, j] for i, j in pairs]).reshape(merged.shape[:2]) / _HALF_CONFIDENCE) ** 2
    alone = [plain[i] for i in range(len(plain)) if i not in {i for i, _ in pairs}]
    alone += [turned[j] for j in range(len(turned)) if j not in {j for _, j in pairs}]
    return np.concatenate([merged, _halved(np.array(alone).reshape(-1, *plain.shape[1:]))])


def _halved(people: np.ndarray) -> np.ndarray:
    halved: np.ndarray = people * np.array([1.0, 1.0, 0.5])
    return halved
