"""The body fitted to guesses at landmarks, to each guess once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from hfb.body import SmplBody
from hfb.init.detect.landmarks import Landmarks
from hfb.init.register.lifted_prior import LiftedStart
from hfb.init.register.priors import PosePrior
from hfb.init.register.registration import Registration, RegistrationSettings, register_landmarks
from hfb.structures import Camera


def register_guesses(
    guesses: Sequence[Landmarks],
    camera: Camera,
    body: SmplBody,
    prior: PosePrior | None = None,
    settings: RegistrationSettings | None = None,
    lifted: LiftedStart | None = None,
) -> Registration:
    """Fit the body to guesses; see `register_landmarks`.

    Args:
        guesses: at the landmarks of one person.
        camera: of the image.
        body: any SMPL-format body.
        prior: of poses.
        settings: how far each kind of evidence is believed.
        lifted: poses to begin with and to stay near.
    """
    spread = [np.zeros(len(g.xy)) if g.spread_px is None else g.spread_px for g in guesses]
    return register_landmarks(
        _stack([guess.xy for guess in guesses]),
        _stack([guess.world for guess in guesses]),
        _stack([guess.visibility for guess in guesses]),
        camera,
        body,
        prior,
        settings,
        spread_px=_stack(spread),
        lifted=lifted,
    )


def _stack(arrays: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays))


class RegisteredGuesses:
    """Guesses that the body has been fitted to, each once.

    Args:
        register: fits the body to some guesses.
    """

    def __init__(self, register: Callable[[list[Landmarks]], Registration]) -> None:
        self._register = register
        self._rows: dict[int, Registration] = {}
        self._guesses: list[Landmarks] = []
        """Kept, so that no other guess gets the number of one of them."""

    def add(self, guesses: Sequence[Landmarks]) -> None:
        """Fit the body to those that it has not been fitted to."""
        new = {id(guess): guess for guess in guesses if id(guess) not in self._rows}
        if not new:
            return
        fitted = self._register(list(new.values()))
        self._rows |= {key: fitted.index([row]) for row, key in enumerate(new)}
        self._guesses += new.values()

    def of(self, guesses: Sequence[Landmarks]) -> Registration:
        """The fits to some guesses that have been added."""
        return Registration.cat([self._rows[id(guess)] for guess in guesses])
