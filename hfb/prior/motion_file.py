"""The motion priors' files: written by `train_amp.py`, read by refinements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hfb.assets import find_asset
from hfb.checkpoint import CheckpointFile
from hfb.errors import InputError
from hfb.motion import Parameterization
from hfb.prior.coefficients import CoefficientPrior, CoefficientPriorSettings
from hfb.prior.motion import MotionPrior
from hfb.prior.patterns import MotionPriorSettings
from hfb.skeleton import SMPL_PARENTS

MOTION_PRIOR_FILE = "amp.ckpt"
PAPER_PRIOR_FILE = "amp_paper.ckpt"
_FILE = CheckpointFile(
    "motion prior", MOTION_PRIOR_FILE, "train_amp.py", "hfb-motion-prior", version=4
)
_PAPER_FILE = CheckpointFile(
    "motion prior of the paper's form", PAPER_PRIOR_FILE, "train_amp.py", "hfb-coefficient-prior"
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
    _check_tree(content, parents, file)
    return _FILE.restore(MotionPrior(settings), content, file)


def save_coefficient_prior(prior: CoefficientPrior, path: str | Path, card: dict[str, Any]) -> None:
    """Write a prior of the paper's form; see `save_motion_prior`.

    Args:
        prior: what to write.
        path: the file.
        card: plain values about its making.
    """
    _PAPER_FILE.save(prior, prior.settings, Path(path), card)


def load_coefficient_prior(
    path: str | Path | None = None, parents: tuple[int, ...] = SMPL_PARENTS
) -> CoefficientPrior:
    """Read a prior of the paper's form, frozen and ready to use.

    Args:
        path: a file of `train_amp.py`, or a folder that holds one; the shipped one if None.
        parents: joint tree of the caller's body.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is something else, or for another body.
    """
    file = find_asset(PAPER_PRIOR_FILE, path)
    settings, content = _PAPER_FILE.read(file, CoefficientPriorSettings)
    _check_tree(content, parents, file)
    return _PAPER_FILE.restore(CoefficientPrior(settings), content, file)


def load_prior_for(
    parameterization: Parameterization,
    path: str | Path | None = None,
    parents: tuple[int, ...] = SMPL_PARENTS,
) -> MotionPrior | CoefficientPrior:
    """The prior that eq. (10) asks in a refinement.

    Without a file the paper's coefficients are judged by the shipped prior of the paper's form,
    others by our own. Our own judges any motion, the paper's its own coefficients only.

    Args:
        parameterization: of the refinement.
        path: a file of either kind, or a folder; the shipped one if None.
        parents: joint tree of the body.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if it is no prior, or one of another parameterisation or body.
    """
    if path is None:
        is_papers = parameterization == "paper"
    else:
        file = Path(path)
        is_papers = _PAPER_FILE.is_kind_of(file / PAPER_PRIOR_FILE if file.is_dir() else file)
    if not is_papers:
        return load_motion_prior(path, parents=parents)
    if parameterization != "paper":
        raise InputError(
            f"{path} is a motion prior for the paper's coefficients, but {parameterization!r} ones "
            "are to be scored: leave --model.motion_prior out, or take paper.yaml"
        )
    return load_coefficient_prior(path, parents)


def _check_tree(content: dict[str, Any], parents: tuple[int, ...], file: Path) -> None:
    trained_on = tuple(content["card"].get("parents", SMPL_PARENTS))
    if trained_on != tuple(parents):
        raise InputError(
            f"{file} is a motion prior for a body of {len(trained_on)} joints with another tree "
            f"than that of the body in use ({len(parents)} joints): train one for this body."
        )
