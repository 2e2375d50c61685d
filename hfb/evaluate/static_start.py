"""The static starting pose as a method: what any refinement has to beat."""

from __future__ import annotations

import time
from dataclasses import replace

from hfb.evaluate.metrics_of_fit import metrics_of
from hfb.evaluate.results import SampleResult
from hfb.motion import static_motion
from hfb.refine.fitter import Fitter
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.problem import RefineProblem
from hfb.refine.result import Refinement
from hfb.refine.texture_solve import solve_texture
from hfb.structures import Camera, Mesh


def evaluate_start(item: InitialisedFrame, problem: RefineProblem, fitter: Fitter) -> SampleResult:
    """Measure the static starting pose: the method that any refinement has to beat.

    Args:
        item: the sample.
        problem: its crop (one problem).
        fitter: the tools of the run.
    """
    begin = time.perf_counter()
    initial = static_with_texture(problem, fitter, item.camera)
    seconds = time.perf_counter() - begin
    metrics = metrics_of(initial, item, problem, fitter)
    unlifted = None
    if item.estimate.unlifted is not None and item.sample.target is not None:
        start = item.estimate.unlifted.all_params().index([0])
        plain = static_with_texture(replace(problem, start=start), fitter, item.camera)
        unlifted = metrics_of(plain, item, problem, fitter)
    return SampleResult(
        item, initial, initial, metrics, metrics, seconds, "static", unlifted_metrics=unlifted
    )


def static_with_texture(problem: RefineProblem, fitter: Fitter, camera: Camera) -> Refinement:
    """The starting pose at rest with the texture that explains the photo best.

    Without a texture of its own the static start would lose every comparison of images for the
    wrong reason.

    Args:
        problem: the crop (one problem).
        fitter: the tools of the run.
        camera: full-image camera.
    """
    settings, body, start = fitter.settings, fitter.body, problem.start
    motion = static_motion(
        start.pose_rotmat,
        start.transl,
        settings.degree,
        settings.parameterization,
        settings.time_origin,
    )
    verts = body(start).verts.unsqueeze(1)
    size = settings.texture_size
    grey = verts.new_full((1, 3, size, size), 0.5)
    texture = solve_texture(
        Mesh(verts, body.faces, body.uv, body.faces_uv, grey),
        problem.camera,
        problem.image,
        problem.background,
        problem.valid,
        fitter.render_settings,
        settings.formation == "linear",
    )
    return Refinement(
        sample_id=problem.names[0].rsplit("/", 1)[0],
        motion=motion.index(0),
        betas=start.betas[0],
        texture=texture[0],
        camera=camera,
        num_subframes=1,
        formation=settings.formation,
    )
