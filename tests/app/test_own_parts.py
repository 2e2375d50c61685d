"""Parts of one's own, chosen on the command line: modules from outside, no file of hfb/ changed."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from evaluation_runs import rows_of, small_samples
from photo_files import QUICK, write_photo

from hfb.export import MotionRecord, read_motion
from hfb.refine import unregister_term
from hfb.refine.objective.terms import known_terms
from hfb.render import unregister_backend
from hfb.render.settings import BACKENDS
from run_hfb import main

FIVE_STEPS_A_STAGE = '--model.refine.stages=[{"num_steps": 5}, {"num_steps": 5}, {"num_steps": 5}]'


@pytest.fixture
def predict(tmp_path: Path) -> Callable[..., MotionRecord]:
    """Runs `predict` on a photo with a matte; returns the motion that it wrote."""
    files = write_photo(small_samples(["photo"])[0], tmp_path)

    def run(*options: str, estimate: bool = True, alpha: bool = True) -> MotionRecord:
        is_given = {"alpha": alpha, "estimate": estimate}
        names = ["image", "background", *(name for name, given in is_given.items() if given)]
        data = [f"--data.{name}={files[name]}" for name in names]
        try:
            main(["predict", *data, *QUICK, "--output", str(tmp_path / "out"), *options])
        except SystemExit as stop:
            if stop.code != 3:  # a few steps from anywhere need not explain the photo
                raise
        return read_motion(tmp_path / "out" / "samples" / "image" / "motion.npz")

    return run


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of somebody else's modules; what they register is forgotten again."""
    terms, backends = set(known_terms()), set(BACKENDS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(known_terms()) - terms:
        unregister_term(name)
    for name in set(BACKENDS) - backends:
        unregister_backend(name)


def test_a_starting_pose_of_ones_own(outside: Path, predict: Callable[..., MotionRecord]) -> None:
    (outside / "my_start.py").write_text(
        "import torch\n"
        "from hfb.geometry import MODEL_TO_CAMERA\n"
        "from hfb.init import Initialiser\n"
        "from hfb.structures import InitialEstimate\n"
        "class Still(Initialiser):\n"
        "    def __init__(self, depth: float = 4.0):\n"
        "        self.depth = depth\n"
        "    def __call__(self, image, background, camera, body):\n"
        "        pose = torch.eye(3).repeat(1, 24, 1, 1)\n"
        "        pose[:, 0] = MODEL_TO_CAMERA\n"
        "        place = torch.tensor([[0.0, 0.2, self.depth]])\n"
        "        return InitialEstimate(torch.zeros(1, 10), pose, place, camera, torch.ones(1),\n"
        "                               body.identity, 'mine')\n"
    )
    for depth, options in ((4.0, []), (6.0, ["--model.initialiser.depth=6"])):
        motion = predict("--model.initialiser=my_start.Still", *options, estimate=False)
        assert motion.transl[:, 2].tolist() == pytest.approx([depth] * len(motion.times), abs=0.1)
    assert "lifting" not in (outside / "out" / "config.yaml").read_text()


def test_a_loss_of_ones_own(outside: Path, predict: Callable[..., MotionRecord]) -> None:
    (outside / "my_losses.py").write_text(
        "from hfb.refine import register_term\n"
        "@register_term('stillness')\n"
        "def stillness_term(prediction, context):\n"
        "    return 1e3 * prediction.motion.coeffs[:, 1:].square().sum((-3, -2, -1))\n"
    )
    plugin, weight = '--model.refine.plugins=["my_losses"]', "--model.refine.weights.stillness"
    quick = (FIVE_STEPS_A_STAGE, "--model.refine.expected_motion=0")
    moving = predict(*quick)
    still = predict(*quick, plugin, weight, "0.5")
    sizes = [float(motion.polynomial.coeffs[:, 1:].norm()) for motion in (still, moving)]
    assert sizes[0] < 0.5 * sizes[1]


def test_a_renderer_of_ones_own(outside: Path, predict: Callable[..., MotionRecord]) -> None:
    (outside / "my_renderer.py").write_text(
        "from hfb.render import register_backend\n"
        "class Haze:\n"
        "    def check(self, scene, settings):\n"
        "        pass\n"
        "    def render_layers(self, scene, settings):\n"
        "        shape = *scene.verts.shape[:2], 4, scene.height, scene.width\n"
        "        half = 0.5 + 0.0 * scene.verts.sum().expand(shape)\n"
        "        return half[:, :, :3], half[:, :, 3:], half.new_ones(len(half), 13776) > 0\n"
        "    def render_exposure(self, scene, settings):\n"
        "        rgb, alpha, seen = self.render_layers(scene, settings)\n"
        "        return (rgb * alpha).mean(1), alpha.mean(1), seen\n"
        "    def hard_silhouettes(self, scene, settings):\n"
        "        return self.render_layers(scene, settings)[1][:, :, 0] > 0\n"
        "register_backend('haze', Haze)\n"
    )
    predict('--model.refine.plugins=["my_renderer"]', "--model.render.backend=haze")
    (row,) = rows_of(outside / "out")
    assert row["matte_iou"] == row["init_matte_iou"] != ""  # alike whatever the pose


class _Third(torch.nn.Module):
    """A matting network that sees a third of the person everywhere to the left."""

    def forward(self, src: torch.Tensor, bgr: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        alpha = torch.zeros_like(src[:, :1])
        alpha[..., : src.size(3) // 2] = 1 / 3
        return alpha, src


def test_a_matte_and_a_pose_prior_from_files(
    outside: Path, predict: Callable[..., MotionRecord]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(_Third()), str(outside / "matter.pth"))
    size = 69
    prior = {
        "means": np.zeros((1, size)),
        "covars": np.eye(size)[None],
        "weights": np.ones(1),
    }
    np.savez(outside / "gmm_01.npz", **prior)
    options = ["--model.matting", "hfb.matte.NetworkMatting"]
    options += ["--model.matting.path", str(outside / "matter.pth")]
    options += ["--model.pose_prior", str(outside / "gmm_01.npz")]
    predict(*options, alpha=False)
    (row,) = rows_of(outside / "out")
    assert float(row["init_matte_iou"]) < 0.3  # our own matte and the start agree better
