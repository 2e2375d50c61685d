"""Landmarks read on the sharp frames: what stands in for the truth of a real clip.

The detector takes one side of the body for the other now and then, whole, or in the arms or the
legs alone. Between frames that lie a moment apart such an exchange is a jump that no body makes:
each of the three groups of landmarks is followed through the frames, exchanged or not, whichever
moves less, and what the detector said in most frames stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from hfb.init.detect.blazepose import BlazePose
from hfb.init.detect.decoding import roi_from_points
from hfb.init.detect.landmarks import LIMB_LANDMARKS, Landmarks
from hfb.storage import atomic_write
from real_footage.manifest import Window

GROUPS = {"torso": (0, 1, 6, 7), "arms": (2, 3, 4, 5), "legs": (8, 9, 10, 11)}
"""Rows of the limb landmarks whose sides are exchanged together."""
OTHER_SIDE = np.array([1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10])

Reader = Callable[[np.ndarray, Window], Landmarks]
"""From an image (H, W, 3), sRGB, uint8, and the person's window to the landmarks."""


@dataclass(frozen=True)
class Truth:
    """Limb landmarks of a person over one exposure.

    Attributes:
        times: of the frames, 0 at the shutter's opening, 1 at its closing; increasing.
        xy: places in the image, px.
        world: places about mid-hip at mid-exposure, axes of the camera, m.
        ends: times at which the ends of the exposure are compared.
        frames: numbers of the frames in the clip.
    """

    times: Float[np.ndarray, " F"]
    xy: Float[np.ndarray, "F 12 2"]
    world: Float[np.ndarray, "12 3"]
    ends: tuple[float, float]
    frames: tuple[int, ...]

    def at(self, time: float) -> Float[np.ndarray, "12 2"]:
        """Places at a time, on straight lines between the frames, px."""
        columns = self.xy.reshape(len(self.times), -1).T
        return np.array([np.interp(time, self.times, c) for c in columns]).reshape(12, 2)


class SharpReader:
    """The product's own networks on sharp frames, the window given by hand.

    Several regions are read, and each again where the network itself would look next; the reading
    with most confidence counts.
    """

    def __init__(self) -> None:
        self._network: BlazePose | None = None

    def __call__(self, image: np.ndarray, window: Window) -> Landmarks:
        """Landmarks of the person in the window.

        Args:
            image: (H, W, 3), sRGB, uint8.
            window: left, top, right and bottom, px.
        """
        self._network = self._network or BlazePose(num_threads=1)
        left, top, right, bottom = window
        side = max(right - left, bottom - top) * 1.15
        whole = ((left + right) / 2, (top + bottom) / 2, side, 0.0)
        people = self._network.detect(image, whole)[:2]
        regions = [roi_from_points(person.hip, person.top) for person in people]
        found = []
        for region in [*regions, whole]:
            first = self._network.landmarks(image, region)
            found += [first, self._network.landmarks(image, first.next_roi)]
        centre = np.array(whole[:2])
        inside = [f for f in found if np.abs(f.xy - centre).max() < 1.2 * side]
        return max(inside or found, key=_confidence)


def _confidence(landmarks: Landmarks) -> float:
    return 0.5 * landmarks.score + float(landmarks.visibility[LIMB_LANDMARKS].mean())


def frames_around(exposure: range, num_frames: int) -> list[int]:
    """The frames whose landmarks tell the motion: the photo's own, a single one's neighbours too.

    Args:
        exposure: frames of the photo.
        num_frames: of the clip.
    """
    if len(exposure) > 1:
        return list(exposure)
    (only,) = exposure
    return [k for k in (only - 1, only, only + 1) if 0 <= k < num_frames]


def truth_of(readings: Sequence[Landmarks], frames: Sequence[int], exposure: range, shutter: float,
             ) -> Truth:  # fmt: skip
    """Join the readings of the sharp frames of one exposure.

    An average of n frames stands for an exposure of n equal parts, one about each frame. A single
    frame was exposed for a share of its frame time; its ends lie between it and its neighbours.

    Args:
        readings: one a frame.
        frames: their numbers, increasing.
        exposure: frames of the photo.
        shutter: share of the frame time that a single frame was exposed for.
    """
    count = len(exposure)
    numbers = np.array(frames, dtype=float)
    if count > 1:
        times, ends = (numbers - exposure.start + 0.5) / count, (0.5 / count, 1 - 0.5 / count)
    else:
        times, ends = 0.5 + (numbers - exposure.start) / shutter, (0.0, 1.0)
    xy = np.stack([reading.xy[LIMB_LANDMARKS] for reading in readings])
    middle = int(np.abs(times - 0.5).argmin())
    exchanged = exchanged_sides(xy, middle)
    world = readings[middle].world[LIMB_LANDMARKS]
    for group, rows in GROUPS.items():
        for k in np.flatnonzero(exchanged[group]):
            xy[k, list(rows)] = xy[k, OTHER_SIDE[list(rows)]]
            if k == middle:
                world = world.copy()
                world[list(rows)] = world[OTHER_SIDE[list(rows)]]
    return Truth(times, xy, world, ends, tuple(frames))


def exchanged_sides(xy: Float[np.ndarray, "F 12 2"], middle: int) -> dict[str, np.ndarray]:
    """In which frames each group of landmarks has its sides exchanged, against most of the frames.

    Args:
        xy: as the detector gave them.
        middle: frame that stands where one half of the frames contradicts the other.
    """
    result = {}
    for name, rows in GROUPS.items():
        own, other = xy[:, list(rows)], xy[:, OTHER_SIDE[list(rows)]]
        flipped = np.zeros(len(xy), bool)
        for k in range(1, len(xy)):
            before = other[k - 1] if flipped[k - 1] else own[k - 1]
            stay, change = (np.linalg.norm(v[k] - before, axis=-1).sum() for v in (own, other))
            flipped[k] = change < stay
        share = flipped.mean()
        if share > 0.5 or (share == 0.5 and flipped[middle]):
            flipped = ~flipped
        result[name] = flipped
    return result


def write_truth(path: Path, truth: Truth, window: Window) -> None:
    """Keep a truth in a file; whole or not at all."""
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez(file, window=np.array(window), **vars(truth))


def read_truth(path: Path, frames: Sequence[int], window: Window) -> Truth | None:
    """What `write_truth` wrote, if it is there and was read from these frames and this window."""
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        values = dict(stored)
    if tuple(values["frames"]) != tuple(frames) or tuple(values.pop("window")) != tuple(window):
        return None
    start, stop = values["ends"].tolist()
    numbers = tuple(values["frames"].tolist())
    return Truth(values["times"], values["xy"], values["world"], (start, stop), numbers)
