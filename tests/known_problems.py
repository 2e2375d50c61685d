"""A small refinement problem with known truth: the free body raising an arm before a plain wall."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
import torch

from hfb.body import SmplBody, load_body, load_texture, texture_names
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.motion import PolynomialMotion, evaluate, static_motion, subframe_times
from hfb.refine import RefineProblem, RefineSettings
from hfb.render import render_exposure
from hfb.structures import BodyParams, Camera, Mesh

LEFT_SHOULDER, RIGHT_SHOULDER = 16, 17


@dataclass(frozen=True)
class KnownProblem:
    """A problem and what it was made from."""

    problem: RefineProblem
    truth: PolynomialMotion
    body: SmplBody


@pytest.fixture(scope="session")
def body() -> SmplBody:
    return load_body()


def known_motion(degree: int = 2) -> PolynomialMotion:
    """Both arms down, the left one swinging up by 40 degrees within the exposure."""
    rotvec = torch.zeros(1, 24, 3)
    rotvec[:, LEFT_SHOULDER, 2] = -0.9
    rotvec[:, RIGHT_SHOULDER, 2] = 0.9
    pose = rotvec_to_rotmat(rotvec)
    pose[:, 0] = MODEL_TO_CAMERA
    motion = static_motion(pose, torch.tensor([[0.0, 0.2, 4.0]]), degree)
    coeffs = motion.coeffs.clone()
    coeffs[:, 1, 1 + LEFT_SHOULDER, 2] = 0.7
    coeffs[:, 1, 0, 0] = 0.06
    return motion.with_coeffs(coeffs)


@pytest.fixture(scope="session")
def make_known(body: SmplBody) -> Callable[..., KnownProblem]:
    """Makes a problem; `offset` shifts its start sideways, m; `truth` replaces the motion."""
    return partial(known_problem, body)


@pytest.fixture(scope="session")
def known(make_known: Callable[..., KnownProblem]) -> KnownProblem:
    return make_known()


def known_problem(
    body: SmplBody,
    size: int = 96,
    offset: float = 0.0,
    truth: PolynomialMotion | None = None,
) -> KnownProblem:
    """Render the motion with many sub-frames; start from a slightly wrong pose at rest."""
    truth = known_motion() if truth is None else truth
    camera = Camera(torch.tensor([[size * 1.7] * 2]), torch.tensor([[size / 2] * 2]), size, size)
    pose, transl = evaluate(truth, subframe_times(24))
    posed = body(BodyParams(torch.zeros(1, 1, 10), pose, transl))
    texture = srgb_to_linear(load_texture(texture_names()[0]))[None]
    exposure = render_exposure(
        Mesh(posed.verts, body.faces, body.uv, body.faces_uv, texture), camera
    )
    background = torch.full((1, 3, size, size), 0.6)
    image = linear_to_srgb(composite_exposure(exposure, srgb_to_linear(background)))
    start_pose = truth.base_rotmat.clone()
    bend = torch.zeros(24, 3)
    bend[LEFT_SHOULDER, 2], bend[RIGHT_SHOULDER, 2] = 0.35, 0.15
    start_pose = start_pose @ rotvec_to_rotmat(bend)
    problem = RefineProblem(
        names=("known/0",),
        image=image,
        background=background,
        alpha=exposure.alpha,
        valid=torch.ones(1, 1, size, size),
        camera=camera,
        start=BodyParams(
            torch.zeros(1, 10), start_pose, truth.base_transl + torch.tensor([0.05 + offset, 0, 0])
        ),
        matte_is_given=(True,),
    )
    return KnownProblem(problem, truth, body)


@pytest.fixture
def small_settings() -> RefineSettings:
    """One weight for all stages, however many a test takes."""
    weights = {"image": 3.0, "matting": 1.0, "depth_anchor": 0.0}
    return RefineSettings(weights=weights, image_size=96, texture_size=32, num_subframes=4)
