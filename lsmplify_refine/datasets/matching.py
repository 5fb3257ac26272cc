"""Match an estimate with the truth: who is who in a clip, and which rows are the same moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from lsmplify_refine.datasets.truth import Truth
from lsmplify_refine.errors import InputError
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.projection import project_to_image
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate

#: Rates that differ by less count as equal (29.97 and 30).
_SAME_RATE = 0.01
#: Frames by which two lengths may differ and still be of one clip.
_SAME_LENGTH = 2.0
#: Two people whose roots are further apart, metres, are not the same; estimates miss by a few centimetres in the image.
_SAME_PLACE_M = 0.5
#: Sizes of one image that differ by less are the same; a size may be twice a principal point.
_SAME_SIZE = 0.1
#: Share of a frame by which a time may miss the truth's frame.
_ON_FRAME = 0.02


class Rows(NamedTuple):
    """Rows of the estimate and of the truth that are the same moment, both ascending."""

    estimate: Int[np.ndarray, " rows"]
    truth: Int[np.ndarray, " rows"]


def common_rows(estimate: Estimate, truth: Truth) -> Rows:
    """The rows of both in the frames that count.

    Frame numbers are those of the video. If the rates differ, the lengths tell whether the estimate was made from every
    frame (its file states a wrong rate) or from frames at its own rate.

    Args:
        estimate: A person of a result.
        truth: A person of the data set.

    Raises:
        InputError: The rates differ, and the lengths fit neither case.
    """
    at = estimate.frame_ids.astype(np.float64)
    ratio = 1.0 if estimate.fps is None or truth.fps is None else truth.fps / estimate.fps
    if abs(ratio - 1) > _SAME_RATE:
        length = float(at.max() + 1)
        by_number = abs(length - truth.frames) <= _SAME_LENGTH
        by_time = abs(length * ratio - truth.frames) <= _SAME_LENGTH * max(ratio, 1.0)
        if by_number == by_time:
            raise InputError(
                f"{truth.source or 'truth'}: {truth.frames} frames at {truth.fps:g} fps; "
                f"{estimate.source or 'the result'} has {length:.0f} at {estimate.fps:g} fps: they are not of one clip"
            )
        at = at * ratio if by_time else at
    whole = np.round(at)
    found = (np.abs(at - whole) <= _ON_FRAME) & np.isin(whole, truth.frame_ids)
    return Rows(np.flatnonzero(found), np.searchsorted(truth.frame_ids, whole[found]))


def nearest(estimate: Estimate, truths: Sequence[Truth]) -> Truth:
    """The person of the truth at the same place: in the image, or else in space.

    Args:
        estimate: A person of a result.
        truths: Everybody in the clip.

    Raises:
        InputError: Nobody has a frame in common with the estimate, or nobody is where it is in the image: it is a
            bystander, whom the truth does not know.
    """
    if not truths:
        raise InputError("no truth to compare with")
    apart = [_apart(estimate, truth) for truth in truths]
    best = int(np.argmin(apart))
    where = truths[best].source or "truth"
    if not np.isfinite(apart[best]):
        raise InputError(f"{where}: none of its frames that count is in {estimate.source or 'the result'}")
    if apart[best] > _SAME_PLACE_M and _in_image(estimate, truths[best]):
        raise InputError(
            f"{where}: person {estimate.track_id} is {apart[best]:.1f} m from everybody in it, as the image shows; "
            "a bystander is not compared"
        )
    return truths[best]


def _in_image(estimate: Estimate, truth: Truth) -> bool:
    """Whether both are known in the image."""
    return estimate.frame == "camera" and estimate.camera is not None and truth.camera is not None


def _apart(estimate: Estimate, truth: Truth) -> float:
    """The median distance between the roots of both over common frames, metres; infinite without any.

    In the image it is measured at the truth's depth: a wrong focal length moves the body in depth alone.
    """
    rows = common_rows(estimate, truth)
    if not len(rows.estimate):
        return np.inf
    own = (estimate.transl + MEAN_REST_PELVIS[estimate.family])[rows.estimate].astype(np.float64)
    true = _roots(truth)[rows.truth].astype(np.float64)
    if not _in_image(estimate, truth):
        return float(np.median(np.linalg.norm(own - true, axis=-1)))
    assert estimate.camera is not None and truth.camera is not None  # `_in_image`
    K = truth.camera.K[rows.truth]
    pixels = project_to_image(own[:, None], estimate.camera.K[rows.estimate])[:, 0]
    pixels = pixels * _resized(estimate.camera, truth.camera)
    apart = np.linalg.norm(pixels - project_to_image(true[:, None], K)[:, 0], axis=-1)
    return float(np.median(apart * np.abs(true[:, 2]) / K[:, 0, 0]))


def _resized(camera: Camera, true: Camera) -> Float[np.ndarray, " 2"]:
    """How much larger the truth's image is; some estimators give pixels of a resized one."""
    size = np.array(true.image_size or 2 * true.K[0, :2, 2], np.float64)
    ratio = size / np.array(camera.image_size or size)
    same: np.ndarray = np.where(np.abs(ratio - 1).max() < _SAME_SIZE, 1.0, ratio)
    return same


def _roots(truth: Truth) -> Float[np.ndarray, "frames 3"]:
    if truth.body is not None:
        roots: np.ndarray = truth.body.transl + MEAN_REST_PELVIS[truth.body.family]
        return roots
    assert truth.points is not None  # `Truth` has one of them
    names = CONVENTIONS[truth.points.convention].points
    hips: np.ndarray = truth.points.positions[:, [names.index("left_hip"), names.index("right_hip")]].mean(1)
    return hips
