"""The user's focal length in place of the file's: the body moves with it, and back where the file cannot hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.targets import pose_on_body
from lsmplify_refine.formats.slots import holds_camera
from lsmplify_refine.geometry.coordinates import MEAN_REST_PELVIS
from lsmplify_refine.geometry.lens import change_lens
from lsmplify_refine.geometry.projection import default_intrinsics, project_to_image
from lsmplify_refine.keypoint_files import KeypointTrack
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.keypoints import Keypoints
from lsmplify_refine.values.notes import Note
from lsmplify_refine.values.ranges import check_range

#: Principal points that differ by more than this over a track are those of boxes, pixels.
_SAME_CENTRE_PX = 1.0
#: The file's translation belongs to the user's lens already if it then fits the keypoints this much better.
_BETTER = 0.5


@dataclass(frozen=True)
class Lens:
    """A focal length for all people of a file.

    Attributes:
        focal_px: Pixels; None keeps the file's.
        image_size: (width, height) in pixels, if known.
        moves: Whether bodies move, so that they stay where they are in the image. They do unless the file's translation
            belongs to this lens already.
    """

    focal_px: float | None
    image_size: tuple[int, int] | None = None
    moves: bool = True

    def put_on(self, estimate: Estimate) -> Estimate:
        """The estimate under this lens, with a note; an estimate in the camera's frame moves.

        A virtual camera for each box becomes one camera with its centre in the middle of the image. An estimate
        without a camera moves from its estimator's own lens, or else from the image's diagonal, which most assume.

        Raises:
            InputError: The focal length is impossible.
        """
        if self.focal_px is None:
            return estimate
        check_range("focal_px", self.focal_px)
        old = self._own_camera(estimate)
        if old is None:
            return estimate
        K = old.K.copy()
        K[:, 0, 0] = K[:, 1, 1] = self.focal_px
        size = old.image_size or self.image_size
        if size is not None and np.ptp(K[:, :2, 2], axis=0).max() > _SAME_CENTRE_PX:
            K[:, 0, 2], K[:, 1, 2] = size[0] / 2, size[1] / 2
        if estimate.camera is not None and np.array_equal(K, estimate.camera.K):
            return estimate
        noted = estimate.replace(notes=(*estimate.notes, self._note(estimate, old)))
        return _under(noted.replace(camera=old), Camera(K, old.image_size), moves=self.moves)

    def take_off(self, estimate: Estimate, read: Estimate) -> Estimate:
        """The estimate as its file can hold it: under the lens of the file's values, which `read` has."""
        old = self._own_camera(read)
        if self.focal_px is None or estimate.camera is None or old is None or holds_camera(estimate):
            return estimate
        return _under(estimate, Camera(old.K, estimate.camera.image_size), moves=self.moves)

    def _own_camera(self, estimate: Estimate) -> Camera | None:
        """The camera of the file, or the one that it was most probably made with."""
        if estimate.camera is not None or self.image_size is None or estimate.frame == "world":
            return estimate.camera
        sides = estimate.focal_sides
        own = sides and sides * max(self.image_size)
        return Camera(default_intrinsics(*self.image_size, len(estimate), own), self.image_size)

    def _note(self, estimate: Estimate, old: Camera) -> Note:
        if estimate.camera is None:
            belongs = f"{old.K[0, 0, 0]:.0f} px" if self.moves else "this focal length"
            text = f"the file has no intrinsics; focal length {self.focal_px:.0f} px (from --focal-px)"
            return Note("focal-length-assumed", f"{text}; its translation is taken for one under {belongs}")
        stored = float(np.median(old.K[:, 0, 0]))
        kept = "" if holds_camera(estimate) else "; the file has no place for it and keeps its own lens"
        text = f"--focal-px {self.focal_px:g} replaces the file's focal length of {stored:.0f} px{kept}"
        return Note("focal-length-replaced", text)


def fitted_lens(
    lens: Lens, read: Sequence[Estimate], tracks: Mapping[int, KeypointTrack], chosen: Sequence[int], body: BodyModel
) -> Lens:
    """The lens with bodies that move or do not, whichever fits 2D keypoints better.

    Without 2D keypoints, bodies before the file's own camera move.

    Args:
        lens: The lens.
        read: Everybody, as read.
        tracks: Keypoints found, by index of the person.
        chosen: Who is refined.
        body: For the estimates' keypoints.
    """
    still = Lens(lens.focal_px, lens.image_size, moves=False)
    errors = []
    for index in chosen:
        keypoints = _in_image(read[index], tracks.get(index))
        if lens.focal_px is not None and keypoints is not None and read[index].frame == "camera":
            errors.append([_error(each.put_on(read[index]), keypoints, body) for each in (lens, still)])
    if not errors:
        return lens if any(estimate.camera is not None for estimate in read) else still
    moved, unmoved = np.nanmedian(np.array(errors), axis=0)
    return still if unmoved < _BETTER * moved else lens


def _in_image(estimate: Estimate, track: KeypointTrack | None) -> Keypoints | None:
    """2D keypoints in the rows of an estimate, if there are any."""
    own = estimate.keypoints
    if track is not None:
        own = None if track.keypoints.is_3d else track.at(estimate.frame_ids, estimate.fps)
    return None if own is None or own.is_3d or len(own.positions) != len(estimate) else own


def _error(estimate: Estimate, keypoints: Keypoints, body: BodyModel) -> float:
    """Median distance from the keypoints, pixels; infinite without any."""
    if estimate.camera is None:
        return np.inf
    pose = pose_on_body(estimate, body)
    shape = np.zeros(body.num_betas)
    points = body.keypoints(keypoints.convention, pose.rotations.numpy(), pose.pelvis.numpy(), shape)
    apart = np.linalg.norm(project_to_image(points, estimate.camera.K) - keypoints.positions, axis=-1)
    seen = apart[(keypoints.confidence > 0) & np.isfinite(apart)]
    return float(np.median(seen)) if len(seen) else np.inf


def _under(estimate: Estimate, camera: Camera, *, moves: bool) -> Estimate:
    """The estimate under another camera of the same images."""
    assert estimate.camera is not None
    if not moves or not estimate.posed or estimate.frame == "world" or np.array_equal(camera.K, estimate.camera.K):
        return estimate.replace(camera=camera)
    rest_pelvis = np.array(MEAN_REST_PELVIS[estimate.family])
    orient, transl = change_lens(estimate.global_orient, estimate.transl, rest_pelvis, estimate.camera.K, camera.K)
    return estimate.replace(global_orient=orient, transl=transl, camera=camera)
