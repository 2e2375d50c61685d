"""Results of any other program, read from a folder: poses, or images of the sub-frames.

`<root>/<sample>/poses.hfbinit.npz` holds a pose a sub-frame (see `hfb.init.read_timed_estimates`;
other tools' files are converted by `python -m datamodules.external`). Without it,
`<root>/<sample>/000_000.png` and so on (photo, sub-frame) are sharp images in the order of time,
which our initialiser estimates one by one: "restore, then estimate".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.baselines.pose_track import PoseTrack, track_of
from hfb.baselines.subframe_files import list_subframes, read_subframe
from hfb.body import SmplBody
from hfb.errors import InputError, NoPersonError
from hfb.init import TimedEstimate, read_timed_estimates
from hfb.motion import subframe_times
from hfb.structures import BlurSample, Camera, InitialEstimate

POSES_NAME = "poses.hfbinit.npz"

Initialiser = Callable[
    [Float[Tensor, "3 H W"], Float[Tensor, "3 H W"], Camera | None, SmplBody], InitialEstimate
]


@dataclass(frozen=True)
class ExternalEstimate:
    """What another program found for one photo.

    Attributes:
        track: poses at times in [0, 1] of the exposure.
        betas: shape, the mean over the sub-frames.
        camera: full-image camera that the poses belong to.
        num_missing: sub-frames in which nobody was found; their neighbours stand in.
    """

    track: PoseTrack
    betas: Float[Tensor, " S"]
    camera: Camera
    num_missing: int = 0


def read_external(
    root: str | Path, sample: BlurSample, body: SmplBody, initialiser: Initialiser
) -> list[ExternalEstimate]:
    """Poses of each photo of a sample, from whichever files the folder holds.

    Args:
        root: folder with a folder a sample.
        sample: the photos.
        body: body model of the poses.
        initialiser: estimates a pose in each image of a sub-frame.

    Raises:
        InputError: if there is no such folder, a file is missing or cannot be used.
        BodyModelError: if the betas belong to another body.
        NoPersonError: if nobody is found in any sub-frame of a photo.
    """
    if not Path(root).is_dir():
        raise InputError(f"no folder {root}: baselines.external names the other program's results")
    folder = Path(root) / sample.sample_id
    if not folder.is_dir():
        raise InputError(f"{root} has no results for {sample.sample_id}: {folder} is missing")
    if (folder / POSES_NAME).is_file():
        return read_poses(folder / POSES_NAME, sample, body)
    return estimate_subframes(folder, sample, body, initialiser)


def read_poses(path: Path, sample: BlurSample, body: SmplBody) -> list[ExternalEstimate]:
    """Poses from a file; rows without timestamps stand for equal parts of the exposure.

    Args:
        path: a `*.hfbinit.npz`.
        sample: the photos.
        body: body model of the poses.

    Raises:
        InputError: if the file is unusable, or a photo has no pose.
    """
    height, width = sample.blurry.shape[-2:]
    found = read_timed_estimates(path, body, (height, width), sample.camera)
    count = len(sample.blurry)
    numbers = sorted({timed.frame for timed in found})
    if numbers != list(range(count)):
        raise InputError(
            f"{path}: its frame_ids must name the {count} photo(s) of {sample.sample_id} from 0 "
            f"on, they name {numbers[:8]}"
        )
    return [
        _photo_of([timed for timed in found if timed.frame == k], sample, k, path)
        for k in range(count)
    ]


def _photo_of(
    found: list[TimedEstimate], sample: BlurSample, k: int, path: Path
) -> ExternalEstimate:
    """The poses of one photo, in the order of time."""
    times = subframe_times(len(found), torch.float64)
    known = [timed.time for timed in found if timed.time is not None]
    if len(known) == len(found):
        opening, closing = sample.exposure[k].double()
        times = (torch.tensor(known, dtype=torch.float64) - opening) / (closing - opening)
        order = times.argsort()
        times, found = times[order], [found[i] for i in order.tolist()]
        if len(times) > 1 and not bool((times.diff() > 0).all()):
            raise InputError(f"{path}: two poses of photo {k} have the same timestamp")
    estimates = [timed.estimate for timed in found]
    track, betas = track_of(estimates, times)
    return ExternalEstimate(track, betas, estimates[0].camera)


def estimate_subframes(
    folder: Path, sample: BlurSample, body: SmplBody, initialiser: Initialiser
) -> list[ExternalEstimate]:
    """Restore, then estimate: our initialiser on each image of a sub-frame.

    Args:
        folder: of the sample.
        sample: the photos; their background and camera are used, their own estimates are not.
        body: body model of the poses.
        initialiser: finds the pose in an image.

    Raises:
        InputError: if images are missing or unusable.
        NoPersonError: if nobody is found in any sub-frame of a photo.
    """
    height, width = sample.blurry.shape[-2:]
    photos = []
    for k, paths in enumerate(list_subframes(folder, len(sample.blurry))):
        times, found = subframe_times(len(paths), torch.float64), {}
        for index, path in enumerate(paths):
            image = read_subframe(path, height, width)
            try:
                found[index] = initialiser(image, sample.background, sample.camera, body)
            except NoPersonError:
                continue
        if not found:
            raise NoPersonError(f"{folder}: nobody found in any sub-frame of photo {k}")
        estimates = list(found.values())
        track, betas = track_of(estimates, times[list(found)])
        missing = len(paths) - len(found)
        photos.append(ExternalEstimate(track, betas, estimates[0].camera, missing))
    return photos
