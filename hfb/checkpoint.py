"""Files of trained networks: half-precision weights, settings and a card, read without pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from hfb.errors import InputError
from hfb.storage import atomic_write

Network = TypeVar("Network", bound=nn.Module)
Settings = TypeVar("Settings")
_CONTENT = {"format", "version", "settings", "card", "state"}


def why_unreadable(error: Exception) -> str:
    """What is wrong with a file, without torch's advice to trust it, or its own stumbling.

    Args:
        error: what `torch.load` raised.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "it is no file of weights that torch has written"


@dataclass(frozen=True)
class CheckpointFile:
    """One kind of file.

    Attributes:
        kind: what it holds, for errors: "motion prior".
        file_name: what it is usually called.
        command: what writes it.
        format: its mark.
        version: the one version that is written and read.
    """

    kind: str
    file_name: str
    command: str
    format: str
    version: int = 1

    def save(self, network: nn.Module, settings: Any, path: Path, card: dict[str, Any]) -> None:
        """Write the file, whole or not at all.

        Args:
            network: whose weights are kept.
            settings: dataclass of plain values that the network is made from.
            path: the file; its folder is made.
            card: plain values about its making, kept beside the weights.
        """
        content = {
            "format": self.format,
            "version": self.version,
            "settings": asdict(settings),
            "card": card,
            "state": {name: value.half() for name, value in network.state_dict().items()},
        }
        with atomic_write(path) as part:
            torch.save(content, part)

    def is_kind_of(self, file: Path) -> bool:
        """Whether a file has this kind's mark; one that cannot be read has none.

        Args:
            file: any file, or one that is not there.
        """
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception:  # torch raises half a dozen unrelated types for foreign files
            return False
        return isinstance(content, dict) and content.get("format") == self.format

    def read(self, file: Path, settings_type: type[Settings]) -> tuple[Settings, dict[str, Any]]:
        """The settings, and the whole content.

        Raises:
            InputError: if it is something else.
        """
        try:
            content = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises half a dozen unrelated types for foreign files
            reason = why_unreadable(error)
            raise InputError(f"{file} cannot be read as a {self.kind} ({reason}).") from error
        is_known = isinstance(content, dict) and set(content) >= _CONTENT
        if not is_known or content["format"] != self.format:
            raise InputError(
                f"{file} is not a {self.kind}: give the {self.file_name} that {self.command} "
                "writes beside its training checkpoints."
            )
        if content["version"] != self.version:
            raise InputError(
                f"{file} has version {content['version']}; version {self.version} is known."
            )
        known = {field.name for field in fields(settings_type)}  # type: ignore[arg-type]
        given = content["settings"]
        if set(given) != known:
            raise InputError(f"{file}: settings {sorted(given)} must be {sorted(known)}.")
        return settings_type(**given), content

    def restore(self, network: Network, content: dict[str, Any], file: Path) -> Network:
        """The network with the file's weights, frozen.

        Raises:
            InputError: if the weights are of another size.
        """
        try:
            state = {name: value.float() for name, value in content["state"].items()}
            network.load_state_dict(state)
        except (RuntimeError, AttributeError) as error:
            raise InputError(f"{file}: the weights do not fit their settings ({error}).") from error
        return network.requires_grad_(False).eval()
