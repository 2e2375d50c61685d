"""The data set of `run_hfb.py test`: a folder of blurry samples, or one made when first needed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from datamodules.blur_folder import BlurFolderDataModule
from datamodules.files.sample_record import RECORD_NAME
from hfb.assets import cache_dir
from hfb.storage import atomic_write, folder_lock

BUILT_IN = "benchmark-procedural-1"
"""Name of the built-in data set; the number changes with its content."""
NUM_SAMPLES = 10
MARK = "complete"


class BenchmarkDataModule(BlurFolderDataModule):
    """A data set of blurry samples in folders; without one, ten procedural samples.

    The built-in samples need no data at all: one in each bin of Table 1, made once and kept in the
    user cache.

    Args:
        root: the data set's folder; null: the built-in samples.
        split: which part of it, a folder below `root`.
        batch_size: samples refined together.
        limit: take only the first so many samples.
        use_estimate: take the starting poses that come with the samples; if false, they are
            found in the images.
        use_alpha: take the mattes that come with the samples; if false, they are estimated.
    """

    def __init__(
        self,
        root: str | None = None,
        split: str = "test",
        batch_size: int = 2,
        limit: int | None = None,
        use_estimate: bool = True,
        use_alpha: bool = True,
    ) -> None:
        folder = str(cache_dir() / BUILT_IN) if root is None else root
        super().__init__(folder, split, batch_size, limit, use_estimate, use_alpha)
        self.is_built_in = root is None

    def prepare_data(self) -> None:
        """Make the built-in samples unless they are there."""
        if self.is_built_in:
            make_built_in(Path(self.root) / self.split)


def make_built_in(folder: Path) -> None:
    """Make the built-in benchmark: half a minute on all processors, once.

    A mark in the folder says that all samples are there; without it, those that are missing are
    made.

    Args:
        folder: of the split; what is there already is kept.
    """
    if _is_complete(folder):
        return
    console = Console(stderr=True, markup=False)

    def on_wait(holder: str) -> None:
        console.print(f"waiting for {holder}, which makes the built-in benchmark", highlight=False)

    # Beside the folder, whose own lock the generator takes.
    with folder_lock(folder.parent, on_wait):
        if not _is_complete(folder):
            _make(folder, console)


def _is_complete(folder: Path) -> bool:
    """Whether all samples were made, and all are still there: caches get cleaned."""
    there = sum(1 for _ in folder.glob(f"*/{RECORD_NAME}"))
    return (folder / MARK).is_file() and there >= NUM_SAMPLES


def _make(folder: Path, console: Console) -> None:
    # Imported here: it brings the body and the renderer, which reading samples does not need.
    from datamodules.synthetic.command import Command, generate

    console.print(f"making the built-in benchmark in {folder} (once)", highlight=False)
    made = generate(Command(output=folder, seed=1, per_bin=1), console)
    missing = sum(item.fault is not None for item in made)
    if missing:
        console.print(
            f"{missing} of the {len(made)} samples could not be made; the next run tries again",
            highlight=False,
        )
        return
    with atomic_write(folder / MARK) as part:
        part.touch()
