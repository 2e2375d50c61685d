"""A textured object that moves: what Shape from Blur and Motion from Blur fit to a photo."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.baselines.objects.motion import (
    LinearMotion,
    PiecewiseMotion,
    object_camera,
    to_camera_frame,
)
from hfb.baselines.objects.prototypes import Prototype
from hfb.baselines.objects.settings import ObjectRecipe
from hfb.render import RenderSettings, render
from hfb.structures import Layers, Mesh

Motion = LinearMotion | PiecewiseMotion


class ObjectModel(nn.Module):
    """A batch of objects that start from one prototype; every parameter has a leading batch axis.

    Args:
        prototype: their first shape.
        is_free: for each object, whether its vertices are free.
        motion: how they move.
        recipe: sizes.
        render_settings: backend and threads; the silhouette's rim is the recipe's.
    """

    def __init__(
        self,
        prototype: Prototype,
        is_free: list[bool],
        motion: Motion,
        recipe: ObjectRecipe,
        render_settings: RenderSettings,
    ) -> None:
        super().__init__()
        self.prototype = prototype
        self.motion = motion
        size = recipe.texture_size
        self.offsets = nn.Parameter(torch.zeros(len(is_free), *prototype.verts.shape))
        self.texture = nn.Parameter(torch.ones(len(is_free), 3, size, size))
        self.is_free: Tensor
        self.register_buffer("is_free", torch.tensor(is_free))
        self.camera = object_camera(recipe.image_size)
        self.render_settings = RenderSettings(
            mode="contour",
            contour_sigma_px=recipe.softness_px,
            backend=render_settings.backend,
            num_threads=render_settings.num_threads,
        )

    def verts(self) -> Float[Tensor, "B V 3"]:
        """The shapes in their own frame, centred where their vertices are free."""
        moved = self.prototype.verts + self.offsets
        centred = moved - moved.mean(1, keepdim=True)
        return torch.where(self.is_free[:, None, None], centred, self.prototype.verts)

    def moving_verts(self, t: Float[Tensor, "T N"]) -> Float[Tensor, "B M V 3"]:
        """The shapes in the crop camera's frame at times in [0, 1] of each exposure, M = T N."""
        if isinstance(self.motion, PiecewiseMotion):
            rotmat, transl = self.motion(t)
            rotmat, transl = rotmat.flatten(1, 2), transl.flatten(1, 2)
        else:
            rotmat, transl = self.motion(t[0])
        return to_camera_frame(self.verts(), rotmat, transl)

    def layers(self, t: Float[Tensor, "T N"], erosion: int) -> Layers:
        """Appearance (B, T, N, 3, S, S) and eroded silhouettes.

        Args:
            t: times in [0, 1], the same number for each photo.
            erosion: side of the eroding square, px.
        """
        shape = self.prototype
        verts = self.moving_verts(t)
        mesh = Mesh(verts, shape.faces, shape.uv, shape.faces_uv, self.texture)
        layers = render(mesh, self.camera, self.render_settings)
        return Layers(
            layers.rgb.unflatten(1, tuple(t.shape)),
            erode(layers.alpha, erosion).unflatten(1, tuple(t.shape)),
        )


def erode(alpha: Float[Tensor, "B N 1 H W"], side: int) -> Float[Tensor, "B N 1 H W"]:
    """The least value in a square round each pixel; what lies beyond the image does not count.

    Args:
        alpha: silhouettes.
        side: of the square, px, odd; 1 changes nothing.
    """
    if side <= 1:
        return alpha
    flat, half = -alpha.flatten(0, 1), side // 2
    # A square is a row of a column: two passes of n instead of one of n².
    flat = nn.functional.max_pool2d(flat, (1, side), stride=1, padding=(0, half))
    flat = nn.functional.max_pool2d(flat, (side, 1), stride=1, padding=(half, 0))
    return -flat.reshape(alpha.shape)
