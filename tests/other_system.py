"""Run as a program: takes away what macOS and Windows lack, then runs commands of ours.

    python other_system.py FOLDER

Worker processes import this file again and lack the same.
"""

import builtins
import io
import multiprocessing
import multiprocessing.context
import os
import signal
import sys
from pathlib import Path

MODULES = ("fcntl", "resource", "termios", "grp", "pwd")
FUNCTIONS = {
    os: ("sched_getaffinity", "fork", "forkpty", "killpg", "getuid", "getppid", "sysconf", "pread"),
    signal: ("SIGHUP", "pthread_sigmask", "pthread_kill"),
}


def take_away() -> None:
    """What the test suite's own system has, and others do not."""
    for name in MODULES:
        sys.modules[name] = None
    for module, names in FUNCTIONS.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)
    for owner in (io, builtins):
        owner.open = _without_proc(owner.open)
    os.readlink = _without_proc(os.readlink)
    multiprocessing.get_context = multiprocessing.context._default_context.get_context = _spawn_only


def _without_proc(function):
    def called(path, *args, **options):
        if str(path).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return function(path, *args, **options)

    return called


_spawn = multiprocessing.get_context("spawn")


def _spawn_only(method=None):
    if method not in (None, "spawn"):
        raise ValueError(f"cannot find context for {method!r}")
    return _spawn


take_away()
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


def main(folder: Path) -> None:
    """A prediction, a test and a data set, in little."""
    from evaluation_runs import evaluate, small_samples, write_data_set
    from photo_files import QUICK, write_photo

    from datamodules.synthetic.command import main as generate
    from run_hfb import main as run_hfb

    (sample,) = small_samples(["s0"])
    evaluate(write_data_set(folder / "data", [sample]), folder / "tested")
    (folder / "photo").mkdir()
    files = write_photo(sample, folder / "photo")
    photo = [f"--data.{name}={path}" for name, path in files.items()]
    run_hfb(["predict", *photo, *QUICK, f"--output={folder / 'predicted'}"])
    size = ["--height=48", "--width=40", "--num-samples=2", "--workers=2"]
    generate([*size, f"--output={folder / 'made'}"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    print("all done")
