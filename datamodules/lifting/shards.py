"""Pairs for lifting, 256 to a file: made by running the detector on drawn images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from datamodules.lifting.outfits import Wardrobe
from datamodules.lifting.places import draw_places
from datamodules.lifting.scene import (
    FRAME_RATE,
    LiftingScene,
    Studio,
    draw_lifting_scene,
)
from datamodules.mocap.files import MocapPath, iterate_mocap
from datamodules.mocap.frames import Frames, join_clips
from datamodules.mocap.windows import WindowSettings, draw_windows
from hfb.body import SmplBody, load_body
from hfb.errors import InputError
from hfb.export import atomic_write, write_image
from hfb.geometry import project, rotmat_to_rotvec
from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.crop_matte import coarse_matte, with_matte
from hfb.init.detect.decoding import Roi, roi_matrix, rotate_world, sigmoid
from hfb.init.detect.detector_output import CROP_SIZE
from hfb.init.detect.landmarks import Landmarks
from hfb.init.register.priors import MixtureQuadratic
from hfb.init.register.registration import register_landmarks
from hfb.prior import MixturePosePrior
from hfb.structures import Camera

SHARD_SIZE = 256
"""Pairs in a file."""

_COMMON_FOCAL = 400.0
# 120 Hz frames of the shortest and longest exposure; slow and fast motion mix all blur rates.
_WINDOWS = WindowSettings(degree=1, min_frames=2, max_frames=50)
_SHEET_COLUMNS, _SHEET_IMAGES = 6, 30
_LINES = (
    (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24), (23, 25),
    (25, 27), (24, 26), (26, 28), (27, 31), (28, 32), (0, 7), (0, 8),
)  # fmt: skip
_LEFT = frozenset((11, 13, 15, 23, 25, 27, 31, 7))


@dataclass(frozen=True)
class PairMaker:
    """What a process needs to make pairs.

    Attributes:
        frames: motion capture at 120 Hz.
        subject_of_clip: names, by the clips of `frames`.
        studio: what images are made with.
        network: the detector; needed to make pairs, not to draw images.
    """

    frames: Frames
    subject_of_clip: tuple[str, ...]
    studio: Studio
    network: BlazePose | None

    @classmethod
    def load(
        cls,
        mocap: MocapPath,
        subjects: str,
        background_folder: Path | None,
        share_alike: bool = False,
        clean_share: float = 0.0,
    ) -> PairMaker:
        """Read motion, body, networks, and prepare backgrounds: half a minute.

        Args:
            mocap: see `iterate_mocap`.
            subjects: "train" or "val".
            background_folder: photographs; None: procedural places only.
            share_alike: see `iterate_mocap`.
            clean_share: see `Studio`.

        Raises:
            InputError: if there is no motion of such subjects.
        """
        every = iterate_mocap(mocap, share_alike=share_alike)
        clips = [clip for clip in every if clip.split == subjects]
        if not clips:
            raise InputError(f"no motion capture of {subjects} subjects under {mocap}")
        body = load_body()
        backgrounds = draw_places(body, background_folder)
        return cls(
            frames=join_clips(clips, FRAME_RATE),
            subject_of_clip=tuple(clip.subject for clip in clips),
            studio=Studio(body, Wardrobe.of(body), backgrounds, clean_share),
            network=BlazePose(num_threads=1),
        )


def write_shard(maker: PairMaker, folder: Path, seed: int, number: int) -> Path:
    """Make one file of pairs; the first comes with a contact sheet.

    Args:
        maker: the tools.
        folder: where it goes.
        seed: of the whole collection.
        number: of the file.
    """
    assert maker.network is not None, "pairs are made with the detector"
    pairs, images = [], []
    generator = torch.Generator().manual_seed(_seed_of(seed, number) + 1)
    for k, (scene, subject) in enumerate(draw_scenes(maker, _seed_of(seed, number), SHARD_SIZE)):
        found = maker.network.landmarks(scene.image, random_roi(scene, generator))
        (found,) = with_matte([found], matte_of(scene))
        pairs.append(pair_of(scene, found, subject))
        if number == 0 and k < _SHEET_IMAGES:
            images.append(_drawn(scene.image, found))
    path = folder / f"pairs_{number:05d}.npz"
    with atomic_write(path) as part:
        arrays: dict[str, Any] = {
            name: np.stack([pair[name] for pair in pairs]) for name in pairs[0]
        }
        arrays["registered"] = registered_poses(arrays, maker.studio.body)
        np.savez(part, **arrays)
    if images:
        write_image(folder / "contact_sheet.png", _sheet(images))
    return path


def _seed_of(*parts: int) -> int:
    """Tuples of numbers have the same hash in every process."""
    return hash(parts) % 2**31


def draw_scenes(maker: PairMaker, seed: int, count: int) -> Iterator[tuple[LiftingScene, str]]:
    """Images one after the other, with the subject's name.

    Args:
        maker: the tools.
        seed: of all of them.
        count: how many.
    """
    settings = WindowSettings(
        degree=_WINDOWS.degree,
        min_frames=_WINDOWS.min_frames,
        max_frames=_WINDOWS.max_frames,
        seed=seed,
    )
    start, length = draw_windows(maker.frames, settings, 2 * count)
    generator = torch.Generator().manual_seed(seed)
    for k in range(count):
        window, other = ((int(start[i]), int(length[i])) for i in (k, k + count))
        scene = draw_lifting_scene(maker.frames, window, other, maker.studio, generator)
        yield scene, maker.subject_of_clip[maker.frames.clip[window[0]]]


def matte_of(scene: LiftingScene) -> Float[np.ndarray, "H W"]:
    """The matte that a start is lifted with, faults included.

    Args:
        scene: the image and its background.
    """
    image, background = (
        torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
        for pixels in (scene.image, scene.background)
    )
    return coarse_matte(image, background)


def pair_of(scene: LiftingScene, found: Landmarks, subject: str) -> dict[str, np.ndarray]:
    """Arrays of one pair: what was read, and the truth.

    Args:
        scene: the image.
        found: a single run of the landmark network.
        subject: whose motion it is.
    """
    output, middle, camera = found.outputs[0], scene.middle, scene.camera
    values = {
        "points": output.points,
        "heat": output.heat,
        "world": output.world,
        "presence": output.presence,
        "roi": output.roi,
        "camera": torch.cat([camera.focal, camera.principal_point]).numpy(),
        "pose": rotmat_to_rotvec(scene.pose_rotmat[middle]).numpy(),
        "joints": scene.joints[middle].numpy(),
        "transl": scene.transl.numpy(),
        "betas": scene.betas.numpy(),
        "blur_rate": scene.blur_rate,
    }
    arrays = {name: np.asarray(value, np.float32) for name, value in values.items()}
    arrays["mask"] = as_bytes(output.mask)
    arrays["matte"] = as_bytes(output.mask if output.matte is None else output.matte)
    return arrays | {"subject": np.array(subject, "U16")}


def as_bytes(share: Float[np.ndarray, "32 32"]) -> UInt8[np.ndarray, "32 32"]:
    """Shares as bytes: a quarter of the file.

    Args:
        share: in [0, 1].
    """
    return (share.clip(0.0, 1.0) * 255).round().astype(np.uint8)


def random_roi(scene: LiftingScene, generator: torch.Generator) -> Roi:
    """A square round the person as the search for landmarks would look into it.

    The search (`hfb.init.detect.search`) takes squares about the foreground and those about the
    hips that the network itself asks for, and reads the best ones again, turned and scaled.

    Args:
        scene: tells where the person is.
        generator: source of randomness.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    xy = project(scene.joints, scene.camera).numpy()
    low, high = xy.min((0, 1)), xy.max((0, 1))
    extent = 1.1 * float((high - low).max())
    middle = xy[scene.middle]
    hip, neck = middle[[1, 2]].mean(0), middle[12]
    if rng.random() < 0.4:
        x, y, angle = *((low + high) / 2), 0.0
        side = extent * float(rng.choice([1.25, 1.4, 1.6]))
    else:
        x, y = hip
        side = 2.5 * float(np.linalg.norm(middle - hip, axis=1).max()) * 1.08
        angle = float(np.arctan2(neck[0] - hip[0], hip[1] - neck[1]))
    x, y = np.array([x, y]) + rng.normal(0.0, 0.02, 2) * side
    side *= float(rng.uniform(0.88, 1.17))
    return float(x), float(y), side, angle + float(rng.choice([-0.2, 0.0, 0.2, rng.normal() * 0.2]))


