"""The motion prior's file: written by `train_amp.py`, read by refinements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfb.assets import find_asset
from hfb.checkpoint import CheckpointFile
from hfb.errors import InputError
from hfb.motion import Parameterization
from hfb.prior.motion import MotionPrior
from hfb.prior.patterns import MotionPriorSettings
from hfb.skeleton import SMPL_PARENTS

MOTION_PRIOR_FILE = "amp.ckpt"
_FILE = CheckpointFile(
    "motion prior", MOTION_PRIOR_FILE, "train_amp.py", "hfb-motion-prior", version=4
)


def save_motion_prior(prior: MotionPrior, path: str | Path, card: dict[str, Any]) -> None:
    """Write a motion prior with half-precision weights; `torch.load(weights_only=True)` reads it.

    Args:
        prior: what to write.
        path: the file.
        card: plain values about its making (body, metrics, seed), kept beside the weights.
    """
    _FILE.save(prior, prior.settings, Path(path), card)


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
    settings, content = _FILE.read(file, MotionPriorSettings)
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
    return _FILE.restore(MotionPrior(settings), content, file)
