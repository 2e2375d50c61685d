"""Photos of a textured sphere or torus that flies and spins before a coloured wall."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.baselines import ObjectEstimate
from hfb.baselines.objects.prototypes import PrototypeName, load_prototype
from hfb.formation import linear_to_srgb
from hfb.geometry import rotvec_to_rotmat
from hfb.metrics.functional import silhouette_iou
from hfb.motion import subframe_times
from hfb.render import RenderSettings, hard_silhouettes, render_exposure
from hfb.structures import BlurSample, Camera, Mesh

THREAD = RenderSettings(num_threads=1)
TRUTH_SUBFRAMES = 24
SIZE = 200
FOCAL = 1.2 * SIZE
DISTANCE = 8.0


@dataclass(frozen=True)
class RigidScene:
    """Photos with their truth.

    Attributes:
        sample: the photos.
        alpha: exact mattes.
        silhouettes: at `times` of each photo's exposure.
        times: in [0, 1].
    """

    sample: BlurSample
    alpha: Float[Tensor, "T 1 H W"]
    silhouettes: Bool[Tensor, "T S H W"]
    times: Float[Tensor, " S"]


def rigid_scene(
    name: PrototypeName, seed: int, num_frames: int = 1, path: float = 1.2, turn: float = 1.0
) -> RigidScene:
    """Render a scene; the objects differ from the prototypes in place, pose, texture and motion.

    Args:
        name: which object.
        seed: of everything that is random.
        num_frames: photos; the shutter is shut for a tenth of the time between two.
        path: displacement of the centre during an exposure in units of the object's half-extent.
        turn: rotation during an exposure, rad.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(3, generator=generator) * torch.tensor([1.0, 1.0, 0.0])
    axis = torch.nn.functional.normalize(torch.randn(3, generator=generator), dim=0)
    first = rotvec_to_rotmat(torch.randn(3, generator=generator))
    texture = _smooth(torch.rand(1, 3, 8, 8, generator=generator), 128)
    wall = _smooth(torch.rand(1, 3, 10, 10, generator=generator), SIZE)
    shape = load_prototype(name)
    camera = Camera(torch.tensor([FOCAL, FOCAL]), torch.full((2,), SIZE / 2), SIZE, SIZE)
    t = subframe_times(TRUTH_SUBFRAMES)
    frames = torch.arange(num_frames, dtype=torch.float32)
    since = (frames[:, None] + 0.9 * t - (num_frames - 0.1) / 2)[..., None]
    transl = since * path * torch.nn.functional.normalize(direction, dim=0)
    rotmat = rotvec_to_rotmat(axis * turn * since) @ first
    verts = shape.verts @ rotmat.transpose(-1, -2) + transl[..., None, :]
    verts = verts + torch.tensor([0.0, 0.0, DISTANCE])
    textures = texture.expand(num_frames, -1, -1, -1)
    mesh = Mesh(verts, shape.faces, shape.uv, shape.faces_uv, textures)
    exposure = render_exposure(mesh, camera, THREAD)
    photo = exposure.rgb + (1.0 - exposure.alpha) * wall
    sample = BlurSample(
        f"{name}_{seed}",
        linear_to_srgb(photo.clamp(0, 1)),
        linear_to_srgb(wall),
        exposure=torch.stack([frames, frames + 0.9], 1) / 30,
    )
    silhouettes = hard_silhouettes(verts, shape.faces, camera, THREAD)
    return RigidScene(sample, exposure.alpha, silhouettes, t)


def scene_iou(estimate: ObjectEstimate, scene: RigidScene) -> float:
    """Mean over photos and sub-frames, in the better direction of time of the whole sequence."""
    ious = []
    for times in (scene.times, 1.0 - scene.times):
        seen = [estimate.silhouettes(k, times, SIZE, SIZE) for k in range(len(scene.silhouettes))]
        ious.append(float(silhouette_iou(torch.stack(seen), scene.silhouettes).mean()))
    return max(ious)


def _smooth(coarse: Float[Tensor, "1 3 h w"], size: int) -> Float[Tensor, "3 H W"]:
    fine = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return fine[0].clamp(0, 1)
