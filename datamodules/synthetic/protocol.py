"""Data sets as recipes: whose motion, which exposures, which clothes.

Two are the paper's; `wild` has what photos of real people have and rendered bodies have not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from datamodules.mocap.clip import MocapClip, split_of_subject
from datamodules.mocap.files import (
    MocapPath,
    is_packed,
    iterate_mocap,
    mocap_files,
    paths_of,
    read_mocap_clip,
)
from datamodules.synthetic.camera_placement import CameraRange
from datamodules.synthetic.cape import CapeClothes, CapeData
from datamodules.synthetic.clothes import Clothes, draw_garments
from datamodules.synthetic.movement.mocap_action import random_mocap_action, valid_starts
from datamodules.synthetic.movement.procedural import MotionSource, numpy_generator
from datamodules.synthetic.scene import ScenePlan, default_body, plan_scene
from datamodules.synthetic.shot import BLUR_RATE, GAP, IMAGE_SIDE, NUM_FRAMES, SyntheticSettings
from datamodules.synthetic.wild.plan import plan_wild_scene
from datamodules.synthetic.wild.settings import WorldSettings
from hfb.body import SmplBody, load_body
from hfb.errors import InputError
from hfb.formation import BLUR_RATE_BINS
from hfb.ranges import SEED, Range, check_settings

ProtocolName = Literal["procedural", "bt_amass", "bc_cape", "wild"]
Subjects = Literal["val", "train", "all"]

SUBFRAME_HZ = 600.0
"""The paper upsamples its motions to 600 frames a second."""

# Exposures of 5 to 60 frames of motion capture at 120 Hz; CAPE runs at 60 Hz.
_AMASS_HZ, _CAPE_HZ = 120.0, 60.0
_EXPOSURE_S = (5 / 120, 60 / 120)
_CAPE_EXPOSURE_S = (2 / 60, 30 / 60)
_FACING = CameraRange(yaw_deg=(-60.0, 60.0), turned_share=0.0)
_MAX_PLANS = 80
_SHOTS_A_PLAN = 3
_PROCEDURAL_SHARE = 0.3  # of wild photos, where there is motion capture
_TEXTURE_SUFFIXES = {".png", ".jpg", ".jpeg"}


FREE_BODY = "free_body"
RANGES: dict[str, Range] = {
    "seed": SEED,
    "height": IMAGE_SIDE,
    "width": IMAGE_SIDE,
    "blur_rate": BLUR_RATE,
    "bins": BLUR_RATE,
    "num_frames": NUM_FRAMES,
    "gap": GAP,
}


@dataclass(frozen=True)
class Recipe:
    """What a data set is made of; equal recipes give equal bytes.

    Attributes:
        protocol: procedural actions, BT-AMASS, BC-CAPE, or photos as wrong as the world.
        seed: of everything.
        height: image rows.
        width: image columns.
        blur_rate: lowest and highest blur rate where there are no bins.
        bins: edges of the bins.
        num_frames: consecutive photos a sample.
        gap: time between exposures, share of the exposure.
        mocap: motion capture, see `iterate_mocap`.
        subjects: whose motion: those kept from all training ("val"), the others, or all.
        cape: the CAPE data set's folder; clothed bodies of our own where None.
        background_folder: photographs; procedural places where None.
        texture_folder: textures for the body's own UV layout, for example SURREAL's for SMPL.
        body: "free_body", or a SMPL model file.
        world: what may be in the photos of the protocol wild.
        share_alike: use motion capture with a share-alike licence as well.
    """

    protocol: ProtocolName = "procedural"
    seed: int = 1
    height: int = 480
    width: int = 400
    blur_rate: tuple[float, float] = (0.05, 0.9)
    bins: tuple[float, ...] = field(default=BLUR_RATE_BINS["table1"])
    num_frames: int = 1
    gap: float = 0.0
    mocap: tuple[Path, ...] | Path | None = None
    subjects: Subjects = "val"
    cape: Path | None = None
    background_folder: Path | None = None
    texture_folder: Path | None = None
    body: str = "free_body"
    world: WorldSettings = field(default_factory=WorldSettings)
    share_alike: bool = False

    def __post_init__(self) -> None:
        check_settings(self, "", RANGES)
        for name in ("mocap", "cape", "background_folder", "texture_folder"):
            for path in paths_of(getattr(self, name) or ()):
                if not path.exists():
                    raise InputError(f"--{name}: there is no file or folder {path.absolute()}")
        if self.body != FREE_BODY and not Path(self.body).is_file():
            raise InputError(f"--body: there is no file {Path(self.body).absolute()}")
        if self.protocol == "bt_amass" and self.mocap is None:
            raise InputError(
                "the protocol bt_amass needs motion capture: give --mocap with a folder of AMASS "
                "files or a packed collection"
            )
        if len(self.bins) < 2 or any(
            low >= high for low, high in zip(self.bins, self.bins[1:], strict=False)
        ):
            raise InputError(f"bins {self.bins} must be two or more increasing edges")
        self.settings()

    def settings(self) -> SyntheticSettings:
        """The generator's settings of this protocol."""
        settings = SyntheticSettings(
            height=self.height,
            width=self.width,
            blur_rate=self.blur_rate,
            outfits=_textures(self.texture_folder),
            background_folder=self.background_folder,
            num_frames=self.num_frames,
            gap=self.gap,
        )
        if self.protocol == "procedural":
            return settings
        settings = replace(
            settings, exposure_s=_EXPOSURE_S, camera=_FACING, max_attempts=_SHOTS_A_PLAN
        )
        if self.protocol == "wild":
            return settings
        is_amass = self.protocol == "bt_amass"
        return replace(
            settings,
            exposure_s=_EXPOSURE_S if is_amass else _CAPE_EXPOSURE_S,
            exposure_grid_hz=_AMASS_HZ if is_amass else _CAPE_HZ,
            subframe_hz=SUBFRAME_HZ,
        )


