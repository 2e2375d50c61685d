"""A folder of small photos, each with its background and a starting pose, and a run on it."""

import csv
import json
import sys
from pathlib import Path

from evaluation_runs import QUICK, small_samples

from hfb.export import write_image
from hfb.init import write_estimate


def write_photos(root: Path, count: int) -> Path:
    """Write `p0.png`, `p0_background.png`, `p0_alpha.png`, `p0.hfbinit.npz` and so on."""
    root.mkdir(parents=True, exist_ok=True)
    for sample in small_samples([f"p{k}" for k in range(count)]):
        name = sample.sample_id
        write_image(root / f"{name}.png", sample.blurry[0])
        write_image(root / f"{name}_background.png", sample.background)
        write_image(root / f"{name}_alpha.png", sample.alpha[0].expand(3, -1, -1))
        write_estimate(root / f"{name}.hfbinit.npz", sample.estimate)
    return root


def options(photos: Path, output: Path, *extra: str) -> list[str]:
    """What is typed behind `run_hfb.py`."""
    return ["predict", f"--data.folder={photos}", f"--output={output}", *QUICK, *extra]


def command(repo: Path, photos: Path, output: Path, *extra: str) -> list[str]:
    """The same as a process of its own."""
    return [sys.executable, str(repo / "run_hfb.py"), *options(photos, output, *extra)]


def rows_of(output: Path) -> dict[str, dict[str, str]]:
    """The rows of the table, by photo."""
    with (output / "per_sample.csv").open(newline="") as table:
        return {row["sample_id"]: row for row in csv.DictReader(table)}


def stamps_of(output: Path) -> dict[str, int]:
    """When each photo was finished."""
    paths = (output / "samples").glob("[!.]*/result.json")
    return {path.parent.name: path.stat().st_mtime_ns for path in paths}


def states_of(output: Path) -> dict[str, str]:
    """What became of each photo."""
    return {name: row["state"] for name, row in rows_of(output).items()}


def page_data(page: Path) -> dict:
    """What a page knows of its run."""
    text = page.read_text().partition('id="run">')[2].partition("</script>")[0]
    return json.loads(text)
