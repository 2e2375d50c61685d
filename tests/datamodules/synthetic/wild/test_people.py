"""Clothes, hair, shoes, shapes, poses and viewpoints."""

import numpy as np
import pytest
import torch
from synthetic_wild import only, planned

from datamodules.synthetic.scene import default_body
from datamodules.synthetic.wild.extras import Extras, draw_extras, topology_of
from datamodules.synthetic.wild.garments import draw_covering, draw_look, trailing
from datamodules.synthetic.wild.plan import OddMotion
from datamodules.synthetic.wild.regions import Cut, SurfacePoints
from datamodules.synthetic.wild.settings import Mix
from hfb.geometry import face_normals, rotvec_to_rotmat
from hfb.render import hard_silhouettes
from hfb.structures import BodyParams, Camera


@pytest.fixture(scope="module")
def points() -> SurfacePoints:
    return SurfacePoints.at_vertices(default_body(), torch.zeros(10))


def _covering(points: SurfacePoints, *names: str, seed: int = 0):
    mix = Mix(seed, dict.fromkeys(names, 1.0))
    return draw_covering(points, default_body(), draw_look(mix), mix)


def test_each_thing_lies_where_it_is_worn(points: SurfacePoints) -> None:
    assert draw_covering(points, default_body(), draw_look(Mix(0, {})), Mix(0, {})) is None
    for name, worn, bare in (
        ("garments", points.share((3, 6, 9)) > 0.9, points.share((15, 20, 21, 22, 23)) > 0.9),
        ("hair", points.position[:, 1] > points.landmarks["leye"][1] + 0.09, points.legs > 0.5),
        ("shoes", points.share((10, 11)) > 0.9, points.arms > 0.5),
    ):
        covering = _covering(points, name)
        thick = covering.thickness.numpy()
        assert np.median(thick[worn]) > 0.003, name
        assert thick[bare].max() < 1e-3, name
        assert thick.max() < 0.15, name


def test_cloth_trails_behind_and_the_truth_is_the_body() -> None:
    times = torch.linspace(0.0, 0.2, 9)
    speed = torch.tensor([3.0, 0.0, 0.0])
    verts = times[:, None, None] * speed + torch.rand(1, 4, 3)
    swing = torch.tensor([0.0, 0.02, 0.05, 10.0])
    lag = trailing(verts, torch.zeros(9, 3), times, swing, 0.05)
    # Backwards; as far as the delay says where there is room, no further than the swing elsewhere.
    expected = -swing * torch.tanh(0.05 * 3.0 / swing.clamp(min=1e-9))
    torch.testing.assert_close(lag[..., 0], expected.expand(9, 4), atol=1e-4, rtol=0)
    assert float(lag[..., 1:].abs().max()) < 1e-4
    assert float(trailing(verts[:1], torch.zeros(1, 3), times[:1], swing, 0.05).abs().max()) == 0
    body = default_body()
    naked, dressed = (planned(only(*names), 2, body) for names in ((), ("garments",)))
    assert torch.equal(naked.target.silhouettes, dressed.target.silhouettes)
    assert torch.equal(naked.target.joints, dressed.target.joints)


def test_folds_deepen_where_joints_bend_and_clothes_are_wider_than_skin(
    points: SurfacePoints,
) -> None:
    body = default_body()
    covering = _covering(points, "garments", seed=3)
    pose = torch.eye(3).repeat(2, 24, 1, 1)
    pose[1, 4] = rotvec_to_rotmat(torch.tensor([1.4, 0.0, 0.0]))
    still = BodyParams(torch.zeros(1, 10), pose, torch.zeros(2, 3))
    # Far apart in time: slow, so that nothing trails.
    offsets = covering.offsets(body, still, torch.tensor([0.0, 1000.0]))
    near_knee = torch.from_numpy(points.share((1, 4)) > 0.9) & (covering.fold_height > 0.002)
    change = (offsets.norm(dim=-1).diff(dim=0)[0]).abs()
    if bool(near_knee.any()):
        assert float(change[near_knee].max()) > 0.001
    assert float(change[torch.from_numpy(points.share((16, 18)) > 0.99)].max()) < 1e-4


def test_silhouettes_with_clothes_cover_more(draw) -> None:
    naked, dressed = draw(), draw("garments", "hair", "shoes")
    assert float(dressed.exposure.alpha.sum()) > 1.05 * float(naked.exposure.alpha.sum())
    assert torch.equal(naked.sample.target.joints, dressed.sample.target.joints)
    assert torch.equal(naked.sample.background, dressed.sample.background)


