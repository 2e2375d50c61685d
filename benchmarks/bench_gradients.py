"""Compare the renderer's gradients with central differences of the whole rendered loss.

Run from the repository root:

    python benchmarks/bench_gradients.py                 # 20 poses, all modes, a few minutes
    python benchmarks/bench_gradients.py --poses 4 --modes coverage

Each pose is drawn from the pose prior, textured with one of the shipped outfits, moved through the
sub-frames and rendered on a background of another colour. The loss is the refinement's: the blurry
image (mean square) and the silhouette (`--matting`: l1 is the refinement's mean absolute
difference, l2 the mean square) against those of a disturbed pose, rendered with four times the
resolution. Every translation, rotation and single joint angle is then
moved so far in both directions that no vertex travels more than half a pixel on the image, and the
loss's difference is compared with its gradient. Both are taken per pixel of the fastest vertex, so
that metres and radians weigh alike. Columns: |gradient - difference| / |difference| (L2 norms over
the parameters of one kind), mean over the poses; `cosine` is the mean cosine over all parameters.
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hfb.body import SmplBody, load_body, load_texture, texture_names
from hfb.geometry import rotvec_to_rotmat
from hfb.losses import MattingKind, image_loss, matting_loss, weighted_sum
from hfb.prior import MixturePosePrior
from hfb.render import RenderSettings, render_exposure
from hfb.structures import BodyParams, Camera, Mesh

TEXTURES = texture_names()
KINDS = {"translation": slice(0, 3), "rotation": slice(3, 6), "joints": slice(6, None)}
NUM_PARAMETERS = 6 + 23 * 3
BODY_SHARE_OF_HEIGHT = 0.65
STEP_PX = 0.5
SUPERSAMPLING = 4
WEIGHTS = {"image": 3.0, "matting": 1.0}
"""Those of the refinement's first stage, which places the limbs."""
MODES = ("coverage", "contour", "dibr")


@dataclass(frozen=True)
class Case:
    """A moving body as a function of offsets to all its parameters, and what it should look like.

    Attributes:
        mesh_of: offsets (75,) to the mesh: translation in m, rotation, joints in rad.
        camera: of the image.
        background: (3, 1, 1) colour behind the body.
        image: (3, H, W) target.
        alpha: (1, H, W) target.
    """

    mesh_of: Callable[[Tensor], Mesh]
    camera: Camera
    background: Tensor
    image: Tensor
    alpha: Tensor

    def loss(self, offsets: Tensor, settings: RenderSettings, matting: MattingKind) -> Tensor:
        """The image and matting terms of the refinement."""
        exposure = render_exposure(self.mesh_of(offsets), self.camera, settings)
        image = exposure.rgb + (1 - exposure.alpha) * self.background
        alpha, target = exposure.alpha.double(), self.alpha.double()
        area = target.sum()
        terms = {
            "image": image_loss(image.double(), self.image.double(), area=area),
            "matting": matting_loss(alpha, target, kind=matting, area=area),
        }
        return weighted_sum(terms, WEIGHTS)


def draw_pose(prior: MixturePosePrior, generator: torch.Generator) -> Tensor:
    """A plausible pose (23, 3), rad, from a component of the prior."""
    component = int(torch.multinomial(prior.log_weights.exp(), 1, generator=generator))
    size = prior.means.shape[-1]
    whitener = prior.whiteners.unflatten(-1, (-1, size))[:, component]
    noise = torch.randn(size, generator=generator)
    return (prior.means[component] + noise @ torch.linalg.inv(whitener)).reshape(23, 3)


