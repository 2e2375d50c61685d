"""A clip in windows: every photo once, bounded windows, no jump where they meet."""

import csv
import json
import re
from dataclasses import replace
from itertools import pairwise

import pytest
import pytorch_lightning as pl
import torch

from hfb.app import hfb_module
from hfb.app.clip.run import ClipFrame, ClipRun
from hfb.app.clip.windows import WindowFit
from hfb.app.clip.writer import ClipWriter
from hfb.app.pipeline import Pipeline
from hfb.app.progress import RunProgress, Watch
from hfb.body import load_texture, texture_names
from hfb.evaluate.metrics_of_sequence import boundary_jumps
from hfb.export import read_motion
from hfb.formation import composite_exposure, linear_to_srgb, srgb_to_linear
from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.init import BlazePoseInitialiser
from hfb.motion import evaluate, static_motion
from hfb.refine import Fitter, RefineSettings, Stage
from hfb.refine.initialise import InitialisedFrame
from hfb.refine.sequence.boundaries import Gap
from hfb.render import RenderSettings, render_exposure
from hfb.structures import BlurSample, BodyParams, Camera, ClipPart, InitialEstimate, Mesh

SIZE, NUM_PHOTOS, NUM_SUBFRAMES, PERIOD = 56, 5, 3, 0.1
LEFT_SHOULDER, RIGHT_SHOULDER = 16, 17


def clip_photos(body) -> list[InitialisedFrame]:
    """An arm that swings up over the whole clip while the body walks sideways."""
    rotvec = torch.zeros(1, 24, 3)
    rotvec[:, LEFT_SHOULDER, 2], rotvec[:, RIGHT_SHOULDER, 2] = -1.2, 0.9
    pose = rotvec_to_rotmat(rotvec)
    pose[:, 0] = MODEL_TO_CAMERA
    still = static_motion(pose, torch.tensor([[-0.1, 0.2, 4.0]]), 1, time_origin=0.0)
    coeffs = still.coeffs.clone()
    coeffs[:, 1, 1 + LEFT_SHOULDER, 2], coeffs[:, 1, 0, 0] = 2.5, 0.3  # per second
    motion = still.with_coeffs(coeffs)
    camera = Camera(torch.tensor([SIZE * 1.7] * 2), torch.tensor([SIZE / 2] * 2), SIZE, SIZE)
    texture = srgb_to_linear(load_texture(texture_names()[0]))
    background = torch.full((3, SIZE, SIZE), 0.6)
    photos = []
    for k in range(NUM_PHOTOS):
        opening, closing = k * PERIOD, (k + 0.8) * PERIOD
        times = torch.linspace(opening, closing, 9)
        rotmat, transl = (values[0] for values in evaluate(motion, times))
        posed = body(BodyParams(torch.zeros(10), rotmat, transl))
        mesh = Mesh(posed.verts, body.faces, body.uv, body.faces_uv, texture)
        seen = render_exposure(mesh, camera)
        image = linear_to_srgb(composite_exposure(seen, srgb_to_linear(background)))
        estimate = InitialEstimate(
            torch.zeros(1, 10), rotmat[4][None], transl[4][None] + torch.tensor([0.02, 0.0, 0.0]),
            camera, torch.ones(1), body.identity, "test",
        )  # fmt: skip
        sample = BlurSample(
            "clip", image[None], background, seen.alpha[None], camera,
            exposure=torch.tensor([[opening, closing]]), part=ClipPart(k, NUM_PHOTOS, k),
        )  # fmt: skip
        photos.append(InitialisedFrame(sample, estimate, seen.alpha, camera, True))
    return photos


class Sizes(pl.Callback):
    """Notes how many photos are fitted together."""

    def __init__(self, sizes):
        self.sizes = sizes

    def on_train_batch_end(self, trainer, pl_module, *args):
        self.sizes.append(len(pl_module.problem))


