"""Other programs' poses as results of a run: measured and written like our own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ExternalEstimate, PoseTrack
from hfb.evaluate.metrics_of_fit import metrics_of
from hfb.evaluate.metrics_of_sequence import mean_metrics
from hfb.evaluate.results import SampleResult
from hfb.matte import crop_camera, find_region
from hfb.motion import static_motion, subframe_times
from hfb.refine.fitter import Fitter
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem
from hfb.refine.result import Refinement
from hfb.refine.texture_solve import solve_texture
from hfb.structures import Mesh

GREY = 0.5


@dataclass(frozen=True)
class PoseSequence(Refinement):
    """A result whose poses are given at single times instead of as polynomials.

    Its `motion` is the pose of the middle at rest and not used by anything here.

    Attributes:
        track: poses at times in [0, 1] of the exposure.
    """

    track: PoseTrack | None = None

    def poses(
        self, t: Float[Tensor, " N"]
    ) -> tuple[Float[Tensor, "N J 3 3"], Float[Tensor, "N 3"]]:
        """Rotations and translations at times in [0, 1]."""
        assert self.track is not None, "every result of this class has one"
        return self.track.at(t)


def evaluate_pose_sequences(
    method: str,
    start: SampleResult,
    problems: list[RefineProblem],
    estimates: list[ExternalEstimate],
    fitter: Fitter,
    seconds: float,
) -> SampleResult:
    """Measure poses given for each photo of a sample.

    Args:
        method: its name in the tables.
        start: the sample with the static start's metrics, which stand beside.
        problems: the crop of each photo that all methods are measured on.
        estimates: one a photo.
        fitter: the tools of the run.
        seconds: what the estimates took.
    """
    photos = []
    for photo, problem, estimate in zip(start.photos or (start,), problems, estimates, strict=True):
        refinement = as_pose_sequence(photo, problem, estimate, fitter)
        metrics = metrics_of(refinement, photo.item, problem, fitter)
        photos.append(replace(photo, refinement=refinement, metrics=metrics, method=method))
    if not start.photos:
        return replace(photos[0], seconds=seconds)
    return replace(
        start,
        refinement=photos[0].refinement,
        metrics=mean_metrics([photo.metrics for photo in photos]),
        photos=tuple(photos),
        seconds=seconds,
        method=method,
    )


def as_pose_sequence(
    photo: SampleResult, problem: RefineProblem, estimate: ExternalEstimate, fitter: Fitter
) -> PoseSequence:
    """Poses with a texture of their own, as a result."""
    settings, track = fitter.settings, estimate.track
    middle, transl = (values[0] for values in track.at(torch.tensor([0.5])))
    size = settings.texture_size
    bare = PoseSequence(
        sample_id=photo.item.sample.sample_id,
        motion=static_motion(middle, transl, 1),
        betas=estimate.betas,
        texture=torch.full((3, size, size), GREY),
        camera=estimate.camera,
        num_subframes=settings.num_subframes,
        formation=settings.formation,
        track=track,
    )
    body = fitter.body
    verts = bare.posed(body, subframe_times(bare.num_subframes)).verts
    box = find_region(photo.item.alpha[0] > ALPHA_FLOOR, settings.crop_margin)
    texture = solve_texture(
        Mesh(verts, body.faces, body.uv, body.faces_uv, bare.texture),
        crop_camera(estimate.camera, box, settings.image_size),
        problem.image[0],
        problem.background[0],
        problem.valid[0],
        fitter.render_settings,
        settings.formation == "linear",
    )
    return replace(bare, texture=texture)


def interpolated_starts(start: SampleResult) -> list[ExternalEstimate]:
    """The static starts of consecutive photos, interpolated between their mid-exposures.

    What the paper compares with where it has several photos; a single photo's start stays at rest.
    """
    photos = start.photos or (start,)
    exposure = torch.stack([photo.item.sample.exposure[0] for photo in photos]).double()
    starts = [photo.item.estimate for photo in photos]
    poses = torch.stack([estimate.pose_rotmat[0] for estimate in starts])
    transl = torch.stack([estimate.transl[0] for estimate in starts])
    return [
        ExternalEstimate(
            PoseTrack((exposure.mean(1) - opening) / (closing - opening), poses, transl),
            estimate.betas[0],
            estimate.camera,
        )
        for estimate, (opening, closing) in zip(starts, exposure, strict=True)
    ]
