"""Joint training of the discriminator and the correction-generator, as a LightningModule."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hfb.geometry import rotvec_to_rotmat
from hfb.losses import weighted_sum
from hfb.motion import PolynomialMotion, evaluate
from hfb.motion.tracks import first_order
from hfb.prior import (
    CanonicalMotion,
    MotionPrior,
    MotionPriorSettings,
    load_motion_prior,
    save_motion_prior,
)
from hfb.prior.motion_file import MOTION_PRIOR_FILE
from hfb.ranges import WEIGHT, Range, check_settings, check_value
from hfb.training.module import TrainingModule
from hfb.training.motion_prior.evaluation import (
    WindowMetrics,
    all_orders,
    bone_offsets,
    canonical_of,
    corrections_by_threshold,
    joints_of,
    relative_velocity,
    summarise,
    threshold_text,
    window_metrics,
)
from hfb.training.motion_prior.images import draw_corrections

# Times at which poses and joints are compared; a motion is at rest in neither.
_TIMES = (0.0, 0.25, 0.75, 1.0)
# Entries that hardly move are neither right nor wrong: this share of the weight is left to them.
_REST_WEIGHT = 0.05
# Wrong patterns drawn at random for every batch, beside those nearest to the truth.
_OTHER_PATTERNS = 8
# Largest deviation of a starting pose's joints: BlazePose's are off by 0.2 to 0.3 rad.
_START_ERROR_RAD = 0.4
# Share of the run in which the learning rate rises.
_WARM_UP = 0.3


_RANGES: dict[str, Range] = {
    **dict.fromkeys(("indicator", "patterns", "coeffs", "pose", "joints", "velocity"), WEIGHT),
    "label_smoothing": (0.0, 0.5),
}


@dataclass(frozen=True)
class AmpLoss:
    """Weight of each term of the training loss.

    Attributes:
        indicator: binary cross entropy of D, the paper's discriminator loss.
        patterns: not in the paper: cross entropy over which chains run backwards, which shows D
            every wrong combination of each motion at once.
        coeffs: mean |G - C| in typical sizes, the paper's L1 loss.
        pose: mean squared difference of the rotation matrices, the paper's L2 loss.
        joints: mean joint distance, dm, the paper's MPJPE loss.
        velocity: not in the paper: mean squared error of the velocity expected from the pose alone,
            in sizes of the motion itself.
        label_smoothing: share of the opposite answer in `indicator` and `patterns`; without it the
            prior grows overconfident on the few people it has seen.
    """

    indicator: float = 1.0
    patterns: float = 2.0
    coeffs: float = 0.5
    pose: float = 5.0
    joints: float = 1.0
    velocity: float = 1.0
    label_smoothing: float = 0.05

    def __post_init__(self) -> None:
        check_settings(self, "model.loss", _RANGES)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each term."""
        return {name: value for name, value in asdict(self).items() if name != "label_smoothing"}


