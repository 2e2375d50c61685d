"""Images of one result, drawn from its refinement."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.evaluate.results import SampleResult
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.geometry import project
from hfb.matte import crop_camera, crop_image, crop_valid, find_region
from hfb.motion import subframe_times
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import ALPHA_FLOOR
from hfb.refine.result import Refinement, Views, render_views
from hfb.render import RenderSettings, render
from hfb.structures import Camera, Layers
from hfb.viz import (
    ComparisonImages,
    comparison_image,
    draw_joint_paths,
    novel_view,
    overlay_body,
    shaded_mesh,
    time_colours,
    time_ghosts,
)

PANEL_SIZE = 320
PREVIEW_SIZE = 720
PANEL_MARGIN = 0.2
NEUTRAL_GREY = 0.82


def preview_camera(camera: Camera) -> Camera:
    """The full-image camera at preview size: the longer side at most `PREVIEW_SIZE` px."""
    scale = min(1.0, PREVIEW_SIZE / max(camera.height, camera.width))
    height, width = round(camera.height * scale), round(camera.width * scale)
    return camera.crop(0.0, 0.0, scale, height, width)


def preview_image(image: Float[Tensor, "3 H W"], camera: Camera) -> Float[Tensor, "3 h w"]:
    """An sRGB image at a preview camera's size, resampled in linear light."""
    if image.shape[-2:] == (camera.height, camera.width):
        return image
    linear = torch.nn.functional.interpolate(
        srgb_to_linear(image)[None],
        size=(camera.height, camera.width),
        mode="bilinear",
        antialias=True,
    )[0]
    return linear_to_srgb(linear.clamp(0.0, 1.0))


def result_image(result: SampleResult, fitter: Fitter) -> Float[Tensor, "3 h w"]:
    """`comparison.png`: input, estimate, sub-frames, overlay, side view, mattes and numbers."""
    return photo_image(result.item, result.refinement, fitter, caption(result))


@torch.no_grad()
def photo_image(
    item: InitialisedFrame, refinement: Refinement, fitter: Fitter, numbers: dict[str, str]
) -> Float[Tensor, "3 h w"]:
    """The images of one photo and its refinement side by side.

    Args:
        item: the photo with its matte.
        refinement: what was found.
        fitter: the tools of the run.
        numbers: written underneath, by what they are.
    """
    body = fitter.body
    box = find_region(item.alpha[0] > ALPHA_FLOOR, PANEL_MARGIN)
    camera = crop_camera(refinement.camera, box, PANEL_SIZE)
    image = crop_image(item.sample.blurry[0], box, PANEL_SIZE)
    background = crop_image(item.sample.background, box, PANEL_SIZE)
    height, width = item.alpha.shape[-2:]
    inside = crop_valid(height, width, box, PANEL_SIZE)
    settings = fitter.render_settings
    views = render_views(refinement, body, camera, background, settings)
    first, middle, last = 0, len(views.subframes) // 2, len(views.subframes) - 1
    body_shape = _shaded_layers(refinement, body, camera, settings, middle)

    def framed(panel: Float[Tensor, "*N 3 h w"]) -> Float[Tensor, "*N 3 h w"]:
        """Grey where the panel reaches over the edge of the photo."""
        return panel * inside + NEUTRAL_GREY * (1.0 - inside)

    return comparison_image(
        ComparisonImages(
            image=framed(image),
            reblurred=framed(views.reblurred),
            subframes=framed(views.subframes[[first, middle, last]]),
            overlay=overlay_body(framed(image), body_shape.alpha[0], body_shape.rgb[0]),
            novel_view=side_view(refinement, body, settings),
            alpha=inside * crop_image(item.alpha, box, PANEL_SIZE, is_colour=False),
            alpha_estimated=inside * views.alpha,
            paths=_joint_paths(framed(image), refinement, body, camera, views),
        ),
        numbers,
    )


def caption(result: SampleResult) -> dict[str, str]:
    """The numbers under the images, before and after."""
    before, after = result.initial_metrics, result.metrics
    numbers = {
        "re-blur PSNR": f"{before.reblur_psnr_db:.1f} to {after.reblur_psnr_db:.1f} dB",
        "IoU with the matte": f"{before.matte_iou:.2f} to {after.matte_iou:.2f}",
    }
    if before.mpjpe_best_direction_mm is not None and after.mpjpe_best_direction_mm is not None:
        errors = f"{before.mpjpe_best_direction_mm:.0f} to {after.mpjpe_best_direction_mm:.0f} mm"
        numbers["MPJPE, best direction"] = errors
    if before.iou_best_direction is not None and after.iou_best_direction is not None:
        overlap = f"{before.iou_best_direction:.2f} to {after.iou_best_direction:.2f}"
        numbers["silhouette IoU"] = overlap
    return numbers


def side_view(
    refinement: Refinement, body: SmplBody, settings: RenderSettings, count: int = 3
) -> Float[Tensor, "3 h w"]:
    """The moving body from the side on neutral grey, early sub-frames fainter."""
    mesh = refinement.mesh(body, subframe_times(count))
    view = novel_view(mesh.verts, PANEL_SIZE, PANEL_SIZE, up=refinement.camera.up)
    grey = torch.full((3, PANEL_SIZE, PANEL_SIZE), NEUTRAL_GREY)
    colours = time_colours(count)
    rgb, alpha = [], []
    for frame in range(count):
        shaded = shaded_mesh(
            type(mesh)(view.verts, mesh.faces, mesh.uv, mesh.faces_uv, mesh.texture),
            frame,
            colours[frame],
        )
        layers = render(shaded, view.camera, settings)
        rgb.append(layers.rgb[0])
        alpha.append(layers.alpha[0])
    opacity = torch.linspace(0.5, 1.0, count)
    return time_ghosts(grey, torch.stack(rgb), torch.stack(alpha), opacity)


def _shaded_layers(
    refinement: Refinement, body: SmplBody, camera: Camera, settings: RenderSettings, frame: int
) -> Layers:
    mesh = refinement.mesh(body, subframe_times(refinement.num_subframes))
    return render(shaded_mesh(mesh, frame), camera, settings)


def _joint_paths(
    image: Float[Tensor, "3 h w"],
    refinement: Refinement,
    body: SmplBody,
    camera: Camera,
    views: Views,
) -> Float[Tensor, "3 h2 w2"]:
    times = subframe_times(len(views.subframes))
    joints = project(refinement.posed(body, times).joints, camera)
    return draw_joint_paths(image, joints, body.parents)
