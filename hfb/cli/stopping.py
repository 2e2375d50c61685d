"""Ctrl-C and the signals that end programs: one line, the right exit code, nothing half done.

Until the work begins a program just leaves. From then on a signal is raised as `Stopped` where the
program is, so that everything on the way out is cleaned up; a thread makes sure that it ends in
time, whatever it is in. Other processes of a run end with it.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn

from hfb.cli.signal_watch import SIGNALS, watch
from hfb.storage import discard_unfinished

GRACE_S = 3.0
"""Time that the work has to end by itself."""
_POLL_S = 0.3
_LINE = "stopped; what was finished is kept."


class Stopped(BaseException):
    """A signal asks the program to end. No KeyboardInterrupt: Lightning exits with 1 after these.

    Args:
        signum: which one.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.exit_code = 128 + signum


class _State:
    """Of this process.

    Attributes:
        is_program: whether the process is ours: else `main` was called by somebody's program.
        signum: the signal that ends the work, once it has come.
        is_held: a signal is raised later.
        is_lost: it was raised where Python drops exceptions.
        unwatch: ends the watch of a worker.
    """

    is_program = False
    signum: int | None = None
    is_held = False
    is_lost = False
    unwatch: Callable[[], None] | None = None


def is_first_process() -> bool:
    """Whether this process speaks for the run: of several that share it, one does."""
    # torchrun's, Lightning's and SLURM's numbers of processes and machines, where there are any.
    names = ("RANK", "LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


def begin_program() -> None:
    """Let this process leave at once where it is stopped before the work begins."""
    if _State.is_program or threading.current_thread() is not threading.main_thread():
        return
    _State.is_program = True
    _listen(lambda signum, frame: _leave(signum))
    with suppress(AttributeError, OSError):
        # Names of files that are no text are written with escapes; a pipe that is closed is quiet.
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if "LOCAL_RANK" in os.environ and os.name == "posix":
        if os.environ["LOCAL_RANK"] != "0" or "TORCHELASTIC_RUN_ID" in os.environ:
            _thread.start_new_thread(_end_with_parent, (os.getppid(),))


def begin_program_of(package: str) -> None:
    """The same where `python -m package.…` is running: importing the package takes seconds.

    Args:
        package: that is being imported.
    """
    words = getattr(sys, "orig_argv", [])
    if getattr(sys, "argv", None) and sys.argv[0] == "-m" and "-m" in words[:-1]:
        if words[words.index("-m") + 1].split(".")[0] == package:
            begin_program()


def begin_worker() -> None:
    """In a process that works for another: end with it, and at once when told to."""
    import multiprocessing

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other one gets it, too
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _quit(128 + signal.SIGTERM))
    _State.unwatch = watch(lambda signum: _quit(128 + signum))
    parent = multiprocessing.parent_process()
    if parent is not None:
        _thread.start_new_thread(_quit_after, (parent,))


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the body at a signal; further signals change nothing.

    In a thread nothing can be raised: there it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.signum, _State.is_lost = None, False
    before = _listen(_on_signal)
    hook, sys.unraisablehook = sys.unraisablehook, _on_lost
    done = threading.Event()
    unwatch = watch(lambda signum: _insist(signum, done))
    try:
        yield
    except Exception:
        raise_if_stopped()
        raise
    finally:
        done.set()
        unwatch()
        sys.unraisablehook = hook
        for signum, handler in before.items():
            signal.signal(signum, handler)
        _State.signum = None


def raise_if_stopped() -> None:
    """Where errors are caught and noted: an error on the way out of a stopped program is none.

    Compilers and decoders may make another error of the one that passes through them.
    """
    if _State.signum is not None:
        raise Stopped(_State.signum)


@contextmanager
def signals_held() -> Iterator[None]:
    """Raise `Stopped` after the body; processes that it starts do not get signals of the terminal.

    A process that a signal leaves half begun complains, and nobody knows it to end it.

    Raises:
        Stopped: a signal came meanwhile.
    """
    if threading.current_thread() is not threading.main_thread():  # there nothing is raised
        with _masked():
            yield
        return
    _State.is_held = True
    try:
        with _masked():
            yield
    finally:
        _State.is_held = False
        raise_if_stopped()


@contextmanager
def _masked() -> Iterator[None]:
    """Block the signals of terminals for this thread, and for processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # With SIGTERM blocked nothing but SIGKILL would end such a process before it listens.
    held = {signum for signum in SIGNALS if signum != signal.SIGTERM}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, held)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_stopped(code: int) -> NoReturn:
    """Say that the run was stopped, and end with a code.

    Raises:
        SystemExit: with the code.
    """
    hold_back()
    _say()
    if _State.is_program:
        # Python would take seconds to take the libraries down, in which no thread can hurry it.
        if "multiprocessing" in sys.modules:  # it keeps things that outlive the process
            atexit._run_exitfuncs()
        _quit(code)
    sys.exit(code)


def hold_back() -> None:
    """Leave the last word to the first process of a run, which ends the others when it ends."""
    if not is_first_process() and _State.is_program:
        time.sleep(GRACE_S)


def _on_signal(signum: int, frame: FrameType | None) -> None:
    if _State.signum is None:
        _State.signum = signum
        if not _State.is_held:
            raise Stopped(signum)


def _on_lost(lost: Any) -> None:
    """Python drops what is raised while it deletes objects: it has to be raised again."""
    if lost.exc_type is not None and issubclass(lost.exc_type, Stopped):
        _State.is_lost = True
    else:
        sys.__unraisablehook__(lost)


def _insist(signum: int, done: threading.Event) -> None:
    """See that the work ends after a signal."""
    deadline = time.monotonic() + GRACE_S
    while time.monotonic() < deadline:
        if done.wait(0.1):
            return
        if _State.is_lost:
            _State.signum, _State.is_lost = None, False
            _thread.interrupt_main(signal.Signals(signum))
    if _State.is_program:
        _leave(signum)


def _leave(signum: int) -> NoReturn:
    _say()
    _quit(128 + signum)


def _say() -> None:
    if is_first_process():
        with suppress(OSError, ValueError):
            # Past whatever a progress display has made of it.
            stream = sys.__stderr__ if _State.is_program else sys.stderr
            print(_LINE, file=stream, flush=True)


def _quit(code: int) -> NoReturn:
    """End without another word, but with nothing half written."""
    discard_unfinished()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(code)


def _listen(handler: Callable[[int, FrameType | None], Any]) -> dict[int, Any]:
    """Take all signals that are not ignored on purpose, as by `nohup`; returns who had them."""
    before = {}
    for signum in SIGNALS:
        if signal.getsignal(signum) not in (signal.SIG_IGN, None):
            before[signum] = signal.signal(signum, handler)
    return before


def _end_with_parent(parent: int) -> None:
    """End when the process that has started this one is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(_POLL_S)
    _quit(1)


def _quit_after(parent: Any) -> None:
    parent.join()
    _quit(1)