class AmpModule(TrainingModule):
    """Trains the motion prior of section 3.1 and reports on subjects it has never seen.

    Args:
        prior: size and meaning of the networks; degree and parameterisation follow the data.
        loss: weights of the terms.
        body: whose joints the MPJPE loss and the metrics use, at its mean shape.
        lr: highest learning rate of AdamW on a one-cycle schedule.
        weight_decay: of AdamW.
        output: folder that gets the finished `amp.ckpt`.
        checkpoint: a finished prior to test or to validate; the shipped one if not given.
        num_posed: motions of a batch that are judged entry by entry, and whose poses and joints are
            compared: both cost more than the rest.
        num_images: stick figures logged after each validation.
    """

    def __init__(
        self,
        prior: MotionPriorSettings = MotionPriorSettings(),  # noqa: B008 (frozen)
        loss: AmpLoss = AmpLoss(),
        body: str = "free_body",
        lr: float = 2e-3,
        weight_decay: float = 0.02,
        output: str = "outputs/amp",
        checkpoint: str | None = None,
        num_posed: int = 24,
        num_images: int = 3,
    ) -> None:
        check_value("model.num_posed", num_posed, int, (1, 1_000_000))
        check_value("model.num_images", num_images, int, (0, 1000))
        super().__init__(body, lr, weight_decay, output, checkpoint)
        self.prior = MotionPrior(prior)
        if checkpoint is not None:
            # Looked at before windows are fitted, which takes minutes.
            load_motion_prior(checkpoint, prior.parameterization, self.body.parents)
        self.loss = loss
        self.num_posed = num_posed
        self.num_images = num_images
        self._parts: list[WindowMetrics] = []
        self._by_threshold: list[Tensor] = []

    def setup(self, stage: str) -> None:
        """Learn the sizes of the coefficients, or load a finished prior to be tested."""
        if stage == "fit":
            lowest = first_order(self.prior.settings.parameterization)
            self.prior.scale.copy_(self.trainer.datamodule.scale()[lowest:])  # type: ignore[attr-defined]
            self.prior.kinematics.offsets.copy_(bone_offsets(self.body))
        elif self.trainer.ckpt_path is None:
            parameterization = self.prior.settings.parameterization
            self.prior = load_motion_prior(self.checkpoint, parameterization, self.body.parents)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """All losses of one batch of pairs."""
        seen = canonical_of(batch.corrupted, batch.seen_rotmat)
        losses = {
            "indicator": self._indicator_loss(batch, seen),
            "patterns": self._pattern_loss(batch, seen),
            "velocity": self._velocity_loss(batch),
            **self._reconstruction_losses(batch, self._in_painted(batch, seen)),
        }
        total = weighted_sum(losses, self.loss.weights)
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        self.log("train/total", total.detach(), prog_bar=True)
        return total

    def _indicator_loss(self, batch: Any, seen: CanonicalMotion) -> Tensor:
        """BCE; entries count by how much they move, up to their typical size."""
        some = slice(self.num_posed)
        seen = CanonicalMotion(seen.coeffs[some], seen.mid_rotmat[some])
        logits = self.prior.discriminate(seen)
        wrong = batch.wrong[some, -self.prior.settings.num_orders :].to(logits)
        size = torch.linalg.vector_norm(seen.coeffs, dim=-1) / self.prior.scale
        weight = _REST_WEIGHT + size.clamp(max=1.0)
        smooth = self.loss.label_smoothing
        target = wrong * (1.0 - 2.0 * smooth) + smooth
        loss = binary_cross_entropy_with_logits(logits, target, reduction="none")
        return (loss * weight).sum() / weight.sum()

    def _pattern_loss(self, batch: Any, seen: CanonicalMotion) -> Tensor:
        """Cross entropy of which chains run backwards, of each member."""
        patterns = self.prior.patterns
        lowest = first_order(self.prior.settings.parameterization)
        wrong = batch.wrong[:, lowest + patterns.odd[0]].to(seen.coeffs)
        # A chain runs backwards where all its tracks do; single joints and drift reverse none.
        backward = (wrong @ patterns.chains.T >= patterns.chains.sum(1)).to(wrong)
        scores = self.prior.contrast(seen, backward, _OTHER_PATTERNS).flatten(0, -2)
        return torch.nn.functional.cross_entropy(
            scores,
            torch.zeros(len(scores), dtype=torch.long, device=scores.device),
            label_smoothing=self.loss.label_smoothing,
        )

    def _velocity_loss(self, batch: Any) -> Tensor:
        """How far the motion expected from a pose with the errors of a start is from the truth."""
        pose = batch.base_rotmat
        size = _START_ERROR_RAD * torch.rand_like(pose[:, :1, 0])
        pose = pose @ rotvec_to_rotmat(size * torch.randn_like(pose[..., 0]))
        expected = self.prior.expected_velocity(pose)
        return (expected - relative_velocity(self.prior, batch.coeffs)).square().mean()

    def _in_painted(self, batch: Any, seen: CanonicalMotion) -> Float[Tensor, "B D K C"]:
        """G told the truth about what is wrong.

        From D's output it would learn to trust a D that has memorised its training subjects, or to
        leave everything half corrected.
        """
        wrong = batch.wrong[:, -self.prior.settings.num_orders :]
        return self.prior.correct(seen, wrong.to(seen.coeffs))

    def _reconstruction_losses(
        self, batch: Any, corrected: Float[Tensor, "B D K C"]
    ) -> dict[str, Tensor]:
        num_orders = self.prior.settings.num_orders
        truth = batch.coeffs[:, -num_orders:]
        half = min(self.num_posed, len(truth))
        motions = torch.cat([all_orders(batch.coeffs, corrected)[:half], batch.coeffs[:half]])
        rotmat, transl = evaluate(
            PolynomialMotion(
                motions,
                torch.cat([batch.base_rotmat[:half]] * 2),
                torch.cat([batch.base_transl[:half]] * 2),
                parameterization=self.prior.settings.parameterization,
            ),
            motions.new_tensor(_TIMES),
        )
        joints = joints_of(self.body, rotmat, transl)
        distance = torch.linalg.vector_norm(joints[:half] - joints[half:], dim=-1)
        return {
            "coeffs": ((corrected - truth).abs() / self.prior.scale.unsqueeze(-1)).mean(),
            "pose": (rotmat[:half] - rotmat[half:]).square().mean(),
            "joints": 10.0 * distance.mean(),
        }

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Metrics of the validation windows; images of the first ones."""
        self._parts.append(window_metrics(self.prior, batch, self.body))
        board: Any = getattr(self.logger, "experiment", None)
        if batch_idx == 0 and hasattr(board, "add_image"):
            for number in range(min(self.num_images, len(batch.coeffs))):
                image = draw_corrections(self.prior, batch, number, self.body)
                board.add_image(f"val/correction_{number}", image, self.global_step)

    def on_validation_epoch_end(self) -> None:
        """Log the summary."""
        self.metrics = summarise(self._parts).scalars
        self._parts = []
        self.log_dict({f"val/{name}": value for name, value in self.metrics.items()})

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Metrics of the validation windows."""
        self._parts.append(window_metrics(self.prior, batch, self.body))
        self._by_threshold.append(corrections_by_threshold(self.prior, batch, self.body))

    def on_test_epoch_end(self) -> None:
        """Print the summary and the curves."""
        summary = summarise(self._parts)
        by_threshold = threshold_text(torch.cat(self._by_threshold, -1), self._parts)
        self._parts, self._by_threshold = [], []
        self.metrics = summary.scalars
        self.log_dict({f"test/{name}": value for name, value in summary.scalars.items()})
        print(summary.text(), by_threshold, sep="\n")

    def on_train_end(self) -> None:
        """Write the finished prior, small enough to be shipped."""
        card = {**self.card(), "loss": asdict(self.loss)}
        if self.trainer.is_global_zero:
            save_motion_prior(self.prior, self.output / MOTION_PRIOR_FILE, card)

    def configure_optimizers(self) -> Any:
        """AdamW on one cycle."""
        return self.adamw(self.prior, one_cycle)


def one_cycle(progress: float) -> float:
    """Up over the first three tenths, down to zero over the rest, along cosines."""
    if progress < _WARM_UP:
        return 0.04 + 0.96 * 0.5 * (1.0 - math.cos(math.pi * progress / _WARM_UP))
    return 0.5 * (1.0 + math.cos(math.pi * (progress - _WARM_UP) / (1.0 - _WARM_UP)))