@pytest.mark.parametrize("part", ["skirt", "tail"])
def test_tubes_face_outwards_and_follow_the_body(points: SurfacePoints, part: str) -> None:
    body, cut = default_body(), Cut(0.3, 0.9, 0.0, 0.05, skirt=0.6)
    extras = _with(points, cut, part)
    topology = topology_of(body, 64)
    count = len(body.template)
    verts = torch.cat([body.template, extras.rest])
    own = topology.faces[len(body.faces) :]
    own = own[:880] if part == "skirt" else own[880:]
    middles, normals = verts[own].mean(1), face_normals(verts[None], own)[0]
    # The middle of the ring that each face hangs from.
    start, ring = (count, 40) if part == "skirt" else (count + 480, 14)
    rings = verts[start : count + 480 if part == "skirt" else None].reshape(-1, ring, 3)
    axis = rings.mean(1)[(own[:, 0] - start) // ring]
    away = (middles - axis) * torch.tensor([1.0, 0.0, 1.0])
    assert float(((normals * away).sum(-1) > 0).float().mean()) > 0.95
    assert torch.equal(topology.faces[: len(body.faces)], body.faces)
    # At rest the tubes are where they were drawn; the whole body's turn takes them along.
    pose = torch.eye(3).repeat(2, 24, 1, 1)
    pose[1, 0] = rotvec_to_rotmat(torch.tensor([0.0, 1.0, 0.0]))
    params = BodyParams(torch.zeros(1, 10), pose, torch.tensor([[0.0, 0, 0], [0.3, 0, 2.0]]))
    posed = extras.posed(body, torch.zeros(10), params)
    torch.testing.assert_close(posed[0], extras.rest, atol=1e-5, rtol=0)
    pelvis = body.template_joints[0]
    expected = (extras.rest - pelvis) @ pose[1, 0].T + pelvis + params.transl[1]
    torch.testing.assert_close(posed[1], expected, atol=1e-5, rtol=0)


def _with(points: SurfacePoints, cut: Cut, part: str) -> Extras:
    if part == "skirt":
        return draw_extras(points, cut, None, Mix(0, {"garments": 1.0}))
    tails = (draw_extras(points, None, (0.0, 0.0), Mix(s, {"hair": 1.0})) for s in range(40))
    return next(extras for extras in tails if extras.has_tail)


def test_tubes_that_are_not_worn_are_not_seen(points: SurfacePoints) -> None:
    body = default_body()
    extras = draw_extras(points, None, None, Mix(0, {}))
    assert not extras.has_skirt
    assert not extras.has_tail
    topology = topology_of(body, 64)
    turned = torch.tensor([1.0, -1.0, -1.0])
    verts = torch.cat([body.template, extras.rest]) * turned + torch.tensor([0.0, -0.3, 3.0])
    camera = Camera(torch.tensor([100.0, 100.0]), torch.tensor([40.0, 48.0]), 96, 80)
    both = hard_silhouettes(verts[None], topology.faces, camera)
    alone = hard_silhouettes(verts[None, : len(body.template)], body.faces, camera)
    assert torch.equal(both, alone)


def test_highlights_only_add_light(draw) -> None:
    # Two worlds with the same mesh: shoes of no thickness bring the tubes along.
    dull, shiny = draw("shoes", seed=4), draw("shoes", "highlights", seed=4)
    assert torch.equal(dull.exposure.alpha, shiny.exposure.alpha)
    more = shiny.exposure.rgb - dull.exposure.rgb
    assert float(more.min()) > -1e-5
    assert float(more.max()) > 0.01


def test_shapes_poses_and_viewpoints_are_further_from_the_mean() -> None:
    body = default_body()

    usual, wide = (
        [planned(only(*names), seed, body) for seed in range(8)]
        for names in ((), ("shape", "viewpoint"))
    )

    def spread(plans, value) -> float:
        return float(np.std([value(plan) for plan in plans]))

    for value, factor in (
        (lambda plan: float(plan.betas.abs().mean()), 1.2),
        (lambda plan: float(plan.shot.placed.centre[1]), 1.1),
        (lambda plan: float(plan.shot.placed.camera.focal[0]), 1.3),
    ):
        assert spread(wide, value) > factor * spread(usual, value)
    odd, plain = planned(only("pose"), 5, body), planned(only(), 5, body)
    assert isinstance(odd.shot.source, OddMotion)
    assert odd.shot.source.name == plain.shot.source.name
    times = torch.tensor([0.3], dtype=torch.float64)
    one, other = (plan.shot.source.window(body, torch.zeros(10), times)[0] for plan in (odd, plain))
    angle = (one.mT @ other).diagonal(dim1=-2, dim2=-1).sum(-1).sub(1).div(2).clamp(-1, 1).acos()
    assert float(angle[0, 1:20].mean()) > 0.08
    assert float(angle[0, 0]) < 1e-2
