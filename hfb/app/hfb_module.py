"""From samples to results: start, refine, measure, write. One batch at a time."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytorch_lightning as pl
import torch

from hfb.app.clip_run import ClipRun
from hfb.app.evaluation_run import EvaluationRun
from hfb.app.pipeline import Pipeline
from hfb.app.progress import RunProgress
from hfb.app.result_store import config_fingerprint, record_of, rows_of
from hfb.app.run_folder import RunFolder
from hfb.baselines import BaselineSettings
from hfb.errors import InputError
from hfb.evaluate.methods import Method
from hfb.evaluate.metrics_of_fit import SampleResult, evaluate_sample
from hfb.evaluate.tables import Table
from hfb.fit.frames import InitialisedSequence
from hfb.fit.module import RefineModule
from hfb.fit.result import refinements_of
from hfb.fit.settings import RefineSettings
from hfb.init import BlazePoseInitialiser
from hfb.prior import PosePriorName
from hfb.render import RenderSettings
from hfb.report.tensorboard import RefineLogger
from hfb.report.write_frame import result_lines
from hfb.structures import BlurSample, BrokenSample

OUTPUTS = Path("outputs")


class HfbModule(pl.LightningModule):
    """Human from Blur over a data set: each batch of samples is refined together.

    Args:
        initialiser: finds starting poses where a sample brings none.
        refine: the recipe of the optimisation.
        render: how to rasterise.
        body: "free_body", or the path of a SMPL model file.
        pose_prior: what scores joint rotations (eq. 6): mixture or none.
        motion_prior: an `amp.ckpt` of train_amp.py (eq. 10); the shipped one if not given.
        methods: what to test: hfb, hfb_without_amp (no motion prior), static (the starting pose),
            interpolated (the starting poses of consecutive photos, interpolated), sfb (Shape from
            Blur), mfb (Motion from Blur), external (another program's results). The starting
            pose's figures stand beside all of them in any case.
        table: whose layout and bins the tables of a test have: table1 … table5 of the paper.
        output: folder for the results; a new folder under outputs/ if not given: dated for a
            prediction, named after the configuration for a test, so that a stopped test goes on.
        baselines: settings of the methods that are compared with.
        picture_every: steps between two pictures in TensorBoard; 0 turns TensorBoard off.
        show_progress: draw progress bars.
    """

    def __init__(
        self,
        initialiser: BlazePoseInitialiser,
        refine: RefineSettings,
        render: RenderSettings,
        body: str = "free_body",
        pose_prior: PosePriorName = "mixture",
        motion_prior: str | None = None,
        methods: list[Method] = ["hfb"],  # noqa: B006 - jsonargparse shows it; never changed
        table: Table = "table1",
        output: str | None = None,
        picture_every: int = 20,
        show_progress: bool = True,
        baselines: BaselineSettings | None = None,
    ) -> None:
        super().__init__()
        if not methods or len(set(methods)) < len(methods):
            raise InputError(f"methods {methods}: name at least one, and each once")
        self.initialiser = initialiser
        self.refine_settings = refine
        self.render_settings = render
        self.body_name = body
        self.pose_prior: PosePriorName = pose_prior
        self.motion_prior = motion_prior
        self.methods = list(methods)
        self.table: Table = table
        self.baselines = baselines or BaselineSettings()
        self.output = Path(output) if output else None
        self.picture_every = picture_every
        self.show_progress = show_progress
        self.config_text = ""
        self.num_unusable = 0
        self.rows: list[dict[str, str]] = []
        self._pipeline: Pipeline | None = None
        self._run: EvaluationRun | None = None
        self._clip: ClipRun | None = None

    def pipeline(self) -> Pipeline:
        """Body and refiners, loaded when first needed so that bad input is reported at once."""
        if self._pipeline is None:
            self._pipeline = Pipeline.load(
                self.initialiser,
                self.refine_settings,
                self.render_settings,
                self.body_name,
                self.pose_prior,
                self.device,
                self.motion_prior,
                self.baselines,
            )
        return self._pipeline

    def on_test_start(self) -> None:
        """Open the folder of the run."""
        root = self.output or OUTPUTS / f"test-{config_fingerprint(self.config_text)}"
        self._run = EvaluationRun(
            root,
            self.methods,
            self.table,
            self.trainer.is_global_zero,
            self.show_progress,
            self.picture_every > 0,
            self.baselines.inputs(self.methods),
        )
        self._run.begin(self.config_text, int(self.trainer.num_test_batches[0]))

    def test_step(self, batch: list[BlurSample | BrokenSample], batch_idx: int) -> None:
        """Evaluate a batch of samples; each result is on disk before the next batch begins."""
        assert self._run is not None, "on_test_start makes it"
        self._run.step(batch, batch_idx + 1, self.pipeline())

    def on_test_epoch_end(self) -> None:
        """When all processes are done, one merges what they have written."""
        assert self._run is not None, "on_test_start makes it"
        self.trainer.strategy.barrier()
        self.num_unusable = self._run.end()

    def predict_step(self, batch: list[BlurSample], batch_idx: int) -> list[str]:
        """Refine a batch of samples and write their results; returns the samples' names."""
        if batch and batch[0].part is not None:
            return [name for sample in batch for name in self._step_clip(sample)]
        return [result.item.sample.sample_id for result in self.process(batch)]

    @torch.no_grad()
    def _step_clip(self, sample: BlurSample) -> list[str]:
        """Take the next photo of a clip; returns the clip's name when it is finished."""
        if self._clip is None:
            self._clip = ClipRun(self.pipeline(), self._output(), RunProgress(self.show_progress))
            self._clip.begin(self.config_text)
        if not self._clip.step(sample):
            return []
        self._clip = None
        return [sample.sample_id]

    def _output(self) -> Path:
        """The folder of a prediction."""
        if self.output is None:
            self.output = OUTPUTS / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        return self.output

    @torch.no_grad()
    def process(self, samples: list[BlurSample]) -> list[SampleResult]:
        """Start, refine and measure a batch; writes each sample as soon as it is done."""
        output = self._output()
        folder = RunFolder(output, self.config_text)
        logger = RefineLogger(output / "tensorboard", self.picture_every)
        with RunProgress(self.show_progress) as progress:
            pipeline = self.pipeline()
            fitter = pipeline.fitter()
            progress.begin("starting pose and matte", len(samples))
            started = []
            for number, sample in enumerate(samples, 1):
                started.append(pipeline.start(sample))
                progress.update(number)
            results = []
            for is_single in (True, False):
                alike = [item for item in started if (len(item) == 1) == is_single]
                if alike:
                    results += self._refine_and_measure(alike, progress, logger)
            progress.begin("writing", len(samples))
            for number, result in enumerate(results, 1):
                subframes = folder.write_sample(result, fitter)
                logger.log_subframes(result.item.sample.sample_id, subframes)
                self.rows += rows_of(record_of([result]))
                folder.write_summary(self.rows)
                progress.update(number)
            progress.finish()
            for line in [line for result in results for line in result_lines(result)]:
                progress.console.print(line, highlight=False)
            progress.console.print(f"results in {output}", highlight=False)
        logger.close()
        return results

    def _refine_and_measure(
        self, started: list[InitialisedSequence], progress: RunProgress, logger: RefineLogger
    ) -> list[SampleResult]:
        """Refine single photos, or sequences, and measure them."""
        items = [item for sample in started for item in sample.photos]
        begin = time.perf_counter()
        module = self._refine(started, progress, logger)
        seconds = (time.perf_counter() - begin) / len(items)
        refinements = refinements_of(module, [item.camera for item in items])
        progress.begin("measuring", len(items))
        photos = []
        for row, (item, refinement) in enumerate(zip(items, refinements, strict=True)):
            problem, fitter = module.problem.select(torch.tensor([row])), self.pipeline().fitter()
            photos.append(evaluate_sample(item, refinement, problem, fitter, seconds))
            progress.update(row + 1)
        return self.pipeline().join(started, photos)

    def _refine(
        self, started: list[InitialisedSequence], progress: RunProgress, logger: RefineLogger
    ) -> RefineModule:
        """Refine all starts of all samples, with bars and curves."""
        settings = self.refine_settings
        current: list[RefineModule] = []
        num_photos = sum(len(item) for item in started)

        def on_step(module: RefineModule, step: int) -> None:
            if not current or current[-1] is not module:
                current.append(module)
                if len(module.problem) > num_photos:
                    progress.begin("ranking starting poses", settings.ranking_steps)
                elif module.settings == settings:
                    progress.begin("refining", settings.num_steps)
                else:
                    progress.begin("finding the exposure gap", module.settings.num_steps)
            progress.update(step)
            logger.log_step(module, step)

        module = self.pipeline().refine(started, "hfb", on_step)
        logger.log_curves(module)
        return module
