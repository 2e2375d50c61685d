"""Training of the lifting network, as a LightningModule."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy

from hfb.errors import InputError
from hfb.init.lift.checkpoint import LIFTING_FILE, load_lifting, save_lifting
from hfb.init.lift.encoding import encode
from hfb.init.lift.network import LiftedPose, LiftingNetwork, LiftingSettings
from hfb.init.lift.turn import facing_share, up_share
from hfb.losses import weighted_sum
from hfb.ranges import SHARE, WEIGHT, check_settings, check_value
from hfb.structures import BodyParams
from hfb.training.lifting.batch import LiftingTruth, batch_of
from hfb.training.lifting.metrics import LiftingMetrics, metrics_of, summarise
from hfb.training.module import TrainingModule

_WARM_UP = 0.1


@dataclass(frozen=True)
class LiftingLoss:
    """Weight of each term of the training loss.

    Attributes:
        joints: mean distance of the joints relative to the root, dm.
        rotations: mean distance of the rotation matrices (Frobenius norm).
        betas: mean squared difference of the shape coefficients.
        uncertainty: negative log-likelihood of the errors, exponentially distributed about what the
            network expects of them; does not move the poses.
    """

    joints: float = 1.0
    rotations: float = 0.5
    betas: float = 0.02
    uncertainty: float = 0.1
    turn: float = 0.1

    def __post_init__(self) -> None:
        check_settings(self, "model.loss", dict.fromkeys(asdict(self), WEIGHT))


class LiftingModule(TrainingModule):
    """Trains the lifting network and reports on subjects it has never seen.

    Args:
        network: its size.
        loss: weights of the terms.
        body: whose joints are compared; the shape coefficients belong to it.
        lr: highest learning rate of AdamW; it rises and falls once over the run.
        weight_decay: of AdamW.
        output: folder that gets the finished `lifting.ckpt`.
        checkpoint: a finished network to test or to validate; the shipped one if not given.
        begin_from: a finished network to go on from; parts that it lacks begin anew. None: from
            nothing.
        keep_share: share of its weights that the finished network keeps. Halfway between a network
            and what becomes of it on other pairs lies one that is good at both kinds.
    """

    def __init__(
        self,
        network: LiftingSettings = LiftingSettings(),  # noqa: B008 (frozen)
        loss: LiftingLoss = LiftingLoss(),
        body: str = "free_body",
        lr: float = 1.5e-3,
        weight_decay: float = 0.1,
        output: str = "outputs/lifting",
        checkpoint: str | None = None,
        begin_from: str | None = None,
        keep_share: float = 0.0,
    ) -> None:
        check_value("model.keep_share", keep_share, float, SHARE)
        super().__init__(body, lr, weight_decay, output, checkpoint)
        self.network = LiftingNetwork(network)
        self.begin_from = begin_from
        self.keep_share = keep_share
        if begin_from is not None:
            begin_with(self.network, begin_from)
        self._begun = {name: value.clone() for name, value in self.network.state_dict().items()}
        if checkpoint is not None:
            load_lifting(checkpoint)  # looked at before pairs are read
        self.loss = loss
        self._parts: list[LiftingMetrics] = []

    def setup(self, stage: str) -> None:
        """Learn the sizes of the inputs, or load a finished network to be tested."""
        if stage != "fit":
            if self.trainer.ckpt_path is None:
                self.network, _ = load_lifting(self.checkpoint)
            return
        if self.trainer.ckpt_path is None and self.begin_from is None:
            values = encode(self.trainer.datamodule.typical_input()).flat()  # type: ignore[attr-defined]
            self.network.mean.copy_(values.mean(0))
            self.network.scale.copy_(values.std(0).clamp(min=0.05))

    def joints_of(self, pose: LiftedPose) -> Float[Tensor, "B J 3"]:
        """Joints relative to the root, m."""
        origin = pose.betas.new_zeros(len(pose.betas), 3)
        joints = self.body.joints(BodyParams(pose.betas, pose.rotmat, origin))
        return joints - joints[:, :1]

    def losses(self, pose: LiftedPose, truth: LiftingTruth) -> dict[str, Tensor]:
        """Unweighted terms, by the names of `LiftingLoss`."""
        distance = (self.joints_of(pose) - truth.joints).norm(dim=-1)
        chord = (pose.rotmat - truth.rotmat).flatten(-2).norm(dim=-1)
        # A rotation by an angle a has a matrix sqrt(8) sin(a/2) away from none.
        angle = 2.0 * (chord.detach() / math.sqrt(8.0)).clamp(max=1.0).asin()
        likelihood = _exponential(angle, pose.expected_angle) + _exponential(
            distance.detach(), pose.expected_distance
        )
        root = truth.rotmat[:, 0]
        return {
            "joints": 10.0 * distance[:, 1:].mean(),
            "rotations": chord.mean(),
            "betas": (pose.betas - truth.betas).square().mean(),
            "uncertainty": likelihood.mean(),
            "turn": cross_entropy(pose.facing_logits, facing_share(root))
            + cross_entropy(pose.up_logits, up_share(root)),
        }

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """All losses of one batch of pairs."""
        seen, truth = batch_of(batch)
        losses = self.losses(self.network(seen), truth)
        total = weighted_sum(losses, asdict(self.loss))
        self.log_dict({f"train/{name}": value.detach() for name, value in losses.items()})
        self.log("train/total", total.detach(), prog_bar=True)
        return total

    def _measure(self, batch: dict[str, Tensor]) -> None:
        seen, truth = batch_of(batch)
        pose = self.network(seen)
        self._parts.append(metrics_of(pose, self.joints_of(pose), truth))

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Metrics of pairs of validation subjects."""
        self._measure(batch)

    def on_validation_epoch_end(self) -> None:
        """Log the summary."""
        self.metrics = summarise(self._parts).scalars
        self._parts = []
        self.log_dict({f"val/{name}": value for name, value in self.metrics.items()})

    def test_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Metrics of pairs of validation subjects."""
        self._measure(batch)

    def on_test_epoch_end(self) -> None:
        """Print the summary by blur rate and by joint."""
        summary = summarise(self._parts, self.body.joint_names)
        self._parts = []
        self.metrics = summary.scalars
        self.log_dict({f"test/{name}": value for name, value in summary.scalars.items()})
        print(summary.text)

    def on_train_end(self) -> None:
        """Write the finished network, small enough to be shipped."""
        if self.begin_from is not None and self.keep_share > 0.0:
            state = self.network.state_dict()
            for name, value in state.items():
                state[name] = torch.lerp(value, self._begun[name].to(value), self.keep_share)
            self.network.load_state_dict(state)
            self.metrics = {}  # they are those of the network before
        if self.trainer.is_global_zero:
            save_lifting(self.network, self.output / LIFTING_FILE, self.card())

    def configure_optimizers(self) -> Any:
        """AdamW on one cycle."""
        return self.adamw(self.network, _one_cycle)


def begin_with(network: LiftingNetwork, path: str) -> None:
    """Give a network the weights of a finished one; layers that it lacks stay as they are.

    Args:
        network: changed in place.
        path: of the finished one.

    Raises:
        InputError: if a layer that both have is of another size.
    """
    finished, _ = load_lifting(path)
    state = finished.state_dict()
    own = network.state_dict()
    for name, values in state.items():
        if name not in own or own[name].shape != values.shape:
            raise InputError(
                f"model.begin_from {path}: its layer {name} {tuple(values.shape)} does not fit the "
                "network's settings (model.network)"
            )
    network.load_state_dict(own | state)


def _one_cycle(progress: float) -> float:
    """Straight up over the first tenth, down to zero over the rest along a cosine."""
    if progress < _WARM_UP:
        return 0.02 + 0.98 * progress / _WARM_UP
    return 0.5 * (1.0 + math.cos(math.pi * (progress - _WARM_UP) / (1.0 - _WARM_UP)))


def _exponential(error: Tensor, expected: Tensor) -> Tensor:
    """Negative log-likelihood of errors that are exponentially distributed about a mean."""
    return error / expected + expected.log()
