"""The figures of `hfb.metrics.functional` as torchmetrics: means over all samples shown."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from hfb.metrics import functional
from hfb.metrics.functional import Root


class _SampleMean(Metric):
    """Mean of a per-sample figure; every sample counts once, whatever the batches were."""

    full_state_update = False
    is_differentiable = False
    total: Tensor
    num_samples: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("num_samples", torch.tensor(0), dist_reduce_fx="sum")

    def _add(self, values: Float[Tensor, "*B"]) -> None:
        self.total = self.total + values.sum().to(self.total)
        self.num_samples = self.num_samples + values.numel()

    def compute(self) -> Tensor:
        """Mean over the samples; NaN if there were none."""
        if self.num_samples == 0:
            return torch.full_like(self.total, torch.nan)
        return self.total / self.num_samples


class MPJPE(_SampleMean):
    """Mean per-joint position error in mm, root-aligned, in the given time order.

    Args:
        root: index of the root joint, several indices for their centre, None for no alignment.
        kwargs: torchmetrics' own options.
    """

    higher_is_better = False

    def __init__(self, root: Root = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times."""
        self._add(functional.mpjpe(preds, target, self.root))


class BestDirectionMPJPE(MPJPE):
    """MPJPE in mm of the motion or its time reversal, whichever is closer."""

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times, symmetric about mid-exposure."""
        self._add(functional.best_direction_mpjpe(preds, target, self.root))


class MidExposureMPJPE(MPJPE):
    """MPJPE in mm at the middle of the exposure."""

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times."""
        self._add(functional.mid_exposure_mpjpe(preds, target, self.root))


class PAMPJPE(_SampleMean):
    """MPJPE in mm after a similarity alignment of each sub-frame."""

    higher_is_better = False

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times."""
        self._add(functional.pa_mpjpe(preds, target))


class PerJointError(Metric):
    """Error of each joint in mm, mean over sub-frames and samples.

    Args:
        num_joints: of the joint set.
        root: as in `MPJPE`.
        kwargs: torchmetrics' own options.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = False
    total: Tensor
    num_samples: Tensor

    def __init__(self, num_joints: int = 24, root: Root = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = root
        zeros = torch.zeros(num_joints, dtype=torch.float64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("num_samples", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times."""
        errors = functional.per_joint_error(preds, target, self.root)
        self.total = self.total + errors.reshape(-1, errors.shape[-1]).sum(0).to(self.total)
        self.num_samples = self.num_samples + errors[..., 0].numel()

    def compute(self) -> Tensor:
        """One mean a joint, mm; NaN if there were no samples."""
        return self.total / self.num_samples


class BinnedMean(Metric):
    """Mean of any per-sample figure in bins of the blur rate, with bootstrap intervals.

    Args:
        edges: of the bins, increasing.
        kwargs: torchmetrics' own options.
    """

    full_state_update = False
    is_differentiable = False
    values: list[Tensor]
    rates: list[Tensor]

    def __init__(self, edges: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.edges = tuple(edges)
        self.add_state("values", [], dist_reduce_fx="cat")
        self.add_state("rates", [], dist_reduce_fx="cat")

    def update(self, values: Float[Tensor, " S"], blur_rate: Float[Tensor, " S"]) -> None:
        """Add samples: their figure and their blur rate (eq. 12)."""
        self.values.append(values.detach())
        self.rates.append(blur_rate.detach())

    def compute(self) -> list[functional.Summary]:
        """One summary a bin; the order in which samples came does not matter."""
        empty = torch.zeros(0)
        values, rates = (
            dim_zero_cat(part) if len(part) else empty for part in (self.values, self.rates)
        )
        return functional.binned(values, rates, self.edges)


class DirectionAccuracy(_SampleMean):
    """Share of motions that run the right way, among those that have a direction to find.

    Args:
        min_path_mm: samples whose true path is shorter (mean over joints) do not count, and neither
            do predictions at rest.
        root: as in `MPJPE`.
        kwargs: torchmetrics' own options.
    """

    higher_is_better = True

    def __init__(self, min_path_mm: float = 20.0, root: Root = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.min_path_mm = min_path_mm
        self.root = root

    def update(self, preds: Float[Tensor, "*B S J 3"], target: Float[Tensor, "*T S J 3"]) -> None:
        """Add samples: joints in m at the same S times, symmetric about mid-exposure."""
        score = functional.direction_score(preds, target, self.root)
        long_enough = functional.path_length(target, self.root) >= self.min_path_mm
        self._add((score > 0)[long_enough & (score != 0)].to(score))


class SilhouetteIoU(_SampleMean):
    """Intersection over union of hard silhouettes, mean over sub-frames and samples."""

    higher_is_better = True

    def update(self, preds: Bool[Tensor, "*B S H W"], target: Bool[Tensor, "*T S H W"]) -> None:
        """Add samples: silhouettes at the same S times."""
        self._add(functional.silhouette_iou(preds, target))


class ReblurPSNR(_SampleMean):
    """PSNR in dB, in linear light, of the picture blurred again; mean over the samples' dB.

    Args:
        colour: what the images are, "srgb" or "linear".
        kwargs: torchmetrics' own options.
    """

    higher_is_better = True

    def __init__(self, colour: str = "srgb", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.colour = colour

    def update(
        self,
        preds: Float[Tensor, "*B 3 H W"],
        target: Float[Tensor, "*T 3 H W"],
        box: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Add samples: images in [0, 1]; box as top, bottom, left, right in pixels."""
        self._add(functional.reblur_psnr(preds, target, box, self.colour))
