"""The parts of Lightning's command line that refinement and training share."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from pytorch_lightning.utilities.exceptions import MisconfigurationException

from hfb.assets import configs_dir
from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.parser import ConfigFile, HfbParser, one_line
from hfb.cli.programs import HELP_ALL, Program
from hfb.cli.stopping import is_first_process
from hfb.cli.trainer_checks import check_checkpoint, check_devices
from hfb.cli.values import accept_any_name
from hfb.errors import InputError
from hfb.ranges import SEED, check_value
from hfb.storage import folder_lock

_PRECISIONS = {"None", "32", "32-true"}
_SHIPPED_OUTPUTS = "outputs"
# Words that Lightning takes for a path.
_KNOWN_CHECKPOINTS = {"last", "best", "hpc"}


class QuietCLI(LightningCLI):
    """`LightningCLI` without Lightning's talk of devices and tips, which is no news to users.

    Args:
        program: how it is called, for messages.
        command: the command to run.
        options: what was typed beside it.
        defaults: for each command the shipped configurations that options are laid over, later
            files over earlier ones.
        model: what is run. What it is run on is named by the configurations.
        trainer_defaults: see `LightningCLI`.

    Attributes:
        config_action: how `--config` lays a file over what is known so far.
        names_model: whether configurations name the class of the model, of which `model` is the
            base then.
    """

    config_action: type[ConfigFile] = ConfigFile
    names_model: bool = False

    def __init__(
        self,
        program: Program,
        command: str,
        options: list[str],
        defaults: dict[str, list[str]],
        model: type[pl.LightningModule],
        trainer_defaults: dict[str, Any] | None = None,
    ) -> None:
        accept_any_name()
        for name in ("pytorch_lightning", "lightning_fabric"):
            logging.getLogger(name).setLevel(logging.WARNING)
        # Lightning 2.6 uses a name that torch 2.13 has deprecated.
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*")
        # Writers of predictions get the batch itself and need no numbers of its samples.
        warnings.filterwarnings("ignore", message=".*infer the batch indices fetched.*")
        super().__init__(
            model,
            pl.LightningDataModule,
            subclass_mode_model=self.names_model,
            subclass_mode_data=True,
            args=[command, *options],
            save_config_callback=KeepConfig,
            seed_everything_default=0,
            trainer_defaults=trainer_defaults,
            parser_class=HfbParser,
            parser_kwargs={
                "prog": program.name,
                **{name: _parser_options(program, name, files) for name, files in defaults.items()},
            },
            auto_configure_optimizers=False,
        )

    def _set_seed(self) -> None:
        """Seed, after a look at the seed: numpy would fail on others."""
        seed = self._get(self.config, "seed_everything")
        if not isinstance(seed, bool):
            check_value("seed_everything", seed, int, SEED)
        super()._set_seed()

    def instantiate_classes(self) -> None:
        """Module, data and trainer; jsonargparse says at length what a class said in a line."""
        try:
            super().instantiate_classes()
        except InputError:
            raise
        except ValueError as error:
            raise InputError(one_line(str(error))) from error

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """The trainer; what it finds wrong with its settings is the user's to solve.

        Raises:
            InputError: if they do not fit each other, this machine, or what is run.
        """
        given = self._get(self.config_init, "trainer")
        check_value("trainer.log_every_n_steps", given.log_every_n_steps, int | None, (0, 10**9))
        if str(given.precision) not in _PRECISIONS:
            raise InputError(
                f"trainer.precision {given.precision}: everything here is computed in 32 bits; "
                "leave it out"
            )
        check_devices(given.devices, kwargs.get("accelerator", given.accelerator))
        try:
            return super().instantiate_trainer(**kwargs)
        except (
            ValueError,
            TypeError,
            ImportError,
            RuntimeError,
            MisconfigurationException,
        ) as error:
            raise InputError(f"the trainer's settings cannot be used: {error}") from error

    def init_parser(self, **kwargs: Any) -> LightningArgumentParser:
        """A parser with `--config`, which knows the shipped configurations by name.

        `--help` is answered before there is a parser: here it shows everything, too.
        """
        parser = self.parser_class(**kwargs)
        parser.add_argument(HELP_ALL, action="help")
        parser.add_argument(
            "-c",
            "--config",
            action=self.config_action,
            metavar="FILE",
            help="YAML file laid over the defaults, may be repeated; paper.yaml is shipped",
        )
        return parser

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse the options that were chosen from `sys.argv`, of which Lightning would warn."""
        self.config = parser.parse_args(args)

    @contextmanager
    def writing_to(self, folder: str | Path) -> Iterator[None]:
        """Keep other runs out of a folder; the processes of this run share it.

        Args:
            folder: of the results.

        Raises:
            InputError: if another run is writing there, or nothing can be written.
        """
        if is_first_process():
            with folder_lock(folder):
                yield
        else:
            yield


