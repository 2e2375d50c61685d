"""The command line of the refinement: predict and test."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI
from pytorch_lightning.strategies import DDPStrategy

from hfb.app.hfb_module import HfbModule
from hfb.app.output.folder import check_output, default_output
from hfb.app.output.run_logger import RunLogger
from hfb.cli.lightning import QuietCLI, errors_as_one_line
from hfb.cli.programs import Program
from hfb.errors import InputError

DEFAULTS = {"predict": ["run_hfb.yaml"], "test": ["run_hfb.yaml", "test.yaml"]}
UNUSABLE_SAMPLES = 3
MOST_WAITING = timedelta(days=7)
"""That a process waits for the others at the end: a run that goes on may find all that is left to
be the share of one of them."""
# Arguments of Trainer methods that have no meaning here: nothing is trained or restored.
_NOT_OFFERED = {"return_predictions", "ckpt_path", "weights_only", "verbose"}


class HfbCLI(QuietCLI):
    """A `LightningCLI` that knows where the results of a run go."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Refining photos and refining data sets: there is nothing to fit or to validate."""
        commands = LightningCLI.subcommands()
        return {name: commands[name] | _NOT_OFFERED for name in DEFAULTS}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Declare the short names."""
        parser.add_argument(
            "--output",
            type=str | None,
            default=None,
            help="folder for the results (default: below outputs/; that of a photo or clip has the "
            "time as its name, that of a folder of photos and that of a test are named after the "
            "settings, so that a stopped run goes on)",
        )
        parser.link_arguments("output", "model.output")

    def before_instantiate_classes(self) -> None:
        """Choose the output folder where none was given.

        The kept `config.yaml` still says that none was given (linked arguments are not dumped):
        another run with it gets a folder of its own.
        """
        config = self.config[self.subcommand]
        if config.model.output is None:
            text = self._parser(self.subcommand).dump(config, skip_none=False)
            config.model.output = str(default_output(str(self.subcommand), text))

    def predict(self, **kwargs: Any) -> None:
        """Without keeping in memory what a writer has put on disk."""
        with self.writing_to(self.model.output):
            check_output(self.model.output)
            self.trainer.predict(return_predictions=False, **kwargs)

    def test(self, **kwargs: Any) -> None:
        """Without Lightning's list of all metrics: the tables of the run say it better."""
        with self.writing_to(self.model.output):
            check_output(self.model.output)
            self.trainer.test(verbose=False, **kwargs)

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """`logger: true` means TensorBoard in the output folder; any other is taken as given."""
        given, model = self._get(self.config_init, "trainer"), self._get(self.config, "model")
        if given.logger is True:
            kwargs["logger"] = RunLogger(model.output)
        kwargs["accelerator"] = _accelerator(given.accelerator, model.render.backend)
        trainer = super().instantiate_trainer(**kwargs)
        if isinstance(trainer.strategy, DDPStrategy):
            # Lightning has no setting for it where a strategy goes by its name.
            trainer.strategy._timeout = MOST_WAITING
        return trainer


def _accelerator(given: Any, backend: str) -> Any:
    """Where the fits run: `auto` knows CPU and CUDA, and kaolin's renderer nothing but CUDA.

    Args:
        given: the setting.
        backend: of the renderer.

    Raises:
        InputError: if the backend needs a GPU and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if backend == "kaolin" and not has_gpu:
        raise InputError(
            "model.render.backend kaolin: it renders on a GPU, and there is none here that PyTorch "
            "can use; leave it out, or give --model.render.mode dibr alone, which computes the "
            "same silhouettes on the CPU"
        )
    if backend == "kaolin" and given == "cpu":  # the default
        return "gpu"
    if given == "auto":
        return "gpu" if has_gpu else "cpu"
    return given


def run(program: Program, command: str, options: list[str]) -> None:
    """Run one command.

    Args:
        program: how it is called, for messages.
        command: predict or test.
        options: what was typed beside it.

    Raises:
        SystemExit: code 2 after an error of the user, code 3 if samples could not be used or fits
            explain nothing.
    """
    # Refining needs gradients, which Lightning's inference mode turns off.
    trainer_defaults = {"inference_mode": False}
    with errors_as_one_line():
        cli = HfbCLI(program, command, options, DEFAULTS, HfbModule, trainer_defaults)
    if cli.model.num_unusable and cli.trainer.is_global_zero:
        sys.exit(UNUSABLE_SAMPLES)
