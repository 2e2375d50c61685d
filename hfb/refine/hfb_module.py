"""From samples to results: start, refine, measure, write. One batch at a time."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import pytorch_lightning as pl
import torch

from hfb.body import SmplBody, load_body
from hfb.init import BlazePoseInitialiser
from hfb.losses import TexelPairs, texel_pairs
from hfb.prior import MixturePosePrior
from hfb.refine.evaluation import SampleResult, evaluate_sample
from hfb.refine.module import RefineModule
from hfb.refine.output import RunFolder, result_lines, table_row
from hfb.refine.problem import build_problem, join_problems
from hfb.refine.progress import RunProgress
from hfb.refine.results import refinements_of
from hfb.refine.runner import Refiner
from hfb.refine.settings import RefineSettings
from hfb.refine.start import StartedSample, start_sample
from hfb.refine.tensorboard import RefineLogger
from hfb.render import RenderSettings
from hfb.structures import BlurSample


class HfbModule(pl.LightningModule):
    """Human from Blur over a data set: each batch of samples is refined together.

    Args:
        initialiser: finds starting poses where a sample brings none.
        refine: the recipe of the optimisation.
        render: how to rasterise.
        body: "free_body", or the path of a SMPL model file.
        use_pose_prior: score joint rotations with the mixture prior (eq. 6).
        output: folder for the results; a new dated folder under outputs/ if not given.
        picture_every: steps between two pictures in TensorBoard; 0 turns TensorBoard off.
        show_progress: draw progress bars.
    """

    def __init__(
        self,
        initialiser: BlazePoseInitialiser,
        refine: RefineSettings,
        render: RenderSettings,
        body: str = "free_body",
        use_pose_prior: bool = True,
        output: str | None = None,
        picture_every: int = 20,
        show_progress: bool = True,
    ) -> None:
        super().__init__()
        self.initialiser = initialiser
        self.refine_settings = refine
        self.render_settings = render
        self.body_name = body
        self.use_pose_prior = use_pose_prior
        self.output = Path(output) if output else _dated_folder()
        self.picture_every = picture_every
        self.show_progress = show_progress
        self.config_text = ""
        self.rows: list[dict[str, str]] = []
        self._tools: tuple[SmplBody, Refiner] | None = None

    def tools(self) -> tuple[SmplBody, Refiner]:
        """Body and refiner, loaded when first needed so that bad input is reported at once."""
        if self._tools is None:
            body = load_body(self.body_name).to(self.device)
            prior = MixturePosePrior().to(self.device) if self.use_pose_prior else None
            needs_pairs = any(s.weights.texture for s in self.refine_settings.stages)
            pairs: TexelPairs | None = None
            if needs_pairs:
                size = self.refine_settings.texture_size
                pairs = texel_pairs(body.faces, body.uv, body.faces_uv, size)
            refiner = Refiner(body, self.refine_settings, self.render_settings, prior, pairs)
            self._tools = (body, refiner)
        return self._tools

    def predict_step(self, batch: list[BlurSample], batch_idx: int) -> list[str]:
        """Refine a batch of samples and write their results; returns the samples' names."""
        return [result.item.sample.sample_id for result in self.process(batch)]

    @torch.no_grad()
    def process(self, samples: list[BlurSample]) -> list[SampleResult]:
        """Start, refine and measure a batch; writes each sample as soon as it is done."""
        folder = RunFolder(self.output, self.config_text)
        logger = RefineLogger(self.output / "tensorboard", self.picture_every)
        with RunProgress(self.show_progress) as progress:
            body, refiner = self.tools()
            progress.begin("starting pose and matte", len(samples))
            started = []
            for number, sample in enumerate(samples, 1):
                started.append(start_sample(sample, body, self.initialiser))
                progress.update(number)
            begin = time.perf_counter()
            module = self._refine(started, refiner, progress, logger)
            seconds = (time.perf_counter() - begin) / len(samples)
            refinements = refinements_of(module, [item.camera for item in started])
            progress.begin("measuring and writing", len(samples))
            results = []
            for number, (item, refinement) in enumerate(zip(started, refinements, strict=True), 1):
                problem = module.problem.select(torch.tensor([number - 1]))
                result = evaluate_sample(item, refinement, problem, refiner, seconds)
                subframes = folder.write_sample(result, refiner)
                logger.log_subframes(item.sample.sample_id, subframes)
                self.rows.append(table_row(result))
                folder.write_summary(self.rows)
                results.append(result)
                progress.update(number)
            progress.finish()
            for line in [line for result in results for line in result_lines(result)]:
                progress.console.print(line, highlight=False)
            progress.console.print(f"results in {self.output}", highlight=False)
        logger.close()
        return results

    def _refine(
        self,
        started: list[StartedSample],
        refiner: Refiner,
        progress: RunProgress,
        logger: RefineLogger,
    ) -> RefineModule:
        """Refine all starts of all samples; the result has one problem a sample."""
        settings = self.refine_settings
        problems = [
            build_problem(
                item.sample,
                item.estimate,
                item.alpha,
                settings.image_size,
                settings.crop_margin,
                settings.num_starts,
            )
            for item in started
        ]
        counts = torch.tensor([len(problem) for problem in problems])
        group = torch.repeat_interleave(torch.arange(len(problems)), counts)
        problem = join_problems(problems)
        current: list[RefineModule] = []

        def on_step(module: RefineModule, step: int) -> None:
            if not current or current[-1] is not module:
                current.append(module)
                is_ranking = len(module.problem) > len(started)
                name = "ranking starting poses" if is_ranking else "refining"
                progress.begin(name, settings.ranking_steps if is_ranking else settings.num_steps)
            progress.update(step)
            logger.log_step(module, step)

        module = refiner.refine(problem, group, on_step)
        logger.log_curves(module)
        return module


def _dated_folder() -> Path:
    return Path("outputs") / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
