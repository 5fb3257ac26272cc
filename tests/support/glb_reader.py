"""Forward kinematics of a glTF file, by its nodes, skin and animation alone: what a viewer shows at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

_DTYPES = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
_WIDTHS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A binary glTF file, read with pygltflib."""

    def __init__(self, path: Path) -> None:
        import pygltflib

        self.tree: Any = pygltflib.GLTF2().load_binary(str(path))
        self.data = self.tree.binary_blob()

    def array(self, accessor: int) -> np.ndarray:
        """The numbers of an accessor."""
        about = self.tree.accessors[accessor]
        view = self.tree.bufferViews[about.bufferView]
        count = about.count * _WIDTHS[about.type]
        numbers = np.frombuffer(self.data, _DTYPES[about.componentType], count, view.byteOffset)
        return numbers.reshape(about.count, -1)

    def globals_at(self, seconds: float) -> list[np.ndarray]:
        """Global transforms (4, 4) of all nodes at a time of the clip."""
        local = [np.eye(4) for _ in self.tree.nodes]
        for index, node in enumerate(self.tree.nodes):
            local[index][:3, :3] = Rotation.from_quat(node.rotation or [0, 0, 0, 1]).as_matrix()
            local[index][:3, 3] = node.translation or [0, 0, 0]
        (clip,) = self.tree.animations
        for channel in clip.channels:
            sampler = clip.samplers[channel.sampler]
            assert sampler.interpolation == "LINEAR"
            times, values = self.array(sampler.input)[:, 0], self.array(sampler.output)
            at = float(np.clip(seconds, times[0], times[-1]))
            node = local[channel.target.node]
            if channel.target.path == "rotation":
                node[:3, :3] = Slerp(times, Rotation.from_quat(values))(at).as_matrix()
            else:
                assert channel.target.path == "translation"
                node[:3, 3] = [np.interp(at, times, values[:, axis]) for axis in range(3)]
        posed: list[np.ndarray] = [np.eye(4)] * len(local)
        pending = [(root, np.eye(4)) for root in self.tree.scenes[self.tree.scene].nodes]
        while pending:
            index, above = pending.pop()
            posed[index] = above @ local[index]
            pending += [(child, posed[index]) for child in self.tree.nodes[index].children or []]
        return posed

    def joints_at(self, seconds: float, skin: int = 0) -> dict[str, np.ndarray]:
        """Positions (3,) of a skin's joints by name."""
        posed = self.globals_at(seconds)
        return {self.tree.nodes[node].name: posed[node][:3, 3] for node in self.tree.skins[skin].joints}

    def vertices_at(self, seconds: float, skin: int = 0) -> np.ndarray:
        """The skinned vertices (V, 3)."""
        posed, about = self.globals_at(seconds), self.tree.skins[skin]
        (mesh,) = (node.mesh for node in self.tree.nodes if node.skin == skin)
        attributes = self.tree.meshes[mesh].primitives[0].attributes
        points = np.pad(self.array(attributes.POSITION).astype(np.float64), ((0, 0), (0, 1)), constant_values=1)
        joints, weights = self.array(attributes.JOINTS_0), self.array(attributes.WEIGHTS_0)
        inverse = self.array(about.inverseBindMatrices).reshape(-1, 4, 4).swapaxes(1, 2)
        moves = np.stack([posed[node] @ bind for node, bind in zip(about.joints, inverse)])
        blended = np.einsum("vi,vixy->vxy", weights, moves[joints])
        vertices: np.ndarray = np.einsum("vxy,vy->vx", blended, points)[:, :3]
        return vertices
