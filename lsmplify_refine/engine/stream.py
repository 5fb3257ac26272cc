"""Stream: keypoints of a frame in, SMPL parameters of that frame out, for live use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float

from lsmplify_refine.body import BodyModel
from lsmplify_refine.engine.live_follow import LiveFollower
from lsmplify_refine.engine.live_input import frame_keypoints, frame_targets, repeated
from lsmplify_refine.engine.live_motion import LiveFrame, LiveMotion
from lsmplify_refine.engine.parameters import from_pose, to_pose
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.families import rest_pelvis
from lsmplify_refine.geometry.coordinates import pelvis_position
from lsmplify_refine.options import DEFAULT_FPS, Family, Gender
from lsmplify_refine.regressor.weights import Network
from lsmplify_refine.solver.problem import Pose
from lsmplify_refine.values.camera import Camera
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.estimate import Estimate
from lsmplify_refine.values.smpl_joints import BODY_JOINTS
from lsmplify_refine.values.smpl_parameters import SmplParameters

_PARAMETERS = ("global_orient", "body_pose", "transl", "betas")


@dataclass(frozen=True, kw_only=True)
class StreamStep(SmplParameters):
    """The result for one frame: SMPL parameters, and how well they explain the keypoints.

    All arrays lack the leading dimension if the stream follows one person whose keypoints lack it.

    Attributes:
        frame: Number of this frame in the stream, from 0. With a lag, it lies behind the frame that was just given.
        joints: Joints of the person's own body, metres, in the coordinates of `transl`.
        scale: Size of that body over the body model's.
        error_m: Robust keypoint error of the frame's own fit, metres on the body.
        accepted: False where the keypoints are missing or cannot be explained. The pose then follows the estimator's,
            or is the last result.
    """

    frame: int
    joints: Float[np.ndarray, "*people all_joints 3"]
    scale: Float[np.ndarray, "*people"]
    error_m: Float[np.ndarray, "*people"]
    accepted: Bool[np.ndarray, "*people"]


class Stream:
    """Refines people frame by frame in constant memory; `Refiner.stream` makes one.

    Each person's shape and size, and the estimator's offset, are found from the frames themselves. They settle within
    about two seconds. Keypoints in space show the size. One camera does not: with an estimate its size is kept within
    a few per cent, without one the body is the mean one.

    Poses are those of the most likely motion, so noise of estimator and keypoints is smoothed. Some frames of lag
    smooth it better. A stream with a lag gives its first frame again and again until so much time has passed.

    Args:
        body: The body model.
        network: The regressor, if any.
        convention: The keypoints' convention.
        camera: Intrinsics (one K) for keypoints in pixels; None for keypoints in metres.
        fps: Frames per second.
        lag_seconds: How far results lie behind the newest frame, at most 1; 0 gives each frame at once.
        family: Body family of the parameters that go in and come out; the body's if not given.
        device: Where to compute.
        passes: How often the regressor is applied.

    Raises:
        InputError: The convention is not known, the camera has several K, or the lag is out of range.
    """

    def __init__(
        self,
        body: BodyModel,
        network: Network | None,
        convention: str,
        *,
        camera: Camera | None = None,
        fps: float = DEFAULT_FPS,
        lag_seconds: float = 0.0,
        family: Family | None = None,
        device: str = "cpu",
        passes: int = 1,
    ) -> None:
        if convention not in CONVENTIONS:
            raise InputError(f"keypoint convention {convention!r} is not known; known: {', '.join(CONVENTIONS)}")
        if camera is not None and len(camera.K) != 1:
            raise InputError(f"a stream needs one camera matrix; Camera.K has shape {camera.K.shape}, give (1, 3, 3)")
        if not fps > 0:
            raise InputError(f"fps is {fps:g}; give the stream's frames per second")
        self.body = body
        self.convention = convention
        self.camera = camera
        self.fps = fps
        self.family = family or body.family
        self._network, self._device, self._passes = network, device, passes
        #: whether the betas that go in and come out are those of the body
        self._own = not body.is_open and body.family == self.family
        self._people: tuple[int, ...] = ()
        self._live: LiveFollower | None = None
        self._motion = LiveMotion(fps, lag_seconds, is_image=camera is not None)
        self._betas = np.zeros((1, 10))
        self._rotvec: Float[np.ndarray, "people all_joints 3"] | None = None
        self._frame = 0

    def begin(self, pose: SmplParameters) -> None:
        """Start from a known pose, for people who hold it before they move.

        What the keypoints do not see stays close to it.

        Raises:
            InputError: A value is missing, or it is not of the stream's people or family.
        """
        live = self._meet(pose.people, "SMPL parameters")
        known = self._given(live, pose)
        if not known.pelvis.isfinite().all():
            raise InputError("a stream begins with a pose of everybody; this one has NaN")
        live.begin(known)
        self._motion.restart()

    @torch.inference_mode()
    def step(
        self,
        points: npt.ArrayLike,
        confidence: npt.ArrayLike | None = None,
        estimate: SmplParameters | None = None,
    ) -> StreamStep:
        """Refine the next frame. With a lag, the result is that of an earlier frame.

        Args:
            points: (K, 2) pixels or (K, 3) metres of one person, or (N, K, 2 or 3) of N people, in the stream's
                convention. NaN where missing. N and the order of people stay the same.
            confidence: (K,) or (N, K), in [0, 1]; 1 if not given.
            estimate: The estimator's parameters of this frame, in the coordinates of the keypoints. A person without
                any has a row of NaN.

        Raises:
            InputError: A shape does not fit the stream.
        """
        keypoints, people = frame_keypoints(points, confidence, self.convention, is_3d=self.camera is None)
        live = self._meet(people, "points")
        given = None if estimate is None else self._given(live, estimate)
        targets = frame_targets(keypoints.body, self.camera)
        newest = LiveFrame(self._frame, given, *live.step(targets, given))
        self._frame += 1
        offsets = np.stack([shape.offset for shape in live.shapes])
        return self._result(live, self._motion.step(newest, offsets))

    def estimates(self, steps: Sequence[StreamStep]) -> list[Estimate]:
        """Steps of this stream as one estimate for each person, as `load` gives them; `save` writes them.

        Of several steps of one frame, the last counts.

        Raises:
            InputError: There are no steps.
        """
        if not steps:
            raise InputError("no steps were given; an estimate needs at least one")
        steps = list({step.frame: step for step in steps}.values())
        fields = {name: np.stack([getattr(step, name) for step in steps]) for name in _PARAMETERS}
        camera = None if self.camera is None else repeated(self.camera, len(steps))
        named: dict[str, Gender] = {name: name for name in get_args(Gender)} if self._own else {}
        gender = named.get(self.body.gender, "neutral")
        rows = [(slice(None), person) for person in range(self._people[0])] if self._people else [()]
        return [
            Estimate(
                family=self.family,
                gender=gender,
                global_orient=fields["global_orient"][row],
                body_pose=fields["body_pose"][row],
                transl=fields["transl"][row],
                betas=fields["betas"][row],
                frame="world" if camera is None else "camera",
                camera=camera,
                fps=self.fps,
                frame_ids=np.array([step.frame for step in steps]),
                track_id=str(person),
            )
            for person, row in enumerate(rows)
        ]

    def _meet(self, people: tuple[int, ...], what: str) -> LiveFollower:
        """The follower of these people, made for those of the first frame."""
        if self._live is None:
            count = people[0] if people else 1
            self._people, self._betas = people, np.zeros((count, 10))
            self._live = LiveFollower(
                self.body,
                self._network,
                CONVENTIONS[self.convention].body,
                count,
                fps=self.fps,
                scaled=not self._own,
                device=self._device,
                passes=self._passes,
            )
        if people != self._people:
            now, first = (f"{shape[0]} people" if shape else "one person" for shape in (people, self._people))
            raise InputError(f"{what} are of {now}; this stream began with {first}")
        return self._live

    def _given(self, live: LiveFollower, parameters: SmplParameters) -> Pose:
        """Public parameters as a pose of all people, with rows of NaN for missing ones."""
        self._meet(parameters.people, "SMPL parameters")
        rows = parameters.as_rows()
        joints = BODY_JOINTS[self.family]
        if rows.body_pose.shape[1] != joints:
            raise InputError(
                f"body_pose has {rows.body_pose.shape[1]} joints, {self.family} has {joints}; "
                "give the stream the estimator's family"
            )
        known = rows.known
        if rows.betas is not None:
            self._learn_betas(live, rows.betas, known)
        J0 = rest_pelvis(self.family, self._betas, self.body)
        pose = to_pose(
            np.where(known[:, None], rows.global_orient, 0.0),
            np.where(known[:, None, None], rows.body_pose, 0.0),
            pelvis_position(rows.transl.astype(np.float64), J0),
            self.body.joint_count,
        )
        missing = torch.as_tensor(~known)[:, None]
        return Pose(pose.rotations, pose.pelvis.masked_fill(missing, torch.nan))

    def _learn_betas(
        self, live: LiveFollower, betas: Float[np.ndarray, "people betas"], known: Bool[np.ndarray, " people"]
    ) -> None:
        """Keep the estimator's betas, and use them if they are of the engine's body."""
        count = self._betas.shape[1]
        if betas.shape[1] != count and self._frame:
            raise InputError(f"betas have {betas.shape[1]} coefficients; this stream began with {count}")
        before = self._betas if betas.shape[1] == count else np.zeros_like(betas)
        self._betas = np.where(known[:, None], betas, before)
        if self._own:
            live.know(betas, known)

    def _result(self, live: LiveFollower, frame: LiveFrame) -> StreamStep:
        """The public result of a frame."""
        found = frame.found
        self._rotvec = rotvec = from_pose(found.pose, self.family, self._rotvec)
        betas = np.stack([shape.betas for shape in live.shapes]) if self._own else self._betas
        pelvis = found.pose.pelvis.cpu().double().numpy()
        rows = {
            "global_orient": rotvec[:, 0],
            "body_pose": rotvec[:, 1:],
            "transl": pelvis - rest_pelvis(self.family, betas, self.body),
            "betas": betas,
            "joints": live.joints(found.pose),
            "scale": np.array([shape.scale for shape in live.shapes]),
            "error_m": found.error_m.cpu().numpy(),
            "accepted": found.accepted.cpu().numpy(),
        }
        values = rows if self._people else {name: array[0, ...] for name, array in rows.items()}
        return StreamStep(**values, frame=frame.number)
