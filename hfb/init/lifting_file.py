"""The lifting network's file: written by `python -m hfb.lifting fit`, read by the initialiser."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from hfb.assets import find_asset
from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.init.lifting import LiftingNetwork, LiftingSettings

LIFTING_FILE = "lifting.ckpt"
_FORMAT = "hfb-lifting"
_VERSION = 1


def save_lifting(network: LiftingNetwork, path: str | Path, card: dict[str, Any]) -> None:
    """Write a network with half-precision weights; `torch.load(weights_only=True)` reads it.

    Args:
        network: what to write.
        path: the file.
        card: plain values about its making, kept beside the weights; `body` and `sha256` name the
            body that the shape coefficients belong to, `parents` its joint tree.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {name: value.half() for name, value in network.state_dict().items()}
    content = {"format": _FORMAT, "version": _VERSION, "settings": asdict(network.settings)}
    scratch = path.with_name(path.name + ".part")
    torch.save({**content, "card": card, "state": state}, scratch)
    scratch.replace(path)


def load_lifting(path: str | Path | None = None) -> tuple[LiftingNetwork, dict[str, Any]]:
    """Read a network, frozen and ready to use, and its card.

    Args:
        path: a file of `python -m hfb.lifting fit`, or a folder that holds one; the shipped one if
            None.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is something else.
    """
    file = find_asset(LIFTING_FILE, path)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen unrelated types for foreign files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file} cannot be read as a lifting network ({reason}).") from error
    wanted = {"format", "version", "settings", "card", "state"}
    if not isinstance(content, dict) or not wanted <= set(content) or content["format"] != _FORMAT:
        raise InputError(
            f"{file} is not a lifting network: give the {LIFTING_FILE} that "
            "`python -m hfb.lifting fit` writes beside its training checkpoints."
        )
    if content["version"] != _VERSION:
        raise InputError(f"{file} has version {content['version']}; version {_VERSION} is known.")
    known = {field.name for field in fields(LiftingSettings)}
    if set(content["settings"]) != known:
        raise InputError(f"{file}: settings {sorted(content['settings'])} must be {sorted(known)}.")
    network = LiftingNetwork(LiftingSettings(**content["settings"]))
    try:
        network.load_state_dict({name: value.float() for name, value in content["state"].items()})
    except (RuntimeError, AttributeError) as error:
        raise InputError(f"{file}: the weights do not fit their settings ({error}).") from error
    return network.requires_grad_(False).eval(), content["card"]


def fits_body(card: dict[str, Any], body: SmplBody) -> bool:
    """Whether a network's poses can be given to a body: the same joint tree.

    Args:
        card: of the network.
        body: any SMPL-format body.
    """
    return tuple(card.get("parents", ())) == tuple(body.parents)


def fits_shape(card: dict[str, Any], body: SmplBody) -> bool:
    """Whether its shape coefficients can be given to a body too: only to the very same one.

    Args:
        card: of the network.
        body: any SMPL-format body.
    """
    return bool(card.get("body") == body.identity.name)
