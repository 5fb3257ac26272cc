"""Write glTF (`.glb`): people as skinned meshes on one animation clip, y up, metres.

Each person is a node that holds a mesh and its skeleton. The mesh is the rest pose of the person's shape; every joint
has one keyframe per video frame. So a program that reads it shows the joints where the body model has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from jaxtyping import Float, Int
from scipy.spatial.transform import Rotation

from lsmplify_refine._version import __version__
from lsmplify_refine.errors import InputError
from lsmplify_refine.formats.bvh import bone_name
from lsmplify_refine.formats.figure import Figure

#: Each vertex moves with at most this many joints: what all viewers read.
_INFLUENCES = 4
#: Skin colours of the people, in turns: linear RGB and opacity.
_COLOURS = ((0.55, 0.60, 0.68, 1.0), (0.72, 0.52, 0.40, 1.0), (0.45, 0.62, 0.45, 1.0), (0.62, 0.50, 0.66, 1.0))
#: Component types and buffer targets by the names of the specification (glTF 2.0, 3.6.2 and 5.11).
_BYTE, _UINT, _FLOAT = 5121, 5125, 5126
_VERTICES, _INDICES = 34962, 34963
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4", 16: "MAT4"}


def check_gltf() -> None:
    """Check that the writer's package is installed.

    Raises:
        InputError: It is not.
    """
    try:
        import pygltflib  # noqa: F401
    except ImportError as error:
        raise InputError(f'--output-format glb: {error}; pip install "lsmplify-refine[export]"') from error


def write_glb(path: Path, figures: Sequence[Figure]) -> None:
    """Write people in motion to one binary glTF file.

    Args:
        path: The file.
        figures: The people, in one world; the clip begins with the first frame of any of them.

    Raises:
        InputError: pygltflib is not installed.
    """
    check_gltf()
    file = _File()
    start = min(int(figure.frame_ids[0]) for figure in figures)
    for index, figure in enumerate(figures):
        file.add(figure, (figure.frame_ids - start) / figure.fps, _COLOURS[index % len(_COLOURS)])
    file.save(path)


class _File:
    """A glTF file that grows person by person."""

    def __init__(self) -> None:
        import pygltflib as gltf

        self.gltf = gltf
        self.tree = gltf.GLTF2(
            asset=gltf.Asset(generator=f"lsmplify-refine {__version__}", version="2.0"),
            scene=0,
            scenes=[gltf.Scene(nodes=[])],
            animations=[gltf.Animation(name="motion")],
        )
        self.data = bytearray()

    def add(self, figure: Figure, seconds: Float[np.ndarray, " frames"], colour: tuple[float, ...]) -> None:
        """Add a person's mesh, skeleton and motion."""
        gltf, tree = self.gltf, self.tree
        vertices, joints = figure.body.rest_mesh(figure.shape.betas, figure.shape.scale)
        # the rest pose stands on the floor
        lift = np.array([0.0, -vertices[:, 1].min(), 0.0])
        bones = self._bones(figure, joints, lift)
        to_joint = np.tile(np.eye(4), (len(joints), 1, 1))
        to_joint[:, :3, 3] = -(joints + lift)
        # the file holds matrices column by column
        inverse = self._accessor(np.swapaxes(to_joint, 1, 2).reshape(-1, 16).astype(np.float32), _FLOAT)
        tree.skins.append(gltf.Skin(name=figure.name, joints=bones, skeleton=bones[0], inverseBindMatrices=inverse))
        tree.materials.append(
            gltf.Material(
                name=figure.name,
                pbrMetallicRoughness=gltf.PbrMetallicRoughness(
                    baseColorFactor=list(colour), metallicFactor=0.0, roughnessFactor=0.8
                ),
            )
        )
        tree.meshes.append(gltf.Mesh(name=figure.name, primitives=[self._primitive(figure, vertices + lift)]))
        mesh = self._node(name=f"{figure.name}_mesh", mesh=len(tree.meshes) - 1, skin=len(tree.skins) - 1)
        tree.scenes[0].nodes.append(self._node(name=figure.name, children=[mesh, bones[0]]))
        self._animate(figure, seconds, bones)

    def save(self, path: Path) -> None:
        """Write the file."""
        self.tree.buffers = [self.gltf.Buffer(byteLength=len(self.data))]
        self.tree.set_binary_blob(bytes(self.data))
        self.tree.save_binary(path)

    def _bones(self, figure: Figure, joints: Float[np.ndarray, "joints 3"], lift: Float[np.ndarray, " 3"]) -> list[int]:
        """A node for each joint at rest; returns their numbers."""
        parents, first = figure.body.arrays.parents, len(self.tree.nodes)
        for joint, parent in enumerate(parents):
            offset = joints[joint] + lift if parent < 0 else joints[joint] - joints[parent]
            self._node(
                name=bone_name(figure.names[joint]),
                translation=offset.tolist(),
                rotation=[0.0, 0.0, 0.0, 1.0],
                children=[first + child for child, above in enumerate(parents) if above == joint],
            )
        return list(range(first, first + len(parents)))

    def _primitive(self, figure: Figure, vertices: Float[np.ndarray, "vertices 3"]) -> Any:
        gltf, arrays = self.gltf, figure.body.arrays
        joints, weights = strongest(arrays.weights, _INFLUENCES)
        normals = trimesh.Trimesh(vertices, arrays.faces, process=False).vertex_normals
        return gltf.Primitive(
            attributes=gltf.Attributes(
                POSITION=self._accessor(vertices.astype(np.float32), _FLOAT, _VERTICES, bounds=True),
                NORMAL=self._accessor(normals.astype(np.float32), _FLOAT, _VERTICES),
                JOINTS_0=self._accessor(joints.astype(np.uint8), _BYTE, _VERTICES),
                WEIGHTS_0=self._accessor(weights.astype(np.float32), _FLOAT, _VERTICES),
            ),
            indices=self._accessor(arrays.faces.reshape(-1, 1).astype(np.uint32), _UINT, _INDICES),
            material=len(self.tree.materials) - 1,
        )

    def _animate(self, figure: Figure, seconds: Float[np.ndarray, " frames"], bones: list[int]) -> None:
        """Keyframes of the root's path and of every joint that moves."""
        times = self._accessor(seconds.reshape(-1, 1).astype(np.float32), _FLOAT, bounds=True)
        self._channel(times, bones[0], "translation", figure.pelvis)
        for joint, rotations in enumerate(np.swapaxes(figure.rotations(), 0, 1)):
            if not np.array_equal(rotations, np.broadcast_to(np.eye(3), rotations.shape)):
                self._channel(times, bones[joint], "rotation", continuous_quaternions(rotations))

    def _channel(self, times: int, node: int, path: str, values: Float[np.ndarray, "frames numbers"]) -> None:
        gltf, (clip,) = self.gltf, self.tree.animations
        output = self._accessor(values.astype(np.float32), _FLOAT)
        clip.samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation="LINEAR"))
        target = gltf.AnimationChannelTarget(node=node, path=path)
        clip.channels.append(gltf.AnimationChannel(sampler=len(clip.samplers) - 1, target=target))

    def _node(self, **fields: Any) -> int:
        self.tree.nodes.append(self.gltf.Node(**fields))
        return len(self.tree.nodes) - 1

    def _accessor(self, values: np.ndarray, component: int, target: int | None = None, *, bounds: bool = False) -> int:
        """Append numbers (rows, width) to the file's buffer; returns the number of their accessor."""
        gltf, tree = self.gltf, self.tree
        tree.bufferViews.append(
            gltf.BufferView(buffer=0, byteOffset=len(self.data), byteLength=values.nbytes, target=target)
        )
        self.data += values.tobytes() + b"\0" * (-values.nbytes % 4)
        tree.accessors.append(
            gltf.Accessor(
                bufferView=len(tree.bufferViews) - 1,
                componentType=component,
                count=len(values),
                type=_TYPES[values.shape[1]],
                min=values.min(0).tolist() if bounds else None,
                max=values.max(0).tolist() if bounds else None,
            )
        )
        return len(tree.accessors) - 1


def strongest(
    weights: Float[np.ndarray, "vertices joints"], count: int
) -> tuple[Int[np.ndarray, "vertices count"], Float[np.ndarray, "vertices count"]]:
    """The joints that each vertex moves with most, and their weights, which sum to one; 0 where there are fewer."""
    joints = np.argsort(-weights, axis=1)[:, :count]
    kept = np.take_along_axis(weights, joints, axis=1).astype(np.float64)
    # the specification wants joint 0 where the weight is 0
    return np.where(kept > 0, joints, 0), kept / kept.sum(1, keepdims=True)


def continuous_quaternions(rotations: Float[np.ndarray, "frames 3 3"]) -> Float[np.ndarray, "frames 4"]:
    """Unit quaternions (x, y, z, w) of one sign over time, so that viewers interpolate the short way round."""
    quats: np.ndarray = Rotation.from_matrix(rotations).as_quat()
    agree = (quats[1:] * quats[:-1]).sum(1) >= 0
    signs = np.cumprod(np.concatenate([[1.0], np.where(agree, 1.0, -1.0)]))
    return quats * signs[:, None]
