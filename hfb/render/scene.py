"""One checked scene with plain axes, whatever leading axes the caller has."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.errors import InputError, ShapeError
from hfb.render.topology import Topology, mesh_topology
from hfb.structures import Camera, Mesh


@dataclass(frozen=True)
class Scene:
    """What a backend renders: S samples of N sub-frames.

    Attributes:
        verts: camera frame, m.
        texture: row 0 is v = 1.
        intrinsics: fx, fy, cx, cy of each sample, px.
        topology: faces, texture coordinates of their corners, edges.
        height: image rows.
        width: image columns.
    """

    verts: Float[Tensor, "S N V 3"]
    texture: Float[Tensor, "S C TH TW"]
    intrinsics: Float[Tensor, "S 4"]
    topology: Topology
    height: int
    width: int


def build_scene(mesh: Mesh, camera: Camera) -> tuple[Scene, tuple[int, ...]]:
    """Check a mesh and a camera against each other and flatten their leading axes.

    Args:
        mesh: leading axes *B, then N sub-frames.
        camera: leading axes *B, or none for a camera that all samples share. No gradient reaches
            the camera.

    Returns:
        The scene and the leading axes *B.

    Raises:
        ShapeError: if sizes or axes do not fit together.
        InputError: if a dtype is wrong, an index is out of range or a value is not usable.
    """
    verts, texture = mesh.verts, mesh.texture
    _require_float("mesh.verts", verts)
    _require_float("mesh.texture", texture)
    _require_shape("mesh.verts", verts, 3, ("*B", "N", "V", "3"))
    leading = tuple(verts.shape[:-3])
    if texture.ndim != len(leading) + 3 or tuple(texture.shape[:-3]) != leading:
        raise ShapeError(
            f"mesh.texture has shape {tuple(texture.shape)}: its leading axes must be those of "
            f"mesh.verts {tuple(verts.shape)}, that is {leading}, then 3, rows, columns"
        )
    if texture.shape[-3] != 3 or 0 in texture.shape[-2:]:
        raise ShapeError(
            f"mesh.texture has shape {tuple(texture.shape)}: needs 3 channels and at least 1 texel"
        )
    if verts.shape[-3] == 0:
        raise ShapeError("mesh.verts has no sub-frames")
    if texture.device != verts.device or texture.dtype != verts.dtype:
        raise InputError(
            f"mesh.texture is {texture.dtype} on {texture.device}, mesh.verts {verts.dtype} on "
            f"{verts.device}: they must be alike"
        )
    if mesh.uv.shape[-1:] != (2,) or mesh.uv.ndim != 2:
        raise ShapeError(f"mesh.uv has shape {tuple(mesh.uv.shape)}: needs (U, 2)")
    _require_float("mesh.uv", mesh.uv)
    _require_faces("mesh.faces", mesh.faces)
    _require_faces("mesh.faces_uv", mesh.faces_uv)
    if mesh.faces.shape != mesh.faces_uv.shape:
        raise ShapeError(
            f"mesh.faces has {len(mesh.faces)} faces, mesh.faces_uv {len(mesh.faces_uv)}"
        )
    topology = mesh_topology(mesh.faces, mesh.uv, mesh.faces_uv)
    return _flatten(verts, texture, topology, camera), leading


def build_untextured_scene(
    verts: Float[Tensor, "*B N V 3"], faces: Int[Tensor, "F 3"], camera: Camera
) -> tuple[Scene, tuple[int, ...]]:
    """A scene of which only silhouettes are wanted: one grey texel serves as texture.

    Args:
        verts: camera frame, m.
        faces: vertex indices, counter-clockwise seen from outside.
        camera: leading axes *B, or none.

    Returns:
        The scene and the leading axes *B.

    Raises:
        ShapeError: if sizes or axes do not fit together.
        InputError: if a dtype is wrong or an index is out of range.
    """
    uv, faces_uv = _single_texel(faces)
    _require_float("verts", verts)
    _require_shape("verts", verts, 3, ("*B", "N", "V", "3"))
    texture = verts.new_full((*verts.shape[:-3], 3, 1, 1), 0.5)
    return build_scene(Mesh(verts, faces, uv, faces_uv, texture), camera)


def _single_texel(faces: Tensor) -> tuple[Tensor, Tensor]:
    _require_faces("faces", faces)
    return torch.full((1, 2), 0.5, device=faces.device), torch.zeros_like(faces)


def _flatten(verts: Tensor, texture: Tensor, topology: Topology, camera: Camera) -> Scene:
    leading = tuple(verts.shape[:-3])
    if topology.num_verts > verts.shape[-2]:
        raise InputError(
            f"mesh.faces holds vertex index {topology.num_verts - 1}, but there are "
            f"{verts.shape[-2]} vertices"
        )
    for name, size in (("height", camera.height), ("width", camera.width)):
        if size < 1:
            raise InputError(f"camera.{name} is {size}: an image needs at least one pixel")
    num_samples = math.prod(leading)
    intrinsics = torch.cat(
        [
            _camera_tensor("focal", camera.focal, leading, verts),
            _camera_tensor("principal_point", camera.principal_point, leading, verts),
        ],
        dim=-1,
    )
    return Scene(
        verts=verts.reshape(num_samples, *verts.shape[-3:]),
        texture=texture.reshape(num_samples, *texture.shape[-3:]),
        intrinsics=intrinsics,
        topology=topology
        if topology.faces.device == verts.device
        else topology.on_device(verts.device),
        height=camera.height,
        width=camera.width,
    )


def _camera_tensor(name: str, value: Tensor, leading: tuple[int, ...], verts: Tensor) -> Tensor:
    shape = tuple(value.shape)
    if shape not in {(2,), (*leading, 2)}:
        raise ShapeError(
            f"camera.{name} has shape {shape}: its leading axes must be those of mesh.verts "
            f"{tuple(verts.shape)}, that is {leading}, or none; then 2"
        )
    value = value.detach().to(verts.device, verts.dtype)
    return value.expand(*leading, 2).reshape(math.prod(leading), 2)


def _require_float(name: str, tensor: Tensor) -> None:
    if not tensor.is_floating_point():
        raise InputError(f"{name} is {tensor.dtype}: it must be floating point")


def _require_faces(name: str, faces: Tensor) -> None:
    if faces.dtype not in {torch.int32, torch.int64}:
        raise InputError(f"{name} is {faces.dtype}: it must be int32 or int64")
    if faces.ndim != 2 or faces.shape[1] != 3:
        raise ShapeError(f"{name} has shape {tuple(faces.shape)}: needs (F, 3)")


def _require_shape(name: str, tensor: Tensor, last: int, axes: tuple[str, ...]) -> None:
    if tensor.ndim < len(axes) - 1 or tensor.shape[-1] != last:
        raise ShapeError(f"{name} has shape {tuple(tensor.shape)}: needs ({', '.join(axes)})")