class TrainingCLI(QuietCLI):
    """The same for trainings, silent about what is as it should be there."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Batches are made from tensors in memory: workers would only copy them.
        for message in (
            ".*does not have many workers.*",
            ".*IterableDataset.* has `__len__` defined.*",
            ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run wants it so
            ".*smaller than the logging interval.*",
        ):
            warnings.filterwarnings("ignore", message=message)
        super().__init__(*args, **kwargs)

    def _parse_ckpt_path(self) -> None:
        """Look at the checkpoint before Lightning does, and before anything slow is done."""
        path = self.config[self.config.subcommand].get("ckpt_path")
        if path is not None and path not in _KNOWN_CHECKPOINTS:
            check_checkpoint(str(path))
        super()._parse_ckpt_path()

    def instantiate_trainer(self, **kwargs: Any) -> pl.Trainer:
        """Lightning's bar is for terminals: in a log the module's lines say how far it is."""
        if not sys.stdout.isatty():
            kwargs["enable_progress_bar"] = False
        return super().instantiate_trainer(**kwargs)

    def before_instantiate_classes(self) -> None:
        """Put what the shipped configurations write to `outputs/` below `default_root_dir`."""
        config = self.config[self.config.subcommand]
        root = config.trainer.default_root_dir
        if root is None:
            return
        model = config.model.init_args if self.names_model else config.model
        model.output = _moved(model.output, Path(root))
        writers = [config.trainer.logger, *(config.trainer.callbacks or [])]
        for writer in writers:
            options = getattr(writer, "init_args", {})
            for name in ("save_dir", "dirpath"):
                if options.get(name) is not None:
                    options[name] = _moved(options[name], Path(root))

    def fit(self, **kwargs: Any) -> None:
        """As the only training that writes to its folder."""
        with self.writing_to(self.model.output):
            self.trainer.fit(**kwargs)

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The commands of a training."""
        commands = LightningCLI.subcommands()
        return {name: commands[name] for name in ("fit", "validate", "test")}


class KeepConfig(SaveConfigCallback):
    """Hands the resolved config to the module, which writes it beside the first result.

    Lightning would write it before anything is read, and leave a folder behind a typing error.
    """

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Keep the text; writing is the module's."""
        pl_module.config_text = self.parser.dump(self.config, skip_none=False)


def _moved(path: str, root: Path) -> str:
    """A path of the shipped configurations, `outputs/<name>/...`, below another folder."""
    parts = Path(path).parts
    return str(root.joinpath(*parts[2:])) if parts[:1] == (_SHIPPED_OUTPUTS,) else path


def errors_as_one_line() -> AbstractContextManager[None]:
    """Errors of users in one line, those that Lightning finds in a configuration included."""
    return user_errors_as_one_line(MisconfigurationException)


def run_training(
    program: Program,
    command: str,
    options: list[str],
    model: type[pl.LightningModule],
    defaults: str,
    cli: type[TrainingCLI] = TrainingCLI,
) -> None:
    """Run a command of a training; errors of users in one line.

    Args:
        program: how it is called, for messages.
        command: fit, validate or test.
        options: what was typed beside it.
        model: what is trained.
        defaults: the shipped configuration that options are laid over.
        cli: the command line.
    """
    with errors_as_one_line():
        cli(program, command, options, {name: [defaults] for name in cli.subcommands()}, model)


def _parser_options(program: Program, command: str, files: list[str]) -> dict[str, Any]:
    """The parser of a command, as LightningCLI takes it."""
    return {
        "usage": f"{program.name} {command} [--SETTING VALUE ...]",
        "description": f"{program.name} {command}: {program.commands[command]}.",
        "default_config_files": [str(configs_dir() / file) for file in files],
    }