def registered_poses(arrays: dict[str, np.ndarray], body: SmplBody) -> Float[np.ndarray, "B 24 3"]:
    """Rotation vectors of the poses that the landmarks of pairs alone lead to.

    Args:
        arrays: points, world, roi and camera of the pairs.
        body: that is fitted.
    """
    camera, found = arrays["camera"].astype(np.float64), []
    for points, world, roi, view in zip(
        arrays["points"], arrays["world"], arrays["roi"], camera, strict=True
    ):
        matrix = roi_matrix(tuple(roi.tolist()), CROP_SIZE)
        xy = points[:33, :2] @ matrix[:, :2].T + matrix[:, 2]
        # Each pair has its own camera, a registration one for all: that of a common focal length.
        found.append(
            ((xy - view[2:]) / view[:2] * _COMMON_FOCAL, rotate_world(world[:33], float(roi[3])))
        )
    xy_all, world_all = (torch.from_numpy(np.stack(values)) for values in zip(*found, strict=True))
    centred = Camera(torch.full((2,), _COMMON_FOCAL), torch.zeros(2), 1, 1)
    visibility = torch.from_numpy(sigmoid(arrays["points"][:, :33, 3]))
    prior = MixtureQuadratic(MixturePosePrior())
    fitted = register_landmarks(xy_all, world_all, visibility, centred, body, prior)
    return np.asarray(rotmat_to_rotvec(fitted.pose_rotmat).numpy(), np.float32)


def _drawn(image: UInt8[np.ndarray, "H W 3"], found: Landmarks) -> UInt8[np.ndarray, "H W 3"]:
    """The landmarks on the image; the person's left side is red."""
    drawn = image.copy()
    for first, second in _LINES:
        ends = [tuple(int(v) for v in np.clip(found.xy[i], -9999, 9999)) for i in (first, second)]
        colour = (230, 40, 40) if {first, second} <= _LEFT else (40, 200, 255)
        cv2.line(drawn, ends[0], ends[1], colour, 2, cv2.LINE_AA)
    return drawn


def _sheet(images: list[np.ndarray]) -> Tensor:
    rows = [
        np.concatenate(images[first : first + _SHEET_COLUMNS], axis=1)
        for first in range(0, len(images), _SHEET_COLUMNS)
    ]
    return torch.from_numpy(np.concatenate(rows)).permute(2, 0, 1).float() / 255