@pytest.fixture(scope="module")
def refined(body):
    """The clip through windows of three photos that have one in common."""
    # 45 steps of Adam leave an L1 norm of weight 1 at 15 mm, inside of windows as between them.
    settings = RefineSettings(
        weights={"image": 3.0, "matting": 1.0, "depth_anchor": 0.0, "boundary": 3.0},
        stages=[Stage(45, choose_directions=True)],
        image_size=SIZE,
        texture_size=32,
        num_subframes=NUM_SUBFRAMES,
        window=3,
        overlap=1,
    )
    fitter = Fitter(body, settings, RenderSettings(num_threads=1))
    pipeline = Pipeline(BlazePoseInitialiser(), settings, fitter.render_settings, body, None)
    pipeline._fitters["hfb"] = fitter  # without its texture smoothness
    windows, sizes, photos = WindowFit(pipeline), [], []
    watch = Watch(callbacks=(Sizes(sizes),))
    for started in clip_photos(body):
        is_last = started.sample.part.number + 1 == NUM_PHOTOS
        done = windows.feed(started, is_last, watch)
        photos += [(photo, k == 0) for k, photo in enumerate(done)]
    return fitter, photos, sizes


def test_every_photo_comes_out_once_and_in_order(refined):
    _, photos, sizes = refined
    assert [photo.item.sample.part.number for photo, _ in photos] == list(range(NUM_PHOTOS))
    assert max(sizes) == 3


def test_shape_is_the_first_windows_and_the_texture_is_shared(refined):
    _, photos, _ = refined
    first = photos[0][0].refinement
    for photo, _ in photos:
        torch.testing.assert_close(photo.refinement.betas, first.betas)
        assert photo.refinement.texture.shape == first.texture.shape


def test_motions_meet_where_windows_meet_as_they_do_inside(refined):
    fitter, photos, _ = refined
    inside, borders = [], []
    for (one, _), (two, begins_window) in pairwise(photos):
        exposure = torch.cat([one.item.sample.exposure, two.item.sample.exposure])
        pair = [one.refinement, two.refinement]
        jump, change = boundary_jumps(pair, exposure, fitter.body, 0.5)
        (borders if begins_window else inside).append((jump, change))
    assert len(borders) == 1
    assert max(jump for jump, _ in borders) < 5.0
    assert max(jump for jump, _ in borders) < 2.0 * max(jump for jump, _ in inside) + 1.0
    assert max(change for _, change in borders) < 0.25


def test_the_joined_motion_follows_the_truth(refined):
    _, photos, _ = refined
    places = [
        evaluate(photo.refinement.motion, torch.tensor([0.5]))[1][0, 0] for photo, _ in photos
    ]
    steps = torch.stack(places).diff()
    # 0.3 m/s sideways, a tenth of a second from photo to photo
    assert float((steps - 0.03).abs().max()) < 0.01


def written_clip(fitter, fitted, folder) -> ClipWriter:
    """The files of a clip whose fits are there already."""
    writer = ClipWriter(folder, fitter)
    for k, frame in enumerate(fitted):
        writer.add(ClipFrame(frame, frame.item.sample.part, k > 0, True))
    writer.write(fitted[-1].item.sample)
    return writer


def test_a_clip_run_writes_one_motion_and_a_row_a_photo(refined, tmp_path):
    fitter, photos, _ = refined
    run = written_clip(fitter, [photo for photo, _ in photos], tmp_path)
    folder = tmp_path / "samples" / "clip"
    motion = read_motion(folder / "motion.npz")
    assert motion.polynomial.coeffs.shape[0] == NUM_PHOTOS
    assert motion.frame_index.tolist() == [
        k for k in range(NUM_PHOTOS) for _ in range(NUM_SUBFRAMES)
    ]
    rows = list(csv.DictReader((folder / "per_photo.csv").read_text().splitlines()))
    assert [row["first_frame"] for row in rows] == [str(k) for k in range(NUM_PHOTOS)]
    assert all(float(row["jump_from_before_mm"]) < 20.0 for row in rows[1:])
    assert {p.name for p in folder.iterdir()} == {
        "motion.bvh", "motion.npz", "mesh.glb", "subframes.mp4", "texture.png", "per_photo.csv",
        "page.json", "sureness.json",
    }  # fmt: skip
    sureness = json.loads((folder / "sureness.json").read_text())["photos"]
    assert [f"{photo['sure']:.4f}" for photo in sureness] == [row["sure"] for row in rows]
    assert all(len(photo["joint_sigma_mm"]) == 24 for photo in sureness)
    card = json.loads((folder / "page.json").read_text())
    assert len(card["photos"]) == NUM_PHOTOS
    assert len(card["per_photo"]["rows"]) == NUM_PHOTOS
    assert [frame["photo"] for frame in card["frames"]] == sorted(
        frame["photo"] for frame in card["frames"]
    )
    assert (tmp_path / "report.html").is_file()
    summary = (tmp_path / "summary.txt").read_text()
    assert "largest jump of a joint" in summary
    assert "% that the mean joint error is below 150 mm, mean over the photos" in summary
    assert "exposure found" not in summary
    # Nothing that grows with the size of the images is kept of a finished photo.
    assert run.photos[0].refinement.texture.numel() == 3


