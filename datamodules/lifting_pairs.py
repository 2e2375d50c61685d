"""Pairs to learn lifting from: `python -m datamodules.lifting_pairs --mocap PATH --output DIR`.

A pair is what the real landmark detector says about a blurry image, and the pose that the image
shows at mid-exposure. Mocap pose, random body, clothes, place, camera and light come from
`datamodules.lifting.scene`; nothing is licensed, nobody labels anything.
"""

from __future__ import annotations

import json
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from jsonargparse import auto_cli
from rich.console import Console

from datamodules.files.workers import worker_pool
from datamodules.lifting.shards import SHARD_SIZE, PairMaker, write_shard
from datamodules.mocap.files import iterate_mocap, paths_of
from hfb.cli.display import Display
from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.parser import HfbParser
from hfb.cli.values import accept_any_name
from hfb.errors import InputError
from hfb.processors import count_processors
from hfb.ranges import LIMIT, SEED, SHARE, check_settings
from hfb.storage import atomic_write, folder_lock

_RECIPE_NAME = "recipe.json"


@dataclass(frozen=True)
class Command:
    """Write pairs of detections on blurry images and the poses they show.

    Attributes:
        mocap: motion capture: a folder of AMASS files, one file, a packed collection, or several
            of these: `[A,B]`.
        output: a folder; gets one npz file for each 256 pairs, and a contact sheet to look at. A
            stopped run goes on where it was, a larger count adds to it.
        count: how many pairs, rounded up to whole files.
        subjects: whose motion: train, or val (kept from all training).
        seed: equal seeds give equal pairs.
        background_folder: photographs without people, used beside procedural places; null: only
            those.
        workers: processes; 0: one a processor.
        share_alike: use recordings with a share-alike licence as well.
        clean_share: share of pairs whose people wear clothes as paint and no shadow, before an
            ordinary camera, as in the benchmark's photos; the others are dressed and badly taken.
    """

    mocap: list[Path] | Path
    output: Path
    count: int = 20_000
    subjects: Literal["train", "val"] = "train"
    seed: int = 0
    background_folder: Path | None = None
    workers: int = 0
    share_alike: bool = False
    clean_share: float = 0.5

    def __post_init__(self) -> None:
        ranges = {"count": LIMIT, "seed": SEED, "workers": (0, 4096), "clean_share": SHARE}
        check_settings(self, "", ranges)
        for path in paths_of(self.mocap):
            if not path.exists():
                raise InputError(f"there is no motion capture at {path.absolute()} (--mocap)")
        if self.background_folder is not None and not self.background_folder.is_dir():
            raise InputError(f"--background_folder: there is no folder {self.background_folder}")


def generate(command: Command, console: Console) -> int:
    """Make the files that are missing, with a progress bar.

    Args:
        command: what is asked for.
        console: where progress goes.

    Returns:
        How many pairs lie in the folder.

    Raises:
        InputError: if the folder holds pairs of another recipe.
    """
    # Its faults are said here, not by every worker.
    next(iterate_mocap(command.mocap, share_alike=command.share_alike))
    num_shards = -(-command.count // SHARD_SIZE)
    with folder_lock(command.output):
        _check_recipe(command)
        wanted = [command.output / f"pairs_{number:05d}.npz" for number in range(num_shards)]
        missing = [number for number, path in enumerate(wanted) if not path.is_file()]
        _make(command, num_shards, missing, Display(console=console))
    console.print(f"{num_shards * SHARD_SIZE} pairs in {command.output}", highlight=False)
    return num_shards * SHARD_SIZE


def _make(command: Command, num_shards: int, missing: list[int], display: Display) -> None:
    done = num_shards - len(missing)
    workers = min(command.workers or count_processors(), max(len(missing), 1))
    try:
        display.begin("making pairs", num_shards * SHARD_SIZE)
        display.skip(done * SHARD_SIZE)
        with worker_pool(workers) as pool:
            jobs = [pool.submit(_make_shard, command, number) for number in missing]
            for job in as_completed(jobs):
                job.result()
                done += 1
                display.update(done * SHARD_SIZE)
    finally:
        display.close()


def _make_shard(command: Command, number: int) -> None:
    maker = _maker(
        tuple(paths_of(command.mocap)),
        command.subjects,
        command.background_folder,
        command.share_alike,
        command.clean_share,
    )
    write_shard(maker, command.output, command.seed, number)


@lru_cache(maxsize=1)
def _maker(
    mocap: tuple[Path, ...],
    subjects: str,
    background_folder: Path | None,
    share_alike: bool,
    clean_share: float,
) -> PairMaker:
    """The tools of this process, made with its first file: where that fails, the file fails."""
    torch.set_num_threads(1)
    return PairMaker.load(mocap, subjects, background_folder, share_alike, clean_share)


def _check_recipe(command: Command) -> None:
    """Refuse to mix pairs of different recipes in one folder."""
    kept = {**vars(command), "count": 0, "workers": 0, "output": Path()}
    text = json.dumps(kept, indent=1, default=str) + "\n"
    path = command.output / _RECIPE_NAME
    if path.is_file() and path.read_text(errors="replace") != text:
        raise InputError(
            f"{command.output} holds pairs of another recipe (see {_RECIPE_NAME} there); choose "
            "another --output or delete it"
        )
    with atomic_write(path) as part:
        part.write_text(text)


def main(args: list[str] | None = None) -> None:
    """The command; the user's mistakes end it with one line and code 2."""
    accept_any_name()
    with user_errors_as_one_line():
        command = auto_cli(Command, args=args, as_positional=False, parser_class=HfbParser)
        generate(command, Console(markup=False))


if __name__ == "__main__":
    main()
