"""What makes a photo unlike our own renderer's naked bodies: ingredients, each with a chance."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

import numpy as np

from hfb.errors import InputError
from hfb.ranges import SHARE, check_settings

PHOTOS_AND_PLATES = ("exposure", "shake", "leaves", "ghost")
"""Ingredients in which a photo differs from its background."""


@dataclass(frozen=True)
class Ingredient:
    """How often something is in a photo, and how strongly.

    Attributes:
        chance: share of the photos that have it.
        strength: 1: as in the world, 0: not at all.
    """

    chance: float = 1.0
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_settings(self, "world", {"chance": SHARE, "strength": (0.0, 4.0)})


@dataclass(frozen=True)
class WorldSettings:
    """What photos of real people have and rendered bodies have not.

    Attributes:
        garments: loose clothes of their own cut and cloth, with folds, which trail behind the body.
        hair: of its own volume and colour, sometimes long.
        shoes: thicker than the foot, with soles.
        highlights: shiny cloth and skin.
        shadow: cast on ground and walls, hard or soft.
        exposure: gain, white balance and sometimes gamma of the photo, not of its background.
        noise: of a small sensor, in photo and background.
        tone: a response curve that is not quite sRGB's.
        compression: JPEG or H.264, each image by itself.
        shake: the camera has moved by a fraction of a pixel between photo and background.
        leaves: parts of the scene that move a little.
        ghost: the person, faintly, at another place of the background.
        shape: bodies far from the mean.
        pose: joints bent as no recording has them.
        viewpoint: cameras from above, below, behind, rolled, wide and long.
    """

    garments: Ingredient = Ingredient(0.85)
    hair: Ingredient = Ingredient(0.7)
    shoes: Ingredient = Ingredient(0.8)
    highlights: Ingredient = Ingredient(0.5)
    shadow: Ingredient = Ingredient(0.75)
    exposure: Ingredient = Ingredient(0.5)
    noise: Ingredient = Ingredient(0.7)
    tone: Ingredient = Ingredient(0.6)
    compression: Ingredient = Ingredient(0.75)
    shake: Ingredient = Ingredient(0.5)
    leaves: Ingredient = Ingredient(0.35)
    ghost: Ingredient = Ingredient(0.35)
    shape: Ingredient = Ingredient(0.6)
    pose: Ingredient = Ingredient(0.5)
    viewpoint: Ingredient = Ingredient(0.4)

    @staticmethod
    def names() -> tuple[str, ...]:
        """All ingredients."""
        return tuple(one.name for one in fields(WorldSettings))

    @classmethod
    def plain(cls) -> WorldSettings:
        """None of them: naked bodies, as ever."""
        return cls(**{name: Ingredient(0.0) for name in cls.names()})

    def without(self, names: Iterable[str]) -> WorldSettings:
        """The same without some ingredients.

        Raises:
            InputError: if there is no such ingredient.
        """
        return self._with(dict.fromkeys(_known(names), 0.0))

    def only(self, names: Iterable[str]) -> WorldSettings:
        """Some ingredients in every photo, and no others.

        Raises:
            InputError: if there is no such ingredient.
        """
        wanted = set(_known(names))
        return self._with({name: float(name in wanted) for name in self.names()})

    def _with(self, chances: Mapping[str, float]) -> WorldSettings:
        old = {name: getattr(self, name) for name in self.names()}
        new = {name: Ingredient(chance, old[name].strength) for name, chance in chances.items()}
        return WorldSettings(**{**old, **new})


def _known(names: Iterable[str]) -> list[str]:
    wanted = list(names)
    unknown = [name for name in wanted if name not in WorldSettings.names()]
    if unknown:
        raise InputError(
            f"there is no ingredient {unknown[0]!r}: there are {', '.join(WorldSettings.names())}"
        )
    return wanted


@dataclass(frozen=True)
class Mix:
    """The ingredients of one photo.

    Each has random numbers of its own: with or without one of them, the others stay as they are.

    Attributes:
        seed: of the photo.
        strengths: of the ingredients that are in it.
    """

    seed: int
    strengths: Mapping[str, float]

    @staticmethod
    def draw(settings: WorldSettings, seed: int) -> Mix:
        """Decide what is in a photo.

        Args:
            settings: chances and strengths.
            seed: of the photo.
        """
        found = {}
        for name in settings.names():
            one: Ingredient = getattr(settings, name)
            is_in = random_numbers(seed, f"chance of {name}").random() < one.chance
            if is_in and one.strength > 0.0:
                found[name] = one.strength
        return Mix(seed, found)

    def __contains__(self, name: str) -> bool:
        return name in self.strengths

    def strength(self, name: str) -> float:
        """Of an ingredient; 0 where it is missing."""
        return self.strengths.get(name, 0.0)

    def rng(self, name: str) -> np.random.Generator:
        """An ingredient's own random numbers, from the beginning."""
        return random_numbers(self.seed, name)


def random_numbers(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on a seed and a name and nothing else."""
    digest = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
