"""Other programs' poses as results of a run: measured and written like our own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines import ExternalEstimate, PoseTrack, fit_texture
from hfb.body import SmplBody
from hfb.export import MotionRecord, write_glb, write_image, write_motion, write_video
from hfb.geometry import rotmat_to_rotvec
from hfb.init import crop_camera, find_region
from hfb.motion import static_motion, subframe_times
from hfb.refine.evaluation import SampleResult, figures_of
from hfb.refine.pictures import preview_camera, preview_image, result_picture
from hfb.refine.problem import ALPHA_FLOOR, RefineProblem
from hfb.refine.results import Refinement, render_views
from hfb.refine.runner import Refiner
from hfb.refine.sequence_evaluation import mean_figures
from hfb.structures import BlurSample, BodyParams, Mesh, PosedBody

VIDEO_FPS = 12.0
VIDEO_SUBFRAMES = 24
GREY = 0.5


@dataclass(frozen=True)
class TrackRefinement(Refinement):
    """A result whose poses are given at moments instead of as polynomials.

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

    def posed(self, body: SmplBody, t: Float[Tensor, " N"]) -> PosedBody:
        """The body at given times in [0, 1]."""
        pose_rotmat, transl = self.poses(t)
        return body(BodyParams(self.betas, pose_rotmat, transl))


def evaluate_tracks(
    method: str,
    start: SampleResult,
    problems: list[RefineProblem],
    estimates: list[ExternalEstimate],
    refiner: Refiner,
    seconds: float,
) -> SampleResult:
    """Measure poses given for each photo of a sample.

    Args:
        method: its name in the tables.
        start: the sample with the static start's figures, which stand beside.
        problems: the crop of each photo that all methods are measured on.
        estimates: one a photo.
        refiner: the tools of the run.
        seconds: what the estimates took.
    """
    photos = []
    for photo, problem, estimate in zip(start.photos or (start,), problems, estimates, strict=True):
        refinement = track_refinement(photo, problem, estimate, refiner)
        figures = figures_of(refinement, photo.item, problem, refiner)
        photos.append(replace(photo, refinement=refinement, figures=figures, method=method))
    if not start.photos:
        return replace(photos[0], seconds=seconds)
    return replace(
        start,
        refinement=photos[0].refinement,
        figures=mean_figures([photo.figures for photo in photos]),
        photos=tuple(photos),
        seconds=seconds,
        method=method,
    )


def track_refinement(
    photo: SampleResult, problem: RefineProblem, estimate: ExternalEstimate, refiner: Refiner
) -> TrackRefinement:
    """Poses with a texture of their own, as a result."""
    settings, track = refiner.settings, estimate.track
    middle, place = (values[0] for values in track.at(torch.tensor([0.5])))
    size = settings.texture_size
    bare = TrackRefinement(
        sample_id=photo.item.sample.sample_id,
        motion=static_motion(middle, place, 1),
        betas=estimate.betas,
        texture=torch.full((3, size, size), GREY),
        camera=estimate.camera,
        num_subframes=settings.num_subframes,
        formation=settings.formation,
        energy=0.0,
        track=track,
    )
    body = refiner.body
    verts = bare.posed(body, subframe_times(bare.num_subframes)).verts
    box = find_region(photo.item.alpha[0] > ALPHA_FLOOR, settings.crop_margin)
    texture = fit_texture(
        Mesh(verts, body.faces, body.uv, body.faces_uv, bare.texture),
        crop_camera(estimate.camera, box, settings.image_size),
        problem.image[0],
        problem.background[0],
        problem.alpha[0],
        refiner.render_settings,
        settings.formation == "linear",
    )
    return replace(bare, texture=texture)


def interpolated_tracks(start: SampleResult) -> list[ExternalEstimate]:
    """The static starts of consecutive photos, interpolated between their mid-exposures.

    What the paper compares with where it has several photos; a single photo's start stays at rest.
    """
    photos = start.photos or (start,)
    exposure = torch.stack([photo.item.sample.exposure[0] for photo in photos]).double()
    starts = [photo.item.estimate for photo in photos]
    poses = torch.stack([estimate.pose_rotmat[0] for estimate in starts])
    places = torch.stack([estimate.transl[0] for estimate in starts])
    return [
        ExternalEstimate(
            PoseTrack((exposure.mean(1) - opening) / (closing - opening), poses, places),
            estimate.betas[0],
            estimate.camera,
        )
        for estimate, (opening, closing) in zip(starts, exposure, strict=True)
    ]


@torch.no_grad()
def fill_track_folder(folder: Path, result: SampleResult, refiner: Refiner) -> None:
    """Write the files of a result given as poses.

    Args:
        folder: exists and is empty.
        result: its refinements are `TrackRefinement`.
        refiner: the tools of the run.
    """
    photos, sample, body = result.photos or (result,), result.item.sample, refiner.body
    refinements = [photo.refinement for photo in photos]
    record = track_record(refinements, sample, body)
    write_motion(folder / "motion.npz", record)
    count = refinements[0].num_subframes
    verts = torch.cat([r.posed(body, subframe_times(count)).verts for r in refinements])
    write_glb(
        folder / "mesh.glb",
        Mesh(verts, body.faces, body.uv, body.faces_uv, refinements[0].texture),
        record.times,
        extras={"body": body.identity.name, "sample_id": sample.sample_id},
    )
    camera = preview_camera(refinements[0].camera)
    views = render_views(
        refinements[0],
        body,
        camera,
        preview_image(sample.background, camera),
        refiner.render_settings,
        VIDEO_SUBFRAMES,
    )
    write_video(folder / "subframes.mp4", views.subframes, fps=VIDEO_FPS)
    write_image(folder / "comparison.png", result_picture(photos[0], refiner))
    write_image(folder / "texture.png", refinements[0].texture)


def track_record(refinements: list[Refinement], sample: BlurSample, body: SmplBody) -> MotionRecord:
    """The poses at the sub-frame times of all photos, as `motion.npz` wants them."""
    count = refinements[0].num_subframes
    t = subframe_times(count)
    moments = [r.poses(t) for r in refinements if isinstance(r, TrackRefinement)]
    exposure = sample.exposure.double()
    times = exposure[:, :1] + t.double() * (exposure[:, 1:] - exposure[:, :1])
    number = len(refinements)
    return MotionRecord(
        pose_rotvec=rotmat_to_rotvec(torch.cat([pose for pose, _ in moments])),
        transl=torch.cat([transl for _, transl in moments]),
        betas=refinements[0].betas,
        times=times.flatten(),
        frame_index=torch.arange(number).repeat_interleave(count),
        subframe_index=torch.arange(count).repeat(number),
        exposure=sample.exposure,
        fps=sample.fps,
        camera=refinements[0].camera,
        body=body.identity,
    )
