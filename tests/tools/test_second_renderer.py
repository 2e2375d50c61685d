"""Photos by the path tracer: the same truth as ours, another look."""

import sys
from dataclasses import replace

import pytest
import torch

from datamodules.blur_folder import list_samples, read_sample
from datamodules.synthetic.command import main as make_ours
from datamodules.synthetic.person import pose_photo
from datamodules.synthetic.scene import draw_surroundings, expose_body, plan_scene
from datamodules.synthetic.shot import SyntheticSettings
from hfb.render import hard_silhouettes

WHY = "needs Mitsuba: pip install '.[second-renderer]'"
SMALL = ["--num_samples=1", "--height=96", "--width=80", "--workers=1", "--seed=3"]


@pytest.fixture(autouse=True)
def _tools_on_path(repo, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(repo / "tools"))


def test_without_mitsuba_the_error_says_what_to_install(tmp_path, monkeypatch, capsys) -> None:
    import second_renderer

    second_renderer._mitsuba.cache_clear()
    monkeypatch.setitem(sys.modules, "mitsuba", None)
    with pytest.raises(SystemExit) as stop:
        second_renderer.main([f"--output={tmp_path}", *SMALL])
    assert stop.value.code == 3
    assert "pip install '.[second-renderer]'" in capsys.readouterr().out


def test_dressed_scenes_are_refused(tmp_path, capsys) -> None:
    import second_renderer

    with pytest.raises(SystemExit) as stop:
        second_renderer.main([f"--output={tmp_path}", "--protocol=wild", "--per_bin=1"])
    assert stop.value.code == 2
    assert "our renderer only" in capsys.readouterr().err


def test_the_body_lies_where_ours_does() -> None:
    pytest.importorskip("mitsuba", reason=WHY)
    import second_renderer

    settings = SyntheticSettings(height=240, width=200, blur_rate=(0.05, 0.1), num_subframes=1)
    plan = plan_scene(settings, seed=5)
    around = draw_surroundings(plan)
    (traced,), _ = second_renderer.path_traced(plan, around.light, around.outfit, False)
    (ours,), _ = expose_body(plan, around.light, around.outfit, False)
    params, _, _ = pose_photo(plan.body, plan.betas, plan.shot, 1)
    verts = plan.body(params).verts
    (hard,) = hard_silhouettes(verts, plan.body.faces, plan.shot.placed.camera)
    seen = traced.alpha[0] > 0.5
    assert (seen & hard).sum() / (seen | hard).sum() > 0.97
    # The texture lies the same way round, and the light is about as bright, but not the same.
    inside = (traced.alpha[0] > 0.99) & (ours.alpha[0] > 0.99)
    one, other = traced.rgb[:, inside], ours.rgb[:, inside]
    alike = torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]
    assert 0.7 < float(alike) < 0.995
    assert 0.4 < float(one.mean() / other.mean()) < 1.6


def test_a_principal_point_aside_moves_the_body_with_it() -> None:
    pytest.importorskip("mitsuba", reason=WHY)
    import second_renderer

    settings = SyntheticSettings(height=120, width=100, blur_rate=(0.05, 0.1), num_subframes=1)
    plan = plan_scene(settings, seed=5)
    placed = plan.shot.placed
    aside = placed.camera.principal_point + torch.tensor([7.0, -4.0])
    camera = replace(placed.camera, principal_point=aside)
    plan = replace(plan, shot=replace(plan.shot, placed=replace(placed, camera=camera)))
    around = draw_surroundings(plan)
    (traced,), _ = second_renderer.path_traced(plan, around.light, around.outfit, False)
    params, _, _ = pose_photo(plan.body, plan.betas, plan.shot, 1)
    (hard,) = hard_silhouettes(plan.body(params).verts, plan.body.faces, camera)
    seen = traced.alpha[0] > 0.5
    assert (seen & hard).sum() / (seen | hard).sum() > 0.94


def test_truth_and_places_are_those_of_our_photos(tmp_path) -> None:
    pytest.importorskip("mitsuba", reason=WHY)
    import second_renderer

    make_ours([f"--output={tmp_path / 'ours'}", *SMALL])
    second_renderer.main([f"--output={tmp_path / 'traced'}", *SMALL])
    ours, traced = (read_sample(list_samples(tmp_path / name)[0]) for name in ("ours", "traced"))
    assert ours.sample_id == traced.sample_id
    assert torch.equal(ours.background, traced.background)
    assert torch.equal(ours.target.joints, traced.target.joints)
    assert torch.equal(ours.camera.focal, traced.camera.focal)
    difference = (ours.blurry - traced.blurry).abs().mean(1)[0]
    (person,) = ours.target.silhouettes.any(1)
    assert difference[person].mean() > 5 * difference[~person].mean()
    with pytest.raises(SystemExit):  # the folder says whose photos it holds
        make_ours([f"--output={tmp_path / 'traced'}", *SMALL])
