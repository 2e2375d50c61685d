"""The adversarial motion prior of eq. (10): a discriminator and a correction-generator."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.assets import find_asset
from hfb.errors import InputError
from hfb.motion import Parameterization
from hfb.motion.polynomial import channels_of
from hfb.motion.tracks import NUM_TRACKS, SMPL_PARENTS, ancestor_matrix, first_order
from hfb.prior.heading import MotionSketch

MOTION_PRIOR_FILE = "amp.ckpt"
_FORMAT = "hfb-motion-prior"
_VERSION = 1
# Logarithmic compression: a coefficient of the typical size is worth 1.4, ten times it 3.7.
_COMPRESSION = 2.0
# Rotation matrices enter by their first two columns, which determine the third.
_POSE_FEATURES = 6


@dataclass(frozen=True)
class MotionPriorSettings:
    """Size and meaning of a motion prior; stored in its checkpoint.

    Attributes:
        degree: of the polynomials it sees; lower degrees are padded with zeros.
        parameterization: of the coefficients, see `hfb.motion.PolynomialMotion`.
        width: hidden units of a layer, of the discriminator and of the generator.
        num_layers: hidden layers of each.
        dropout: share of hidden units silenced in training.
    """

    degree: int = 3
    parameterization: Parameterization = "tangent"
    width: int = 256
    num_layers: int = 2
    dropout: float = 0.3

    @property
    def num_orders(self) -> int:
        """Rows of a sketch."""
        return self.degree + 1 - first_order(self.parameterization)


class MotionPrior(nn.Module):
    """D tells which entries of the coefficients are wrong, G says what they should be.

    An entry is one order of one track: its channels are the components of one vector and are right
    or wrong together. The paper leaves the networks open; these are two small perceptrons over all
    tracks and the middle pose (see docs/PRIORS.md for what else was measured). They know the
    kinematic tree: D gives one number an order and joint and a track's logit is the sum along its
    way to the root, so that a limb which runs backwards is one number, not five.

    G in-paints: with I = D(C) it returns C + I (r C + d - C) for a factor r in (-1, 1) and an
    offset d, so that it leaves alone what D believes, and turning an entry round is r = -1.

    Args:
        settings: size and meaning.
        scale: typical size of the coefficients of each order and track, rad or m.
    """

    scale: Tensor
    ancestors: Tensor

    def __init__(
        self, settings: MotionPriorSettings, scale: Float[Tensor, "D K"] | None = None
    ) -> None:
        super().__init__()
        self.settings = settings
        self.channels = channels_of(settings.parameterization)
        num_entries = settings.num_orders * NUM_TRACKS
        num_inputs = num_entries * self.channels + len(SMPL_PARENTS) * _POSE_FEATURES
        shape = (settings.num_orders, NUM_TRACKS)
        self.register_buffer("scale", torch.ones(shape) if scale is None else scale.clone())
        self.register_buffer("ancestors", ancestor_matrix().T, persistent=False)
        self.discriminator = _perceptron(num_inputs, num_entries, settings)
        num_outputs = num_entries * (1 + self.channels)
        self.generator = _perceptron(num_inputs + num_entries, num_outputs, settings)

    def discriminate(self, sketch: MotionSketch) -> Float[Tensor, "*B D K"]:
        """D(C): logit of each entry being wrong."""
        return self._discriminate(self._features(sketch))

    def correct(
        self, sketch: MotionSketch, indicator: Float[Tensor, "*B D K"]
    ) -> Float[Tensor, "*B D K C"]:
        """G(I, C): what the coefficients should be.

        Args:
            sketch: the motion.
            indicator: probability of each entry being wrong, 0 where it is to be kept.
        """
        return self._correct(self._features(sketch), sketch.coeffs, indicator)

    def forward(self, sketch: MotionSketch) -> tuple[Tensor, Tensor]:
        """Logits D(C) and corrected coefficients G(D(C), C)."""
        features = self._features(sketch)
        logits = self._discriminate(features)
        return logits, self._correct(features, sketch.coeffs, torch.sigmoid(logits))

    def energy(self, sketch: MotionSketch) -> Float[Tensor, "*B"]:
        """|G(D(C), C) - C|_1 of eq. (10): how much of a motion has to be corrected, rad and m."""
        _, corrected = self(sketch)
        return (corrected - sketch.coeffs).abs().sum((-3, -2, -1))

    def direction_score(self, sketch: MotionSketch) -> Float[Tensor, "*B"]:
        """Energy of the reversed motion minus its own: positive where it runs the likely way.

        Not in the paper, which uses eq. (10) as a loss only. Changes its sign under reversal.
        """
        both = MotionSketch(
            torch.stack([sketch.coeffs, sketch.reversed().coeffs]),
            sketch.mid_rotmat.expand(2, *sketch.mid_rotmat.shape),
        )
        forward, backward = self.energy(both)
        return backward - forward

    def _features(self, sketch: MotionSketch) -> Float[Tensor, "*B I"]:
        relative = (_COMPRESSION / self.scale).unsqueeze(-1) * sketch.coeffs
        pose = sketch.mid_rotmat[..., :2].flatten(-3)
        return torch.cat([torch.asinh(relative).flatten(-3), pose], -1)

    def _discriminate(self, features: Float[Tensor, "*B I"]) -> Float[Tensor, "*B D K"]:
        steps = self.discriminator(features).unflatten(-1, tuple(self.scale.shape))
        return steps @ self.ancestors

    def _correct(
        self,
        features: Float[Tensor, "*B I"],
        coeffs: Float[Tensor, "*B D K C"],
        indicator: Float[Tensor, "*B D K"],
    ) -> Float[Tensor, "*B D K C"]:
        outputs = self.generator(torch.cat([features, indicator.flatten(-2)], -1))
        outputs = outputs.unflatten(-1, (*self.scale.shape, 1 + self.channels))
        factor = torch.tanh(outputs[..., :1]) - 1.0
        change = factor * coeffs + self.scale.unsqueeze(-1) * outputs[..., 1:]
        return coeffs + indicator.unsqueeze(-1) * change


def _perceptron(num_inputs: int, num_outputs: int, settings: MotionPriorSettings) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in [num_inputs] + [settings.width] * (settings.num_layers - 1):
        layers += [nn.Linear(size, settings.width), nn.GELU(), nn.Dropout(settings.dropout)]
    last = nn.Linear(settings.width, num_outputs)
    # Starts near "nothing is known, keep what there is".
    nn.init.normal_(last.weight, std=0.1 / settings.width**0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)


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
