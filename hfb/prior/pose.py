"""How plausible a pose is: a Gaussian mixture over joint rotations, learned from motion capture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.files.numbers import numbers_of
from hfb.skeleton import NUM_JOINTS, require_smpl

POSE_PRIOR_FILE = "pose_prior.npz"

PosePriorKind = Literal["mahalanobis", "likelihood", "maximum"]


class BodyPosePrior(nn.Module):
    """prior(theta) of eq. (6): an energy of poses."""

    def forward(self, body_pose: Float[Tensor, "*B P"]) -> Float[Tensor, "*B"]:
        """Energy of poses.

        Args:
            body_pose: rotation vectors of the 23 body joints, each of length at most pi (as from
                `rotmat_to_rotvec`), flattened, rad.

        Returns:
            Energy, unitless; lower is more plausible.

        Raises:
            BodyModelError: if the joints are not SMPL's.
        """
        raise NotImplementedError


class MixturePosePrior(BodyPosePrior):
    """prior(theta) of eq. (6): a mixture of Gaussians over the 23 joint rotation vectors.

    The paper imports SMPLify-X's prior, whose licence forbids free use; this one has the form of
    SMPLify's mixture and is learned by `tools/fit_pose_prior.py` from CMU's motion capture. With
    M_k the squared Mahalanobis distance to component k, w_k its weight and D = 69 the energy is

    * "mahalanobis": -log(sum_k w_k exp(-M_k / 2)) / D, a soft minimum of the half distances. At
      least 0; a pose drawn from a component scores about 0.5.
    * "likelihood": the negative log density over D, shifted by the sharpest component's normaliser,
      so that wide components cost more.
    * "maximum": the same of the likeliest component alone, as SMPLify and SMPLify-X score.

    "mahalanobis" tells disturbed poses from held-out ones better (metrics in
    checkpoints/README.md), so it is the default.

    Args:
        path: a file of `tools/fit_pose_prior.py`, or a folder that holds one; the shipped one if
            None.
        kind: which energy.

    Raises:
        AssetNotFoundError: if the file is not there.
        InputError: if the file is not a pose prior, or `kind` is not known.
    """

    means: Tensor
    whiteners: Tensor
    white_means: Tensor
    log_weights: Tensor

    def __init__(self, path: str | Path | None = None, kind: PosePriorKind = "mahalanobis") -> None:
        super().__init__()
        if kind not in get_args(PosePriorKind):
            known = ", ".join(get_args(PosePriorKind))
            raise InputError(f"kind={kind!r}: must be one of {known}.")
        self.kind = kind
        self._set_components(*_read(find_asset(POSE_PRIOR_FILE, path)))

    @classmethod
    def of_covariances(cls, content: Mapping[str, Any], path: Path) -> MixturePosePrior:
        """SMPLify's mixture: `means` (K, 69), `covars` (K, 69, 69), `weights` (K,).

        Args:
            content: the arrays.
            path: where they come from, for errors.

        Raises:
            InputError: if one is missing, or they are a mixture of other poses.
        """
        prior = cls.__new__(cls)
        nn.Module.__init__(prior)
        prior.kind = "maximum"
        prior._set_components(*_components_of_covariances(content, path))
        return prior

    def _set_components(self, means: Tensor, whiteners: Tensor, weights: Tensor) -> None:
        log_weights = torch.log(weights)
        if self.kind != "mahalanobis":
            log_norms = torch.log(whiteners.diagonal(dim1=-2, dim2=-1)).sum(-1)
            log_weights = log_weights + log_norms - log_norms.max()
        num_components, size = means.shape
        # The components' matrices side by side, (D, K D), so that one product serves them all.
        stacked = whiteners.transpose(0, 1).reshape(size, num_components * size)
        self.register_buffer("means", means)
        self.register_buffer("whiteners", stacked)
        self.register_buffer("white_means", torch.einsum("kd,kde->ke", means, whiteners))
        self.register_buffer("log_weights", log_weights)

    def forward(self, body_pose: Float[Tensor, "*B P"]) -> Float[Tensor, "*B"]:
        """Energy of poses; see `BodyPosePrior.forward`."""
        require_smpl("the pose prior", 1 + body_pose.shape[-1] // 3)
        white = (body_pose @ self.whiteners).unflatten(-1, self.means.shape) - self.white_means
        half_distance = 0.5 * white.square().sum(-1)
        scores = self.log_weights - half_distance
        likeliest = scores.amax(-1) if self.kind == "maximum" else torch.logsumexp(scores, dim=-1)
        return -likeliest / self.means.shape[-1]


def _read(path: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Means (K, D), upper triangular W (K, D, D) with W W^T = inverse covariance, weights (K,)."""
    try:
        with np.load(path, allow_pickle=False) as data:
            if "covars" in data:
                return _components_of_covariances(data, path)
            means = torch.from_numpy(data["means"]).float()
            packed = torch.from_numpy(data["whiteners"]).float()
            weights = torch.from_numpy(data["weights"]).float()
    except (KeyError, ValueError, OSError) as error:
        raise InputError(
            f"{path} is not a pose prior ({error}): it needs the arrays means, whiteners and "
            "weights; tools/fit_pose_prior.py writes such files."
        ) from error
    size = means.shape[-1]
    rows, columns = torch.triu_indices(size, size)
    if packed.shape[-1] != len(rows):
        raise InputError(
            f"{path}: whiteners has {packed.shape[-1]} entries a component, {len(rows)} are "
            f"needed for {size} dimensions."
        )
    _check_dimensions(size, path)
    whiteners = packed.new_zeros(len(means), size, size)
    whiteners[:, rows, columns] = packed
    return means, whiteners, weights


def _components_of_covariances(
    content: Mapping[str, Any], path: Path
) -> tuple[Tensor, Tensor, Tensor]:
    """Means, triangular W with W W^T = inverse covariance, weights, of a mixture's usual arrays."""
    missing = [name for name in ("means", "covars", "weights") if name not in content]
    if missing:
        raise InputError(
            f"{path} is not a pose prior: it lacks {', '.join(missing)} (means, covars and weights "
            "of a mixture of Gaussians are needed)."
        )
    means, covars, weights = (
        torch.from_numpy(numbers_of(content[name], name, path))
        for name in ("means", "covars", "weights")
    )
    weights = weights.flatten()
    count, size = means.shape if means.ndim == 2 else (0, 0)
    if not count or covars.shape != (count, size, size) or len(weights) != count:
        raise InputError(
            f"{path}: means {tuple(means.shape)}, covars {tuple(covars.shape)} and weights "
            f"{tuple(weights.shape)} are no mixture (K, D), (K, D, D), (K,)."
        )
    _check_dimensions(size, path)
    lower, failed = torch.linalg.cholesky_ex(covars)
    if failed.any() or not (weights > 0).all():
        raise InputError(f"{path}: its covars are not positive definite, or a weight is not > 0.")
    whiteners = torch.linalg.cholesky(torch.cholesky_inverse(lower))
    return means.float(), whiteners.float(), weights.float()


def _check_dimensions(size: int, path: Path) -> None:
    if size != 3 * (NUM_JOINTS - 1):
        raise InputError(
            f"{path} is a pose prior of {size} dimensions; SMPL's {NUM_JOINTS - 1} body joints "
            f"have {3 * (NUM_JOINTS - 1)}."
        )