def plan_in_bin(recipe: Recipe, number: int, index: int) -> ScenePlan:
    """Draw scenes until one's blur rate falls into a bin.

    Args:
        recipe: of the data set.
        number: of the bin.
        index: of the sample in the bin.

    Raises:
        InputError: if the motions never blur as much or as little as wanted.
    """
    low, high = recipe.bins[number], recipe.bins[number + 1]
    settings = replace(recipe.settings(), blur_rate=(low, high))
    body = body_of(recipe.body)
    for attempt in range(_MAX_PLANS):
        seed = _seed(recipe.seed, recipe.protocol, number, index, attempt)
        generator = torch.Generator().manual_seed(seed)
        source, clothes = _draw_source(recipe, body, generator)
        if recipe.protocol == "wild":
            plan = plan_wild_scene(settings, recipe.world, seed, body, source)
        else:
            betas = clothes.betas if isinstance(clothes, CapeClothes) else None
            plan = plan_scene(settings, seed, body, source, clothes, betas)
        if low <= plan.blur_rate < high:
            return plan
    raise InputError(
        f"bin {low:g} to {high:g}: none of {_MAX_PLANS} motions blurs that much; give other motions"
    )


@lru_cache(maxsize=1)
def body_of(name: str) -> SmplBody:
    """The body to dress, loaded once a process."""
    return default_body() if name == "free_body" else load_body(name)


def _seed(*parts: object) -> int:
    """63 bits that depend on nothing but the parts."""
    digest = hashlib.sha256(" ".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _draw_source(
    recipe: Recipe, body: SmplBody, generator: torch.Generator
) -> tuple[MotionSource | None, Clothes | None]:
    """Motion (None: the library of actions) and clothes of one sample."""
    rng = numpy_generator(generator)
    # Room for the longest exposures, one after the other, and some choice of when.
    periods = recipe.num_frames + (recipe.num_frames - 1) * recipe.gap
    seconds = max(1.0, 1.2 * periods * _EXPOSURE_S[1])
    clothes: Clothes | None = None
    if recipe.protocol == "bc_cape":
        if recipe.cape is not None:
            return _cape(recipe.cape, body).draw(body, rng, seconds)
        clothes = draw_garments(body, torch.zeros(body.num_betas), rng)
    if recipe.protocol == "procedural" or recipe.mocap is None:
        return None, clothes
    if recipe.protocol == "wild" and rng.random() < _PROCEDURAL_SHARE:
        return None, None
    library = _library(recipe.mocap, recipe.subjects, recipe.share_alike)
    return random_mocap_action(library.draw(rng, seconds), generator, seconds), clothes


class MotionLibrary:
    """Recordings of the wanted subjects; those of a folder are read when drawn.

    Args:
        path: see `iterate_mocap`.
        subjects: which part.
        share_alike: see `iterate_mocap`.
    """

    def __init__(self, path: MocapPath, subjects: Subjects, share_alike: bool = False) -> None:
        self._clips: dict[str, list[MocapClip | Path]] = {}
        files = mocap_files(path)
        # Thousands of files are read when drawn, collections are one file of many recordings.
        late = [file for file in files if len(files) > 1 and not is_packed(file)]
        for file in late:
            subject = file.parent.name
            if subjects in ("all", split_of_subject(subject)):
                self._clips.setdefault(subject, []).append(file)
        at_once = [file for file in files if file not in set(late)]
        for clip in iterate_mocap(at_once, share_alike=share_alike) if at_once else ():
            if subjects in ("all", clip.split):
                self._clips.setdefault(clip.subject, []).append(clip)
        if not self._clips:
            raise InputError(f"no motion capture of {subjects} subjects under {path}")

    def draw(self, rng: np.random.Generator, seconds: float) -> MocapClip:
        """A recording with a valid stretch of so many seconds.

        A subject's share grows with the root of the number of its recordings: one with many does
        not drown the others, one with a single recording does not fill the data set with it.
        """
        subjects = sorted(self._clips)
        share = np.sqrt([len(self._clips[subject]) for subject in subjects])
        for _ in range(1000):
            clips = self._clips[subjects[int(rng.choice(len(subjects), p=share / share.sum()))]]
            chosen = clips[int(rng.integers(len(clips)))]
            try:
                clip = read_mocap_clip(chosen) if isinstance(chosen, Path) else chosen
            except InputError:
                continue  # AMASS keeps files of body shapes beside the motions
            if valid_starts(clip, round(seconds * clip.frame_rate) + 1).any():
                return clip
        raise InputError(f"no recording has {seconds:.1f} s without a break")


@lru_cache(maxsize=1)
def _cape(root: Path, body: SmplBody) -> CapeData:
    return CapeData.find(root, body)


@lru_cache(maxsize=1)
def _library(path: tuple[Path, ...] | Path, subjects: Subjects, share_alike: bool) -> MotionLibrary:
    return MotionLibrary(path, subjects, share_alike)


def _textures(folder: Path | None) -> tuple[str, ...] | None:
    """All textures below a folder; SURREAL's `male/` and `female/` are found too."""
    if folder is None:
        return None
    found = sorted(str(p) for p in Path(folder).rglob("*") if p.suffix.lower() in _TEXTURE_SUFFIXES)
    if not found:
        raise InputError(f"no textures (png or jpg) below {folder}")
    return tuple(found)
