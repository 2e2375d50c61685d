"""`--help`: two screens with the ten options used most; `--help-all`: everything."""

import re
import subprocess
import sys

import pytest

from hfb.cli.programs import HFB, LIFTING, MOTION_PRIOR, REFINEMENT, Program
from hfb.command import main as hfb
from hfb.command import run_hfb, train_amp, train_lifting

TWO_SCREENS = 2 * 50
COLUMNS = 100
RUN = {REFINEMENT.name: run_hfb, MOTION_PRIOR.name: train_amp, LIFTING.name: train_lifting}
COMMANDS = [
    (program, command)
    for program in (REFINEMENT, MOTION_PRIOR, LIFTING)
    for command in program.commands
]


def printed(capsys, run, args):
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        run(args)
    assert stop.value.code == 0
    return capsys.readouterr().out


def keys(options):
    """`data.image` of `--data.image FILE`."""
    return [option.split()[0].removeprefix("--") for option in options]


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_help_fits_two_screens_with_ten_options(capsys, program: Program, command: str):
    text = printed(capsys, RUN[program.name], [command, "--help"])
    assert len(text.splitlines()) <= TWO_SCREENS
    assert max(len(line) for line in text.splitlines()) <= COLUMNS
    options = [line for line in text.splitlines() if line.startswith("  --")]
    assert len(options) == 10
    assert f"{program.name} {command} --help-all" in text
    assert printed(capsys, RUN[program.name], ["-h", command]) == program.help_text() + "\n"


@pytest.mark.parametrize(("program", "command"), COMMANDS)
def test_the_parser_knows_each_of_them(capsys, program: Program, command: str):
    everything = printed(capsys, RUN[program.name], [command, "--help-all"])
    first = program.first[command]
    for key in keys(first.options):
        assert re.search(rf"^  (-c FILE, )?--{re.escape(key)}[ ,]", everything, re.MULTILINE), key
    for example in first.examples:
        for key in re.findall(r"--(\S+)", example):
            assert re.search(rf"--{re.escape(key)}[ ,]", everything), key


def test_help_all_shows_what_help_leaves_out(capsys):
    text = printed(capsys, hfb, ["predict", "--help-all"])
    for part in ("--model.refine.lr.texture", "--trainer.devices", "--help-all", "(default: 256)"):
        assert part in text
    assert len(text.splitlines()) > TWO_SCREENS
    assert printed(capsys, hfb, ["--help-all", "predict"]) == text
    assert printed(capsys, hfb, ["--help-all"]) == HFB.help_text() + "\n"


def test_unknown_options_still_fail(capsys):
    with pytest.raises(SystemExit) as stop:
        hfb(["predict", "--helpall"])
    assert stop.value.code == 2
    assert "hfb predict --help-all" in capsys.readouterr().err


def test_help_does_not_wait_for_what_is_slow_to_import(repo):
    code = (
        "import sys\n"
        "from hfb.command import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "slow = {'torch', 'numpy', 'yaml', 'jsonargparse', 'pytorch_lightning', 'rich'}\n"
        "assert not slow & {*sys.modules}, slow & {*sys.modules}\n"
    )
    for args in (["predict", "--help"], ["test", "-h"], ["train-amp", "fit", "--help"]):
        run = subprocess.run([sys.executable, "-c", code, *args], cwd=repo, capture_output=True)
        assert run.returncode == 0, run.stderr
        assert b"The options used most" in run.stdout
