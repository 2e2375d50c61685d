"""BT-AMASS and BC-CAPE: bins, resuming, bytes, several photos, clothes, CAPE's own layout."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from datamodules.blur_folder import read_sample
from datamodules.mocap.files import MocapClip, split_of_subject
from datamodules.synthetic.cape import CapeClothes, CapeData, fit_betas
from datamodules.synthetic.clothes import draw_garments
from datamodules.synthetic.command import main
from datamodules.synthetic.protocol import MotionLibrary, Recipe, plan_in_bin
from datamodules.synthetic.scene import draw_scene, plan_scene
from datamodules.synthetic.shot import SyntheticSettings
from datamodules.synthetic.writer import slots_of
from hfb.body import SmplBody, load_body
from hfb.body.kinematics import joint_frames
from hfb.errors import InputError
from hfb.formation import BLUR_RATE_BINS
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BodyParams


@pytest.fixture(scope="module")
def body() -> SmplBody:
    return load_body()


def waving(num_frames: int, rate: float, speed: float) -> np.ndarray:
    """SMPL poses in a z-up world: upright, arms swinging."""
    poses = np.zeros((num_frames, 72))
    poses[:, 0] = np.pi / 2
    swing = np.sin(2 * np.pi * speed * np.arange(num_frames) / rate)
    poses[:, 3 * 16 + 2] = -0.4 + 0.9 * swing
    poses[:, 3 * 17 + 2] = 0.4 + 0.9 * swing
    poses[:, 3 * 1] = -0.5 * swing
    poses[:, 3 * 4] = 0.5 + 0.5 * swing
    return poses


@pytest.fixture(scope="module")
def mocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two AMASS files: subjects' folders, SMPL-H poses, 120 Hz, and a file of a body's shape."""
    root = tmp_path_factory.mktemp("amass") / "CMU"
    for subject, speed in (("01", 0.7), ("02", 1.6)):
        folder = root / subject
        folder.mkdir(parents=True)
        poses = np.zeros((420, 156))
        poses[:, :66] = waving(420, 120.0, speed)[:, :66]
        np.savez(
            folder / f"{subject}_01_poses.npz",
            poses=poses,
            trans=np.tile([0.0, 0.0, 0.95], (420, 1)),
            betas=np.zeros(16),
            mocap_framerate=120.00004,
            gender=np.array("male"),
        )
        np.savez(folder / "shape.npz", betas=np.zeros(16))
    return root


@pytest.fixture(scope="module")
def recipe(mocap: Path) -> Recipe:
    return Recipe(protocol="bt_amass", mocap=mocap, subjects="all", height=96, width=80)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_bins_hold_what_they_say(recipe: Recipe, number: int) -> None:
    plan = plan_in_bin(recipe, number, 0)
    low, high = BLUR_RATE_BINS["table1"][number : number + 2]
    assert low <= plan.blur_rate < high
    shot = plan.shot
    frames = shot.window.duration * 120
    assert frames == pytest.approx(round(frames), abs=1e-6)
    assert 5 <= round(frames) <= 60
    assert plan.settings.subframes_of(shot.window.duration) == 5 * round(frames)
    facing = plan.target.pose_rotmat[0, 0, 0, :, 2]
    assert facing[2] < -0.4  # towards the camera


