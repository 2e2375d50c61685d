"""A whole clip: photos come one by one, results of a window are kept, the rest is forgotten."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hfb.app.pipeline import Pipeline
from hfb.app.progress import RunProgress
from hfb.app.result_store import write_csv
from hfb.app.windows import FittedPhoto, WindowFit
from hfb.errors import HfbError, NoPersonError
from hfb.evaluate.metrics_of_fit import FitMetrics
from hfb.evaluate.metrics_of_sequence import MIN_SPEED, MM_PER_M, states_at_boundaries
from hfb.export import atomic_folder, atomic_write, write_image
from hfb.fit.initialise import InitialisedFrame, body_core, initialise_frame
from hfb.fit.module import RefineModule
from hfb.fit.result import Refinement
from hfb.fit.sequence.shutter_gap import LEAST_BLUR, blur_in_crop, gap_recipes
from hfb.matte import estimate_alpha
from hfb.report.images import photo_picture
from hfb.report.write_sequence import write_sequence
from hfb.structures import BlurSample


@dataclass(frozen=True)
class ClipPhoto:
    """What is kept of a finished photo: little, and no picture.

    Attributes:
        refinement: what was found.
        metrics: how well it explains the photo.
        first_frame: number of its first frame in the clip.
        exposure: opening and closing of the shutter, s.
        begins_window: whether a window ended just before it.
        has_own_start: False where the person was not found and the neighbour's pose was taken.
    """

    refinement: Refinement
    metrics: FitMetrics
    first_frame: int
    exposure: torch.Tensor
    begins_window: bool
    has_own_start: bool


class ClipRun:
    """Refines a clip photo by photo and writes its results at the end.

    Args:
        pipeline: the tools of the run.
        root: folder of the run.
        progress: shows how far it is.
    """

    def __init__(self, pipeline: Pipeline, root: Path, progress: RunProgress) -> None:
        self.pipeline = pipeline
        self.root = root
        self.progress = progress
        self.photos: list[ClipPhoto] = []
        self._windows = WindowFit(pipeline.fitter())
        self._is_found: list[bool] = []
        self._texture = torch.zeros(3, 1, 1)
        self._begin = time.perf_counter()

    def begin(self, config_text: str) -> None:
        """Open the folder and the progress display."""
        if config_text:
            with atomic_write(self.root / "config.yaml") as part:
                part.write_text(config_text)
        self.progress.__enter__()

    def step(self, sample: BlurSample) -> bool:
        """Take the next photo; returns whether the clip is finished.

        Raises:
            NoPersonError: if there is nobody in the photo.
        """
        try:
            is_finished = self._step(sample)
        except BaseException as error:
            self.progress.__exit__(type(error), error, None)
            raise
        if is_finished:
            self.progress.finish()
            for line in [f"{sample.sample_id}: {self.lines()[0]}", *self.lines()[1:]]:
                self.progress.console.print(line, highlight=False)
            self.progress.console.print(f"results in {self.root}", highlight=False)
            self.progress.__exit__(None, None, None)
        return is_finished

    def _step(self, sample: BlurSample) -> bool:
        part = sample.part
        assert part is not None, "a photo of a clip says which one it is"
        if part.number == 0:
            self.progress.begin(f"refining {part.total} photos", part.total)
        started = self._start(sample)
        is_last = part.number + 1 == part.total
        total, finished = self._steps_of_window(sample), len(self.photos)
        fitted_again = 0 if is_last else self.pipeline.settings.overlap
        steps = itertools.count(1)

        def on_step(module: RefineModule, _: int) -> None:
            share = min(next(steps) / (total + 1), 1.0)
            self.progress.update(finished + (len(module.problem) - fitted_again) * share)

        done = self._windows.feed(started, is_last, on_step)
        for k, photo in enumerate(done):
            self._keep(photo, begins_window=k == 0)
        self.progress.update(len(self.photos))
        if is_last:
            self._write(sample)
        return is_last

    def _steps_of_window(self, sample: BlurSample) -> int:
        """Steps until the next photos are finished; the first ones may have a gap to be found."""
        settings = self.pipeline.settings
        if self.photos or not settings.finds_gap(sample.exposure_is_known):
            return settings.num_steps
        return sum(recipe.num_steps for recipe in [*gap_recipes(settings), settings])

    def _start(self, sample: BlurSample) -> InitialisedFrame:
        """As any photo; where nobody is found, the pose before is the start."""
        part, pipeline = sample.part, self.pipeline
        assert part is not None, "step has looked"
        try:
            started = initialise_frame(sample, pipeline.body, pipeline.initialiser, part.number)
        except NoPersonError as error:
            before = self._windows.last_start
            if before is None:
                raise NoPersonError(_nobody(sample, error)) from error
            hint = body_core(before.estimate, pipeline.body)
            alpha = sample.alpha
            matte = (
                alpha[0]
                if alpha is not None
                else estimate_alpha(sample.blurry[0], sample.background, hint=hint)
            )
            started = replace(before, sample=sample, alpha=matte)
            self._is_found.append(False)
        except HfbError as error:
            raise type(error)(_nobody(sample, error)) from error
        else:
            self._is_found.append(True)
        return started

    def _keep(self, photo: FittedPhoto, begins_window: bool) -> None:
        sample = photo.item.sample
        assert sample.part is not None, "step has looked"
        number = sample.part.number
        # One texture of the clip is enough: the last.
        self._texture = photo.refinement.texture.clone()
        self.photos.append(
            ClipPhoto(
                replace(photo.refinement, texture=torch.zeros(3, 1, 1)),
                photo.metrics,
                sample.part.first_frame,
                sample.exposure[0],
                begins_window and number > 0,
                self._is_found[number],
            )
        )
        if begins_window:
            fitter = self.pipeline.fitter()
            picture = photo_picture(photo.item, photo.refinement, fitter, {})
            folder = self.root / "pictures" / sample.sample_id
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"frame_{sample.part.first_frame:06d}.png", picture)

    def _write(self, sample: BlurSample) -> None:
        """All files of the clip, whole or not at all."""
        texture = self._texture
        refinements = [replace(photo.refinement, texture=texture) for photo in self.photos]
        exposure = torch.stack([photo.exposure for photo in self.photos])
        # The files need the times of all photos, but no picture of them: one stands for all.
        photo = sample.blurry.expand(len(exposure), -1, -1, -1)
        whole = replace(sample, blurry=photo, alpha=None, exposure=exposure, part=None)
        self.progress.begin("writing", 1)
        with atomic_folder(self.root / "samples" / sample.sample_id) as folder:
            write_sequence(folder, refinements, whole, self.pipeline.fitter())
            write_csv(folder / "per_photo.csv", self.rows())
        with atomic_write(self.root / "summary.txt") as part:
            part.write_text("\n".join(self.lines()) + "\n")

    def rows(self) -> list[dict[str, str]]:
        """One row a photo: where it is, how well it is explained, how it meets the next one."""
        jumps = self._jumps()
        return [
            {
                "photo": str(k),
                "first_frame": str(photo.first_frame),
                "opening_s": f"{float(photo.exposure[0]):.6f}",
                "begins_window": str(int(photo.begins_window)),
                "has_own_start": str(int(photo.has_own_start)),
                "reblur_psnr_db": f"{photo.metrics.reblur_psnr_db:.4f}",
                "matte_iou": f"{photo.metrics.matte_iou:.4f}",
                "gap": "" if photo.refinement.gap is None else f"{photo.refinement.gap.share:.4f}",
                "jump_from_before_mm": "" if k == 0 else f"{jumps[k - 1][0]:.4f}",
                "velocity_jump_from_before": (
                    "" if k == 0 or jumps[k - 1][1] is None else f"{jumps[k - 1][1]:.4f}"
                ),
            }
            for k, photo in enumerate(self.photos)
        ]

    def _jumps(self) -> list[tuple[float, float | None]]:
        """Largest distance of a joint, mm, and change of velocity as a share, at each boundary."""
        share, body = self.pipeline.settings.gap_fraction, self.pipeline.body
        found: list[tuple[float, float | None]] = []
        for one, two in zip(self.photos, self.photos[1:], strict=False):
            exposure = torch.stack([one.exposure, two.exposure])
            exposure = (exposure - exposure[0, 0]).float()
            pair = [one.refinement, two.refinement]
            end, start = states_at_boundaries(pair, exposure, body, share)
            jump = torch.linalg.vector_norm(end.joints - start.joints, dim=-1).max()
            change = torch.linalg.vector_norm(end.velocity - start.velocity, dim=-1).mean()
            speed = 0.5 * sum(
                torch.linalg.vector_norm(v, dim=-1).mean() for v in (end.velocity, start.velocity)
            )
            relative = float(change / speed) if speed > MIN_SPEED else None
            found.append((float(jump) * MM_PER_M, relative))
        return found

    def lines(self) -> list[str]:
        """What a person wants to read after a run."""
        jumps = self._jumps()
        borders = [
            jump for (jump, _), photo in zip(jumps, self.photos[1:], strict=True)
            if photo.begins_window
        ]  # fmt: skip
        psnr = sum(photo.metrics.reblur_psnr_db for photo in self.photos) / len(self.photos)
        overlap = sum(photo.metrics.matte_iou for photo in self.photos) / len(self.photos)
        lost = sum(not photo.has_own_start for photo in self.photos)
        lines = [
            f"{len(self.photos)} photos ({time.perf_counter() - self._begin:.0f} s)",
            f"  IoU with the matte, mean          {overlap:9.3f}",
            f"  re-blur PSNR, mean                {psnr:9.1f} dB",
            f"  largest jump of a joint           {max(j for j, _ in jumps):9.1f} mm",
        ]
        if borders:
            lines.append(f"  largest jump where windows meet   {max(borders):9.1f} mm")
        if lost:
            lines.append(f"  photos started from the one before {lost:8d}")
        return lines + self._gap_lines()

    def _gap_lines(self) -> list[str]:
        """What was found in place of an exposure that was not given, and whether to believe it."""
        gap = self.photos[0].refinement.gap
        if gap is None:
            return []
        found = f"{1.0 - gap.share:9.2f} ± {gap.sigma:.2f}"
        lines = [f"  exposure found, of the frame time {found} (--data.clip.exposure sets it)"]
        times, body = torch.tensor([0.0, 0.5, 1.0]), self.pipeline.body
        joints = [photo.refinement.posed(body, times).joints for photo in self.photos]
        blur = float(blur_in_crop(torch.stack(joints), self.pipeline.settings).median())
        if blur < LEAST_BLUR:
            lines.append(
                f"  a guess: joints move {blur:.1f} px of the crop within it, too little to tell"
            )
        return lines


def _nobody(sample: BlurSample, error: Exception) -> str:
    assert sample.part is not None, "step has looked"
    return (
        f"frame {sample.part.first_frame} of the clip: {error} (--data.clip.part START:STOP takes "
        "the part with the person)"
    )
