"""What all our glTF files share: the binary buffer, seams, texture and axes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pygltflib as gltf
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.export.images import encode_png
from hfb.structures import Mesh

# camera frame (y down, z forward) to glTF's (y up, z towards the viewer); a half turn about x, so
# triangles keep their winding
CAMERA_TO_GLTF = np.array([1.0, -1.0, -1.0], np.float32)
SLOW_MOTION = 30.0
"""Of animations that are made to be watched: an exposure of 33 ms takes a second."""
_COMPONENTS = {"float32": gltf.FLOAT, "uint32": gltf.UNSIGNED_INT, "uint8": gltf.UNSIGNED_BYTE}


@dataclass
class GltfBuffer:
    """The single binary buffer of a glTF file while it grows."""

    data: bytearray = field(default_factory=bytearray)
    views: list[gltf.BufferView] = field(default_factory=list)
    accessors: list[gltf.Accessor] = field(default_factory=list)

    def add_bytes(self, data: bytes, target: int | None = None) -> int:
        """Append bytes as a buffer view; returns its index."""
        self.data.extend(b"\0" * (-len(self.data) % 4))  # accessors must start at multiples of 4
        view = gltf.BufferView(buffer=0, byteOffset=len(self.data), byteLength=len(data))
        view.target = target
        self.views.append(view)
        self.data.extend(data)
        return len(self.views) - 1

    def add_array(self, array: np.ndarray, kind: str, target: int | None = None) -> int:
        """Append an array as an accessor with its bounds; returns its index."""
        flat = array.reshape(len(array), -1)
        accessor = gltf.Accessor(
            bufferView=self.add_bytes(np.ascontiguousarray(array).tobytes(), target),
            componentType=_COMPONENTS[array.dtype.name],
            count=len(array),
            type=kind,
            # the format demands bounds of positions and of animation times
            min=flat.min(axis=0).tolist(),
            max=flat.max(axis=0).tolist(),
        )
        self.accessors.append(accessor)
        return len(self.accessors) - 1

    def add_texture(self, texture: Float[Tensor, "3 TH TW"]) -> gltf.Image:
        """Append a PNG; returns the image that shows it."""
        return gltf.Image(mimeType="image/png", bufferView=self.add_bytes(encode_png(texture)))

    def document(self, **parts: object) -> gltf.GLTF2:
        """The file of one scene with one texture.

        Args:
            parts: nodes, meshes, materials and whatever else belongs to it.
        """
        document = gltf.GLTF2(
            asset=gltf.Asset(version="2.0", generator="Human from Blur"),
            scene=0,
            textures=[gltf.Texture(source=0, sampler=0)],
            samplers=[gltf.Sampler(wrapS=gltf.CLAMP_TO_EDGE, wrapT=gltf.CLAMP_TO_EDGE)],
            accessors=self.accessors,
            bufferViews=self.views,
            buffers=[gltf.Buffer(byteLength=len(self.data))],
            **parts,
        )
        document.set_binary_blob(bytes(self.data))
        return document


def split_seams(mesh: Mesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One vertex per (vertex, uv) pair: glTF allows a vertex a single texture coordinate.

    Args:
        mesh: any mesh; only its topology is used.

    Returns:
        vertex (P,) index of the mesh vertex behind each new one; uv (P, 2) with v downwards, as
        glTF has it; faces (F, 3) uint32 into the new vertices, winding kept.
    """
    corners = torch.stack([mesh.faces.reshape(-1), mesh.faces_uv.reshape(-1)], dim=-1).cpu().numpy()
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)
    uv = mesh.uv.detach().cpu().numpy().astype(np.float32)[pairs[:, 1]]
    uv = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=-1)
    return pairs[:, 0], uv, inverse.reshape(-1, 3).astype(np.uint32)


def textured_material(extensions: dict[str, object] | None = None) -> gltf.Material:
    """The material of the fitted texture, which holds the light of the photo.

    Args:
        extensions: of the material.
    """
    return gltf.Material(
        name="texture",
        pbrMetallicRoughness=gltf.PbrMetallicRoughness(
            baseColorTexture=gltf.TextureInfo(index=0), metallicFactor=0.0, roughnessFactor=1.0
        ),
        extensions=extensions or {},
        alphaMode=gltf.OPAQUE,
        alphaCutoff=None,
    )
