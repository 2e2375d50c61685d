"""Where a run writes and who logs it, decided before anything is read."""

import re
import sys
from datetime import datetime
from pathlib import Path

import pytest
import torch
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from hfb.app import HfbModule
from hfb.app.hfb_cli import DEFAULTS, HfbCLI
from hfb.app.output.run_logger import RunLogger
from hfb.cli.programs import REFINEMENT
from hfb.errors import InputError


class IdleCLI(HfbCLI):
    """Makes module, data and trainer, and runs nothing."""

    def _run_subcommand(self, subcommand: str) -> None:
        pass


@pytest.fixture
def idle(tmp_path, monkeypatch):
    """Builds the command line in an empty folder, which must stay empty."""
    monkeypatch.chdir(tmp_path)

    def build(*words):
        command, options = REFINEMENT.choose(list(words))
        cli = IdleCLI(REFINEMENT, command, options, DEFAULTS, HfbModule)
        assert list(tmp_path.iterdir()) == []
        return cli

    return build


def test_predictions_go_to_dated_folders(idle):
    output = idle("predict").model.output
    assert output.parent == Path("outputs")
    made = datetime.strptime(output.name, "%Y-%m-%d_%H-%M-%S.%f")
    assert abs((datetime.now() - made).total_seconds()) < 60


def test_tests_go_to_folders_named_after_what_decides_about_results(idle):
    output = idle("test").model.output
    assert re.fullmatch(r"outputs/test-[0-9a-f]{8}", output.as_posix())
    same = ("--trainer.logger=false", "--trainer.devices=2", "--model.image_every=7")
    for option in same:
        assert idle("test", option).model.output == output
    for option in ("--model.refine.degree=3", "--data.limit=1", "--seed_everything=1"):
        assert idle("test", option).model.output != output


@pytest.mark.parametrize("command", ["predict", "test"])
def test_a_given_folder_is_taken(idle, command):
    assert idle(command, "--output", "mine").model.output == Path("mine")


def test_the_kept_configuration_gives_another_run_its_own_folder(idle):
    cli = idle("predict")
    text = cli._parser("predict").dump(cli.config["predict"])
    assert "outputs" not in text
    assert "logger: true" in text


def test_the_default_logger_is_tensorboard_in_the_runs_folder(idle):
    for words in (["predict"], ["test"], ["predict", "--output", "mine"]):
        cli = idle(*words)
        (logger,) = cli.trainer.loggers
        assert isinstance(logger, TensorBoardLogger)
        assert Path(logger.log_dir) == cli.model.output / "tensorboard"


def test_no_logger_and_other_loggers(idle):
    assert idle("predict", "--trainer.logger=false").trainer.loggers == []
    options = ["--trainer.logger=CSVLogger", "--trainer.logger.save_dir=elsewhere"]
    (logger,) = idle("predict", *options).trainer.loggers
    assert isinstance(logger, CSVLogger)
    assert logger.save_dir == "elsewhere"


def test_nothing_is_made_before_something_is_logged(tmp_path):
    folder = tmp_path / "run"
    logger = RunLogger(folder)
    # What Lightning does with a logger before a run has read anything, and after it has failed.
    assert hasattr(logger, "experiment")
    logger.log_graph(torch.nn.Linear(1, 1))
    logger.save()
    logger.finalize("failed")
    logger.finalize("success")
    assert not folder.exists()


def test_what_is_logged_is_in_the_event_file(tmp_path):
    logger = RunLogger(tmp_path / "run")
    logger.log_metrics({"loss": 0.5}, step=3)
    logger.experiment.add_image("image", torch.zeros(3, 4, 5), 7)
    logger.finalize("success")
    logger.save()
    files = list((tmp_path / "run" / "tensorboard").iterdir())
    assert [path.name.split(".")[0] for path in files] == ["events"]
    events = EventAccumulator(str(files[0])).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(3, 0.5)]
    assert events.Images("image")[0].width == 5


def test_a_folder_that_cannot_be_written_is_the_users_error(tmp_path):
    (tmp_path / "file").touch()
    logger = RunLogger(tmp_path / "file" / "run")
    with pytest.raises(InputError, match=r"cannot write .*run.*--output"):
        logger.log_metrics({"loss": 0.5}, step=3)


def test_lightnings_words_about_arguments_are_not_said(idle, monkeypatch, recwarn):
    monkeypatch.setattr(sys, "argv", ["run_hfb.py", "predict"])
    idle("predict")
    assert not [w for w in recwarn if "args parameter" in str(w.message)]
