"""The lifting network's file: written by its training, read by the initialiser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfb.assets import find_asset
from hfb.body import SmplBody
from hfb.checkpoint import CheckpointFile
from hfb.init.lift.network import LiftingNetwork, LiftingSettings

LIFTING_FILE = "lifting.ckpt"
_FILE = CheckpointFile(
    "lifting network", LIFTING_FILE, "`python -m hfb.training.lifting fit`", "hfb-lifting", 2
)


def save_lifting(network: LiftingNetwork, path: str | Path, card: dict[str, Any]) -> None:
    """Write a network with half-precision weights; `torch.load(weights_only=True)` reads it.

    Args:
        network: what to write.
        path: the file.
        card: plain values about its making, kept beside the weights; `body` and `sha256` name the
            body that the shape coefficients belong to, `parents` its joint tree.
    """
    _FILE.save(network, network.settings, Path(path), card)


def load_lifting(path: str | Path | None = None) -> tuple[LiftingNetwork, dict[str, Any]]:
    """Read a network, frozen and ready to use, and its card.

    Args:
        path: a file of `python -m hfb.training.lifting fit`, or a folder that holds one; the
            shipped one if None.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is something else.
    """
    file = find_asset(LIFTING_FILE, path)
    settings, content = _FILE.read(file, LiftingSettings)
    return _FILE.restore(LiftingNetwork(settings), content, file), content["card"]


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
