"""This commit against an earlier one: `python benchmarks/bench_against.py 9a65ca8`.

Checks the other commit out beside this one and runs both in turns, each figure several times, so
that a slow hour of the machine meets both. Prints the middle of each and their ratio: `--help`,
`predict` of the built-in photo from the command to the files, `test` per photo (the difference of
five photos and one), and inside one process, everything loaded, the start of the built-in photo
(search, registration, lifting, matte) and a fit of 200 steps at 256 px, mattes found anew included.
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
MORE_PHOTOS = 4

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


def figures_of(tree: Path, work: Path) -> dict[str, float]:
    """All figures of one tree, s.

    Args:
        tree: whose code.
        work: for results.
    """

    def test(limit: int) -> float:
        options = [f"--data.init_args.limit={limit}", "--data.init_args.batch_size=1"]
        with tempfile.TemporaryDirectory(dir=work) as folder:
            return run(tree, ["run_hfb.py", "test", *options, f"--output={folder}/out"])[0]

    with tempfile.TemporaryDirectory(dir=work) as folder:
        predict, _ = run(tree, ["run_hfb.py", "predict", f"--output={folder}/out"])
    start, fit = map(float, run(tree, ["-c", INSIDE])[1].split()[-2:])
    return {
        "--help": run(tree, ["run_hfb.py", "--help"])[0],
        "predict, one photo": predict,
        "test, per photo": (test(1 + MORE_PHOTOS) - test(1)) / MORE_PHOTOS,
        "start": start,
        "fit": fit,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("commit", help="what to compare with")
    parser.add_argument("--rounds", type=int, default=3, help="after a first that only warms up")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work, other = Path(folder), Path(folder) / "other"
        add = ["git", "worktree", "add", "--quiet", "--detach", str(other), arguments.commit]
        subprocess.run(add, cwd=ROOT, check=True)
        try:
            found: dict[Path, list[dict[str, float]]] = {ROOT: [], other: []}
            rounds = range(arguments.rounds + 1)
            for _ in track(rounds, "measuring", console=Console(stderr=True)):
                for tree, figures in found.items():
                    figures.append(figures_of(tree, work))
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
