"""This commit against an earlier one: `python benchmarks/bench_against.py 9a65ca8`.

Checks the other commit out beside this one and runs both in turns, each figure several times, so
that a slow hour of the machine meets both. Prints the middle of each and their ratio: `--help`,
`predict` of the built-in photo from the command to the files, `test` per photo (the difference of
five photos and one), and inside one process, everything loaded, the start of the built-in photo
(search, registration, lifting, matte) and a fit of 200 steps at 256 px, mattes found anew included.
With --many alone `test` per photo of a long run (the difference of eighteen photos and twelve), in
which a worker sees to the photos before and after the one that is fitted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
FEW_PHOTOS, MANY_PHOTOS = (1, 5), (12, 18)

# Names have changed: the earlier ones stand second.
INSIDE = """
import sys, time
sys.path.insert(0, "benchmarks")
from dataclasses import replace
import torch
from bench_refine import make_problem
from datamodules.synthetic import embedded_example
from hfb.body import load_body
from hfb.init import BlazePoseInitialiser
from hfb.losses import texel_pairs
from hfb.prior import MixturePosePrior, load_motion_prior
from hfb.refine import RefineSettings
from hfb.render import RenderSettings
try:
    from hfb.matte import estimate_alpha
    from hfb.refine import Fitter
except ImportError:
    from hfb.init.matting import estimate_alpha
    from hfb.refine import Refiner as Fitter

def best(work, repeats=4):
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])

body, sample, initialiser = load_body(), embedded_example(0), BlazePoseInitialiser()

def start():
    with torch.no_grad():
        initialiser(sample.blurry[0], sample.background, sample.camera, body)
        estimate_alpha(sample.blurry[0], sample.background)

settings = RefineSettings()
if hasattr(settings, "hold_unexplained"):
    settings = replace(settings, hold_unexplained=False)
pairs = texel_pairs(body.faces, body.uv, body.faces_uv, settings.texture_size)
fitter = Fitter(body, settings, RenderSettings(), MixturePosePrior(), pairs, load_motion_prior())
problem, group = make_problem(256), torch.zeros(1, dtype=torch.long)
print(best(start), best(lambda: fitter.refine(problem, group)))
"""


def run(tree: Path, arguments: list[str]) -> tuple[float, str]:
    """Seconds that a Python command takes in a tree, and what it says.

    Args:
        tree: whose code.
        arguments: of the interpreter.
    """
    environment = os.environ | {"PYTHONPATH": str(tree)}
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begin
    if done.returncode not in (0, 3):  # 3: a result that is not to be used
        raise SystemExit(f"{' '.join(arguments)[:80]} fails in {tree}:\n{done.stderr[-1500:]}")
    return seconds, done.stdout


def seconds_a_photo(tree: Path, work: Path, counts: tuple[int, int]) -> float:
    """What `test` takes for each photo by which two runs differ, s.

    Args:
        tree: whose code.
        work: for results.
        counts: photos of the shorter and of the longer run.
    """
    seconds = []
    for count in counts:
        options = [f"--data.init_args.limit={count}", "--data.init_args.batch_size=1"]
        with tempfile.TemporaryDirectory(dir=work) as folder:
            options.append(f"--output={folder}/out")
            seconds.append(run(tree, ["run_hfb.py", "test", *options])[0])
    return (seconds[1] - seconds[0]) / (counts[1] - counts[0])


def figures_of(tree: Path, work: Path) -> dict[str, float]:
    """All figures of one tree, s.

    Args:
        tree: whose code.
        work: for results.
    """
    with tempfile.TemporaryDirectory(dir=work) as folder:
        predict, _ = run(tree, ["run_hfb.py", "predict", f"--output={folder}/out"])
    start, fit = map(float, run(tree, ["-c", INSIDE])[1].split()[-2:])
    return {
        "--help": run(tree, ["run_hfb.py", "--help"])[0],
        "predict, one photo": predict,
        "test, per photo": seconds_a_photo(tree, work, FEW_PHOTOS),
        "start": start,
        "fit": fit,
    }


def figures_of_many(tree: Path, work: Path) -> dict[str, float]:
    """`test` per photo of a long run, s; arguments as of `figures_of`."""
    return {"test, per photo of many": seconds_a_photo(tree, work, MANY_PHOTOS)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="after a first that only warms up")
    parser.add_argument("--many", action="store_true", help="long runs of test alone")
    arguments = parser.parse_args()
    measure = figures_of_many if arguments.many else figures_of
    with tempfile.TemporaryDirectory() as folder:
        work, other = Path(folder), Path(folder) / "other"
        add = ["git", "worktree", "add", "--quiet", "--detach", str(other), arguments.commit]
        subprocess.run(add, cwd=ROOT, check=True)
        try:
            found: dict[Path, list[dict[str, float]]] = {ROOT: [], other: []}
            rounds = range(arguments.rounds + 1)
            for _ in track(rounds, "measuring", console=Console(stderr=True)):
                for tree, figures in found.items():
                    figures.append(measure(tree, work))
        finally:
            remove = ["git", "worktree", "remove", "--force", str(other)]
            subprocess.run(remove, cwd=ROOT, check=True)
        print(f"| s | {arguments.commit} | now | ratio |\n|---|---|---|---|")
        for name in found[ROOT][0]:
            before, now = (
                statistics.median(figures[name] for figures in found[tree][1:])
                for tree in (other, ROOT)
            )
            print(f"| {name} | {before:.2f} | {now:.2f} | {now / before:.2f} |")


if __name__ == "__main__":
    main()
