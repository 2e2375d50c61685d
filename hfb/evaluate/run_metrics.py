"""The metrics of all methods over a data set, as torchmetrics that a Lightning module can own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.evaluate.methods import TITLES
from hfb.evaluate.records import Record, mean_of_guard, metric_names
from hfb.evaluate.trust.sureness import FAR_MM
from hfb.metrics import BinnedMean, BinnedRatio, BinnedSummary, FailureRanking, MeanByName
from hfb.metrics.functional import Summary
from hfb.skeleton import SMPL_JOINT_NAMES

RATIO = "mpjpe_best_direction_mm"
"""Whose mean is compared with the static start's."""
SAMPLES = "samples"
"""The metric that is 1 for each sample that a method has finished: its sum counts them."""


class MethodMetrics(nn.Module):
    """The metrics of one method.

    Args:
        edges: of the bins of the blur rate; none: no bins.
        kwargs: torchmetrics' options of each of them.
    """

    def __init__(self, edges: Sequence[float], **kwargs: Any) -> None:
        super().__init__()
        self.edges = tuple(edges)
        self.means: Mapping[str, BinnedMean] = nn.ModuleDict(  # type: ignore[assignment]
            {name: BinnedMean(edges, **kwargs) for name in [SAMPLES, *map(plain, metric_names())]}
        )
        self.ratio = BinnedRatio(edges, **kwargs)
        self.joints = MeanByName(SMPL_JOINT_NAMES, **kwargs)
        self.ranking = FailureRanking(FAR_MM, **kwargs)

    def update(
        self,
        metrics: Sequence[Record | None],
        static: Sequence[Record],
        blur_rate: Float[Tensor, " S"],
    ) -> None:
        """Add samples.

        Args:
            metrics: of each sample, or None where the method has not finished it.
            static: of the static start of each sample.
            blur_rate: eq. 12; NaN where it is unknown.
        """
        for name in metric_names():
            self.means[plain(name)].update(as_column([m and m[name] for m in metrics]), blur_rate)
        self.means[SAMPLES].update(as_column([m and 1.0 for m in metrics]), blur_rate)
        own, first = (as_column([m and m[RATIO] for m in part]) for part in (metrics, static))
        self.ratio.update(own, first, blur_rate)
        sure = [m and mean_of_guard(m.get("guard", []), "sure") for m in metrics]
        self.ranking.update(as_column(sure), own)
        for sample in [None, *metrics]:
            self.joints.update((sample and sample["per_joint_mm"]) or {})

    def compute(self) -> dict[str, Any]:
        """As `metrics.json` has it, over all processes."""
        found: dict[str, BinnedSummary] = {n: m.compute() for n, m in self.means.items()}
        samples = found.pop(SAMPLES)
        found["ratio_to_static"] = self.ratio.compute()
        joints = self.joints.compute()
        failures = {
            name: round(value, 4) if isinstance(value, float) else value
            for name, value in self.ranking.compute()._asdict().items()
        }
        return {
            "overall": _part(samples.overall, {n: s.overall for n, s in found.items()}),
            "failures": failures,
            "per_joint_mm": {name: round(value, 4) for name, value in joints.items()},
            "bins": [
                {
                    "from": low,
                    "to": high,
                    **_part(samples.bins[k], {n: s.bins[k] for n, s in found.items()}),
                }
                for k, (low, high) in enumerate(pairwise(self.edges))
            ],
        }


class RunMetrics(nn.Module):
    """The metrics of all methods of a run, the starts' beside them.

    Args:
        methods: what is evaluated.
        edges: of the bins of the blur rate; none: no bins.
        is_shared: whether all processes of a run have one, and compute it together.
    """

    def __init__(
        self, methods: Sequence[str], edges: Sequence[float], is_shared: bool = True
    ) -> None:
        super().__init__()
        wanted = ["static", "lifted", *(m for m in TITLES if m in methods and m != "static")]
        self.methods: Mapping[str, MethodMetrics] = nn.ModuleDict(  # type: ignore[assignment]
            {name: MethodMetrics(edges, sync_on_compute=is_shared) for name in wanted}
        )
        # A process without samples takes part in what is computed together.
        self.update([])

    def update(self, records: Sequence[Record]) -> None:
        """Add finished samples.

        Args:
            records: of `hfb.evaluate.records.record_of`.
        """
        rates = as_column([record["blur_rate"] for record in records])
        static: list[Record] = [r.get("unlifted", r["initial"]) for r in records]
        lifted = [r["initial"] if "unlifted" in r else None for r in records]
        own: dict[str, Sequence[Record | None]] = {"static": static, "lifted": lifted}
        for name, metrics in self.methods.items():
            of_method = own.get(name) or [record["methods"].get(name) for record in records]
            metrics.update(of_method, static, rates)

    def compute(self) -> dict[str, Any]:
        """The metrics of the static start and of each method that has finished a sample."""
        found = {name: metrics.compute() for name, metrics in self.methods.items()}
        return {
            name: content
            for name, content in found.items()
            if name == "static" or content["overall"]["n"]
        }


def as_column(values: Sequence[Any]) -> Float[Tensor, " S"]:
    """Numbers with NaN where there is none."""
    return torch.tensor(
        [torch.nan if value is None else float(value) for value in values], dtype=torch.float64
    )


def plain(name: str) -> str:
    """The name of a metric's mean: a mean of rights and wrongs is a share."""
    return "direction_accuracy" if name == "direction_correct" else name


def _part(samples: Summary, metrics: dict[str, Summary]) -> dict[str, Any]:
    return {"n": samples.n, **{name: _entry(summary) for name, summary in metrics.items()}}


def _entry(summary: Summary) -> dict[str, Any]:
    """Rounded, so that the file does not depend on a last bit; null where there is nothing."""
    if summary.n == 0:
        return {"n": 0, "mean": None, "low": None, "high": None}
    values = {name: round(getattr(summary, name), 4) for name in ("mean", "low", "high")}
    return {"n": summary.n, **values}