def test_an_exposure_that_was_found_is_told_and_called_a_guess_where_it_is_one(refined, tmp_path):
    fitter, photos, _ = refined
    fitted = [
        replace(photo, refinement=replace(photo.refinement, gap=Gap(0.2, 0.07)))
        for photo, _ in photos
    ]
    run = written_clip(fitter, fitted, tmp_path)
    *_, found, guess = _without_warnings(run.lines())
    assert re.match(
        r"  exposure found, .* 0\.80 ± 0\.07 \(--data\.clip\.exposure sets it\)$", found
    )
    assert re.match(r"  a guess: joints move 0\.[4-9] px", guess)
    run.fitter = Fitter(fitter.body, replace(fitter.settings, image_size=512), RenderSettings())
    assert _without_warnings(run.lines())[-1] == found


def _without_warnings(lines):
    return [line for line in lines if not line.startswith("  warning: ")]


def test_the_bar_of_a_clip_never_runs_back_while_its_gap_is_found(body, tmp_path, monkeypatch):
    settings = RefineSettings(
        weights={"image": 3.0, "matting": 1.0, "depth_anchor": 0.0, "texture": 0.0},
        stages=[Stage(2), Stage(1)],
        image_size=SIZE,
        texture_size=32,
        num_subframes=2,
        window=3,
        overlap=1,
    )
    render_settings = RenderSettings(num_threads=1)
    pipeline = Pipeline(BlazePoseInitialiser(), settings, render_settings, body, None)
    progress = RunProgress(False)
    run = ClipRun(pipeline, Watch(progress))
    items = [
        replace(item, sample=replace(item.sample, exposure_is_known=False))
        for item in clip_photos(body)
    ]
    shown = []
    monkeypatch.setattr(progress, "update", shown.append)
    for item in items:
        monkeypatch.setattr(run, "_start", lambda _, item=item: run._is_found.append(True) or item)
        run.step(item.sample)
    # Two of the first three photos are finished after 4 steps that find the gap and 3 that refine;
    # a fifth of the time goes into their starts.
    assert shown[:3] == pytest.approx([0.2, 0.4, 0.4])
    assert shown[3:10] == pytest.approx([0.4 + 1.6 * k / 8 for k in range(1, 8)])
    assert shown == sorted(shown)
    assert shown[-1] == NUM_PHOTOS


def test_every_clip_begins_with_windows_of_its_own(body, monkeypatch):
    """One module may predict several clips: nothing of the last one is carried on."""
    runs = []

    class Run:
        def __init__(self, *args):
            self.numbers = []
            runs.append(self)

        def step(self, sample):
            self.numbers.append(sample.part.number)
            return []

    monkeypatch.setattr(hfb_module, "ClipRun", Run)
    monkeypatch.setattr(hfb_module.HfbModule, "pipeline", lambda self: None)
    monkeypatch.setattr(hfb_module.HfbModule, "_watch", lambda self, with_bar: Watch())
    module = hfb_module.HfbModule(BlazePoseInitialiser(), RefineSettings(), RenderSettings())
    photos = [frame.sample for frame in clip_photos(body)]
    for sample in [*photos, *photos[:2]]:
        module.predict_step([sample], 0)
    assert [run.numbers for run in runs] == [list(range(NUM_PHOTOS)), [0, 1]]