def make_case(
    seed: int, size: int, num_subframes: int, body: SmplBody, prior: MixturePosePrior
) -> Case:
    """A random pose, motion, outfit and camera direction, and a disturbed twin as target."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    pose, times = draw_pose(prior, generator), torch.linspace(-0.5, 0.5, num_subframes)
    turn = torch.tensor([0.0, float(noise(())) * 3, 0.0])
    upright = rotvec_to_rotmat(torch.tensor([math.pi, 0.0, 0.0]))
    start = rotvec_to_rotmat(0.15 * noise(3)) @ upright @ rotvec_to_rotmat(turn)
    focal = size * math.sqrt(2.0)
    distance = focal * 1.7 / (BODY_SHARE_OF_HEIGHT * size)
    place = torch.tensor([0.0, 0.0, distance]) + 0.02 * noise(3)
    velocity = torch.cat([0.06 * noise(3), 0.1 * noise(3), 0.15 * noise(69)])
    texture = load_texture(TEXTURES[seed % len(TEXTURES)])
    texture = torch.nn.functional.avg_pool2d(texture, texture.shape[-1] // 128)

    def mesh_of(offsets: Tensor) -> Mesh:
        all_offsets = offsets + times[:, None] * velocity
        rotvecs = torch.cat(
            [all_offsets[:, None, 3:6], all_offsets[:, 6:].unflatten(1, (23, 3))], 1
        )
        rest = torch.cat([start[None], rotvec_to_rotmat(pose)])
        rotmat = rotvec_to_rotmat(rotvecs) @ rest
        params = BodyParams(torch.zeros(1, body.num_betas), rotmat, place + all_offsets[:, :3])
        return Mesh(body(params).verts, body.faces, body.uv, body.faces_uv, texture)

    camera = Camera(torch.tensor([focal, focal]), torch.tensor([size / 2, size / 2]), size, size)
    background = torch.rand(3, 1, 1, generator=generator)
    disturbance = torch.cat([0.03 * noise(3), 0.06 * noise(3), 0.12 * noise(69)])
    fine_camera = camera.crop(0.0, 0.0, SUPERSAMPLING, SUPERSAMPLING * size, SUPERSAMPLING * size)
    with torch.no_grad():
        fine = render_exposure(mesh_of(disturbance), fine_camera)
    rgb, alpha = (torch.nn.functional.avg_pool2d(x, SUPERSAMPLING) for x in (fine.rgb, fine.alpha))
    return Case(mesh_of, camera, background, rgb + (1 - alpha) * background, alpha)


@torch.no_grad()
def half_pixel_steps(case: Case) -> Tensor:
    """For each parameter the offset that moves the fastest vertex by half a pixel."""
    probe = 1e-3

    def project(offsets: Tensor) -> Tensor:
        verts = case.mesh_of(offsets).verts
        return case.camera.focal * verts[..., :2] / verts[..., 2:]

    steps = []
    for offset in probe * torch.eye(NUM_PARAMETERS):
        moved = (project(offset) - project(-offset)).norm(dim=-1).max() / 2
        steps.append(probe * STEP_PX / float(moved))
    return torch.tensor(steps)


def compare(case: Case, settings: RenderSettings, matting: MattingKind) -> tuple[Tensor, Tensor]:
    """Gradient and central differences, both per pixel of the fastest vertex."""
    steps = half_pixel_steps(case)
    offsets = torch.zeros(NUM_PARAMETERS, requires_grad=True)
    (gradient,) = torch.autograd.grad(case.loss(offsets, settings, matting), offsets)
    with torch.no_grad():
        difference = torch.stack(
            [
                case.loss(step, settings, matting) - case.loss(-step, settings, matting)
                for step in torch.diag(steps)
            ]
        )
    return gradient.double() * steps / STEP_PX, difference / (2 * STEP_PX)


def summarise(pairs: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Mean relative error of each kind of parameter, and of all; mean cosine of all."""
    summary = {}
    for kind, part in {**KINDS, "all": slice(None)}.items():
        errors = [float((g[part] - d[part]).norm() / d[part].norm()) for g, d in pairs]
        summary[kind] = sum(errors) / len(errors)
    cosines = [float(torch.nn.functional.cosine_similarity(g, d, dim=0)) for g, d in pairs]
    return {**summary, "cosine": sum(cosines) / len(cosines)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--poses", type=int, default=20)
    parser.add_argument("--modes", nargs="+", default=MODES)
    parser.add_argument("--matting", nargs="+", choices=("l1", "l2"), default=["l1", "l2"])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--subframes", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start, body, prior = time.perf_counter(), load_body(), MixturePosePrior()
    print(
        f"{arguments.poses} poses at {arguments.size} x {arguments.size}, steps of "
        f"±{STEP_PX} px; relative L2 error\n\n"
        f"| mode | matting | sub-frames | {' | '.join(KINDS)} | all | cosine |\n|---|{'---|' * 7}"
    )
    for num_subframes in arguments.subframes:
        cases = [
            make_case(seed, arguments.size, num_subframes, body, prior)
            for seed in range(arguments.poses)
        ]
        for mode, matting in itertools.product(arguments.modes, arguments.matting):
            # DIB-R as it is: without the colours that we give to its rim.
            settings = replace(RenderSettings(), mode=mode, backend=arguments.backend, rim="black")
            row = summarise([compare(case, settings, matting) for case in cases])
            values = " | ".join(f"{x:.3f}" for x in row.values())
            print(f"| {mode} | {matting} | {num_subframes} | {values} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
