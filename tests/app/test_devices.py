"""Fits on another device: nothing there meets what lies on the CPU, shown without a GPU."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from device_double import DeviceDouble, DeviceMixingError, DoubleTrainer
from evaluation_runs import small_samples
from pytorch_lightning.loggers.logger import DummyLogger

from datamodules.sample_module import sample_loader
from hfb.app.hfb_cli import _accelerator
from hfb.app.hfb_module import HfbModule
from hfb.app.pipeline import Pipeline
from hfb.app.progress import Watch
from hfb.errors import InputError
from hfb.evaluate.results import FittedFrame
from hfb.init import BlazePoseInitialiser
from hfb.motion import PolynomialMotion
from hfb.refine import RefineSettings, Stage
from hfb.refine.frames import InitialisedSequence
from hfb.refine.sequence.boundaries import PreviousWindow
from hfb.render import RenderSettings
from hfb.report.tensorboard import FitImages
from hfb.structures import BlurSample

# Not the first: a rank of several has its own.
DEVICE = torch.device("cuda", 1)


def settings() -> RefineSettings:
    stages = [Stage(2, refresh_matte=True, choose_directions=True), Stage(1), Stage(1)]
    return RefineSettings(
        stages=stages, image_size=48, texture_size=32, num_subframes=2, ranking_steps=1
    )


@pytest.fixture(scope="module")
def sample() -> BlurSample:
    """A photo with a start; its matte is found, and found again with the body."""
    (sample,) = small_samples(["a"])
    return sample.with_changes(alpha=None)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeviceDouble]:
    """The device, and trainers that take it for one."""
    monkeypatch.setattr(pl, "Trainer", DoubleTrainer)
    with DeviceDouble() as double:
        yield double


def approx_figures(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures, and tables of figures by name, each to its rounding; None stays None."""
    tables = {name: value for name, value in figures.items() if isinstance(value, dict)}
    numbers = {name: value for name, value in figures.items() if isinstance(value, float)}
    return {
        **figures,
        **{name: pytest.approx(value, rel=1e-4) for name, value in numbers.items()},
        **{name: approx_figures(value) for name, value in tables.items()},
    }


def make_pipeline(device: torch.device | str, backend: str = "auto") -> Pipeline:
    render = RenderSettings(backend=backend, num_threads=1)
    return Pipeline.load(BlazePoseInitialiser(), settings(), render, device=device)


def assert_on_cpu(double: DeviceDouble, frames: list[FittedFrame]) -> None:
    for frame in frames:
        found = frame.refinement
        for value in (found.betas, found.texture, found.motion.coeffs, frame.item.alpha):
            assert double.device_of(value).type == "cpu"


def test_the_double_refuses_what_cuda_refuses() -> None:
    with DeviceDouble() as double:
        here = torch.ones(2, 3)
        there = here.to(DEVICE)
        assert there.device == DEVICE
        assert (there * 2.0 + torch.tensor(1.0)).is_cuda  # a number may come from anywhere
        assert there[torch.tensor([0])].device == DEVICE  # and so may an index
        assert torch.zeros(2, device=DEVICE).device == there.new_tensor([1.0]).device == DEVICE
        for mixed in (
            lambda: here + there,
            lambda: torch.cat([here, there]),
            lambda: here[there > 0],
            lambda: there.numpy(),
            lambda: there + here.to("cuda:0"),
            lambda: there.index_add(0, torch.tensor([0, 1]), there),
        ):
            with pytest.raises(DeviceMixingError):
                mixed()
        weight = torch.ones(3, requires_grad=True)
        (weight.to(DEVICE) * there).sum().backward()
        assert weight.grad is not None
        assert weight.grad.tolist() == [2.0, 2.0, 2.0]
        assert double.device_of(weight.grad).type == "cpu"