def test_the_same_recipe_gives_the_same_bytes_and_goes_on(
    mocap: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("datamodules.synthetic.protocol.SUBFRAME_HZ", 60.0)
    options = ["--protocol=bt_amass", f"--mocap={mocap}", "--subjects=all", "--height=96",
               "--width=80", "--table=table1", "--per-bin=[1,0,1,0,0,0,0,0,0,0]"]  # fmt: skip
    for name in ("one", "two"):
        main([*options, "--workers=1", f"--output={tmp_path / name}"])
    files = {p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert {str(p) for p in files if p.parent == Path()} == {
        "contact_sheet_bin0_0.05-0.1.png", "contact_sheet_bin2_0.2-0.3.png", "recipe.json",
    }  # fmt: skip
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    sample = read_sample(tmp_path / "one" / "bt_amass_bin2_000")
    assert 0.2 <= sample.blur_rate < 0.3
    # What a kill in the middle of a sample leaves is made again, the rest is kept.
    (tmp_path / "two" / "bt_amass_bin2_000" / "sample.json").unlink()
    stamp = (tmp_path / "two" / "bt_amass_bin0_000" / "target.npz").stat().st_mtime_ns
    capsys.readouterr()
    main([*options, "--workers=1", f"--output={tmp_path / 'two'}"])
    assert "bin2_000: blur rate" in capsys.readouterr().out
    assert (tmp_path / "two" / "bt_amass_bin0_000" / "target.npz").stat().st_mtime_ns == stamp
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    with pytest.raises(SystemExit):
        main([*options, "--seed=2", f"--output={tmp_path / 'two'}"])
    assert "another recipe (seed: 1 there, 2 wanted)" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.slow
def test_workers_write_the_same_bytes(tmp_path: Path) -> None:
    options = ["--height=96", "--width=80", "--num-samples=2"]
    for workers in (1, 2):
        main([*options, f"--workers={workers}", f"--output={tmp_path / str(workers)}"])
    for file in (tmp_path / "1").rglob("*.*"):
        same = tmp_path / "2" / file.relative_to(tmp_path / "1")
        assert file.is_dir() or file.read_bytes() == same.read_bytes()


@pytest.mark.parametrize(("num_frames", "gap"), [(2, 0.0), (4, 0.5)])
def test_several_photos_follow_each_other(recipe: Recipe, num_frames: int, gap: float) -> None:
    recipe = replace(recipe, num_frames=num_frames, gap=gap, bins=BLUR_RATE_BINS["table5"])
    plan = plan_in_bin(recipe, 0, 0)
    plan = replace(plan, settings=replace(plan.settings, subframe_hz=None, num_subframes=4))
    sample = draw_scene(plan).sample
    duration = float(sample.exposure[0, 1] - sample.exposure[0, 0])
    assert sample.blurry.shape == (num_frames, 3, 96, 80)
    opened = torch.arange(num_frames) * duration * (1 + gap)
    torch.testing.assert_close(sample.exposure[:, 0], opened, atol=1e-5, rtol=0)
    times = sample.target.times
    assert bool((times > sample.exposure[:, :1]).all())
    assert bool((times < sample.exposure[:, 1:]).all())
    assert sample.fps == pytest.approx(1 / (duration * (1 + gap)))
    # One motion: where one photo's truth ends the next begins, up to the gap.
    step = (sample.target.joints[:, 1:] - sample.target.joints[:, :-1]).norm(dim=-1).max()
    jump = (sample.target.joints[1:, 0] - sample.target.joints[:-1, -1]).norm(dim=-1).max()
    assert float(jump) <= float(step) * (1.5 + 24 * gap)


def test_garments_have_thickness_hems_and_folds(body: SmplBody) -> None:
    garments = draw_garments(body, torch.zeros(10), np.random.default_rng(0))
    assert 0.005 < float(garments.thickness.max()) < 0.08
    head = body.weights[:, 15] > 0.9
    assert float(garments.thickness[head].max()) < 1e-3
    # A hem: neighbours whose cloth differs by millimetres.
    edges = body.faces[:, :2]
    assert float((garments.thickness[edges[:, 0]] - garments.thickness[edges[:, 1]]).max()) > 0.002
    pose = torch.eye(3).repeat(2, 24, 1, 1)
    pose[1, 18] = rotvec_to_rotmat(torch.tensor([0.0, 1.5, 0.0]))
    params = BodyParams(torch.zeros(1, 10), pose, torch.zeros(2, 3))
    size = garments.offsets(body, params, torch.zeros(2)).norm(dim=-1)
    near_elbow = (body.weights[:, [16, 18]].sum(1) > 0.9) & (garments.thickness > 0.004)
    change = (size[1] - size[0]).abs()
    assert float(change[near_elbow].max()) > 0.0005  # the elbow's bend folds its sleeve
    assert float(change[body.weights[:, 4] > 0.9].max()) < 1e-5  # and not the knee's


def test_clothed_silhouettes_are_not_the_naked_body(body: SmplBody) -> None:
    settings = SyntheticSettings(height=160, width=128, num_truth=2, blur_rate=(0.2, 0.6))
    garments = draw_garments(body, torch.zeros(10), np.random.default_rng(1))
    naked = plan_scene(settings, 1, body)
    dressed = plan_scene(settings, 1, body, clothes=garments)
    assert torch.equal(naked.target.joints, dressed.target.joints)
    gain = dressed.target.silhouettes.sum() / naked.target.silhouettes.sum()
    assert 1.02 < float(gain) < 1.5


def write_cape(root: Path, body: SmplBody, num_frames: int = 75) -> Path:
    """A CAPE folder as published, on the free body's mesh; one frame is damaged."""
    betas = torch.linspace(-0.5, 0.5, 10)
    naked, rest = body.shape(betas)
    folder = root / "sequences" / "00032" / "shortlong_wave"
    folder.mkdir(parents=True)
    (root / "minimal_body_shape" / "00032").mkdir(parents=True)
    (root / "misc").mkdir()
    np.save(root / "minimal_body_shape" / "00032" / "00032_minimal.npy", naked.numpy())
    np.save(root / "misc" / "smpl_tris.npy", body.faces.numpy())
    poses = torch.from_numpy(waving(num_frames, 60.0, 1.5)).float()
    poses[:, 0] = 0.0  # CAPE's world is y-up
    garments = draw_garments(body, betas, np.random.default_rng(0)).thickness[:, None]
    for k in range(num_frames):
        offset = garments * torch.tensor([1.0, 0.2 + 0.001 * k, 0.5])
        rotmat = rotvec_to_rotmat(poses[k].reshape(1, 24, 3))
        transl = torch.tensor([[0.01 * k, 0.1, 0.3]])
        params = BodyParams(betas[None], rotmat, transl)
        turned = joint_frames(rotmat, rest[None], body.parents).rotmat[0].flatten(-2)
        turned = (body.weights @ turned).unflatten(-1, (3, 3))
        posed = body(params).verts[0] + (turned @ offset.unsqueeze(-1))[..., 0]
        np.savez(
            folder / f"shortlong_wave.{k + 1:06d}.npz",
            v_cano=(naked + offset).numpy(),
            v_posed=posed.numpy(),
            pose=poses[k].numpy(),
            transl=transl[0].numpy(),
        )
    (folder / "shortlong_wave.000075.npz").write_bytes(b"PK")
    return root


def test_cape_is_read_as_published(body: SmplBody, tmp_path: Path) -> None:
    data = CapeData.find(write_cape(tmp_path, body), body)
    stretch, clothes = data.draw(body, np.random.default_rng(0), 1.0)
    assert isinstance(clothes, CapeClothes)
    assert stretch.name == "00032_shortlong_wave"
    naked, _ = body.shape(clothes.betas)
    torch.testing.assert_close(clothes.betas, torch.linspace(-0.5, 0.5, 10), atol=1e-3, rtol=0)
    times = torch.arange(5) / 60
    rotmat, transl = stretch.window(body, clothes.betas, times)
    params = BodyParams(clothes.betas[None], rotmat, transl)
    verts = body(params).verts + clothes.offsets(body, params, times)
    folder = data.sequences[0]
    files = sorted(folder.glob("*.npz"))
    wanted = torch.from_numpy(np.stack([np.load(f)["v_posed"] for f in files[:5]]))
    # The same shape, moved so that its lowest point of the stretch touches the ground.
    shift = wanted[0].mean(0) - verts[0].mean(0)
    torch.testing.assert_close(verts + shift, wanted, atol=2e-4, rtol=0)
    torch.testing.assert_close(fit_betas(body, naked), clothes.betas, atol=1e-4, rtol=0)


def test_cape_samples_and_missing_parts(body: SmplBody, tmp_path: Path) -> None:
    root = write_cape(tmp_path / "cape", body)
    recipe = Recipe("bc_cape", cape=root, height=96, width=80, bins=BLUR_RATE_BINS["table4"])
    plan = plan_in_bin(recipe, 1, 0)
    assert 0.2 <= plan.blur_rate < 0.3
    assert plan.shot.source.name.startswith("00032")
    frames = plan.shot.window.duration * 60
    assert frames == pytest.approx(round(frames), abs=1e-6)
    np.save(root / "misc" / "smpl_tris.npy", body.faces.numpy()[::-1] + 1)
    with pytest.raises(InputError, match="give SMPL's own file with --body"):
        CapeData.find(root, body)
    with pytest.raises(InputError, match="no CAPE sequences"):
        CapeData.find(tmp_path / "nowhere", body)
    (root / "minimal_body_shape" / "00032" / "00032_minimal.npy").unlink()
    (root / "misc" / "smpl_tris.npy").unlink()
    with pytest.raises(InputError, match="no naked body of CAPE's subject 00032"):
        CapeData.find(root, body).draw(body, np.random.default_rng(0), 1.0)


def test_folders_of_photographs_and_textures(recipe: Recipe, tmp_path: Path) -> None:
    """SURREAL's layout, and any pictures as backgrounds."""
    for sex, colour in (("male", (200, 30, 30)), ("female", (200, 30, 30))):
        folder = tmp_path / "textures" / sex
        folder.mkdir(parents=True)
        Image.new("RGB", (64, 64), colour).save(folder / f"nongrey_{sex}_0001.jpg")
    (tmp_path / "photos" / "train").mkdir(parents=True)
    Image.new("RGB", (50, 90), (20, 60, 220)).save(tmp_path / "photos" / "train" / "h_1.jpg")
    recipe = replace(
        recipe, texture_folder=tmp_path / "textures", background_folder=tmp_path / "photos"
    )
    plan = plan_in_bin(recipe, 1, 0)
    plan = replace(plan, settings=replace(plan.settings, subframe_hz=None, num_subframes=4))
    scene = draw_scene(plan, sample_id="x")
    assert scene.outfit.startswith("nongrey_")
    assert "male_0001" in scene.sample.source
    blue = scene.sample.background.mean((1, 2)) * 255
    torch.testing.assert_close(blue, torch.tensor([20.0, 60.0, 220.0]), atol=4.0, rtol=0)
    red, green, _ = (scene.exposure.rgb.sum((1, 2)) / scene.exposure.alpha.sum()).tolist()
    assert red > 5 * green


def test_library_gives_only_the_wanted_subjects(mocap: Path) -> None:
    rng = np.random.default_rng(0)
    both = {MotionLibrary(mocap, "all").draw(rng, 1.0).subject for _ in range(20)}
    assert both == {"01", "02"}
    train = {MotionLibrary(mocap, "train").draw(rng, 1.0).subject for _ in range(20)}
    assert train == {s for s in both if split_of_subject(s) == "train"}
    if train == both:
        with pytest.raises(InputError, match="no motion capture of val subjects"):
            MotionLibrary(mocap, "val")
    with pytest.raises(InputError, match="without a break"):
        MotionLibrary(mocap, "all").draw(rng, 60.0)


def test_held_out_clips_of_the_manifest(shared_data: Path) -> None:
    library = MotionLibrary(shared_data / "mocap", "val")
    rng = np.random.default_rng(0)
    clips: list[MocapClip] = [library.draw(rng, 1.0) for _ in range(40)]
    assert {clip.subject for clip in clips} == {"07", "94", "104", "131"}


def test_recipes_that_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(InputError, match="bt_amass needs motion capture"):
        Recipe(protocol="bt_amass")
    with pytest.raises(InputError, match="increasing edges"):
        Recipe(bins=(0.2, 0.1))
    with pytest.raises(InputError, match="no textures"):
        Recipe(texture_folder=tmp_path)
    with pytest.raises(InputError, match="one a bin"):
        slots_of(1, [1, 2], Recipe())
    with pytest.raises(InputError, match="nothing to make"):
        slots_of(0, None, Recipe())
    with pytest.raises(SystemExit):
        main([f"--output={tmp_path}", "--table=table3"])
    assert "table3" in capsys.readouterr().err
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "sample.json").write_text(json.dumps({}))
    with pytest.raises(SystemExit):
        main([f"--output={tmp_path}", "--num_samples=1"])
    assert "unknown origin" in capsys.readouterr().err
