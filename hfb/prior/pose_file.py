"""Pose priors by name or file: ours, and those of others for whoever has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.files.npz import read_npz
from hfb.files.pickles import read_pickled_arrays
from hfb.prior.pose import BodyPosePrior, MixturePosePrior
from hfb.prior.vposer import VPoserPrior, is_vposer

_WHAT = "pose prior"


def load_pose_prior(name: str) -> BodyPosePrior | None:
    """The pose prior of eq. 6 that a setting names.

    Args:
        name: "mixture" is the shipped one, "none" none. Otherwise a file: a mixture of
            `tools/fit_pose_prior.py` (npz); SMPLify's (gmm_08.pkl, or an npz with its means, covars
            and weights), which scores by its likeliest Gaussian as SMPLify and SMPLify-X do; or
            VPoser's weights (a torch file, or an npz with their names).

    Raises:
        AssetNotFoundError: if the shipped file is not there.
        InputError: if the file is missing, none of these, or a prior of other poses.
    """
    if name == "none":
        return None
    if name == "mixture":
        return MixturePosePrior()
    if not Path(name).exists() and not Path(name).suffix:
        raise InputError(f"pose_prior {name!r}: give mixture, none, or the file of a pose prior")
    path = existing_file(name, _WHAT)
    if path.suffix == ".npz":
        content: dict[str, Any] = read_npz(path, _WHAT)
        if is_vposer(content):
            state = {key: torch.from_numpy(value) for key, value in content.items()}
            return VPoserPrior(state, path)
        return MixturePosePrior(path, "maximum" if "covars" in content else "mahalanobis")
    if path.suffix == ".pkl":
        return MixturePosePrior.of_covariances(read_pickled_arrays(path, _WHAT), path)
    return VPoserPrior(_weights(path), path)


def _weights(path: Path) -> dict[str, Any]:
    """The state of a torch file, of a checkpoint of Lightning's without what surrounds it."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises half a dozen unrelated types for foreign files
        raise InputError(
            f"the {_WHAT} {path} is no torch file of weights alone; of a checkpoint that holds "
            "more, save them where it can be opened: torch.save(checkpoint['state_dict'], "
            "'vposer.pt')"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise InputError(f"the {_WHAT} {path} holds no weights by name")
    return content
