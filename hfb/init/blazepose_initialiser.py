"""From a blurry image and its background to starting poses: the default initialiser.

Takes the place of METRO in the paper (section 3.4), whose weights and body model are licensed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from hfb.body import SmplBody
from hfb.errors import InputError
from hfb.geometry import default_camera
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.choice import distinct_guesses
from hfb.init.detect.crop_matte import coarse_matte, with_matte
from hfb.init.detect.landmarks import Landmarks
from hfb.init.detect.search import search_landmarks
from hfb.init.initialiser import Initialiser
from hfb.init.lift.agreement import Agreement, agree
from hfb.init.lift.checkpoint import fits_body, fits_shape, load_lifting
from hfb.init.lift.consensus import with_first
from hfb.init.lift.lift import Lifted, lift_outputs
from hfb.init.lift.network import LiftingNetwork
from hfb.init.register.guesses import RegisteredGuesses, register_guesses
from hfb.init.register.lifted_prior import LiftedStart
from hfb.init.register.priors import MixtureQuadratic
from hfb.init.register.registration import PosePrior, Registration, RegistrationSettings
from hfb.matte import foreground_mask, nobody_found
from hfb.prior import MixturePosePrior
from hfb.ranges import check_value
from hfb.structures import Camera, InitialEstimate

_log = logging.getLogger(__name__)


class BlazePoseInitialiser(Initialiser):
    """Starting poses from BlazePose landmarks, found with the help of the background.

    Args:
        num_hypotheses: how many starting poses to return at most, best first.
        use_swapped_sides: add the best guess with left and right exchanged, whole and legs only.
        min_score: search score (overlap with the foreground plus half of the networks' confidence,
            0 to 1.5) below which there is no person. People on synthetic photos score 0.9 to 1.3,
            heavily blurred real ones from 0.5, plain bars and discs 0.2 to 0.6: some still pass.
        sigma_image: standard deviation of 2D landmarks, as a share of the person's extent.
        sigma_world: standard deviation of 3D landmarks, m.
        prior_weight: weight of the pose prior in the registration.
        use_learned_prior: use the mixture prior of eq. 6; if false, anatomical joint limits.
        lifting: begin the registration with the pose that the lifting network reads from the
            landmarks, and stay as near to it as it is sure; if false, landmarks and prior decide.
        num_threads: CPU threads of the networks.
        detector_path: detector file; found or fetched by `hfb.assets` if not given.
        landmark_path: landmark file; the same.
        lifting_path: file of the lifting network; the shipped one if not given.
    """

    def __init__(
        self,
        num_hypotheses: int = 6,
        use_swapped_sides: bool = True,
        min_score: float = 0.48,
        sigma_image: float = 0.02,
        sigma_world: float = 0.1,
        prior_weight: float = 0.3,
        use_learned_prior: bool = True,
        lifting: bool = True,
        num_threads: int = 2,
        detector_path: str | None = None,
        landmark_path: str | None = None,
        lifting_path: str | None = None,
    ) -> None:
        check_value("initialiser.num_hypotheses", num_hypotheses, int, (1, 64))
        check_value("initialiser.min_score", min_score, float, (0.0, 1.5))
        check_value("initialiser.num_threads", num_threads, int, (1, 4096))
        self.num_hypotheses = num_hypotheses
        self.use_swapped_sides = use_swapped_sides
        self.min_score = min_score
        self.settings = RegistrationSettings(
            sigma_image=sigma_image, sigma_world=sigma_world, prior_weight=prior_weight
        )
        self.prior: PosePrior | None = None
        if use_learned_prior:
            self.prior = MixtureQuadratic(MixturePosePrior())
        self.num_threads = num_threads
        self.detector_path = detector_path
        self.landmark_path = landmark_path
        self.lifting = lifting
        self.lifting_path = lifting_path
        self._network: BlazePose | None = None
        self._lifter: LiftingNetwork | None = None
        self._lifts_shape = True

    def __call__(
        self,
        image: Float[Tensor, "3 H W"],
        background: Float[Tensor, "3 H W"],
        camera: Camera | None,
        body: SmplBody,
    ) -> InitialEstimate:
        """Find the person and fit the body.

        Args:
            image: blurry image, sRGB in [0, 1].
            background: the same scene without the person, sRGB in [0, 1].
            camera: full-image camera; if unknown, one with a focal length of the image's diagonal
                is assumed, which is logged and noted in `source`.
            body: any SMPL-format body.

        Returns:
            Hypotheses, best first.

        Raises:
            NoPersonError: if nothing in the image looks like a person.
            AssetNotFoundError: if the networks are missing and cannot be fetched.
            InputError: if the lifting network is none, or was trained for another joint tree.
        """
        guesses = self.find_landmarks(image, background)
        source = "blazepose heavy"
        if camera is None:
            camera = default_camera(*image.shape[1:])
            source += f", focal assumed {float(camera.focal[0]):.0f} px"
            _log.info("camera unknown: assuming a focal length of %.0f px", camera.focal[0])
        return self.estimate(guesses, camera, body, source)

    def estimate(
        self, guesses: list[Landmarks], camera: Camera, body: SmplBody, source: str = "landmarks"
    ) -> InitialEstimate:
        """Fit the body to landmarks that were found: the second half of a call.

        Args:
            guesses: from `find_landmarks`, best first.
            camera: full-image camera.
            body: any SMPL-format body.
            source: what to note about where the estimate comes from.
        """
        chosen = self._select(guesses, 1)
        # One registration for all: it takes hardly longer for twice as many.
        plain = RegisteredGuesses(partial(self._register, camera=camera, body=body))
        plain.add([*guesses, *chosen] if self.lifting else chosen)
        unlifted = self._estimate(chosen, plain.of(chosen), camera, body, source)
        if not self.lifting:
            return unlifted
        guesses, agreed = self._agree(guesses, plain.of(guesses), camera, body)
        chosen = self._select(guesses, len(agreed.belief))
        plain.add(chosen)
        seen = self._lift(chosen, plain.of(chosen), camera, body)
        start = with_first(seen.start, agreed.first)
        fitted = self._register(chosen, camera, body, start)
        lifted = self._estimate(
            chosen, fitted, camera, body, f"{source}, lifted", start, agreed.belief
        )
        return replace(lifted, unlifted=unlifted)

    def _estimate(
        self,
        guesses: list[Landmarks],
        fitted: Registration,
        camera: Camera,
        body: SmplBody,
        source: str,
        lifted: LiftedStart | None = None,
        belief: Float[Tensor, " A"] | None = None,
    ) -> InitialEstimate:
        """Registrations of guesses, best first.

        Args:
            guesses: what was found.
            fitted: their registrations.
            camera: full-image camera.
            body: that was registered.
            source: what to note about where the estimate comes from.
            lifted: poses that the registrations began with, where they did.
            belief: in those of the first guesses that may be right, then; they stay ahead.
        """
        extent = torch.tensor([float(np.ptp(guess.xy, axis=0).max()) for guess in guesses])
        score = torch.tensor([guess.score for guess in guesses]) - 5.0 * fitted.error_px / extent
        rank, probability = score, None
        if belief is not None:
            # Chosen among the guesses already: they go first whatever the overlap.
            num_ahead = len(belief)
            score[0] = score.max() + 1e-3
            rank, probability = score.clone(), torch.zeros_like(score)
            rank[:num_ahead] = score[0] + torch.arange(num_ahead, 0, -1)
            probability[:num_ahead] = belief.to(score)
        order, device = rank.argsort(descending=True), body.template.device
        seen = fitted.landmarks
        return InitialEstimate(
            betas=fitted.betas[order].to(device),
            pose_rotmat=fitted.pose_rotmat[order].to(device),
            transl=fitted.transl[order].to(device),
            camera=camera,
            score=score[order].to(device),
            body=body.identity,
            source=source,
            joint_sigma=None if lifted is None else lifted.angle_sigma[order].to(device),
            landmarks=None if seen is None else seen.index(order).to(device),
            probability=None if probability is None else probability[order].to(device),
        )

    def _register(
        self,
        guesses: list[Landmarks],
        camera: Camera,
        body: SmplBody,
        lifted: LiftedStart | None = None,
    ) -> Registration:
        return register_guesses(guesses, camera, body, self.prior, self.settings, lifted)

    def _agree(
        self, guesses: list[Landmarks], fitted: Registration, camera: Camera, body: SmplBody
    ) -> tuple[list[Landmarks], Agreement]:
        """Move those guesses to the front that may be right; what the first's pose is."""
        agreed = agree(self._lift(guesses, fitted, camera, body), guesses, body)
        return [guesses[k] for k in agreed.order], agreed

    def _lift(
        self, guesses: list[Landmarks], fitted: Registration, camera: Camera, body: SmplBody
    ) -> Lifted:
        """Poses of all guesses by the lifting network."""
        if self._lifter is None:
            network, card = load_lifting(self.lifting_path)
            if not fits_body(card, body):
                raise InputError(
                    "the lifting network was trained for a body with another joint tree: train one "
                    "for this body, or turn it off with --model.initialiser.lifting false"
                )
            self._lifter, self._lifts_shape = network, fits_shape(card, body)
        outputs = [guess.outputs for guess in guesses]
        lifted = lift_outputs(outputs, fitted.pose_rotmat, camera, self._lifter, body)
        if not self._lifts_shape:
            none = torch.zeros_like(lifted.start.betas)
            lifted = replace(lifted, start=replace(lifted.start, betas=none))
        return lifted

    def find_landmarks(
        self, image: Float[Tensor, "3 H W"], background: Float[Tensor, "3 H W"]
    ) -> list[Landmarks]:
        """The search alone: guesses at the landmarks in the full image, best first.

        Args:
            image: blurry image, sRGB in [0, 1].
            background: the same scene without the person, sRGB.

        Raises:
            NoPersonError: if nothing in the image looks like a person.
        """
        mask = foreground_mask(image, background)
        if not bool(mask.any()):
            raise nobody_found(image, background)
        guesses = search_landmarks(self._networks(), _pixels(image), mask.cpu().numpy())
        if guesses[0].score < self.min_score:
            score = f"what moved does not look like one (score {guesses[0].score:.2f})"
            raise nobody_found(image, background, score)
        return with_matte(guesses, coarse_matte(image, background)) if self.lifting else guesses

    def _networks(self) -> BlazePose:
        if self._network is None:
            self._network = BlazePose(self.detector_path, self.landmark_path, self.num_threads)
        return self._network

    def _select(self, guesses: list[Landmarks], num_ahead: int) -> list[Landmarks]:
        most = max(self.num_hypotheses, num_ahead)
        return distinct_guesses(guesses, num_ahead, self.use_swapped_sides)[:most]


def _pixels(image: Float[Tensor, "3 H W"]) -> UInt8[np.ndarray, "H W 3"]:
    """What the networks read."""
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8)
    return np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
