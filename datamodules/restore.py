"""`python -m datamodules.restore --data DIR --output DIR`: sharp sub-frames by classical means."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jsonargparse import auto_cli
from rich.console import Console

from datamodules.blur_folder import list_samples, read_sample
from hfb.baselines import RestoreSettings, restore_subframes, subframe_name
from hfb.cli.display import Display
from hfb.cli.errors import user_errors_as_one_line
from hfb.cli.parser import HfbParser
from hfb.cli.values import accept_any_name
from hfb.errors import HfbError, InputError
from hfb.export import write_image
from hfb.matte import estimate_alpha
from hfb.ranges import LIMIT, check_settings
from hfb.storage import atomic_folder, folder_lock


@dataclass(frozen=True)
class Command:
    """Write restored sub-frames of every sample of a data set, for the method `external`.

    Attributes:
        data: `<root>/<split>` of a data set, a folder a sample.
        output: folder for the images, a folder a sample; samples that are there are left alone.
        limit: only so many samples, the first by name.
        settings: how sub-frames are restored.
    """

    data: Path
    output: Path
    limit: int | None = None
    settings: RestoreSettings = field(default_factory=RestoreSettings)

    def __post_init__(self) -> None:
        check_settings(self, "", {"limit": LIMIT})


def restore_folder(folder: Path, output: Path, settings: RestoreSettings) -> int:
    """Restore one sample; returns how many images were written.

    Args:
        folder: of the sample.
        output: folder for its images; made whole or not at all.
        settings: how sub-frames are restored.

    Raises:
        InputError: if the sample cannot be used, nothing moves in it, or nothing can be written.
    """
    sample = read_sample(folder)
    alpha = sample.alpha
    if alpha is None:
        alpha = torch.stack([estimate_alpha(photo, sample.background) for photo in sample.blurry])
    images = restore_subframes(sample, alpha, settings)
    with atomic_folder(output) as part:
        for k, photo in enumerate(images):
            for number, image in enumerate(photo):
                write_image(part / subframe_name(k, number), image)
    return images.shape[0] * images.shape[1]


def restore_all(command: Command, console: Console) -> int:
    """Restore all samples that are not done yet; returns how many could not be.

    Args:
        command: what is asked for.
        console: where progress goes.

    Raises:
        InputError: if there are no samples.
    """
    if os.path.realpath(command.output) == os.path.realpath(command.data):
        raise InputError("--output must not be the data set itself")
    folders = list_samples(command.data)[: command.limit]
    with folder_lock(command.output):
        faults = _restore(folders, command, Display(console=console))
    console.print(f"sub-frames of {len(folders) - faults} samples in {command.output}")
    return faults


def _restore(folders: list[Path], command: Command, display: Display) -> int:
    """Restore the samples of these folders; returns how many could not be."""
    faults = 0
    display.begin("restoring samples", len(folders))
    for number, folder in enumerate(folders, 1):
        place = command.output / folder.name
        if place.is_dir():
            display.skip(number)
            continue
        try:
            count = restore_folder(folder, place, command.settings)
            line = f"{count} sub-frames"
        except HfbError as error:
            faults += 1
            line = f"not restored: {' '.join(str(error).split())}"
        display.print(f"{number}/{len(folders)} {folder.name}: {line}")
        display.update(number)
    display.close()
    return faults


def main(args: list[str] | None = None) -> None:
    """The command; mistakes end it with one line and code 2, samples left out with code 3."""
    accept_any_name()
    with user_errors_as_one_line():
        command = auto_cli(Command, args=args, as_positional=False, parser_class=HfbParser)
        faults = restore_all(command, Console(markup=False))
    if faults:
        sys.exit(3)


if __name__ == "__main__":
    main()
