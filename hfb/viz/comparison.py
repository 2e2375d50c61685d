"""`comparison.png`: what went in, what was found and how well it explains the photo."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import max_pool2d

from hfb.errors import ShapeError
from hfb.viz.panels import PanelStyle, panel_sheet

OUTLINE = (1.0, 0.85, 0.1)
BODY_TINT = (0.35, 0.75, 1.0)


@dataclass(frozen=True)
class ComparisonImages:
    """The images of one sample, sRGB in [0, 1]; sizes may differ from one to the next.

    Attributes:
        image: the blurry input.
        reblurred: the model's explanation of it.
        subframes: sharp first, middle and last sub-frame on the background (any number, in order).
        overlay: the body of the middle sub-frame over the input, see `overlay_body`.
        novel_view: the body seen from the side.
        alpha: the matte that was fitted.
        alpha_estimated: the matte that the model gives.
        paths: joints over time over the input, see `draw_joint_paths`, if drawn.
    """

    image: Float[Tensor, "3 H W"]
    reblurred: Float[Tensor, "3 H1 W1"]
    subframes: Float[Tensor, "S 3 H2 W2"]
    overlay: Float[Tensor, "3 H3 W3"]
    novel_view: Float[Tensor, "3 H4 W4"]
    alpha: Float[Tensor, "1 H5 W5"]
    alpha_estimated: Float[Tensor, "1 H6 W6"]
    paths: Float[Tensor, "3 H7 W7"] | None = None


def comparison_image(
    images: ComparisonImages, numbers: dict[str, str] | None = None, style: PanelStyle | None = None
) -> Float[Tensor, "3 H W"]:
    """Lay the images of one sample out on a sheet with titles and numbers.

    Args:
        images: the images.
        numbers: name to text below the images, for example {"MPJPE": "84 to 61 mm"}; the errors
            of the initial estimate belong beside those of the result.
        style: columns and size; five columns fit the usual ten images.

    Returns:
        The sheet, sRGB in [0, 1].
    """
    last = len(images.subframes) - 1
    names = {0: "sharp, first", last: "sharp, last", last // 2: "sharp, middle"}
    panels: dict[str, Tensor] = {"input": images.image, "re-blurred": images.reblurred}
    for k, frame in enumerate(images.subframes):
        panels[names.get(k, f"sharp, {k + 1} of {last + 1}")] = frame
    panels["body over input"] = images.overlay
    if images.paths is not None:
        panels["joint paths"] = images.paths
    panels["side view"] = images.novel_view
    panels["matte, fitted"] = images.alpha
    panels["matte, model"] = images.alpha_estimated
    return panel_sheet(panels, numbers, style or PanelStyle())


def overlay_body(
    image: Float[Tensor, "3 H W"],
    alpha: Float[Tensor, "1 H W"],
    rgb: Float[Tensor, "3 H W"] | None = None,
    opacity: float = 0.55,
) -> Float[Tensor, "3 H W"]:
    """Draw a translucent body with an outline over an image.

    Args:
        image: what lies below, sRGB in [0, 1].
        alpha: silhouette of the body in [0, 1].
        rgb: straight colour of the body, sRGB, for example shaded; None is a plain tint.
        opacity: of the body's inside, in [0, 1]; the outline is opaque.

    Returns:
        sRGB in [0, 1].

    Raises:
        ShapeError: if the sizes differ.
    """
    if image.shape[-2:] != alpha.shape[-2:]:
        raise ShapeError(
            f"image {tuple(image.shape)} and alpha {tuple(alpha.shape)} differ in size"
        )
    tint = image.new_tensor(BODY_TINT)[:, None, None]
    weight = opacity * alpha
    mixed = (1 - weight) * image + weight * (tint if rgb is None else rgb)
    line = outline(alpha, width=max(1, round(min(image.shape[-2:]) / 200)))
    return torch.lerp(mixed, image.new_tensor(OUTLINE)[:, None, None].expand_as(mixed), line)


def outline(alpha: Float[Tensor, "1 H W"], width: int = 1) -> Float[Tensor, "1 H W"]:
    """The pixels just outside a silhouette.

    Args:
        alpha: silhouette in [0, 1].
        width: of the line, px.

    Returns:
        1 on the line, 0 elsewhere, between where the silhouette is soft.
    """
    grown = max_pool2d(alpha[None], 2 * width + 1, stride=1, padding=width)[0]
    return (grown - alpha).clamp(0, 1)


def time_ghosts(
    background: Float[Tensor, "3 H W"],
    rgb: Float[Tensor, "N 3 H W"],
    alpha: Float[Tensor, "N 1 H W"],
    opacity: Float[Tensor, " N"],
) -> Float[Tensor, "3 H W"]:
    """Several sub-frames over each other, the most opaque in front.

    Args:
        background: sRGB in [0, 1].
        rgb: straight colour of each sub-frame, sRGB.
        alpha: silhouettes.
        opacity: of each sub-frame, in [0, 1].

    Returns:
        sRGB in [0, 1].
    """
    result = background
    for k in opacity.argsort(stable=True).tolist():
        result = torch.lerp(result, rgb[k], opacity[k] * alpha[k])
    return result
