"""Where the results of a run go when nobody says where."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from hfb.app.output.result_store import config_fingerprint

OUTPUTS = Path("outputs")


def default_output(command: str, config_text: str) -> Path:
    """A folder below `outputs/`.

    Args:
        command: predict or test.
        config_text: the resolved configuration, as YAML.

    Returns:
        For a prediction named after the time; for a test after the configuration, so that a stopped
        test goes on.
    """
    if command == "predict":
        return OUTPUTS / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    return OUTPUTS / f"test-{config_fingerprint(config_text)}"
