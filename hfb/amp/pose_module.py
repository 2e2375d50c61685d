"""Training of the pose prior's autoencoder, as a LightningModule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from hfb.amp.pose_evaluation import pose_figures
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.prior import MixturePosePrior, PoseVaeSettings, VaePosePrior, load_pose_vae, save_pose_vae
from hfb.prior.pose_vae import POSE_VAE_FILE

# The divergence comes in over this share of the run: from the start, nothing would be encoded.
_WARM_UP = 0.2
_FAULT_SEED = 0


class PoseModule(pl.LightningModule):
    """Trains the VAE beside the mixture prior and compares both on subjects it has never seen.

    Args:
        prior: its size.
        lr: learning rate of AdamW, falling to zero along a cosine.
        weight_decay: of AdamW.
        divergence: factor of the divergence; 1 is the evidence bound.
        output: folder that gets the finished `pose_vae.ckpt`.
        checkpoint: a finished prior to test or to validate; the shipped one if not given.
    """

    def __init__(
        self,
        prior: PoseVaeSettings = PoseVaeSettings(),  # noqa: B008 (frozen)
        lr: float = 1e-3,
        weight_decay: float = 1e-4,
        divergence: float = 1.0,
        output: str = "outputs/pose_prior",
        checkpoint: str | None = None,
    ) -> None:
        super().__init__()
        if divergence <= 0.0:
            raise InputError(f"model.divergence={divergence}: must be positive.")
        self.prior = VaePosePrior(prior)
        self.lr = lr
        self.weight_decay = weight_decay
        self.divergence = divergence
        self.output = Path(output)
        self.checkpoint = checkpoint
        self.figures: dict[str, float] = {}
        self.config_text = ""

    def setup(self, stage: str) -> None:
        """Load a finished prior to be tested."""
        if stage != "fit" and self.trainer.ckpt_path is None:
            self.prior = load_pose_vae(self.checkpoint)

    def on_fit_start(self) -> None:
        """Keep the resolved configuration beside the results."""
        if self.config_text:
            self.output.mkdir(parents=True, exist_ok=True)
            (self.output / "config.yaml").write_text(self.config_text)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The evidence bound of one batch of poses."""
        misfit, divergence = self.prior.loss(
            rotvec_to_rotmat(batch.body_pose.unflatten(-1, (-1, 3)))
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        share = min(1.0, (self.global_step + 1) / (_WARM_UP * steps))
        loss = misfit.mean() + self.divergence * share * divergence.mean()
        self.log_dict(
            {"train/misfit": misfit.mean().detach(), "train/divergence": divergence.mean().detach()}
        )
        self.log("train/total", loss.detach(), prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Figures of the validation poses."""
        self.figures = pose_figures(self.prior, batch.body_pose, _FAULT_SEED)
        self.log_dict({f"val/{name}": value for name, value in self.figures.items()}, batch_size=1)

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """Print the figures of the validation poses, beside those of the mixture prior."""
        priors = {"vae": self.prior, "mixture": MixturePosePrior().to(self.device)}
        columns = {
            name: pose_figures(prior, batch.body_pose, _FAULT_SEED)
            for name, prior in priors.items()
        }
        self.figures = columns["vae"]
        print(f"{'':<36}" + "".join(f"{name:>10}" for name in columns))
        for name in self.figures:
            values = "".join(f"{column[name]:>10.4g}" for column in columns.values())
            print(f"{name:<36}{values}")
        self.log_dict({f"test/{name}": value for name, value in self.figures.items()}, batch_size=1)

    def on_train_end(self) -> None:
        """Write the finished prior, small enough to be shipped."""
        card = {"steps": self.global_step, "figures": self.figures}
        save_pose_vae(self.prior, self.output / POSE_VAE_FILE, card)

    def configure_optimizers(self) -> Any:
        """AdamW along a cosine."""
        optimizer = torch.optim.AdamW(
            self.prior.parameters(), lr=self.lr, weight_decay=self.weight_decay
        )
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }
