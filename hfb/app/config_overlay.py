"""Configurations laid over one another: weights of loss terms one by one, as everything else."""

from __future__ import annotations

from typing import Any

from jsonargparse import ActionConfigFile

WEIGHTS = "model.refine.weights"


class ConfigOverlay(ActionConfigFile):
    """`--config`: what a file does not mention stays as it was, single weights included.

    To jsonargparse a dictionary is one value, which the next file would replace as a whole.
    """

    @staticmethod
    def apply_config(parser: Any, cfg: Any, dest: str, value: str) -> None:
        """Lay a file over what the command line has collected so far."""
        before = cfg.get(WEIGHTS)
        ActionConfigFile.apply_config(parser, cfg, dest, value)
        if isinstance(before, dict) and isinstance(cfg.get(WEIGHTS), dict):
            cfg[WEIGHTS] = {**before, **cfg[WEIGHTS]}
