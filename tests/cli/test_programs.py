"""Which command is meant: found out from the words alone."""

import subprocess
import sys

import pytest

from hfb import __version__
from hfb.cli.programs import HFB, LIFTING, MOTION_PRIOR, REFINEMENT


@pytest.mark.parametrize(
    "args",
    [
        ["test", "--config", "x.yaml"],
        ["--config", "x.yaml", "test"],
        ["--config=x.yaml", "test"],
        ["-c", "x.yaml", "test"],
    ],
)
def test_options_may_stand_before_the_command(args):
    command, options = REFINEMENT.choose(args)
    assert command == "test"
    assert options == [word for word in args if word != "test"]


def test_an_options_value_is_not_the_command():
    assert REFINEMENT.choose(["--config", "test", "predict"]) == ("predict", ["--config", "test"])
    assert REFINEMENT.choose(["test", "--data.split", "predict"])[0] == "test"


def test_order_of_options_is_kept():
    _, options = REFINEMENT.choose(["--config", "a", "test", "--config", "b", "--output", "c"])
    assert options == ["--config", "a", "--config", "b", "--output", "c"]


def test_flags_have_no_value():
    assert REFINEMENT.choose(["--print_config", "test"]) == ("test", ["--print_config"])


@pytest.mark.parametrize(
    ("program", "args", "part"),
    [
        (REFINEMENT, ["fit"], "there is no command `fit`: run_hfb.py has predict, test"),
        (REFINEMENT, ["validate", "--help"], "there is no command `validate`"),
        (REFINEMENT, ["--config", "test"], "a command is missing"),
        (REFINEMENT, [], "a command is missing"),
        (MOTION_PRIOR, ["predict"], "train_amp.py has fit, validate, test"),
        (HFB, ["tset"], "hfb has predict, test, app, view, train-amp, train-lifting"),
    ],
)
def test_a_wrong_command_is_one_line(program, args, part, capsys):
    with pytest.raises(SystemExit) as stop:
        program.choose(args)
    assert stop.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("error: ")
    assert output.err.count("\n") == 1
    assert part in output.err


@pytest.mark.parametrize("program", [REFINEMENT, MOTION_PRIOR, LIFTING, HFB])
def test_help_names_every_command(program, capsys):
    with pytest.raises(SystemExit) as stop:
        program.choose(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: {program.name} COMMAND")
    for name, what in program.commands.items():
        assert name in text
        assert what in text
    assert max(len(line) for line in text.splitlines()) <= 100


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        HFB.choose(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"hfb {__version__}\n"


def test_help_and_typing_errors_do_not_wait_for_torch(repo):
    code = (
        "import sys\n"
        "from hfb.command import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    for args in (["--help"], ["--version"], ["tset"], ["train-amp", "--help"], ["train-amp", "x"]):
        run = subprocess.run([sys.executable, "-c", code, *args], cwd=repo, capture_output=True)
        assert run.returncode == 0, run.stderr
