"""A clip as consecutive photos, read one by one: it never lies in memory as a whole."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from datamodules.files.clip_info import read_clip_info
from datamodules.files.frame_times import uneven_steps
from datamodules.files.video import mean_in_linear_light, parse_frames, read_video_frames
from datamodules.photos.samples import tell_about
from datamodules.photos.steady import Steadier
from hfb.background.match import in_tones_of
from hfb.errors import InputError
from hfb.files.images import size_text
from hfb.files.memory import check_memory
from hfb.ranges import check_settings
from hfb.structures import BlurSample, ClipPart

_logger = logging.getLogger("hfb")


@dataclass(frozen=True)
class ClipSettings:
    """What of a clip is taken, and how.

    Attributes:
        part: START:STOP, the frames to take (0:60 the first sixty); None: all.
        average: frames averaged in linear light into each photo: longer exposures out of a clip
            that hardly blurs.
        exposure: open-shutter share of the frame time, in (0, 1]; None: not known.
    """

    part: str | None = None
    average: int = 1
    exposure: float | None = None

    def __post_init__(self) -> None:
        check_settings(self, "clip", {"average": (1, 100_000), "exposure": (1e-6, 1.0)})

    def frames(self, video: str | Path, num_frames: int) -> range:
        """Numbers of the frames to take; a last photo that would lack frames is left out.

        Args:
            video: for errors.
            num_frames: frames of the clip.

        Raises:
            InputError: if the part is not understood, lies outside, or holds fewer than two photos.
        """
        wanted = range(num_frames)
        if self.part is not None:
            slices = parse_frames(self.part)
            if len(slices) != 1:
                raise InputError(f"clip {self.part!r}: give one slice START:STOP")
            wanted = slices[0]
        if wanted.stop > num_frames:
            raise InputError(
                f"the clip {wanted.start}:{wanted.stop} lies outside the video {video}, which has "
                f"{num_frames} frames: 0 … {num_frames - 1}"
            )
        count = len(wanted) // self.average
        if count < 2:
            raise InputError(
                f"{len(wanted)} frames of {video} make {count} photos of {self.average} frames: "
                "consecutive photos need at least two; give --data.frames START:STOP for one photo"
            )
        return wanted[: count * self.average]


class ClipPhotos(Dataset[BlurSample]):
    """The photos of a clip in the order of time, each read when asked for.

    Asked for in order, every frame is decoded once.

    Args:
        video: the clip.
        settings: what of it is taken.
        template: name, background, camera and source; its images are not used.
        prepare: what is done to each photo.
        steady: moves frames to one view, where the camera moves.
    """

    def __init__(
        self,
        video: str | Path,
        settings: ClipSettings,
        template: BlurSample,
        prepare: Callable[[BlurSample], BlurSample] | None = None,
        steady: Steadier | None = None,
    ) -> None:
        info = read_clip_info(video)
        check_memory(info.height, info.width, 1)
        self.video = video
        self.settings = settings
        self.template = template
        self.prepare = prepare
        self.steady = steady
        self.fps = info.fps
        self.times = info.times
        self.frames = settings.frames(video, info.num_frames)
        tell_about(video, info)
        steps = uneven_steps(info.times[self.frames.start : self.frames.stop + 1])
        if steps is not None:
            _logger.warning(
                "the frames of %s last %s: the shutter is taken to be open for the same share of "
                "each",
                video,
                steps,
            )
        self._decoder: Iterator[np.ndarray] | None = None
        self._next = 0
        self._is_light_told = False

    def piece(
        self, photos: range, template: BlurSample, prepare: Callable[[BlurSample], BlurSample]
    ) -> ClipPhotos:
        """Some consecutive photos as a clip of their own.

        Args:
            photos: their numbers.
            template: name and what else all photos of the piece have in common.
            prepare: what is done to each of its photos.
        """
        piece, count = copy(self), self.settings.average
        piece.frames = self.frames[photos.start * count : photos.stop * count]
        piece.template, piece.prepare = template, prepare
        piece._decoder = None
        return piece

    def __len__(self) -> int:
        return len(self.frames) // self.settings.average

    def __iter__(self) -> Iterator[BlurSample]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> BlurSample:
        if not 0 <= index < len(self):
            raise IndexError(index)
        share = self.settings.exposure
        first = self.frames[index * self.settings.average]
        last = first + self.settings.average - 1
        # Averaged frames are exposed from the first one's opening to the last one's closing.
        opening, begin, end = (float(self.times[k]) for k in (first, last, last + 1))
        closing = end if share is None else begin + share * (end - begin)
        # Times in a long clip need more digits than float32 has.
        exposure = torch.tensor([[opening, closing]], dtype=torch.float64)
        sample = replace(
            self.template,
            blurry=self._photo(index)[None],
            exposure=exposure,
            exposure_is_known=share is not None,
            fps=self.fps / self.settings.average,
            part=ClipPart(number=index, total=len(self), first_frame=first),
            background_known=self._known(),
        )
        return sample if self.prepare is None else self.prepare(sample)

    def _photo(self, index: int) -> Float[Tensor, "3 H W"]:
        count = self.settings.average
        if self._decoder is None or index != self._next:
            self._decoder = read_video_frames(self.video, self.frames[index * count :])
        frames = islice(self._decoder, count)
        photo = mean_in_linear_light(frames if self.steady is None else self.steady(frames))
        self._next = index + 1
        background = self.template.background
        if photo.shape != background.shape:
            raise InputError(
                f"{self.video} is {size_text(photo)} px, its background {size_text(background)} "
                "px; both must come from the same camera at the same size"
            )
        toned = in_tones_of(background, photo)
        if toned is not photo and not self._is_light_told:
            _logger.warning(
                "the light of %s changes, from frame %d on at the latest: photos are brought to "
                "the tones of its background",
                self.video,
                self.frames[index * count],
            )
            self._is_light_told = True
        return toned

    def _known(self) -> Float[Tensor, "1 H W"] | None:
        """Where the scene is known in the photo that was read last."""
        known = self.template.background_known
        if self.steady is None:
            return known
        seen = self.steady.take_known()
        return seen if known is None else known * seen
