"""`BodyModel`: keypoints, joints and mesh vertices of a posed SMPL-family body."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, Real
from torch import Tensor

from lsmplify_refine.body import skinning
from lsmplify_refine.body.io import BodyArrays, load_body_file, load_open_body
from lsmplify_refine.body.regressors import Origin, point_origin
from lsmplify_refine.errors import InputError
from lsmplify_refine.options import Family
from lsmplify_refine.values.conventions import CONVENTIONS
from lsmplify_refine.values.smpl_joints import BODY_JOINTS


@dataclass(frozen=True)
class VirtualPoints:
    """A convention's virtual points of the unshaped body, over its body joints (see `skinning`).

    Attributes:
        template: Of the mean shape, metres.
        shape: Their change with each beta.
        shares: Bone shares.
        pose: Pose blend shapes, 9 features for each joint but the root, or None.
    """

    template: Float[Tensor, "points joints 3"]
    shape: Float[Tensor, "points joints 3 betas"]
    shares: Float[Tensor, "points joints"]
    pose: Float[Tensor, "points joints 3 features"] | None


class BodyModel:
    """A SMPL-family body: keypoints and Jacobian without the mesh, full meshes through smplx.

    A pose is parent-relative rotations (N, J, 3, 3) of the body joints and the pelvis position (N, 3) in metres. SMPL
    has 24 body joints; SMPL-H and SMPL-X have 22, their hands and face stay at rest. Output is in the coordinates of
    the pelvis position. A shape is `betas` (B,) and a uniform `scale` about the pelvis.
    """

    def __init__(self, arrays: BodyArrays) -> None:
        self.arrays = arrays
        self._prepared: dict[str, VirtualPoints] = {}
        self.family: Family = arrays.family
        self.gender = arrays.gender
        self.is_open = arrays.is_open
        self.faces = arrays.faces
        self.joint_count = BODY_JOINTS[arrays.family] + 1
        self.parents = arrays.parents[: self.joint_count]
        self.num_betas = arrays.shapedirs.shape[-1]

    @classmethod
    def open(cls) -> BodyModel:
        """The open SMPL-format body that ships with the package; it has its own shape space."""
        return cls(load_open_body())

    @classmethod
    def load(cls, path: str | Path, gender: str = "neutral") -> BodyModel:
        """A user's SMPL, SMPL-H or SMPL-X file (`.npz`, `.pkl`), or a folder of them.

        Raises:
            InputError: The file is missing or is not a SMPL-family body model.
        """
        return cls(load_body_file(Path(path), gender))

    def with_vertices_as_keypoints(self, vertices: Int[np.ndarray, " points"]) -> BodyModel:
        """The same body, whose keypoint convention "vertices" is these vertices of its mesh."""
        regressor = np.zeros((len(vertices), len(self.arrays.v_template) + len(self.arrays.parents)), np.float32)
        regressor[np.arange(len(vertices)), vertices] = 1.0
        return BodyModel(replace(self.arrays, keypoint_regressors={"vertices": regressor}))

    def point_origins(self, convention: str) -> dict[str, Origin]:
        """Where each of the convention's points on this body comes from: its own row, another's, or a mixture."""
        points = CONVENTIONS[convention].points
        return {point: point_origin(convention, point, family=self.family, is_open=self.is_open) for point in points}

    def rest_pelvis(self, betas: Real[np.ndarray, "*batch betas"]) -> Float[np.ndarray, "*batch 3"]:
        """J0(betas), metres."""
        joints, directions = self.rest_joints
        count = self._check_betas(betas)
        pelvis: np.ndarray = (joints[0] + torch.as_tensor(betas).float() @ directions[0, :, :count].T).numpy()
        return pelvis

    def skeleton(
        self,
        convention: str | None,
        betas: Real[np.ndarray, " betas"],
        scale: float = 1.0,
        *,
        device: str | torch.device = "cpu",
    ) -> skinning.Skeleton:
        """The shaped body, prepared for posing.

        Args:
            convention: Of its keypoints; None for a skeleton without keypoints.
            betas: Shape.
            scale: Uniform size about the pelvis.
            device: Where to compute.

        Raises:
            InputError: The body has fewer shape coefficients.
        """
        count = self._check_betas(betas)
        shape = torch.as_tensor(np.asarray(betas, dtype=np.float32))
        joints, directions = self.rest_joints
        rest = joints + directions[..., :count] @ shape
        prepared = self.virtual_points(convention) if convention else None
        relative = (rest - rest[0]) * scale
        if prepared is None:
            empty = torch.zeros(0, self.joint_count, 3, device=device)
            return skinning.Skeleton(self.parents, relative.to(device), empty, empty[..., 0], None)
        points = prepared.template + prepared.shape[..., :count] @ shape - prepared.shares[..., None] * rest[0]
        pose = None if prepared.pose is None else (prepared.pose * scale).to(device)
        return skinning.Skeleton(
            self.parents, relative.to(device), (points * scale).to(device), prepared.shares.to(device), pose
        )

    def keypoints(
        self,
        convention: str,
        rotations: Float[np.ndarray, "frames joints 3 3"],
        pelvis: Float[np.ndarray, "frames 3"],
        betas: Real[np.ndarray, " betas"],
        scale: float = 1.0,
    ) -> Float[np.ndarray, "frames points 3"]:
        """Keypoints of a posed body, metres.

        Args:
            convention: Of the keypoints.
            rotations: Parent-relative rotations; joint 0 is the root.
            pelvis: Position of the pelvis joint, metres.
            betas: Shape.
            scale: Uniform size about the pelvis.
        """
        skeleton = self.skeleton(convention, betas, scale)
        points: np.ndarray = skinning.keypoints(skeleton, torch.as_tensor(rotations).float()).numpy() + pelvis[:, None]
        return points

    def joints(
        self,
        rotations: Float[np.ndarray, "frames joints 3 3"],
        pelvis: Float[np.ndarray, "frames 3"],
        betas: Real[np.ndarray, " betas"],
        scale: float = 1.0,
    ) -> Float[np.ndarray, "frames joints 3"]:
        """Joints of a posed body, metres; arguments as for `keypoints`."""
        skeleton = self.skeleton(None, betas, scale)
        posed = skinning.joint_positions(skeleton, torch.as_tensor(rotations).float())
        joints: np.ndarray = posed.numpy() + pelvis[:, None]
        return joints

    def vertices(
        self,
        rotations: Float[np.ndarray, "frames joints 3 3"],
        pelvis: Float[np.ndarray, "frames 3"],
        betas: Real[np.ndarray, " betas"],
        scale: float = 1.0,
    ) -> Float[np.ndarray, "frames vertices 3"]:
        """Mesh vertices in metres, by smplx's linear blend skinning; arguments as for `keypoints`."""
        from smplx.lbs import lbs

        mesh = self.mesh_arrays
        count = self._check_betas(betas)
        full = torch.eye(3).repeat(len(rotations), len(self.arrays.parents), 1, 1)
        full[:, : self.joint_count] = torch.as_tensor(rotations).float()
        vertices, joints = lbs(
            torch.as_tensor(np.asarray(betas, dtype=np.float32))[None].expand(len(rotations), -1),
            full,
            mesh["v_template"],
            mesh["shapedirs"][..., :count],
            mesh["posedirs"],
            mesh["J_regressor"],
            mesh["parents"],
            mesh["weights"],
            pose2rot=False,
        )
        moved: np.ndarray = ((vertices - joints[:, :1]) * scale).numpy() + pelvis[:, None].astype(np.float32)
        return moved

    def rest_mesh(
        self, betas: Real[np.ndarray, " betas"], scale: float = 1.0
    ) -> tuple[Float[np.ndarray, "vertices 3"], Float[np.ndarray, "all_joints 3"]]:
        """Rest vertices of a shape and all joints, those of fingers and face included; metres from the pelvis."""
        count = self._check_betas(betas)
        directions = self.arrays.shapedirs[..., :count].astype(np.float64)
        vertices = self.arrays.v_template + directions @ np.asarray(betas, np.float64)
        joints = self.arrays.J_regressor @ vertices
        return (vertices - joints[0]) * scale, (joints - joints[0]) * scale

    def _check_betas(self, betas: Real[np.ndarray, "*batch betas"]) -> int:
        """Number of betas, at most the model's.

        Raises:
            InputError: There are more than the model has.
        """
        count = int(betas.shape[-1])
        if count > self.num_betas:
            raise InputError(f"the body model has {self.num_betas} shape coefficients, the estimate {count}")
        return count

    @cached_property
    def rest_joints(self) -> tuple[Float[Tensor, "joints 3"], Float[Tensor, "joints 3 betas"]]:
        """Rest joints of the mean shape and their change with each beta, metres."""
        regressor = torch.tensor(self.arrays.J_regressor[: self.joint_count], dtype=torch.float64)
        joints = regressor @ torch.tensor(self.arrays.v_template, dtype=torch.float64)
        directions = torch.einsum("jv,vcb->jcb", regressor, torch.tensor(self.arrays.shapedirs, dtype=torch.float64))
        return joints.float(), directions.float()

    @cached_property
    def mesh_arrays(self) -> dict[str, Tensor]:
        """The mesh as the arguments of smplx's `lbs`."""
        arrays = self.arrays
        features = 9 * (len(arrays.parents) - 1)
        flat = torch.zeros(features, arrays.v_template.size)
        if arrays.posedirs is not None:
            flat = torch.as_tensor(np.ascontiguousarray(arrays.posedirs.reshape(-1, features).T))
        return {
            "v_template": torch.tensor(arrays.v_template)[None],
            "shapedirs": torch.tensor(arrays.shapedirs),
            "posedirs": flat,
            "J_regressor": torch.tensor(arrays.J_regressor),
            "parents": torch.tensor(arrays.parents),
            "weights": torch.tensor(arrays.weights),
        }

    def virtual_points(self, convention: str) -> VirtualPoints:
        """A convention's virtual points, prepared on the first call."""
        if convention not in self._prepared:
            self._prepared[convention] = self._make_virtual_points(convention)
        return self._prepared[convention]

    def _make_virtual_points(self, convention: str) -> VirtualPoints:
        """Sum the regressor over the mesh once; hand and face joints merge into the body joint that carries them."""
        arrays = self.arrays
        body_joint = _fold_onto(arrays.parents, self.joint_count)
        regressor = torch.as_tensor(arrays.keypoint_regressors[convention]).double()
        on_vertices = regressor[:, : len(arrays.v_template)]
        on_joints = regressor[:, len(arrays.v_template) :] @ body_joint
        weights = torch.tensor(arrays.weights, dtype=torch.float64) @ body_joint
        joints, directions = (value.double() for value in self.rest_joints)
        used = on_vertices.abs().sum(0) > 0
        blend = torch.einsum("kv,vb->kbv", on_vertices[:, used], weights[used])
        template = torch.tensor(arrays.v_template, dtype=torch.float64)[used]
        shapedirs = torch.tensor(arrays.shapedirs, dtype=torch.float64)[used]
        pose = None
        if arrays.posedirs is not None:
            # hands and face stay at rest, so only the body joints' blend shapes act
            posedirs = torch.as_tensor(arrays.posedirs[used.numpy()][..., : 9 * (self.joint_count - 1)]).double()
            pose = torch.einsum("kbv,vcf->kbcf", blend, posedirs).float()
        return VirtualPoints(
            template=(blend @ template + on_joints[..., None] * joints).float(),
            shape=(torch.einsum("kbv,vcs->kbcs", blend, shapedirs) + on_joints[..., None, None] * directions).float(),
            shares=(blend.sum(-1) + on_joints).float(),
            pose=pose,
        )


def _fold_onto(parents: tuple[int, ...], kept: int) -> Float[Tensor, "joints kept"]:
    """One-hot: the body joint that each joint moves with while hands and face stay at rest."""
    target = list(range(len(parents)))
    for joint in range(kept, len(parents)):
        target[joint] = target[parents[joint]]
    return torch.nn.functional.one_hot(torch.tensor(target), kept).double()
