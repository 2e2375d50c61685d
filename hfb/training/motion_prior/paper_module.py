"""Joint training of D and G on the matrix C, as section 3.1 of the paper has it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from hfb.geometry import rotvec_to_rotmat
from hfb.losses import weighted_sum
from hfb.metrics import functional
from hfb.motion.polynomial import directed, time_powers
from hfb.prior import (
    CoefficientPrior,
    CoefficientPriorSettings,
    load_coefficient_prior,
    save_coefficient_prior,
)
from hfb.prior.motion_file import PAPER_PRIOR_FILE
from hfb.ranges import WEIGHT, check_settings
from hfb.training.module import TrainingModule
from hfb.training.motion_prior.evaluation import auroc, joints_of
from hfb.training.motion_prior.module import one_cycle

_TIMES = (0.0, 0.25, 0.5, 0.75, 1.0)
_EXAMPLES = 2048
# Of what hardly ever changes, rad, m or of a unit axis.
_LEAST_SCALE = 0.02
_LEAST_MOTION_MM = 20.0
# Steps along eq. (10) alone that a test takes.
_FOLLOWING_STEPS, _FOLLOWING_LR = 60, 0.003
# The loss moves entries at equal speed: as far as this, rad, m or of a unit axis.
_FURTHEST = 0.5
# From this error on, rad, m or of a unit axis, an entry counts as wrong.
_WRONG = 0.1


@dataclass(frozen=True)
class PaperAmpLoss:
    """Weight of each of the paper's four terms.

    Attributes:
        indicator: binary cross entropy of D.
        coeffs: mean |G - C|, typical sizes.
        pose: mean squared difference of the rotation matrices.
        joints: mean joint distance, root-aligned, dm.
    """

    indicator: float = 1.0
    coeffs: float = 0.2
    pose: float = 5.0
    joints: float = 1.0

    def __post_init__(self) -> None:
        check_settings(self, "model.loss", dict.fromkeys(asdict(self), WEIGHT))


class PaperAmpModule(TrainingModule):
    """Trains the prior of eq. (10) in the paper's form; reports on subjects it has never seen.

    Args:
        networks: size; the degree follows the data.
        terms: weights of the losses.
        body: whose joints the MPJPE loss and the metrics use, at its mean shape.
        lr: highest learning rate of AdamW on a one-cycle schedule.
        weight_decay: of AdamW.
        output: folder that gets the finished `amp_paper.ckpt`.
        checkpoint: a finished prior to test or to validate; the shipped one if not given.
    """

    def __init__(
        self,
        networks: CoefficientPriorSettings = CoefficientPriorSettings(),  # noqa: B008 (frozen)
        terms: PaperAmpLoss = PaperAmpLoss(),
        body: str = "free_body",
        lr: float = 1e-3,
        weight_decay: float = 0.02,
        output: str = "outputs/amp_paper",
        checkpoint: str | None = None,
    ) -> None:
        super().__init__(body, lr, weight_decay, output, checkpoint)
        self.prior = CoefficientPrior(networks)
        if checkpoint is not None:
            # Looked at before windows are fitted, which takes minutes.
            load_coefficient_prior(checkpoint)
        self.terms = terms
        self._parts: list[dict[str, Tensor]] = []

    def setup(self, stage: str) -> None:
        """Learn the sizes of the coefficients, or load a finished prior to be tested."""
        if stage == "fit":
            pairs = self.trainer.datamodule.example(_EXAMPLES)  # type: ignore[attr-defined]
            size = pairs.coeffs.square().mean(0).sqrt()
            size[0] = (pairs.coeffs - pairs.corrupted)[:, 0].square().mean(0).sqrt()
            self.prior.scale.copy_(size.clamp(min=_LEAST_SCALE))
        elif self.trainer.ckpt_path is None:
            self.prior = load_coefficient_prior(self.checkpoint)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The four losses of one batch."""
        seen = self._under_way(batch.corrupted)
        wrong = ((seen - batch.coeffs).abs() > _WRONG).float()
        judged = self.prior(seen)
        rotmat, joints = self._posed(torch.cat([judged.corrected, batch.coeffs]))
        half = len(batch.coeffs)
        distance = torch.linalg.vector_norm(joints[:half] - joints[half:], dim=-1)
        change = (judged.corrected - batch.coeffs) / self.prior.scale
        losses = {
            "indicator": binary_cross_entropy_with_logits(judged.logits, wrong),
            "coeffs": change.abs().mean(),
            "pose": (rotmat[:half] - rotmat[half:]).square().mean(),
            "joints": 10.0 * distance.mean(),
        }
        total = weighted_sum(losses, asdict(self.terms))
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        self.log("train/total", total.detach(), prog_bar=True)
        return total

    @torch.no_grad()
    def _under_way(self, coeffs: Float[Tensor, "B D1 K 4"]) -> Float[Tensor, "B D1 K 4"]:
        """Half of the batch where eq. (10) has led it: G shall go on to the truth from there.

        G that has seen starts alone corrects its own corrections once more, and so on without end.
        """
        way = self.prior(coeffs).corrected - coeffs
        limit = _FURTHEST * torch.rand_like(coeffs[:, :1, :1, :1])
        moved = coeffs + way.clamp(-limit, limit)
        is_moved = torch.rand_like(limit) < 0.5
        return torch.where(is_moved, moved, coeffs)

    def _posed(
        self, coeffs: Float[Tensor, "B D1 K 4"]
    ) -> tuple[Float[Tensor, "B S J 3 3"], Float[Tensor, "B S J 3"]]:
        """Rotations, and joints from the root, at the times that are compared."""
        powers = time_powers(coeffs.new_tensor(_TIMES), coeffs.shape[1] - 1, 0.0)
        tracks = (powers @ coeffs.flatten(-2)).unflatten(-1, coeffs.shape[-2:])
        rotmat = rotvec_to_rotmat(directed(tracks[..., 1:, :]))
        joints = joints_of(self.body, rotmat, coeffs.new_zeros(*rotmat.shape[:2], 3))
        return rotmat, joints - joints[..., :1, :]

    @torch.no_grad()
    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """What D tells and G repairs."""
        judged = self.prior(batch.corrupted)
        of_clean = self.prior(batch.coeffs)
        cases = {
            "wrong": batch.corrupted,
            "corrected": judged.corrected,
            "clean": of_clean.corrected,
        }
        truth = self._posed(batch.coeffs)[1]
        wrong = (batch.corrupted - batch.coeffs).abs() > _WRONG
        self._parts.append(
            {f"{name}_mm": self._error(case, truth) for name, case in cases.items()}
            | self._direction(judged.corrected, batch.corrupted, truth)
            | {
                "gap": self.prior.energy(batch.corrupted) - self.prior.energy(batch.coeffs),
                "logits_wrong": judged.logits[wrong],
                "logits_right": judged.logits[~wrong],
            }
        )

    def _error(self, coeffs: Tensor, truth: Tensor) -> Float[Tensor, " B"]:
        return functional.mpjpe(self._posed(coeffs)[1], truth, None)

    def _direction(self, corrected: Tensor, start: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Whether motions at rest are led to where they go, of those that move."""
        rests = start[:, 1:].abs().sum((1, 2, 3)) < 1e-3
        joints = self._posed(corrected)[1]
        way, true_way = joints[:, -1] - joints[:, 0], truth[:, -1] - truth[:, 0]
        moves = torch.linalg.vector_norm(true_way, dim=-1).amax(1) * 1e3 > _LEAST_MOTION_MM
        led = ((way * true_way).sum((-2, -1)) > 0).float()
        return {"led": led[rests & moves]}

    def on_validation_epoch_end(self) -> None:
        """Log the summary."""
        self._finish("val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """The same metrics, and where eq. (10) alone leads to."""
        self.validation_step(batch, batch_idx)
        followed = self._followed(batch.corrupted)
        truth = self._posed(batch.coeffs)[1]
        self._parts[-1]["followed_mm"] = self._error(followed, truth)

    @torch.inference_mode(False)
    @torch.enable_grad()
    def _followed(self, start: Float[Tensor, "B D1 K 4"]) -> Float[Tensor, "B D1 K 4"]:
        """What Adam makes of coefficients by eq. (10) without a photo."""
        coeffs = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([coeffs], lr=_FOLLOWING_LR)
        for _ in range(_FOLLOWING_STEPS):
            optimizer.zero_grad()
            self.prior.energy(coeffs).sum().backward()
            optimizer.step()
        return coeffs.detach()

    def on_test_epoch_end(self) -> None:
        """Print the summary."""
        self._finish("test")
        print(*(f"{name:<32} {value:.4g}" for name, value in self.metrics.items()), sep="\n")

    def _finish(self, prefix: str) -> None:
        columns = {name: torch.cat([p[name] for p in self._parts]) for name in self._parts[0]}
        self._parts = []
        errors = {name: float(columns[name].mean()) for name in columns if name.endswith("_mm")}
        right, wrong = columns["logits_right"], columns["logits_wrong"]
        self.metrics = {
            "people": float(len(columns["wrong_mm"])),
            "wrong_mpjpe_mm": errors["wrong_mm"],
            "corrected_mpjpe_mm": errors["corrected_mm"],
            "mpjpe_ratio": errors["corrected_mm"] / max(errors["wrong_mm"], 1e-9),
            "clean_change_mm": errors["clean_mm"],
            **({"followed_mpjpe_mm": errors["followed_mm"]} if "followed_mm" in errors else {}),
            "auroc_entries": auroc(right, wrong),
            "truth_has_less_energy": float((columns["gap"] > 0).float().mean()),
            "led_in_right_direction": float(columns["led"].mean()),
        }
        self.log_dict({f"{prefix}/{name}": value for name, value in self.metrics.items()})

    def on_train_end(self) -> None:
        """Write the finished prior, small enough to be shipped."""
        card = {**self.card(), "loss": asdict(self.terms)}
        if self.trainer.is_global_zero:
            save_coefficient_prior(self.prior, self.output / PAPER_PRIOR_FILE, card)

    def configure_optimizers(self) -> Any:
        """AdamW on one cycle."""
        return self.adamw(self.prior, one_cycle)
