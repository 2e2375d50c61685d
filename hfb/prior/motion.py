"""The adversarial motion prior of eq. (10): a discriminator and a correction-generator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.motion.polynomial import channels_of
from hfb.motion.tracks import NUM_TRACKS, SMPL_PARENTS, ancestor_matrix, reversal_signs
from hfb.prior.heading import MotionSketch
from hfb.prior.patterns import ChainPatterns, MotionPriorSettings

# Logarithmic compression: a coefficient of the typical size is worth 1.4, ten times it 3.7.
_COMPRESSION = 2.0
# Rotation matrices enter by their first two columns, which determine the third.
_POSE_FEATURES = 6


class Verdict(NamedTuple):
    """What the prior says of a motion.

    Attributes:
        logits: D(C), of each entry being wrong.
        corrected: G(D(C), C).
        pattern_scores: logits of the patterns of `ChainPatterns`: how likely each makes it true.
    """

    logits: Float[Tensor, "*B D K"]
    corrected: Float[Tensor, "*B D K C"]
    pattern_scores: Float[Tensor, "*B S"]


class MotionPrior(nn.Module):
    """D tells which entries of the coefficients are wrong, G says what they should be.

    An entry is one order of one track: its channels are the components of one vector and are right
    or wrong together. The paper leaves the networks open; docs/PRIORS.md has what was measured.

    D knows the kinematic tree. It scores every way of playing the body's chains (legs, arms, trunk,
    root) forwards or backwards, 64 patterns in all, in one small perceptron; a softmax over the
    patterns gives the probability that a chain runs backwards. A second perceptron adds what single
    joints do, summed along their way to the root. Both know that the odd orders of a motion are
    right where those of its reverse are wrong.

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
        num_pose = len(SMPL_PARENTS) * _POSE_FEATURES
        num_inputs = num_entries * self.channels + num_pose
        shape = (settings.num_orders, NUM_TRACKS)
        self.register_buffer("scale", torch.ones(shape) if scale is None else scale.clone())
        self.register_buffer("ancestors", ancestor_matrix().T, persistent=False)
        self.patterns = ChainPatterns(settings, self.channels, num_pose)
        self.discriminator = _perceptron(num_inputs, num_entries, settings)
        num_outputs = num_entries * (1 + self.channels)
        self.generator = _perceptron(num_inputs + num_entries, num_outputs, settings)

    def discriminate(self, sketch: MotionSketch) -> Float[Tensor, "*B D K"]:
        """D(C): logit of each entry being wrong."""
        return self._discriminate(sketch, self._features(sketch))[0]

    def correct(
        self, sketch: MotionSketch, indicator: Float[Tensor, "*B D K"]
    ) -> Float[Tensor, "*B D K C"]:
        """G(I, C): what the coefficients should be.

        Args:
            sketch: the motion.
            indicator: probability of each entry being wrong, 0 where it is to be kept.
        """
        return self._correct(self._features(sketch), sketch.coeffs, indicator)

    def forward(self, sketch: MotionSketch) -> Verdict:
        """D and G of a motion."""
        features = self._features(sketch)
        logits, scores = self._discriminate(sketch, features)
        corrected = self._correct(features, sketch.coeffs, torch.sigmoid(logits))
        return Verdict(logits, corrected, scores)

    def energy(self, sketch: MotionSketch) -> Float[Tensor, "*B"]:
        """|G(D(C), C) - C|_1 of eq. (10): how much of a motion has to be corrected, rad and m."""
        return correction_size(self(sketch).corrected, sketch)

    def reversed_energy(
        self, sketch: MotionSketch, logits: Float[Tensor, "*B D K"]
    ) -> Float[Tensor, "*B"]:
        """Energy of the same motion played backwards.

        Args:
            sketch: the motion.
            logits: D of the motion; D of its reverse follows from it.
        """
        backward = sketch.reversed()
        signs = reversal_signs(sketch.coeffs)[..., 0]
        indicator = torch.sigmoid(signs * logits)
        corrected = self._correct(self._features(backward), backward.coeffs, indicator)
        return correction_size(corrected, backward)

    def energy_gap(self, sketch: MotionSketch) -> Float[Tensor, "*B"]:
        """Energy (eq. 10) of the reversed motion minus its own: positive if it runs the right way.

        Changes its sign under reversal.
        """
        verdict = self(sketch)
        own = correction_size(verdict.corrected, sketch)
        return self.reversed_energy(sketch, verdict.logits) - own

    def direction_score(self, sketch: MotionSketch) -> Float[Tensor, "*B"]:
        """Log odds of a motion against its reverse: positive where it runs the likely way.

        Not in the paper, which uses eq. (10) as a loss only. From D's scores of "all chains
        forwards" and "all chains backwards": on what refinements find they tell the direction
        better than the energies do (docs/PRIORS.md), and cost less. Changes its sign under
        reversal.
        """
        scores = self.patterns(*self._split(sketch, self._features(sketch)))
        return scores[..., 0] - scores[..., -1]

    def _features(self, sketch: MotionSketch) -> Float[Tensor, "*B I"]:
        relative = (_COMPRESSION / self.scale).unsqueeze(-1) * sketch.coeffs
        pose = sketch.mid_rotmat[..., :2].flatten(-3)
        return torch.cat([torch.asinh(relative).flatten(-3), pose], -1)

    def _split(
        self, sketch: MotionSketch, features: Float[Tensor, "*B I"]
    ) -> tuple[Float[Tensor, "*B D K C"], Float[Tensor, "*B P"]]:
        """The features of the coefficients and those of the pose."""
        shape = sketch.coeffs.shape[-3:]
        count = shape.numel()
        return features[..., :count].unflatten(-1, tuple(shape)), features[..., count:]

    def _discriminate(
        self, sketch: MotionSketch, features: Float[Tensor, "*B I"]
    ) -> tuple[Float[Tensor, "*B D K"], Float[Tensor, "*B S"]]:
        """Logits, of odd orders with the other sign for the reversed motion, and pattern scores."""
        signs = reversal_signs(sketch.coeffs)
        moving, pose = self._split(sketch, features)
        scores = self.patterns(moving, pose)
        of_chains = self.patterns.backward_logits(scores)
        backward = torch.cat([(moving * signs).flatten(-3), pose], -1)
        steps = self.discriminator(torch.stack([features, backward]))
        forward, backward = steps.unflatten(-1, tuple(self.scale.shape))
        of_joints = (forward + signs[..., 0] * backward) @ self.ancestors
        is_odd = (signs[..., 0] < 0).to(of_joints)
        return of_joints + is_odd * of_chains.unsqueeze(-2), scores

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


def correction_size(
    corrected: Float[Tensor, "*B D K C"], sketch: MotionSketch
) -> Float[Tensor, "*B"]:
    """L1 distance of eq. (10)."""
    return (corrected - sketch.coeffs).abs().sum((-3, -2, -1))


def _perceptron(num_inputs: int, num_outputs: int, settings: MotionPriorSettings) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in [num_inputs] + [settings.width] * (settings.num_layers - 1):
        layers += [nn.Linear(size, settings.width), nn.GELU(), nn.Dropout(settings.dropout)]
    last = nn.Linear(settings.width, num_outputs)
    # Starts near "nothing is known, keep what there is".
    nn.init.normal_(last.weight, std=0.1 / settings.width**0.5)
    nn.init.zeros_(last.bias)
    return nn.Sequential(*layers, last)
