"""Write a generated data set: in parallel, resumable, the same bytes for the same recipe."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.blur_folder import write_sample
from datamodules.files.sample_record import RECORD_NAME
from datamodules.files.workers import worker_pool
from datamodules.synthetic.protocol import Recipe, body_of, plan_in_bin
from datamodules.synthetic.scene import Exposer, SyntheticScene, draw_scene, plan_scene, scene_name
from datamodules.synthetic.wild.draw import WildScene, draw_wild_scene
from datamodules.synthetic.wild.record import write_world
from hfb.errors import HfbError, InputError
from hfb.export import atomic_write, write_image
from hfb.files.images import read_image
from hfb.formation import linear_to_srgb
from hfb.processors import one_torch_thread

RECIPE_NAME = "recipe.json"
PREVIEW_NAME = "preview.png"
_PREVIEW_ROWS = 240
_SHEET_ROWS = 10


@dataclass(frozen=True)
class Slot:
    """A sample to be made.

    Attributes:
        index: of the sample, in its bin if there are bins.
        number: of the bin; None: the recipe's whole range of blur rates.
    """

    index: int
    number: int | None = None


@dataclass(frozen=True)
class Made:
    """A sample that lies on the disk, or why it does not.

    Attributes:
        slot: which one.
        folder: where.
        line: one line about it.
        is_new: made in this run.
        fault: why it could not be made.
    """

    slot: Slot
    folder: Path | None
    line: str
    is_new: bool = True
    fault: str | None = None


def slots_of(num_samples: int, per_bin: int | list[int] | None, recipe: Recipe) -> list[Slot]:
    """All samples of a data set; the bins take turns, so that a part of it has all of them.

    Args:
        num_samples: how many, where there are no bins.
        per_bin: how many a bin: one number, or one for each bin.
        recipe: tells the bins.

    Raises:
        InputError: if the numbers do not fit the bins or nothing is left to make.
    """
    num_bins = len(recipe.bins) - 1
    if per_bin is None and recipe.protocol != "procedural":
        per_bin = 10
    if per_bin is None:
        slots = [Slot(index) for index in range(num_samples)]
    else:
        counts = [per_bin] * num_bins if isinstance(per_bin, int) else list(per_bin)
        if len(counts) != num_bins or min(counts) < 0:
            raise InputError(f"per_bin {counts} must hold {num_bins} numbers, one a bin")
        slots = [Slot(i, b) for i in range(max(counts)) for b in range(num_bins) if i < counts[b]]
    if not slots:
        raise InputError("nothing to make: give at least one sample")
    return slots


def make_slot(recipe: Recipe, folder: Path, slot: Slot, expose: Exposer | None = None) -> Made:
    """Make one sample unless it is there already.

    Args:
        recipe: of the data set.
        folder: of the split; the sample gets a folder in it.
        slot: which sample.
        expose: draws the person; our renderer if None.
    """
    finished = _finished_folder(recipe, folder, slot)
    if finished is not None:
        return Made(slot, finished, f"{finished.name}: was there already", is_new=False)
    try:
        with one_torch_thread():
            scene = _scene_of(recipe, slot, expose)
    except HfbError as error:
        return Made(slot, None, "", fault=str(error))
    target = folder / scene.sample.sample_id
    # The record comes last of all: what was stopped midway is made again.
    (target / RECORD_NAME).unlink(missing_ok=True)
    target.mkdir(parents=True, exist_ok=True)
    write_image(target / PREVIEW_NAME, preview_of(scene))
    if isinstance(scene, WildScene):
        write_world(target, scene)
    write_sample(target, scene.sample, body_of(recipe.body).identity)
    sample = scene.sample
    exposure_ms = 1000 * float(sample.exposure[0, 1])
    line = f"{sample.sample_id}: blur rate {sample.blur_rate:.2f}, exposure {exposure_ms:.0f} ms"
    return Made(slot, target, line)


def _finished_folder(recipe: Recipe, folder: Path, slot: Slot) -> Path | None:
    """The folder of a sample that an earlier run has finished, if there is one.

    Without bins the motion names the folder, and only the seed is known before it is drawn.
    """
    if slot.number is None:
        pattern = scene_name("*", _seed_of(recipe, slot))
    else:
        pattern = _name_in_bin(recipe, slot)
    records = folder.glob(f"{pattern}/{RECORD_NAME}")
    return next((record.parent for record in records), None)


def _name_in_bin(recipe: Recipe, slot: Slot) -> str:
    kind = f"_{recipe.num_frames}f" if recipe.num_frames > 1 else ""
    return f"{recipe.protocol}{kind}_bin{slot.number}_{slot.index:03d}"


def _seed_of(recipe: Recipe, slot: Slot) -> int:
    """Seed of a sample without a bin."""
    return recipe.seed + slot.index


def _scene_of(recipe: Recipe, slot: Slot, expose: Exposer | None) -> SyntheticScene:
    if slot.number is None:
        plan = plan_scene(recipe.settings(), _seed_of(recipe, slot), body_of(recipe.body))
        return draw_scene(plan, keep_sharp=True, expose=expose)
    plan = plan_in_bin(recipe, slot.number, slot.index)
    name = _name_in_bin(recipe, slot)
    scene: SyntheticScene
    if recipe.protocol == "wild":
        scene = draw_wild_scene(plan, recipe.world, keep_sharp=True, sample_id=name)
    else:
        scene = draw_scene(plan, keep_sharp=True, sample_id=name, expose=expose)
    source = f"{recipe.protocol}, recipe seed {recipe.seed}: {scene.sample.source}"
    return replace(scene, sample=scene.sample.with_changes(source=source))


def make_all(
    recipe: Recipe,
    folder: Path,
    slots: list[Slot],
    workers: int,
    on_made: Callable[[Made], None],
    expose: Exposer | None = None,
) -> list[Made]:
    """Make the samples, several at a time; returns them in the order of the slots.

    Args:
        recipe: of the data set.
        folder: of the split.
        slots: what to make.
        workers: processes; 1 works in this one.
        on_made: called after each sample, in whatever order they get ready.
        expose: draws the person; our renderer if None. Its name stands in the folder's recipe.
    """
    keep_recipe(recipe, folder, "" if expose is None else expose.__name__)
    made: dict[Slot, Made] = {}
    for result in _results(recipe, folder, slots, workers, expose):
        made[result.slot] = result
        on_made(result)
    return [made[slot] for slot in slots]


def _results(
    recipe: Recipe, folder: Path, slots: list[Slot], workers: int, expose: Exposer | None
) -> Iterator[Made]:
    if min(workers, len(slots)) <= 1:
        for slot in slots:
            yield make_slot(recipe, folder, slot, expose)
        return
    with worker_pool(min(workers, len(slots))) as pool:
        futures = [pool.submit(make_slot, recipe, folder, slot, expose) for slot in slots]
        for future in as_completed(futures):
            yield future.result()


def keep_recipe(recipe: Recipe, folder: Path, renderer: str = "") -> None:
    """Write the recipe beside the samples, once.

    Args:
        recipe: of the data set.
        folder: of the split.
        renderer: name of what draws people; empty: our own.

    Raises:
        InputError: if the folder holds samples of another recipe, or cannot be written.
    """
    content = asdict(recipe)
    if recipe.protocol != "wild":
        del content["world"]
    if renderer:
        content["renderer"] = renderer
    text = json.dumps(content, indent=1, default=str) + "\n"
    path = folder / RECIPE_NAME
    if path.is_file():
        kept = path.read_text(errors="replace")
        if kept != text:
            changed = _changes(kept, text)
            raise InputError(
                f"{folder} holds samples of another recipe ({changed}); choose another --output or "
                "delete it"
            )
        return
    if any(folder.glob(f"*/{RECORD_NAME}")):
        raise InputError(f"{folder} holds samples of unknown origin; choose another --output")
    with atomic_write(path) as part:
        part.write_text(text)


def _changes(kept: str, wanted: str) -> str:
    try:
        before, after = json.loads(kept), json.loads(wanted)
    except (ValueError, RecursionError):
        before = None
    if not isinstance(before, dict):
        return f"{RECIPE_NAME} cannot be read"
    names = [key for key in {**after, **before} if before.get(key) != after.get(key)]
    return ", ".join(
        f"{key}: {str(before.get(key))[:80]} there, {after.get(key)} wanted" for key in names
    )


def preview_of(scene: SyntheticScene) -> Float[Tensor, "3 H W"]:
    """Blurry images, background, and the sharp first, middle and last sub-frame side by side."""
    sharp = linear_to_srgb(scene.sharp.clamp(0.0, 1.0))
    row = torch.cat([*scene.sample.blurry, scene.sample.background, *sharp], dim=-1)
    scale = _PREVIEW_ROWS / row.shape[-2]
    small = torch.nn.functional.interpolate(
        row[None], scale_factor=scale, mode="bilinear", antialias=True
    )
    return small[0].clamp(0.0, 1.0)


def write_sheets(folder: Path, made: list[Made], recipe: Recipe) -> list[Path]:
    """Contact sheets to look at: one a bin, or one for all.

    Args:
        folder: of the split.
        made: the samples.
        recipe: tells the bins.

    Returns:
        The images written.
    """
    groups: dict[int | None, list[Made]] = {}
    for item in made:
        if item.folder is not None:
            groups.setdefault(item.slot.number, []).append(item)
    sheets = []
    for number, items in groups.items():
        name = "contact_sheet.png"
        if number is not None:
            low, high = recipe.bins[number], recipe.bins[number + 1]
            name = f"contact_sheet_bin{number}_{low:g}-{high:g}.png"
        rows = [read_image(item.folder / PREVIEW_NAME) for item in items if item.folder]
        width = max(row.shape[-1] for row in rows)
        padded = [
            torch.nn.functional.pad(row, (0, width - row.shape[-1])) for row in rows[:_SHEET_ROWS]
        ]
        write_image(folder / name, torch.cat(padded, dim=-2))
        sheets.append(folder / name)
    return sheets
