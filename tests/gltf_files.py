"""Reads glTF binaries by hand, from the text of the glTF 2.0 specification."""

import struct

import numpy as np
import pygltflib
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
LETTERS = {5126: "f", 5125: "I", 5123: "H", 5121: "B"}


def accessor_array(document: pygltflib.GLTF2, index: int) -> NDArray:
    """The values of an accessor, one row an element."""
    accessor = document.accessors[index]
    view = document.bufferViews[accessor.bufferView]
    count = accessor.count * WIDTHS[accessor.type]
    blob = document.binary_blob()[view.byteOffset : view.byteOffset + view.byteLength]
    values = struct.unpack(f"<{count}{LETTERS[accessor.componentType]}", blob)
    return np.array(values).reshape(-1, WIDTHS[accessor.type])


def node_transforms(document: pygltflib.GLTF2, animation: int, seconds: float) -> NDArray:
    """Matrices (nodes, 4, 4) from each node to the scene at a time of an animation."""
    parts = {
        (k, path): np.array(getattr(node, path) or default, float)
        for k, node in enumerate(document.nodes)
        for path, default in (("translation", [0, 0, 0]), ("rotation", [0, 0, 0, 1]))
    }
    played = document.animations[animation]
    for channel in played.channels:
        sampler = played.samplers[channel.sampler]
        keys = accessor_array(document, sampler.input)[:, 0]
        values = accessor_array(document, sampler.output)
        now = np.clip(seconds, keys[0], keys[-1])
        if channel.target.path == "rotation":
            value = Slerp(keys, Rotation.from_quat(values))(now).as_quat()
        else:
            value = np.array([np.interp(now, keys, column) for column in values.T])
        parts[channel.target.node, channel.target.path] = value
    matrices = np.tile(np.eye(4), (len(document.nodes), 1, 1))
    for k in range(len(document.nodes)):
        matrices[k, :3, :3] = Rotation.from_quat(parts[k, "rotation"]).as_matrix()
        matrices[k, :3, 3] = parts[k, "translation"]

    def place(node: int, above: NDArray) -> None:
        matrices[node] = above @ matrices[node]
        for child in document.nodes[node].children or []:
            place(child, matrices[node])

    for root in document.scenes[document.scene].nodes:
        place(root, np.eye(4))
    return matrices


def skinned_positions(document: pygltflib.GLTF2, animation: int, seconds: float) -> NDArray:
    """Where a viewer shows the vertices of the first mesh at a time of an animation."""
    skin, attributes = document.skins[0], document.meshes[0].primitives[0].attributes
    inverse = accessor_array(document, skin.inverseBindMatrices).reshape(-1, 4, 4)
    matrices = node_transforms(document, animation, seconds)[skin.joints]
    matrices = matrices @ inverse.transpose(0, 2, 1)  # stored column by column
    joints = accessor_array(document, attributes.JOINTS_0)
    weights = accessor_array(document, attributes.WEIGHTS_0)
    rest = accessor_array(document, attributes.POSITION)
    rest = np.concatenate([rest, np.ones((len(rest), 1))], 1)
    return np.einsum("vk,vkab,vb->va", weights, matrices[joints], rest)[:, :3]
