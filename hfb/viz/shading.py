"""A body in plain light, and a camera that looks at it from the side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from hfb.errors import InputError
from hfb.geometry import upright_rotation, vertex_normals
from hfb.structures import Camera, Mesh

CLAY = (0.72, 0.76, 0.82)
# from behind the camera's left shoulder: towards -x (left), -y (up), -z (the camera)
LIGHT = (-0.4, -0.7, -0.6)
AMBIENT = 0.4
TIME_COLOURS = ((0.16, 0.31, 0.75), (0.53, 0.25, 0.68), (0.88, 0.36, 0.40), (0.98, 0.70, 0.22))


@dataclass(frozen=True)
class NovelView:
    """A turned body and the camera that frames it.

    Attributes:
        verts: vertices in the new camera's frame, m.
        camera: frames all of them.
    """

    verts: Float[Tensor, "N V 3"]
    camera: Camera


def novel_view(
    verts: Float[Tensor, "N V 3"],
    height: int,
    width: int,
    azimuth_deg: float = 60.0,
    elevation_deg: float = 10.0,
    up: Float[Tensor, "3"] | None = None,
) -> NovelView:
    """Look at a moving body from another side.

    The body is turned about the vertical axis through its middle (the mean of all sub-frames, so
    that its movement stays visible) and put in front of a camera whose focal length makes all
    sub-frames fill 90 % of the image.

    Args:
        verts: camera frame (y down), m.
        height: rows of the image.
        width: columns of the image.
        azimuth_deg: how far the camera walks to its left around the body.
        elevation_deg: how far it climbs, looking down.
        up: away from the ground, camera frame; None: the camera is level.

    Returns:
        Turned vertices and the camera.

    Raises:
        InputError: if there are no finite vertices.
    """
    if verts.numel() == 0 or not bool(torch.isfinite(verts).all()):
        raise InputError("a view needs vertices that are finite")
    centre = (verts.amin(dim=(0, 1)) + verts.amax(dim=(0, 1))) / 2
    turn = _turn(azimuth_deg, elevation_deg).to(verts)
    if up is not None:
        turn = turn @ upright_rotation(up.to(verts))
    turned = (verts - centre) @ turn.T
    radius = turned.norm(dim=-1).amax()
    # at 3.5 radii the perspective is that of a portrait; every vertex is well before the camera
    placed = turned + torch.stack([radius * 0, radius * 0, radius * 3.5])
    slopes = placed[..., :2] / placed[..., 2:]
    low, high = slopes.amin(dim=(0, 1)), slopes.amax(dim=(0, 1))
    size = verts.new_tensor([float(width), float(height)])
    focal = (0.9 * size / (high - low).clamp(min=1e-6)).amin()
    camera = Camera(focal.expand(2), size / 2 - focal * (low + high) / 2, height, width)
    return NovelView(placed, camera)


def shaded_mesh(
    mesh: Mesh,
    frame: int = 0,
    colour: Float[Tensor, "3"] | None = None,
    light: tuple[float, float, float] = LIGHT,
) -> Mesh:
    """One sub-frame as a mesh whose texture is its shading, ready to be rendered.

    Lambert's law with an ambient share, one colour a face, from the faces' mean vertex normals: the
    faces of a body are a pixel or two wide, so that it looks smooth.

    Args:
        mesh: one sample (verts "N V 3"); its own texture is not used.
        frame: which sub-frame.
        colour: sRGB of the surface in full light; None is clay.
        light: direction to the light, camera frame.

    Returns:
        A mesh of one sub-frame; texture values sRGB in [0, 1].
    """
    verts = mesh.verts[frame]
    normals = normalize(vertex_normals(verts, mesh.faces)[mesh.faces].mean(dim=1), dim=-1)
    cosine = normals @ normalize(verts.new_tensor(light), dim=0)
    # half-Lambert keeps form on the side away from the light
    strength = AMBIENT + (1 - AMBIENT) * (0.5 + 0.5 * cosine).square()
    base = verts.new_tensor(CLAY) if colour is None else colour.to(verts)
    texture, uv = face_texture((strength[:, None] * base).clamp(0, 1))
    faces_uv = torch.arange(len(uv), device=verts.device)[:, None].expand(-1, 3).contiguous()
    return Mesh(verts[None], mesh.faces, uv, faces_uv, texture)


def face_texture(
    colours: Float[Tensor, "F 3"],
) -> tuple[Float[Tensor, "3 S S"], Float[Tensor, "F 2"]]:
    """A texture of one texel a face.

    Args:
        colours: one a face.

    Returns:
        The square texture, and the uv (v up, row 0 is v = 1) of each face's texel centre: bilinear
        lookup there gives the texel itself.
    """
    side = math.ceil(math.sqrt(len(colours)))
    padded = colours.new_zeros(side * side, 3)
    padded[: len(colours)] = colours
    index = torch.arange(len(colours), device=colours.device)
    column, row = index % side, index // side
    uv = torch.stack([(column + 0.5) / side, 1 - (row + 0.5) / side], dim=-1).to(colours)
    return padded.T.reshape(3, side, side).contiguous(), uv


def time_colours(num: int) -> Float[Tensor, "{num} 3"]:
    """Colours from blue (early) to yellow (late).

    Args:
        num: how many times.

    Returns:
        sRGB in [0, 1].
    """
    anchors = torch.tensor(TIME_COLOURS)
    place = torch.linspace(0, len(anchors) - 1, num)
    lower = place.floor().long().clamp(max=len(anchors) - 2)
    return torch.lerp(anchors[lower], anchors[lower + 1], (place - lower)[:, None])


def _turn(azimuth_deg: float, elevation_deg: float) -> Float[Tensor, "3 3"]:
    """Rotation of the body that looks like the camera walking left and climbing (y is down)."""
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    ca, sa, ce, se = math.cos(azimuth), math.sin(azimuth), math.cos(elevation), math.sin(elevation)
    about_vertical = torch.tensor([[ca, 0.0, -sa], [0.0, 1.0, 0.0], [sa, 0.0, ca]])
    about_right = torch.tensor([[1.0, 0.0, 0.0], [0.0, ce, -se], [0.0, se, ce]])
    return about_right @ about_vertical
