"""`BodyModel`: validation and orchestration over the arrays and the maths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
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
    """A convention's virtual points of the unshaped body, over the J body joints.

    Attributes:
        template: (K, J, 3).
        shape: (K, J, 3, B).
        shares: (K, J).
        pose: (K, J, 3, (J - 1) * 9) or None.
    """

    template: Tensor
    shape: Tensor
    shares: Tensor
    pose: Tensor | None


class BodyModel:
    """A SMPL-family body: keypoints and Jacobian without the mesh, full meshes through smplx.

    Poses are (N, J, 3, 3) parent-relative rotations of the J body joints (24 for SMPL, 22 for SMPL-H and SMPL-X,
    whose hands and face stay at rest) and the pelvis position (N, 3) in metres; output is in the pelvis' frame of
    reference. Shapes are `betas` (B,) and a uniform `scale` about the pelvis.
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
        """The open SMPL-format body that ships with the package (its betas are its own)."""
        return cls(load_open_body())

    @classmethod
    def load(cls, path: str | Path, gender: str = "neutral") -> BodyModel:
        """A user's SMPL, SMPL-H or SMPL-X file (`.npz`, `.pkl`), or a folder of them.

        Raises:
            InputError: The file is missing or is no SMPL-family body model.
        """
        return cls(load_body_file(Path(path), gender))

    def with_vertices_as_keypoints(self, vertices: np.ndarray) -> BodyModel:
        """The same body, whose keypoint convention "vertices" is these vertices of its mesh."""
        regressor = np.zeros((len(vertices), len(self.arrays.v_template) + len(self.arrays.parents)), np.float32)
        regressor[np.arange(len(vertices)), vertices] = 1.0
        return BodyModel(replace(self.arrays, keypoint_regressors={"vertices": regressor}))

    def point_origins(self, convention: str) -> dict[str, Origin]:
        """Where each of the convention's points on this body comes from: its own row, another's, or a mixture."""
        points = CONVENTIONS[convention].points
        return {point: point_origin(convention, point, family=self.family, is_open=self.is_open) for point in points}

    def rest_pelvis(self, betas: np.ndarray) -> np.ndarray:
        """J0(betas), (..., 3) metres, for betas (..., B)."""
        joints, directions = self.rest_joints
        count = self._check_betas(betas)
        return (joints[0] + torch.as_tensor(betas).float() @ directions[0, :, :count].T).numpy()

    def skeleton(
        self, convention: str | None, betas: np.ndarray, scale: float = 1.0, *, device: str | torch.device = "cpu"
    ) -> skinning.Skeleton:
        """The shaped body, prepared for posing; without a convention it has no keypoints."""
        count = self._check_betas(betas)
        shape = torch.as_tensor(np.asarray(betas, dtype=np.float32))
        joints, directions = self.rest_joints
        rest = joints + directions[..., :count] @ shape
        prepared = self.virtual_points(convention) if convention else None
        relative = (rest - rest[0]) * scale
        if prepared is None:
            empty = torch.zeros(0, self.joint_count)
            return skinning.Skeleton(
                self.parents, relative.to(device), empty[..., None].to(device), empty.to(device), None
            )
        points = prepared.template + prepared.shape[..., :count] @ shape - prepared.shares[..., None] * rest[0]
        pose = None if prepared.pose is None else (prepared.pose * scale).to(device)
        return skinning.Skeleton(
            self.parents, relative.to(device), (points * scale).to(device), prepared.shares.to(device), pose
        )

    def keypoints(
        self, convention: str, rotations: np.ndarray, pelvis: np.ndarray, betas: np.ndarray, scale: float = 1.0
    ) -> np.ndarray:
        """Keypoints (N, K, 3) in metres of a convention."""
        skeleton = self.skeleton(convention, betas, scale)
        return skinning.keypoints(skeleton, torch.as_tensor(rotations).float()).numpy() + pelvis[:, None]

    def joints(self, rotations: np.ndarray, pelvis: np.ndarray, betas: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Joints (N, J, 3) in metres."""
        skeleton = self.skeleton(None, betas, scale)
        posed = skinning.joint_positions(skeleton, torch.as_tensor(rotations).float())
        return posed.numpy() + pelvis[:, None]

    def vertices(self, rotations: np.ndarray, pelvis: np.ndarray, betas: np.ndarray, scale: float = 1.0) -> np.ndarray:
        """Mesh vertices (N, V, 3) in metres, by smplx's linear blend skinning."""
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
        return ((vertices - joints[:, :1]) * scale).numpy() + pelvis[:, None].astype(np.float32)

    def _check_betas(self, betas: np.ndarray) -> int:
        count = np.shape(betas)[-1]
        if count > self.num_betas:
            raise InputError(f"the body model has {self.num_betas} shape coefficients, the estimate {count}")
        return count

    @cached_property
    def rest_joints(self) -> tuple[Tensor, Tensor]:
        """Rest joints (J, 3) of the mean shape and their shape directions (J, 3, B)."""
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
        """Sum the regressor over the mesh once; joints beyond the body are folded into the body joint they hang on."""
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


def _fold_onto(parents: tuple[int, ...], kept: int) -> Tensor:
    """(J, kept) one-hot: the body joint that each joint moves with while hands and face stay at rest."""
    target = list(range(len(parents)))
    for joint in range(kept, len(parents)):
        target[joint] = target[parents[joint]]
    return torch.nn.functional.one_hot(torch.tensor(target), kept).double()