def test_a_run_over_photos(sample: BlurSample, double: DeviceDouble, tmp_path: Path) -> None:
    """From the trainer to the files: start, fit, fit held to the start, metrics, means."""
    module = HfbModule(
        BlazePoseInitialiser(),
        settings(),
        RenderSettings(num_threads=1),
        output=str(tmp_path),
        methods=["hfb", "static"],
        show_progress=False,
    )
    trainer = DoubleTrainer(
        accelerator="gpu",
        devices=[1],
        logger=False,
        inference_mode=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    (means,) = trainer.test(module, sample_loader([sample]), verbose=False)
    assert means["test/unusable"] == 0.0
    assert module.pipeline().device == DEVICE
    assert double.moves  # it was there


class _Images(DummyLogger):
    """A logger that takes images."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[torch.Tensor] = []

    @property
    def experiment(self) -> Any:
        return self

    def add_image(self, tag: str, image: torch.Tensor, step: int) -> None:
        self.images.append(image)


def sequence_of(sample: BlurSample, pipeline: Pipeline, count: int = 3) -> InitialisedSequence:
    """The same photo again and again, as if taken one after the other."""
    frames = []
    for k in range(count):
        moved = replace(sample, exposure=sample.exposure + 0.04 * k, exposure_is_known=False)
        frames.append(pipeline.initialise(moved).photos[0])
    return InitialisedSequence(sample, tuple(frames))


def test_consecutive_photos_in_windows(sample: BlurSample, double: DeviceDouble) -> None:
    """Gaps, directions, images in the log, and what one window leaves to the next."""
    pipeline = make_pipeline(DEVICE)
    log = _Images()
    watch = Watch(callbacks=(FitImages(log, 1),))
    sequence = sequence_of(sample, pipeline)
    (frames,) = pipeline.fit([sequence], watch=watch)
    assert_on_cpu(double, frames)
    assert log.images
    last = frames[-1].refinement
    before = PreviousWindow(
        last.betas,
        last.texture,
        PolynomialMotion.stack([last.motion]),
        sequence.photos[-1].sample.exposure[0] - 1.0,
        last.gap,
    )
    (frames,) = pipeline.fit([replace(sequence, before=before)])
    assert_on_cpu(double, frames)


def test_the_device_finds_what_the_cpu_finds(
    sample: BlurSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(device: torch.device | str) -> FittedFrame:
        pipeline = make_pipeline(device, "torch")
        pipeline.body.use_compiled = False
        ((frame,),) = pipeline.fit([pipeline.initialise(sample)])
        return frame

    here = fit("cpu")
    monkeypatch.setattr(pl, "Trainer", DoubleTrainer)
    with DeviceDouble():
        there = fit(DEVICE)
    torch.testing.assert_close(here.refinement.motion.coeffs, there.refinement.motion.coeffs)
    # The coefficients are alike to rounding, not bit for bit, and so are their figures.
    assert asdict(there.metrics) == approx_figures(asdict(here.metrics))


def test_a_step_with_warp_waits_for_nothing(
    sample: BlurSample, double: DeviceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the steps the host neither reads from the device nor sends to it."""
    pytest.importorskip("warp", reason="needs warp-lang")
    from hfb.render.warp import backend, plan

    for module in (backend, plan):  # where the kernels really run
        monkeypatch.setattr(module, "device_of", lambda tensor: "cpu")

    class Steps(pl.Callback):
        """Counts from the second step on, in steps without anything at their end."""

        def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
            double.is_counting = trainer.global_step in (2, 3)

        def on_train_batch_end(self, *args: Any) -> None:
            double.is_counting = False

    double.is_counting = False
    pipeline = make_pipeline(DEVICE, "warp")
    (frames,) = pipeline.fit([pipeline.initialise(sample)], watch=Watch(callbacks=(Steps(),)))
    assert_on_cpu(double, frames)
    assert not double.syncs, "\n".join(map(str, double.syncs))
    assert not double.moves, "\n".join(map(str, double.moves))


@pytest.mark.parametrize(
    ("has_gpu", "given", "backend", "wanted"),
    [
        (True, "auto", "auto", "gpu"),
        (False, "auto", "auto", "cpu"),
        (True, "cpu", "auto", "cpu"),
        (True, "cpu", "kaolin", "gpu"),
        (False, "gpu", "auto", "gpu"),
    ],
)
def test_where_fits_run(
    has_gpu: bool, given: str, backend: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert _accelerator(given, backend) == wanted


def test_kaolin_without_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"kaolin: it renders on a GPU, and there is none here"):
        _accelerator("cpu", "kaolin")
