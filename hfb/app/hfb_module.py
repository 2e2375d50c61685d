"""Human from Blur as a LightningModule: what `run_hfb.py test` and `predict` run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch

from hfb.app.ahead import Ahead
from hfb.app.clip.run import ClipFrame, ClipRun, part_of
from hfb.app.evaluation import Outcome, Prepared, evaluate_prepared, prepare
from hfb.app.output.evaluation_writer import EvaluationWriter
from hfb.app.output.folder import default_output
from hfb.app.output.prediction_writer import Prediction, PredictionWriter
from hfb.app.output.result_store import ResultStore
from hfb.app.pipeline import Pipeline
from hfb.app.progress import FitProgress, RunProgress, Watch
from hfb.baselines import BaselineSettings
from hfb.errors import InputError
from hfb.evaluate.methods import Method
from hfb.evaluate.run_metrics import RunMetrics
from hfb.evaluate.tables import COLUMNS, Table, means_by_tag
from hfb.evaluate.trust.warnings import (
    FitWarning,
    explains_nothing,
    join_warnings,
    warnings_of,
    warnings_of_result,
)
from hfb.formation import BLUR_RATE_BINS
from hfb.init import Initialiser
from hfb.matte import Matting
from hfb.processors import share_of_processors
from hfb.ranges import check_value
from hfb.refine.recipe.settings import RefineSettings
from hfb.render import RenderSettings
from hfb.report.curves import LossCurves
from hfb.report.settings import ReportSettings
from hfb.report.tensorboard import FitImages
from hfb.structures import BlurSample, BrokenSample
from hfb.unread import UnreadSample


class HfbModule(pl.LightningModule):
    """Human from Blur over a data set: each batch of samples is refined together.

    Args:
        initialiser: finds starting poses where a sample brings none.
        refine: the recipe of the optimisation.
        render: how to rasterise.
        body: "free_body", or the path of a SMPL model file.
        pose_prior: what scores joint rotations (eq. 6): mixture, none, or the file of SMPLify's
            mixture (gmm_08.pkl) or of VPoser's weights.
        motion_prior: an `amp.ckpt` of train_amp.py (eq. 10); the shipped one if not given.
        methods: what to test: hfb, hfb_without_amp (no motion prior), static (the starting pose),
            interpolated (the starting poses of consecutive photos, interpolated), sfb (Shape from
            Blur), mfb (Motion from Blur), external (another program's results). The starting
            pose's metrics stand beside all of them in any case.
        table: whose layout and bins the tables of a test have: table1 … table5 of the paper.
        output: folder for the results; a new folder under outputs/ if not given: dated for a
            prediction, named after the configuration for a test, so that a stopped test goes on.
        baselines: settings of the methods that are compared with.
        image_every: steps of a fit between two images in the log; 0: none.
        show_progress: draw progress bars.
        report: which files are written beside those that every result has.
        matting: finds the matte where a sample brings none; our own if None.
            hfb.matte.NetworkMatting runs a network that you have, such as Background Matting V2.
        workers: of a test and of a folder of photos: processes that read and start the next batch
            and write the last one while this one is fitted; "auto": one where it pays.
    """

    def __init__(
        self,
        initialiser: Initialiser,
        refine: RefineSettings,
        render: RenderSettings,
        body: str = "free_body",
        pose_prior: str = "mixture",
        motion_prior: str | None = None,
        methods: list[Method] = ["hfb"],  # noqa: B006 - jsonargparse shows it; never changed
        table: Table = "table1",
        output: str | None = None,
        image_every: int = 20,
        show_progress: bool = True,
        baselines: BaselineSettings | None = None,
        report: ReportSettings = ReportSettings(),  # noqa: B008 - frozen; jsonargparse shows it
        matting: Matting | None = None,
        workers: int | Literal["auto"] = 0,
    ) -> None:
        super().__init__()
        check_value("model.image_every", image_every, int, (0, 1_000_000_000))
        check_value("model.workers", 0 if workers == "auto" else workers, int, (0, 4096))
        if not methods or len(set(methods)) < len(methods):
            raise InputError(f"methods {methods}: name at least one, and each once")
        self.baselines = baselines or BaselineSettings()
        if "external" in methods and self.baselines.external is None:
            raise InputError(
                "the method external needs --model.baselines.external: the folder with the other "
                "program's results"
            )
        self.initialiser = initialiser
        self.refine_settings = refine
        self.render_settings = render
        self.body_name = body
        self.pose_prior: str = pose_prior
        self.motion_prior = motion_prior
        self.methods = list(methods)
        self.table: Table = table
        self.output = Path(output) if output else None
        self.image_every = image_every
        self.show_progress = show_progress
        self.report = report
        self.matting = matting
        self.ahead = Ahead(workers)
        self.curves = LossCurves()
        self.config_text = ""
        self.num_unusable = 0
        self.metrics = RunMetrics(self.methods, BLUR_RATE_BINS.get(table, ()))
        self._pipeline: Pipeline | None = None
        self._store: ResultStore | None = None
        self._clip: ClipRun | None = None
        self._clip_warnings: list[tuple[FitWarning, ...]] = []
        self._progress = RunProgress(enabled=False)

    def pipeline(self) -> Pipeline:
        """Body and priors, loaded when first needed so that bad input is reported at once."""
        if self._pipeline is None:
            self._pipeline = Pipeline.load(**self._tools())
        return self._pipeline

    def _tools(self) -> dict[str, Any]:
        """What `Pipeline.load` makes the tools of the run from, here and in workers."""
        return {
            "initialiser": self.initialiser,
            "settings": self.refine_settings,
            "render_settings": self.render_settings,
            "body_name": self.body_name,
            "pose_prior": self.pose_prior,
            "motion_prior": self.motion_prior,
            "baselines": self.baselines,
            "device": self.device,
            "matting": self.matting,
        }

    def looking_ahead(self, loader: Iterable[Any]) -> Iterable[Any]:
        """Let workers read and start the batches of a loader, where there are any.

        Args:
            loader: a `DataLoader` of batches that depend on nothing but their number.

        Returns:
            The same batches, some as lists of `Prepared`.
        """
        store, num_here = self._opened_store(), self.trainer.num_devices
        return self.ahead.loader(loader, self._tools(), store, num_here)

    def configure_callbacks(self) -> list[pl.Callback]:
        """The display, and the writer of what a test or a prediction finds."""
        is_main = self.trainer.is_global_zero
        self._progress = RunProgress(self.show_progress and is_main)
        if self.trainer.predicting:
            root = self.output or default_output("predict", self.config_text)
            self._progress.begin("reading")
            self._store = ResultStore(root, settings=self.report)
            return [PredictionWriter(self._store, self._progress), self._progress, self.ahead]
        root = self.output or default_output("test", self.config_text)
        self._store = ResultStore(root, self.baselines.inputs(self.methods), self.report)
        writer = EvaluationWriter(self._store, self.table, self._progress)
        return [writer, self._progress, self.ahead]

    def setup(self, stage: str) -> None:
        """Write where the first process of the run writes; share out the processors.

        Each process has a clock of its own, and would take all processors for itself.
        """
        store, num_here = self._opened_store(), self.trainer.num_devices
        store.root = Path(self.trainer.strategy.broadcast(str(store.root)))
        if num_here > 1 and self.render_settings.num_threads is None:
            threads = share_of_processors(num_here)
            self.render_settings = replace(self.render_settings, num_threads=threads)

    def on_test_start(self) -> None:
        """Open the folder of the run.

        Raises:
            InputError: if it holds results of another configuration.
        """
        self._opened_store().open(self.config_text)
        self.metrics = RunMetrics(self.methods, BLUR_RATE_BINS.get(self.table, ())).to(self.device)
        # Sums in the same order whatever the number of processes and processors.
        self._num_threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def on_test_end(self) -> None:
        """Leave torch as it was."""
        torch.set_num_threads(self._num_threads)

    @torch.no_grad()
    def test_step(
        self, batch: Sequence[BlurSample | BrokenSample | Prepared], batch_idx: int
    ) -> dict[str, list[Outcome]]:
        """Evaluate a batch of samples.

        A batch is always refined as a whole: sums over its sub-frames are shared out to threads, so
        a sample's last digits depend on who else is in its batch.

        Args:
            batch: samples, and what could not be read; or what a worker has made of them.
            batch_idx: unused.

        Returns:
            One outcome a sample, for the writer.
        """
        outcomes = self._evaluate(batch, self.methods)
        self.metrics.update([o.record for o in outcomes if o.record is not None])
        return {"outcomes": outcomes}

    def _evaluate(self, batch: Sequence[Any], methods: Sequence[Method]) -> list[Outcome]:
        """Fit what has to be fitted, while workers see to the next batches."""
        prepared = prepare(batch, self.pipeline, self._opened_store())
        self.ahead.begin_next(is_new=any(one.started for one in prepared))
        watch = Watch(callbacks=self._followers())
        return evaluate_prepared(prepared, self.pipeline, methods, watch)

    def on_test_epoch_end(self) -> None:
        """Log the means over the samples of all processes: what `trainer.test` returns."""
        self.trainer.strategy.barrier()
        values = means_by_tag(self.metrics.compute(), "test", COLUMNS[self.table])
        self.num_unusable = len(self._opened_store().unusable())
        values["test/unusable"] = float(self.num_unusable)
        # Alike in all processes: the metrics have been brought together.
        self.log_dict(values, sync_dist=True)

    def _opened_store(self) -> ResultStore:
        assert self._store is not None, "configure_callbacks makes it"
        return self._store

    @torch.no_grad()
    def predict_step(
        self, batch: Sequence[BlurSample | UnreadSample | Prepared], batch_idx: int
    ) -> Prediction:
        """Refine a batch of samples, those of a folder's photos that are left, or a clip's next.

        Args:
            batch: samples, photos unread or prepared by a worker, or one that says of which clip.
            batch_idx: unused.

        Returns:
            The results of the samples, or the photos of the clip that are finished with this one;
            a writer puts them on disk.
        """
        if batch and isinstance(batch[0], UnreadSample | Prepared):
            return Prediction(outcomes=self._evaluate(batch, ["hfb"]))
        samples = [item for item in batch if isinstance(item, BlurSample)]
        if not samples:  # of several processes, this one has nothing left
            return Prediction()
        if samples[0].part is not None:
            return Prediction(frames=self._step_clip(samples[0]))
        progress, pipeline = self._progress, self.pipeline()
        progress.begin("starting pose and matte", len(samples))
        started = []
        for number, sample in enumerate(samples, 1):
            started.append(pipeline.initialise(sample))
            progress.update(number)
        results = [r for (r,) in pipeline.run(started, ["hfb"], self._watch(with_bar=True))]
        self.num_unusable += sum(explains_nothing(warnings_of_result(r)) for r in results)
        return Prediction(results=results)

    def _step_clip(self, sample: BlurSample) -> list[ClipFrame]:
        """Take the next photo of a clip; returns those that are finished with it."""
        part = part_of(sample)
        if self._clip is None or part.number == 0:
            self._clip = ClipRun(self.pipeline(), self._watch(with_bar=False))
            self._clip_warnings = []
        frames = self._clip.step(sample)
        self._clip_warnings += [
            warnings_of(f.fitted.evidence, f.fitted.metrics, guard=f.fitted.guard) for f in frames
        ]
        if part.number + 1 == part.total:
            self.num_unusable += explains_nothing(join_warnings(self._clip_warnings))
        return frames

    def _followers(self) -> tuple[pl.Callback, ...]:
        """What keeps the curves of fits for the page."""
        return (self.curves,) if self.report.page else ()

    def _watch(self, with_bar: bool) -> Watch:
        """The display, and the log with its images."""
        callbacks: list[Any] = []
        if with_bar:
            callbacks = [FitProgress(self._progress), *self._followers()]
        logger = self.logger if self.trainer.is_global_zero else None
        if logger is not None and self.image_every:
            callbacks.append(FitImages(logger, self.image_every))  # type: ignore[arg-type]
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return Watch(self._progress, tuple(callbacks), logger, every)  # type: ignore[arg-type]
