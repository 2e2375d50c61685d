"""A sample as files that users would give, and a refinement in little."""

import json
from pathlib import Path

from started_samples import with_start

from hfb.export import write_image
from hfb.init import write_estimate
from hfb.structures import BlurSample

# A real run in little: few steps, small crop.
SETTINGS = {
    "image_size": 64,
    "texture_size": 32,
    "num_subframes": 2,
    "stages": [{"num_steps": 1}, {"num_steps": 1}, {"num_steps": 1}],
    "ranking_steps": 1,
}
QUICK = [
    *(f"--model.refine.{name}={json.dumps(value)}" for name, value in SETTINGS.items()),
    "--model.show_progress=false",
]


def write_photo(sample: BlurSample, folder: Path) -> dict[str, Path]:
    """Write image, background, alpha and estimate; returns the files by these names."""
    files = {name: folder / f"{name}.png" for name in ("image", "background", "alpha")}
    files["estimate"] = folder / "start.hfbinit.npz"
    started = with_start(sample)
    write_image(files["image"], started.blurry[0])
    write_image(files["background"], started.background)
    write_image(files["alpha"], started.alpha[0].expand(3, -1, -1))
    write_estimate(files["estimate"], started.estimate)
    return files
