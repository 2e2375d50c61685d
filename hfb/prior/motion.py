"""The adversarial motion prior of eq. (10): a discriminator and a correction-generator."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hfb.motion import PolynomialMotion
from hfb.motion.polynomial import channels_of
from hfb.motion.tracks import NUM_TRACKS, ancestor_matrix, reversal_signs
from hfb.prior.heading import CanonicalMotion, canonical_motion
from hfb.prior.kinematics import LimbKinematics, LimbMotion
from hfb.prior.layers import perceptron
from hfb.prior.patterns import ChainReversalClassifier, MotionPriorSettings
from hfb.skeleton import NUM_JOINTS

# Logarithmic compression: a coefficient of the typical size is worth 1.4, ten times it 3.7.
_COMPRESSION = 2.0


class PriorOutput(NamedTuple):
    """What the prior says of a motion.

    Attributes:
        logits: D(C), of each entry being wrong.
        corrected: G(D(C), C).
        pattern_scores: logits of the patterns of `ChainReversalClassifier`: how likely each makes
            it true.
    """

    logits: Float[Tensor, "*B D K"]
    corrected: Float[Tensor, "*B D K C"]
    pattern_scores: Float[Tensor, "*B S"]


class _View(NamedTuple):
    """A canonical motion as the networks see it.

    Attributes:
        moving: compressed coefficients.
        pose: positions of the joints from the root, m.
        limbs: what the chains do to the joints.
    """

    moving: Float[Tensor, "*B D K C"]
    pose: Float[Tensor, "*B P"]
    limbs: LimbMotion

    def features(self) -> Float[Tensor, "*B I"]:
        """Input of the perceptrons that look at single joints."""
        return torch.cat([self.moving.flatten(-3), self.pose], -1)


class MotionPrior(nn.Module):
    """D tells which entries of the coefficients are wrong, G says what they should be.

    An entry is one order of one track: its channels are the components of one vector and are right
    or wrong together. The paper leaves the networks open; docs/PRIORS.md has what was measured.

    D knows the kinematic tree. It scores every combination of playing the body's chains (legs,
    arms, torso, root) forwards or backwards, 64 patterns in all, in small perceptrons, which see
    what each chain does to the joints; with how often faults are expected, that gives the
    probability that a chain runs backwards. A second perceptron adds what single joints do, summed
    along the tree up to the root. Both know that the odd orders of a motion are right where those
    of its reverse are wrong.

    G in-paints where D has decided: with the indicator I it returns C + I (r C + d - C) for a
    factor r in (-1, 1) and an offset d, so that it leaves alone what D believes, and reversing an
    entry is r = -1.

    Not in the paper: a third network expects from the pose alone how it is likely to move.

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
        num_entries, num_pose = settings.num_orders * NUM_TRACKS, 3 * NUM_JOINTS
        num_inputs = num_entries * self.channels + num_pose
        shape = (settings.num_orders, NUM_TRACKS)
        self.register_buffer("scale", torch.ones(shape) if scale is None else scale.clone())
        self.register_buffer("ancestors", ancestor_matrix().T, persistent=False)
        self.kinematics = LimbKinematics()
        self.patterns = ChainReversalClassifier(settings, self.channels, num_pose)
        size = (settings.width, settings.num_layers, settings.dropout)
        self.discriminator = perceptron(num_inputs, num_entries, *size)
        num_outputs = num_entries * (1 + self.channels)
        self.generator = perceptron(num_inputs + num_entries, num_outputs, *size)
        self.expectation = perceptron(num_pose, NUM_TRACKS * self.channels, *size)

    def discriminate(self, canonical: CanonicalMotion) -> Float[Tensor, "*B D K"]:
        """D(C): logit of each entry being wrong."""
        view = self._view(canonical)
        return self._of_joints(view) + self._of_chains(self._scores(view))

    def contrast(
        self, canonical: CanonicalMotion, backward: Float[Tensor, "B L"], num_others: int
    ) -> Float[Tensor, "M B S"]:
        """Each member's scores of the patterns of `ChainReversalClassifier.contrast`, for training.

        Args:
            canonical: motions with faults.
            backward: 1 for the chains that run backwards.
            num_others: patterns drawn at random.
        """
        view = self._view(canonical)
        signs = self.patterns.contrast(backward, num_others)
        return self.patterns.each(view.moving, view.limbs, view.pose, signs)

    def indicate(
        self, logits: Float[Tensor, "*B D K"], correction_threshold: float | None = None
    ) -> Float[Tensor, "*B D K"]:
        """The indicator I_C: nearly 1 where D is sure that an entry is wrong, else nearly 0.

        The paper's indicator is binary; this one is steep instead, so that it has a gradient.

        Args:
            logits: D(C).
            correction_threshold: other log odds than those of the settings to be sure at.
        """
        if correction_threshold is None:
            correction_threshold = self.settings.correction_threshold
        return torch.sigmoid(self.settings.sharpness * (logits - correction_threshold))

    def correct(
        self, canonical: CanonicalMotion, indicator: Float[Tensor, "*B D K"]
    ) -> Float[Tensor, "*B D K C"]:
        """G(I, C): what the coefficients should be.

        Args:
            canonical: the motion.
            indicator: 1 where an entry is wrong, 0 where it is to be kept.
        """
        return self._correct(self._view(canonical), canonical.coeffs, indicator)

    def forward(self, canonical: CanonicalMotion) -> PriorOutput:
        """D and G of a motion."""
        view = self._view(canonical)
        scores = self._scores(view)
        logits = self._of_joints(view) + self._of_chains(scores)
        return PriorOutput(
            logits, self._correct(view, canonical.coeffs, self.indicate(logits)), scores
        )

    def energy(self, canonical: CanonicalMotion) -> Float[Tensor, "*B"]:
        """|G(D(C), C) - C|_1 of eq. (10): how much of a motion has to be corrected, rad and m."""
        return correction_size(self(canonical).corrected, canonical)

    def motion_energy(
        self, motion: PolynomialMotion, up: Float[Tensor, "*B 3"] | None = None
    ) -> Float[Tensor, "*B"]:
        """Energy of a motion in the camera frame, whatever its parameterisation.

        Args:
            motion: of a degree up to the prior's.
            up: away from the ground, camera frame; None: the camera is level.
        """
        return self.energy(canonical_motion(motion, self.settings.degree, up=up))

    def energy_gap(self, canonical: CanonicalMotion) -> Float[Tensor, "*B"]:
        """Energy (eq. 10) of the reversed motion minus its own: positive if it runs forwards.

        Changes its sign under reversal.
        """
        return self.energy(canonical.reversed()) - self.energy(canonical)

    def direction_score(self, canonical: CanonicalMotion) -> Float[Tensor, "*B"]:
        """Log odds of a motion against its reverse: positive where it is the likelier one.

        Not in the paper, which uses eq. (10) as a loss only. From D's scores of "all chains
        forwards" and "all chains backwards". Changes its sign under reversal.
        """
        scores = self._scores(self._view(canonical))
        return scores[..., 0] - scores[..., -1]

    def expected_velocity(self, mid_rotmat: Float[Tensor, "*B J 3 3"]) -> Float[Tensor, "*B K C"]:
        """Mean first-order coefficients of motions through a pose, in typical sizes.

        Of motions scaled to a mean square of 1, so that the length of the result says how sure it
        is: near 1 where all move alike, near 0 where nothing is known.

        Args:
            mid_rotmat: pose at mid-exposure, in the heading-free frame.
        """
        positions = self.kinematics.place(mid_rotmat)[1]
        return self.expectation(positions.flatten(-2)).unflatten(-1, (NUM_TRACKS, self.channels))

    def _view(self, canonical: CanonicalMotion) -> _View:
        turns, positions = self.kinematics.place(canonical.mid_rotmat)
        is_tangent = self.settings.parameterization == "tangent"
        return _View(
            moving=torch.asinh((_COMPRESSION / self.scale).unsqueeze(-1) * canonical.coeffs),
            pose=positions.flatten(-2),
            limbs=self.kinematics(canonical.coeffs, turns, positions)
            if is_tangent
            else self.kinematics.nothing(canonical.coeffs),
        )

    def _scores(self, view: _View) -> Float[Tensor, "*B S"]:
        return self.patterns(view.moving, view.limbs, view.pose)

    def _of_chains(self, scores: Float[Tensor, "*B S"]) -> Float[Tensor, "*B D K"]:
        """D's logits from the patterns: those of the odd orders."""
        is_odd = scores.new_zeros(self.settings.num_orders, 1)
        is_odd[self.patterns.odd] = 1.0
        return is_odd * self.patterns.backward_logits(scores).unsqueeze(-2)

    def _of_joints(self, view: _View) -> Float[Tensor, "*B D K"]:
        """What single joints add: of odd orders with the other sign for the reversed motion."""
        signs = reversal_signs(view.moving)
        steps = self.discriminator(
            torch.stack([view.features(), view._replace(moving=view.moving * signs).features()])
        )
        forward, backward = steps.unflatten(-1, tuple(self.scale.shape))
        return (forward + signs[..., 0] * backward) @ self.ancestors

    def _correct(
        self,
        view: _View,
        coeffs: Float[Tensor, "*B D K C"],
        indicator: Float[Tensor, "*B D K"],
    ) -> Float[Tensor, "*B D K C"]:
        outputs = self.generator(torch.cat([view.features(), indicator.flatten(-2)], -1))
        outputs = outputs.unflatten(-1, (*self.scale.shape, 1 + self.channels))
        factor = torch.tanh(outputs[..., :1]) - 1.0
        change = factor * coeffs + self.scale.unsqueeze(-1) * outputs[..., 1:]
        return coeffs + indicator.unsqueeze(-1) * change


def correction_size(
    corrected: Float[Tensor, "*B D K C"], canonical: CanonicalMotion
) -> Float[Tensor, "*B"]:
    """L1 distance of eq. (10)."""
    return (corrected - canonical.coeffs).abs().sum((-3, -2, -1))
