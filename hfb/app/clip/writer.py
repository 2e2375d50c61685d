"""What is kept of a clip while it is refined, and its files at the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from hfb.app.clip.run import ClipFrame
from hfb.evaluate.metrics_of_sequence import MIN_SPEED, states_at_boundaries
from hfb.evaluate.records import write_csv
from hfb.evaluate.results import FitMetrics
from hfb.evaluate.trust.guard import Verdict
from hfb.evaluate.trust.warnings import FitWarning, join_warnings, sureness_words, warnings_of
from hfb.export import atomic_folder, atomic_write, write_image
from hfb.metrics.functional.joints import MM_PER_M
from hfb.refine.fitter import Fitter
from hfb.refine.result import Refinement
from hfb.refine.sequence.shutter_gap import LEAST_BLUR, blur_in_crop
from hfb.report.images import photo_image
from hfb.report.page import (
    MOST_PHOTOS,
    PEOPLE_NAME,
    Card,
    PhotoView,
    clip_card,
    clip_numbers,
    evenly_spread,
    frames_of_photos,
    sureness_rows,
    view_of_photo,
    warning_rows,
    write_card,
    write_run_page,
)
from hfb.report.settings import ReportSettings
from hfb.report.sureness_file import write_sureness
from hfb.report.write_sequence import write_sequence
from hfb.structures import BlurSample, ClipPart


@dataclass(frozen=True)
class ClipPhoto:
    """What is kept of a finished photo: little, and no image.

    Attributes:
        refinement: what was found, without its texture.
        metrics: how well it explains the photo.
        part: which photo it is.
        exposure: opening and closing of the shutter, s.
        begins_window: whether a window ended just before it.
        has_own_start: False where the person was not found and the neighbour's pose was taken.
        warnings: what is wrong with the fit.
        guard: how far it is to be believed.
        view: what the page shows of it, if it shows it.
    """

    refinement: Refinement
    metrics: FitMetrics
    part: ClipPart
    exposure: torch.Tensor
    begins_window: bool
    has_own_start: bool
    warnings: tuple[FitWarning, ...]
    guard: Verdict
    view: PhotoView | None = None


class ClipWriter:
    """Keeps what is known of a clip's photos and writes it when all are done.

    Args:
        root: folder of the run.
        fitter: the tools of the run.
        settings: which files a clip has.
        summary: lines about clips that the run has finished before; those of this one are added.
    """

    def __init__(
        self,
        root: Path,
        fitter: Fitter,
        settings: ReportSettings | None = None,
        summary: list[str] | None = None,
    ) -> None:
        self.root = root
        self.summary = [] if summary is None else summary
        self.fitter = fitter
        self.settings = settings or ReportSettings()
        self.photos: list[ClipPhoto] = []
        self._texture = torch.zeros(3, 1, 1)
        self._begin = time.perf_counter()

    def add(self, frame: ClipFrame) -> None:
        """Take a finished photo; the first of a window is drawn."""
        fitted, sample = frame.fitted, frame.fitted.item.sample
        # One texture of the clip is enough: the last.
        self._texture = fitted.refinement.texture.clone()
        self.photos.append(
            ClipPhoto(
                replace(fitted.refinement, texture=torch.zeros(3, 1, 1)),
                fitted.metrics,
                frame.part,
                sample.exposure[0],
                frame.begins_window,
                frame.has_own_start,
                warnings_of(fitted.evidence, fitted.metrics, guard=fitted.guard),
                fitted.guard,
                self._view(frame),
            )
        )
        if frame.begins_window or frame.part.number == 0:
            image = photo_image(fitted.item, fitted.refinement, self.fitter, {})
            folder = self.root / "images" / sample.sample_id
            folder.mkdir(parents=True, exist_ok=True)
            write_image(folder / f"frame_{frame.part.first_frame:06d}.png", image)

    def _view(self, frame: ClipFrame) -> PhotoView | None:
        """Draw a photo for the page, if it is one of those that are shown."""
        shown = evenly_spread(frame.part.total, MOST_PHOTOS)
        if not self.settings.page or frame.part.number not in shown:
            return None
        fitted, count = frame.fitted, frames_of_photos(len(shown))
        return view_of_photo(fitted.item, fitted.refinement, self.fitter, count)

    def write(self, sample: BlurSample) -> None:
        """All files of the clip, whole or not at all.

        Args:
            sample: any photo of the clip: its background and rate are those of all.
        """
        texture = self._texture
        refinements = [replace(photo.refinement, texture=texture) for photo in self.photos]
        exposure = torch.stack([photo.exposure for photo in self.photos])
        # The files need the times of all photos, but no image of them: one stands for all.
        photo = sample.blurry.expand(len(exposure), -1, -1, -1)
        whole = replace(sample, blurry=photo, alpha=None, exposure=exposure, part=None)
        with atomic_folder(self.root / "samples" / sample.sample_id) as folder:
            write_sequence(folder, refinements, whole, self.fitter, self.settings)
            write_csv(folder / "per_photo.csv", self.rows())
            write_sureness(folder, [photo.guard for photo in self.photos])
            if sample.chosen is not None:
                write_image(folder / PEOPLE_NAME, sample.chosen.picture)
            if self.settings.page:
                write_card(folder, self._card(whole, refinements))
        with atomic_write(self.root / "summary.txt") as part:
            self.summary += named_lines(sample, self.lines())
            part.write_text("\n".join(self.summary) + "\n", encoding="utf-8")
        if self.settings.page:
            write_run_page(self.root)

    def _card(self, whole: BlurSample, refinements: list[Refinement]) -> Card:
        """What the page shows of the clip."""
        views = [photo.view for photo in self.photos if photo.view is not None]
        told = {
            "seconds": round(time.perf_counter() - self._begin, 1),
            "numbers": [
                *clip_numbers(
                    [photo.metrics for photo in self.photos],
                    whole,
                    views,
                    self.fitter.body.joint_names,
                    self.photos[0].refinement.gap,
                ),
                *sureness_rows([photo.guard for photo in self.photos]),
            ],
            "notes": [],
            "warnings": warning_rows(join_warnings([photo.warnings for photo in self.photos])),
            "per_photo": {"rows": self.rows()},
        }
        return clip_card(whole, refinements, views, self.fitter, told)

    def rows(self) -> list[dict[str, str]]:
        """One row a photo: where it is, how well it is explained, how it meets the next one."""
        jumps = self._jumps()
        return [
            {
                "photo": str(k),
                "first_frame": str(photo.part.first_frame),
                "opening_s": f"{float(photo.exposure[0]):.6f}",
                "begins_window": str(int(photo.begins_window)),
                "has_own_start": str(int(photo.has_own_start)),
                "reblur_psnr_db": f"{photo.metrics.reblur_psnr_db:.4f}",
                "matte_iou": f"{photo.metrics.matte_iou:.4f}",
                "sure": "" if photo.guard.sure is None else f"{photo.guard.sure:.4f}",
                "gap": "" if photo.refinement.gap is None else f"{photo.refinement.gap.share:.4f}",
                "jump_from_before_mm": "" if k == 0 else f"{jumps[k - 1][0]:.4f}",
                "velocity_jump_from_before": (
                    "" if k == 0 or jumps[k - 1][1] is None else f"{jumps[k - 1][1]:.4f}"
                ),
                "warnings": " ".join(warning.code for warning in photo.warnings),
            }
            for k, photo in enumerate(self.photos)
        ]

    def _jumps(self) -> list[tuple[float, float | None]]:
        """Largest distance of a joint, mm, and change of velocity as a share, at each boundary."""
        found: list[tuple[float, float | None]] = []
        for one, two in zip(self.photos, self.photos[1:], strict=False):
            exposure = torch.stack([one.exposure, two.exposure])
            exposure = (exposure - exposure[0, 0]).float()
            end, start = states_at_boundaries(
                [one.refinement, two.refinement],
                exposure,
                self.fitter.body,
                self.fitter.settings.gap_fraction,
            )
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
        ]
        words = sureness_words([photo.guard for photo in self.photos])
        if words is not None:
            lines.append(f"  how sure: {words}")
        if jumps:
            lines.append(f"  largest jump of a joint           {max(j for j, _ in jumps):9.1f} mm")
        if borders:
            lines.append(f"  largest jump where windows meet   {max(borders):9.1f} mm")
        if lost:
            lines.append(f"  photos started from the one before {lost:8d}")
        joined = join_warnings([photo.warnings for photo in self.photos])
        return [*lines, *self._gap_lines(), *(f"  warning: {warning}" for warning in joined)]

    def _gap_lines(self) -> list[str]:
        """What was found in place of an exposure that was not given, and whether to believe it."""
        gap = self.photos[0].refinement.gap
        if gap is None:
            return []
        found = f"{1.0 - gap.share:9.2f} ± {gap.sigma:.2f}"
        lines = [f"  exposure found, of the frame time {found} (--data.clip.exposure sets it)"]
        times = torch.tensor([0.0, 0.5, 1.0])
        joints = [photo.refinement.posed(self.fitter.body, times).joints for photo in self.photos]
        blur = float(blur_in_crop(torch.stack(joints), self.fitter.settings).median())
        if blur < LEAST_BLUR:
            lines.append(
                f"  a guess: joints move {blur:.1f} px of the crop within it, too little to tell"
            )
        return lines


def named_lines(sample: BlurSample, lines: list[str]) -> list[str]:
    """Lines about a clip with its name in front.

    Args:
        sample: any photo of it.
        lines: at least one.
    """
    return [f"{sample.sample_id}: {lines[0]}", *lines[1:]]
