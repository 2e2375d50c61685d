"""The photo of `run_hfb.py predict` where none is given: made once, kept in the user cache."""

from __future__ import annotations

import logging
from pathlib import Path

from datamodules.blur_folder import read_sample, write_sample
from datamodules.files.sample_record import RECORD_NAME
from hfb.assets import cache_dir
from hfb.errors import InputError
from hfb.storage import atomic_folder
from hfb.structures import BlurSample

KEPT = "examples-1"
"""Name of the kept examples; the number changes with their content."""

_log = logging.getLogger(__name__)


def built_in_example(seed: int = 0) -> BlurSample:
    """The example of a seed, as `datamodules.synthetic.embedded_example` makes it.

    It takes two seconds to make and a twentieth of one to read again. Where the cache cannot be
    written it is made each time.

    Args:
        seed: which example.
    """
    folder = cache_dir() / KEPT / str(seed)
    if (folder / RECORD_NAME).is_file():
        try:
            return read_sample(folder)
        except InputError as error:  # caches get cleaned, and half of one is none
            _log.info("making the example again: %s", error)
    # Imported here: it brings the body and the renderer, which reading does not need.
    from datamodules import synthetic

    sample = synthetic.embedded_example(seed=seed)
    return _kept(folder, sample)


def _kept(folder: Path, sample: BlurSample) -> BlurSample:
    """The sample as it will be read from now on: the first run has the same photo as the others."""
    from datamodules.synthetic.protocol import body_of

    try:
        with atomic_folder(folder) as part:
            write_sample(part, sample, body_of("free_body").identity)
        return read_sample(folder)
    except InputError as error:
        _log.info("the example is not kept: %s", error)
        return sample
