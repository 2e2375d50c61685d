"""Small meshes and random scenes for the renderer's tests."""

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hfb.structures import Camera, Exposure, Layers, Mesh


def uv_sphere(rows: int = 8, columns: int = 12) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A closed unit sphere whose texture has a seam, so that uv has more entries than verts."""
    verts = [[0.0, 1.0, 0.0]]
    for i in range(1, rows):
        for j in range(columns):
            polar, turn = math.pi * i / rows, 2 * math.pi * j / columns
            verts.append(
                [
                    math.sin(polar) * math.cos(turn),
                    math.cos(polar),
                    math.sin(polar) * math.sin(turn),
                ]
            )
    verts.append([0.0, -1.0, 0.0])

    def vert(i: int, j: int) -> int:
        if i in (0, rows):
            return 0 if i == 0 else len(verts) - 1
        return 1 + (i - 1) * columns + j % columns

    uv = [
        [0.04 + 0.92 * j / columns, 0.96 - 0.92 * i / rows]
        for i in range(rows + 1)
        for j in range(columns + 1)
    ]
    faces, faces_uv = [], []
    for i in range(rows):
        for j in range(columns):
            corners = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
            for triple in ((0, 1, 2), (0, 2, 3)):
                face = [vert(*corners[k]) for k in triple]
                if len(set(face)) == 3:
                    faces.append(face)
                    faces_uv.append([corners[k][0] * (columns + 1) + corners[k][1] for k in triple])
    return tuple(torch.tensor(x) for x in (verts, faces, uv, faces_uv))  # type: ignore[return-value]


def random_rotation(generator: torch.Generator) -> Tensor:
    basis, triangle = torch.linalg.qr(torch.randn(3, 3, generator=generator))
    basis = basis * triangle.diagonal().sign()
    return basis * torch.linalg.det(basis).sign()


def limbs_mesh(
    generator: torch.Generator, num_limbs: int = 5, rows: int = 8, columns: int = 10
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Stretched spheres in random directions that overlap like limbs, about 1.6 m across."""
    sphere, faces, uv, faces_uv = uv_sphere(rows, columns)
    verts, all_faces, all_faces_uv = [], [], []
    for limb in range(num_limbs):
        size = torch.tensor([0.09, 0.32, 0.07]) * (0.7 + 0.6 * torch.rand(3, generator=generator))
        shift = 0.7 * (torch.rand(3, generator=generator) - 0.5)
        verts.append((sphere * size) @ random_rotation(generator).T + shift)
        all_faces.append(faces + limb * len(sphere))
        all_faces_uv.append(faces_uv)
    return torch.cat(verts), torch.cat(all_faces), uv, torch.cat(all_faces_uv)


def move(verts: Tensor, num_frames: int, generator: torch.Generator) -> Tensor:
    """(V, 3) to (N, V, 3): a small random shift and turn from frame to frame."""
    step = 0.05 * torch.randn(3, generator=generator)
    turn = 0.2 * torch.randn((), generator=generator)
    frames = []
    for i in range(num_frames):
        share = i / max(num_frames - 1, 1) - 0.5
        cos, sin = math.cos(turn * share), math.sin(turn * share)
        rotation = torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
        frames.append(verts @ rotation.T + share * step)
    return torch.stack(frames)


COLLAPSED = (slice(0, 72), slice(93, 103))
"""The first limb, and a ring of vertices of the second."""


def collapse_limbs(verts: Tensor) -> None:
    """Pull some vertices together in place: faces keep a positive area or lose it exactly.

    The sign of an area that is nothing but rounding would be nobody's to predict.
    """
    for part in COLLAPSED:
        verts[part] = verts[part].mean(0)


SITUATIONS = ("inside", "partly_outside", "at_near_plane", "behind", "degenerate", "body")


def random_scene(
    seed: int, situation: str = "inside", body: tuple[Tensor, ...] | None = None
) -> tuple[Mesh, Camera]:
    """A random pose, image size and camera; one leading axis of 1 to 2 samples."""
    generator = torch.Generator().manual_seed(seed)
    height, width, num_frames, num_samples = (
        int(torch.randint(low, high, (), generator=generator))
        for low, high in ((24, 72), (24, 72), (1, 5), (1, 3))
    )
    verts, faces, uv, faces_uv = body if body is not None else limbs_mesh(generator)
    focal = 1.2 * max(height, width)
    depth = 1.6 * focal / (0.8 * min(height, width))
    samples = []
    for _ in range(num_samples):
        centre = torch.tensor([0.0, 0.0, depth])
        if situation == "partly_outside":
            centre[0] = 0.5 * width / focal * depth
        elif situation == "at_near_plane":
            centre[2] = 0.3
        elif situation == "behind":
            centre[2] = -depth
        pose = verts @ random_rotation(generator).T
        if situation == "degenerate":
            collapse_limbs(pose)
        samples.append(move(pose, num_frames, generator) + centre)
    # Few texels of little contrast: at grazing angles float32 moves a look-up by 1e-4 of a texel.
    texture = 0.25 + 0.5 * torch.rand(num_samples, 3, 3, 4, generator=generator)
    camera = Camera(
        focal=torch.tensor([focal, 1.1 * focal]),
        principal_point=torch.tensor([0.48 * width, 0.53 * height]),
        height=height,
        width=width,
    )
    return Mesh(torch.stack(samples), faces, uv, faces_uv, texture), camera


def cast(mesh: Mesh, dtype: torch.dtype) -> Mesh:
    return replace(
        mesh,
        verts=mesh.verts.detach().to(dtype).requires_grad_(),
        texture=mesh.texture.detach().to(dtype).requires_grad_(),
    )


def random_loss(
    result: Exposure | Layers, seed: int = 0, pixel_weight: Tensor | float = 1.0
) -> Tensor:
    """A fixed random weight on every output value, times one of each pixel."""
    generator = torch.Generator().manual_seed(seed)
    rgb = torch.randn(result.rgb.shape, generator=generator, dtype=torch.float64)
    alpha = torch.randn(result.alpha.shape, generator=generator, dtype=torch.float64)
    return (result.rgb * rgb * pixel_weight).sum() + (result.alpha * alpha * pixel_weight).sum()


def relative_error(got: Tensor, want: Tensor) -> float:
    """Of the whole tensor; against an absolute floor where nothing is expected."""
    got, want = got.double(), want.double()
    return float((got - want).norm() / want.norm().clamp_min(1e-3))


def tilted_square(height: int = 20, width: int = 16) -> tuple[Mesh, Camera]:
    """Two triangles at different depths: every number in it can be written down."""
    verts = torch.tensor([[-0.5, -0.6, 2.0], [0.55, -0.45, 2.6], [0.5, 0.6, 3.0], [-0.6, 0.5, 2.3]])
    faces = torch.tensor([[0, 2, 1], [0, 3, 2]])
    uv = torch.tensor([[0.1, 0.9], [0.9, 0.9], [0.9, 0.1], [0.1, 0.1]])
    texture = torch.from_numpy(np.random.default_rng(5).random((3, 5, 4), dtype=np.float32))
    camera = Camera(
        torch.tensor([24.0, 22.0]), torch.tensor([width / 2, height / 2]), height, width
    )
    return Mesh(verts[None], faces, uv, faces.clone(), texture), camera
