"""Write synthetic samples and a contact sheet: `python -m datamodules.synthetic --output DIR`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from jsonargparse import auto_cli
from PIL import Image
from rich.console import Console
from rich.progress import track
from torch import Tensor

from datamodules.blur_folder import write_sample
from datamodules.synthetic_scene import SyntheticScene, default_body, make_scene
from datamodules.synthetic_shot import SyntheticSettings
from hfb.errors import HfbError
from hfb.formation import linear_to_srgb

_SHEET_ROWS = 240
"""Height of a picture on the contact sheet, px."""


def write_samples(
    output: Path,
    num_samples: int = 10,
    first_seed: int = 1,
    height: int = 480,
    width: int = 400,
    blur_rate: tuple[float, float] = (0.05, 0.9),
    background_folder: Path | None = None,
) -> None:
    """Write synthetic blurry samples with their truth, and a contact sheet to look at.

    Args:
        output: the data set's split, a folder; one folder a sample is made in it.
        num_samples: how many samples.
        first_seed: seed of the first one; equal seeds give equal files.
        height: image rows.
        width: image columns.
        blur_rate: lowest and highest blur rate (eq. 12).
        background_folder: folder of photographs; null: procedural places.
    """
    settings = SyntheticSettings(
        height=height, width=width, blur_rate=blur_rate, background_folder=background_folder
    )
    identity = default_body().identity
    console = Console()
    rows = []
    seeds = range(first_seed, first_seed + num_samples)
    for seed in track(seeds, description="Making samples", console=console):
        scene = make_scene(settings, seed, keep_sharp=True)
        sample = scene.sample
        write_sample(output / sample.sample_id, sample, identity)
        rows.append(contact_row(scene))
        console.print(
            f"{sample.sample_id}: blur rate {sample.blur_rate:.2f}, "
            f"exposure {1000 * float(sample.exposure[0, 1]):.0f} ms"
        )
    sheet = output / "contact_sheet.png"
    save_sheet(rows, sheet)
    console.print(f"{len(rows)} samples and {sheet.name} in {output}")


def contact_row(scene: SyntheticScene) -> Float[Tensor, "3 H W"]:
    """Blurry picture, background, and the sharp first, middle and last moment side by side."""
    sharp = linear_to_srgb(scene.sharp.clamp(0.0, 1.0))
    row = torch.cat([scene.sample.blurry[0], scene.sample.background, *sharp], dim=-1)
    scale = _SHEET_ROWS / row.shape[-2]
    small = torch.nn.functional.interpolate(
        row[None], scale_factor=scale, mode="bilinear", antialias=True
    )
    return small[0].clamp(0.0, 1.0)


def save_sheet(rows: Sequence[Float[Tensor, "3 H W"]], path: Path) -> None:
    """Write rows of equal width below each other as an image file, sRGB in [0, 1]."""
    pixels = (torch.cat(list(rows), dim=-2) * 255).round().to(torch.uint8)
    Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).save(path)


def main(args: list[str] | None = None) -> None:
    """The command; the user's mistakes end it with one line and code 2."""
    given = sys.argv[1:] if args is None else args
    try:
        auto_cli(write_samples, args=[_underscored(arg) for arg in given], as_positional=False)
    except HfbError as error:
        Console(stderr=True).print(f"error: {error}", highlight=False)
        sys.exit(2)


def _underscored(arg: str) -> str:
    """`--num-samples` is taken like `--num_samples`."""
    if not arg.startswith("--"):
        return arg
    name, equals, value = arg[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"
