"""The motion prior's file: written by `train_amp.py`, read by refinements."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.motion import Parameterization
from hfb.motion.tracks import SMPL_PARENTS
from hfb.prior.motion import MotionPrior
from hfb.prior.patterns import MotionPriorSettings

MOTION_PRIOR_FILE = "amp.ckpt"
_FORMAT = "hfb-motion-prior"
_VERSION = 1


def save_motion_prior(prior: MotionPrior, path: str | Path, card: dict[str, Any]) -> None:
    """Write a motion prior with half-precision weights; `torch.load(weights_only=True)` reads it.

    Args:
        prior: what to write.
        path: the file.
        card: plain values about its making (body, figures, seed), kept beside the weights.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.half() for name, value in prior.state_dict().items()}
    content = {"format": _FORMAT, "version": _VERSION, "settings": asdict(prior.settings)}
    scratch = path.with_name(path.name + ".part")
    torch.save({**content, "card": card, "state": state}, scratch)
    scratch.replace(path)


def load_motion_prior(
    path: str | Path | None = None,
    parameterization: Parameterization = "tangent",
    parents: tuple[int, ...] = SMPL_PARENTS,
) -> MotionPrior:
    """Read a motion prior, frozen and ready to use.

    Args:
        path: a file of `train_amp.py`, or a folder that holds one; the shipped one if None.
        parameterization: what the caller's coefficients mean.
        parents: joint tree of the caller's body.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is not a motion prior, or one of another parameterisation or body.
    """
    file = find_asset(MOTION_PRIOR_FILE, path)
    content = read_motion_prior_file(file)
    settings = _settings_of(content, file)
    if settings.parameterization != parameterization:
        raise InputError(
            f"{file} is a motion prior for {settings.parameterization!r} coefficients, but "
            f"{parameterization!r} ones are to be scored: give a prior trained with "
            f"--data.windows.parameterization={parameterization}."
        )
    trained_on = tuple(content["card"].get("parents", SMPL_PARENTS))
    if trained_on != tuple(parents):
        raise InputError(
            f"{file} is a motion prior for a body of {len(trained_on)} joints with another tree "
            f"than that of the body in use ({len(parents)} joints): train one for this body."
        )
    prior = MotionPrior(settings)
    try:
        prior.load_state_dict({name: value.float() for name, value in content["state"].items()})
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"{file}: the weights do not fit their settings ({error}).") from error
    return prior.requires_grad_(False).eval()


def read_motion_prior_file(file: Path) -> dict[str, Any]:
    """Contents of a motion prior's file.

    Raises:
        InputError: if it is something else.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen unrelated types for foreign files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file} cannot be read as a motion prior ({reason}).") from error
    wanted = {"format", "version", "settings", "card", "state"}
    if not isinstance(content, dict) or not wanted <= set(content) or content["format"] != _FORMAT:
        raise InputError(
            f"{file} is not a motion prior: give the amp.ckpt that train_amp.py writes beside its "
            "training checkpoints."
        )
    if content["version"] != _VERSION:
        raise InputError(f"{file} has version {content['version']}; version {_VERSION} is known.")
    return content


def _settings_of(content: dict[str, Any], file: Path) -> MotionPriorSettings:
    known = {field.name for field in fields(MotionPriorSettings)}
    if set(content["settings"]) != known:
        raise InputError(f"{file}: settings {sorted(content['settings'])} must be {sorted(known)}.")
    return MotionPriorSettings(**content["settings"])
