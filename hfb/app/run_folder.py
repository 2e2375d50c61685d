"""The folder of a prediction: results appear whole or not at all, each as soon as it is done."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from hfb.app.result_store import write_csv
from hfb.evaluate.metrics_of_fit import SampleResult
from hfb.export import atomic_folder, atomic_write
from hfb.fit.fitter import Fitter
from hfb.report.write_frame import fill_folder


class RunFolder:
    """Writes the results of one run (layout: README, "What comes out").

    Args:
        root: the folder; made with the first result.
        config_text: the resolved configuration, as YAML.
    """

    def __init__(self, root: Path, config_text: str = "") -> None:
        self.root = root
        self.config_text = config_text

    def write_sample(self, result: SampleResult, fitter: Fitter) -> Float[Tensor, "N 3 h w"]:
        """Write everything about one sample; returns its sharp sub-frames at preview size.

        Raises:
            InputError: if the folder cannot be written.
        """
        with atomic_folder(self.root / "samples" / result.item.sample.sample_id) as folder:
            return fill_folder(folder, result, fitter)

    def write_summary(self, rows: list[dict[str, str]]) -> None:
        """Write `config.yaml` and `per_sample.csv` with the rows of all samples so far."""
        if self.config_text:
            with atomic_write(self.root / "config.yaml") as part:
                part.write_text(self.config_text)
        write_csv(self.root / "per_sample.csv", rows)
