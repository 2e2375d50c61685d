"""Write synthetic samples and contact sheets: `python -m datamodules.synthetic --output DIR`."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from jsonargparse import auto_cli
from rich.console import Console

from datamodules.synthetic.protocol import RANGES, ProtocolName, Recipe, Subjects
from datamodules.synthetic.scene import Exposer
from datamodules.synthetic.wild.settings import WorldSettings
from datamodules.synthetic.writer import Made, Slot, make_all, slots_of, write_sheets
from hfb.cli.display import Display
from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.parser import HfbParser
from hfb.cli.values import accept_any_name
from hfb.errors import InputError
from hfb.formation import BLUR_RATE_BINS
from hfb.processors import count_processors
from hfb.ranges import LIMIT, check_settings
from hfb.storage import folder_lock


@dataclass(frozen=True)
class Command:
    """Write synthetic blurry samples with their truth, and contact sheets to look at.

    Attributes:
        output: the data set's split, a folder; one folder a sample is made in it. A stopped run
            goes on where it was.
        protocol: procedural (needs no data), bt_amass (needs --mocap), bc_cape (clothed; takes
            --cape or --mocap, else procedural actions) or wild (photos as wrong as the world:
            loose clothes, shadows, noise, ghosts in the background; takes --mocap).
        seed: equal seeds give equal files; without bins the seed of the first sample.
        num_samples: how many samples, where there are no bins.
        per_bin: how many samples in each bin of the blur rate: one number, or one for each bin.
            Without it, procedural samples spread over `blur_rate`; the others get 10 a bin.
        table: whose bins: table1 and table2 have ten, table4 and table5 six.
        blur_rate: lowest and highest blur rate (eq. 12), where there are no bins.
        height: image rows.
        width: image columns.
        num_frames: consecutive photos a sample: 1, 2 or 4 in the paper.
        gap: time between two exposures, as a share of the exposure.
        mocap: motion capture: a folder of AMASS files, one file, a packed collection, or several
            of these: `[A,B]`.
        subjects: whose motion: val (kept from all training), train or all.
        cape: folder of the CAPE data set.
        background_folder: folder of photographs; null: procedural places.
        texture_folder: folder of textures in the body's UV layout, for example SURREAL's for SMPL;
            null: the shipped outfits.
        body: free_body, or the path of a SMPL model file.
        workers: processes; 0: one a processor.
        world: of the protocol wild: chance and strength of each ingredient, for example
            `--world.shadow.chance 0`.
        only: of the protocol wild: these ingredients in every photo and no others.
        without: of the protocol wild: all but these ingredients.
        share_alike: use motion capture with a share-alike licence as well.
    """

    output: Path
    protocol: ProtocolName = "procedural"
    seed: int = 1
    num_samples: int = 10
    per_bin: int | list[int] | None = None
    table: str = "table1"
    blur_rate: tuple[float, float] = (0.05, 0.9)
    height: int = 480
    width: int = 400
    num_frames: int = 1
    gap: float = 0.0
    mocap: list[Path] | Path | None = None
    subjects: Subjects = "val"
    cape: Path | None = None
    background_folder: Path | None = None
    texture_folder: Path | None = None
    body: str = "free_body"
    workers: int = 0
    world: WorldSettings = field(default_factory=WorldSettings)
    only: list[str] | None = None
    without: list[str] | None = None
    share_alike: bool = False

    def __post_init__(self) -> None:
        of_command = {"num_samples": LIMIT, "per_bin": (0, LIMIT[1]), "workers": (0, 4096)}
        check_settings(self, "", {**RANGES, **of_command})
        counts = self.per_bin if isinstance(self.per_bin, list) else [self.per_bin]
        if self.per_bin is not None and not any(counts):
            raise InputError(f"per_bin {self.per_bin}: ask for a sample in one bin at least")


def recipe_of(command: Command) -> Recipe:
    """What decides about the bytes.

    Raises:
        InputError: if the options do not fit each other.
    """
    if command.table not in BLUR_RATE_BINS:
        raise InputError(f"table {command.table!r}: there are {', '.join(BLUR_RATE_BINS)}")
    return Recipe(
        protocol=command.protocol,
        seed=command.seed,
        height=command.height,
        width=command.width,
        blur_rate=command.blur_rate,
        bins=BLUR_RATE_BINS[command.table],
        num_frames=command.num_frames,
        gap=command.gap,
        mocap=tuple(command.mocap) if isinstance(command.mocap, list) else command.mocap,
        share_alike=command.share_alike,
        subjects=command.subjects,
        cape=command.cape,
        background_folder=command.background_folder,
        texture_folder=command.texture_folder,
        body=command.body,
        world=_world_of(command),
    )


def _world_of(command: Command) -> WorldSettings:
    world = command.world
    if command.protocol != "wild" and (world != WorldSettings() or command.only or command.without):
        raise InputError("--world, --only and --without are for --protocol wild")
    if command.only is not None:
        world = world.only(command.only)
    return world if command.without is None else world.without(command.without)


def generate(command: Command, console: Console, expose: Exposer | None = None) -> list[Made]:
    """Make what is asked for, with a progress bar; returns all samples, also those not made.

    Args:
        command: what is asked for.
        console: where progress goes.
        expose: draws the person; our renderer if None.

    Raises:
        InputError: if the options do not fit each other or the folder holds something else.
    """
    recipe = recipe_of(command)
    if expose is not None and recipe.protocol == "wild":
        raise InputError("--protocol wild knows our renderer only: take another protocol")
    slots = slots_of(command.num_samples, command.per_bin, recipe)
    workers = command.workers or count_processors()
    with folder_lock(command.output):
        made = _make(recipe, command.output, slots, workers, console, expose)
        sheets = write_sheets(command.output, made, recipe)
    done = [item for item in made if item.folder is not None]
    names = sheets[0].name if len(sheets) == 1 else f"{len(sheets)} contact sheets"
    console.print(f"{len(done)} samples and {names} in {command.output}", highlight=False)
    return made


def _make(
    recipe: Recipe,
    folder: Path,
    slots: list[Slot],
    workers: int,
    console: Console,
    expose: Exposer | None,
) -> list[Made]:
    display = Display(console=console)
    count = 0

    def on_made(made: Made) -> None:
        nonlocal count
        count += 1
        if made.is_new:
            console.print(made.fault or made.line, highlight=False)
        if made.is_new or display.seconds_left() is not None:
            display.update(count)
        else:
            display.skip(count)

    try:
        display.begin("making samples", len(slots))
        return make_all(recipe, folder, slots, workers, on_made, expose)
    finally:
        display.close()


def main(args: list[str] | None = None, expose: Exposer | None = None) -> None:
    """The command; the user's mistakes end it with one line and code 2.

    Args:
        args: of the command line.
        expose: draws the person; our renderer if None.
    """
    given = sys.argv[1:] if args is None else args
    accept_any_name()
    with user_errors_as_one_line():
        words = [_spelled(arg) for arg in given]
        command = auto_cli(Command, args=words, as_positional=False, parser_class=HfbParser)
        made = generate(command, Console(markup=False), expose)
    missing = [item for item in made if item.fault is not None]
    if missing:
        Console(stderr=True, markup=False).print(f"error: {len(missing)} samples could not be made")
        sys.exit(3)


def _spelled(arg: str) -> str:
    """`--num-samples` is taken like `--num_samples`; the first seed is the seed."""
    if not arg.startswith("--"):
        return arg
    name, equals, value = arg[2:].partition("=")
    name = name.replace("-", "_")
    return f"--{'seed' if name == 'first_seed' else name}{equals}{value}"
