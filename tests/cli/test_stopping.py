"""Programs that are told to end: within seconds, with one line and the right code."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.stopping import is_first_process

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
REPO = Path(__file__).resolve().parents[2]
LINE = "stopped; what was finished is kept.\n"
# A program as ours are: `WORK` is what it does; it prints "working" when it has begun.
PROGRAM = """
import sys, time
from pathlib import Path
from hfb.cli.stopping import begin_program
from hfb.cli.errors import user_errors_as_one_line
from hfb.storage import atomic_write
{before}
def main():
    begin_program()
    with user_errors_as_one_line():
        {work}
if __name__ == "__main__":
    main()
"""
WRITING = """
        with atomic_write(Path(sys.argv[1]) / "result.txt") as part:
            part.touch()
            print("working", flush=True)
            {inside}
"""


class Program:
    """A program that has begun its work."""

    def __init__(self, folder: Path, work: str, before: str = "", ignored: bool = False) -> None:
        path = folder.parent / "program.py"
        path.write_text(PROGRAM.format(before=before, work=work))
        command = [sys.executable, str(path), str(folder)]
        if ignored:
            command = ["sh", "-c", 'trap "" INT HUP; exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(REPO)},
        )
        assert self.process.stdout.readline() == "working\n"

    def ends(self, *signals: int) -> tuple[int, str]:
        """Send signals; returns code and stderr, and checks that it took no five seconds."""
        begin = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
            time.sleep(0.1)
        _, error = self.process.communicate(timeout=30)
        assert time.monotonic() - begin < 5.0
        return self.process.returncode, error


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_the_work_and_leave_nothing_half_done(
    out: Path, number: int, code: int
) -> None:
    program = Program(out, WRITING.format(inside="time.sleep(60)"))
    assert program.ends(number) == (code, LINE)
    assert list(out.iterdir()) == []


INSIDE = {
    # Python calls no handler while C code runs.
    "stuck in C": "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)",
    "another error of it": "raises_another()",
    "dropped by Python": "dropped()",
    "cleaning up": "cleans_up()",
}
BEFORE = """
def raises_another():
    try:
        time.sleep(60)
    except BaseException:
        raise RuntimeError("a compiler's own words")

class Dropped:
    def __del__(self):
        time.sleep(2)

def dropped():
    d = Dropped()
    del d
    time.sleep(60)

def cleans_up():
    try:
        time.sleep(60)
    finally:
        time.sleep(1)
"""


@pytest.mark.parametrize("where", INSIDE)
def test_wherever_the_program_is_it_ends(out: Path, where: str) -> None:
    program = Program(out, WRITING.format(inside=INSIDE[where]), BEFORE)
    # Impatient people press Ctrl-C again.
    assert program.ends(signal.SIGINT, signal.SIGINT, signal.SIGINT) == (130, LINE)
    assert list(out.iterdir()) == []


def test_signals_that_are_ignored_stay_so(out: Path) -> None:
    """As under nohup, and in the background of a script."""
    program = Program(out, WRITING.format(inside="time.sleep(1)"), ignored=True)
    assert program.ends(signal.SIGHUP, signal.SIGINT) == (0, "")
    assert [path.name for path in out.iterdir()] == ["result.txt"]


HOLDING = """
from hfb.cli.stopping import signals_held

def held(end):
    with signals_held():
        print("working", flush=True)
        time.sleep(0.5)
        end()
        Path(sys.argv[1], "begun.txt").touch()
    Path(sys.argv[1], "went on.txt").touch()

def fails():
    Path(sys.argv[1], "begun.txt").touch()
    raise RuntimeError("broken off")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("end", ["lambda: None", "fails"])
def test_what_starts_a_process_is_not_broken_off(out: Path, number: int, end: str) -> None:
    """Between starting it and telling it what to do, a signal would leave it half begun."""
    program = Program(out, f"held({end})", HOLDING)
    assert program.ends(number) == (128 + number, LINE)
    assert [path.name for path in out.iterdir()] == ["begun.txt"]


POOL = """
from datamodules.files.workers import worker_pool

def job(folder, number):
    with atomic_write(Path(folder) / f"{number}.txt") as part:
        part.touch()
        time.sleep(60)

def work():
    with worker_pool(2) as pool:
        jobs = [pool.submit(job, sys.argv[1], k) for k in range(4)]
        while len(list(Path(sys.argv[1]).glob(".part*"))) < 2:
            time.sleep(0.02)
        print("working", flush=True)
        [job.result() for job in jobs]
"""


def processes_of(session: int) -> list[str]:
    """What still runs in a session, but for processes that wait for nobody to collect them."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-s", str(session)], capture_output=True, text=True, check=False
    )
    return [state for state in listed.stdout.split() if not state.startswith("Z")]


@pytest.mark.parametrize("is_group", [True, False])
def test_workers_end_with_the_program(out: Path, is_group: bool) -> None:
    program = Program(out, "work()", POOL)
    if is_group:  # as a terminal does it
        os.killpg(program.process.pid, signal.SIGINT)
        assert program.ends() == (130, LINE)
    else:
        assert program.ends(signal.SIGTERM) == (143, LINE)
    assert processes_of(program.process.pid) == []
    assert list(out.iterdir()) == []


def test_workers_end_when_the_program_is_killed(out: Path) -> None:
    program = Program(out, "work()", POOL)
    program.process.kill()
    program.process.communicate(timeout=5)  # they hold its output
    deadline = time.monotonic() + 5
    while processes_of(program.process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(program.process.pid) == []
    assert list(out.iterdir()) == []


def test_a_worker_that_is_killed_is_an_error_of_one_line(out: Path) -> None:
    killed = POOL.replace("time.sleep(60)", "import os; os.kill(os.getpid(), 9)").replace(
        "< 2", "< 0"
    )
    program = Program(out, "work()", killed)
    code, error = program.ends()
    assert code == 2
    assert error.count("\n") == 1
    assert error.startswith("error: the system has ended one of the processes")


@pytest.mark.parametrize("words", [["run_hfb.py", "test"], ["-m", "datamodules.synthetic"]])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_programs_that_are_still_loading(
    repo: Path, tmp_path: Path, words: list[str], number: int, code: int
) -> None:
    command = [sys.executable, *words, f"--output={tmp_path / 'out'}"]
    process = subprocess.Popen(command, cwd=repo, stderr=subprocess.PIPE, text=True)
    time.sleep(1.5)
    process.send_signal(number)
    _, error = process.communicate(timeout=5)
    assert (process.returncode, error) == (code, LINE)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_gone_is_no_error(repo: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "run_hfb.py", "--help"],
        cwd=repo, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) in (0, 141)


def test_an_interrupt_in_somebodys_program_is_an_exit_with_the_code(
    capsys: pytest.CaptureFixture,
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        with pytest.raises(SystemExit) as stop, user_errors_as_one_line():
            signal.raise_signal(number)
        assert stop.value.code == code
        assert capsys.readouterr().err == LINE
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("variables", "is_first"),
    [
        ({}, True),
        ({"LOCAL_RANK": "0"}, True),
        ({"LOCAL_RANK": "1"}, False),
        ({"RANK": "4", "LOCAL_RANK": "0"}, False),
        ({"NODE_RANK": "1", "LOCAL_RANK": "0"}, False),
        ({"SLURM_PROCID": "0", "LOCAL_RANK": "0"}, True),
        ({"SLURM_PROCID": "3"}, False),
    ],
)
def test_one_process_of_a_run_speaks(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_first: bool
) -> None:
    for name in ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_first_process() == is_first
