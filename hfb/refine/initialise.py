"""Before the optimisation: starting poses and a matte for every sample."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InputError, ShapeError
from hfb.geometry import default_camera
from hfb.init import Initialiser, read_estimate
from hfb.matte import Matting, OwnMatting, nobody_found
from hfb.refine.problem import ALPHA_FLOOR
from hfb.render import hard_silhouettes
from hfb.structures import BlurSample, Camera, InitialEstimate

CORE_DEPTH = 0.02
"""How far inside its outline the starting pose is opaque, as a share of its height."""


@dataclass(frozen=True)
class InitialisedFrame:
    """A sample with all that the refinement needs.

    Attributes:
        sample: the photo.
        estimate: starting poses, best first.
        alpha: matte of the whole photo.
        camera: full-image camera.
        camera_is_known: False where the focal length is a guess.
    """

    sample: BlurSample
    estimate: InitialEstimate
    alpha: Float[Tensor, "1 H W"]
    camera: Camera
    camera_is_known: bool


def initialise_frame(
    sample: BlurSample,
    body: SmplBody,
    initialiser: Initialiser,
    frame: int | None = None,
    matting: Matting | None = None,
) -> InitialisedFrame:
    """Fill in what a photo does not bring along: matte, camera, starting poses.

    Args:
        sample: one photo with its background.
        body: body model of the starting poses.
        initialiser: finds them where the sample has no estimate of its own.
        frame: number of the photo among consecutive ones, by which a file of estimates knows it;
            None: the file's first.
        matting: finds the matte where the sample has none; our own if None.

    Raises:
        InputError: if the sample has several photos, or nothing moves in front of the background.
        NoPersonError: if nobody stands out from the background; says why.
        BodyModelError: if a given estimate belongs to another body.
    """
    if len(sample.blurry) != 1:
        raise InputError(
            f"{sample.sample_id}: {len(sample.blurry)} photos given, but one at a time is started"
        )
    height, width = sample.blurry.shape[-2:]
    if sample.background.shape[-2:] != sample.blurry.shape[-2:]:
        raise ShapeError(
            f"{sample.sample_id}: photo and background differ in size, "
            f"{tuple(sample.blurry.shape[-2:])} and {tuple(sample.background.shape[-2:])}"
        )
    blurry = sample.blurry[0]
    estimate = sample.estimate
    if estimate is None and sample.estimate_path is not None:
        estimate = read_estimate(sample.estimate_path, body, (height, width), sample.camera, frame)
    camera_is_known = sample.camera is not None or estimate is not None
    if estimate is None:
        camera = sample.camera or default_camera(height, width)
        estimate = initialiser(blurry, sample.background, camera, body)
    if sample.camera is not None and sample.camera.up is not None:
        estimate = replace(estimate, camera=replace(estimate.camera, up=sample.camera.up))
    if sample.alpha is not None:
        alpha = sample.alpha[0]
    else:
        find = matting or OwnMatting()
        alpha = find(blurry, sample.background, body_core(estimate, body))
        if float(alpha.max()) <= ALPHA_FLOOR:
            raise nobody_found(blurry, sample.background)
    # The translation of an estimate belongs to its own camera.
    return InitialisedFrame(sample, estimate, alpha, estimate.camera, camera_is_known)


def body_core(estimate: InitialEstimate, body: SmplBody) -> Bool[Tensor, "H W"]:
    """Pixels well inside the starting pose's silhouette, which are taken to be opaque.

    Clothes of the colour of the wall leave holes in a matte that only the shape of a body can fill.
    The core stays clear of the outline by a share of the body's extent, so that neither a slightly
    wrong pose nor the blurred rim is called opaque.

    Args:
        estimate: starting poses, best first; the best is drawn.
        body: its body model.
    """
    verts = body(estimate.params(0)).verts
    silhouette = hard_silhouettes(verts[None], body.faces, estimate.camera)[0]
    rows = torch.nonzero(silhouette.any(1))
    if len(rows) == 0:
        return silhouette
    extent = int(rows.max() - rows.min()) + 1
    depth = cv2.distanceTransform(silhouette.cpu().numpy().astype(np.uint8), cv2.DIST_L2, 5)
    return torch.from_numpy(depth > CORE_DEPTH * extent).to(silhouette.device)
