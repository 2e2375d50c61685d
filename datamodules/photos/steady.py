"""Frames of a clip whose camera moved a little, as if it had stood still; others are refused.

Not in the paper, whose camera stands still. The background must be the same in all frames of a
photo: a frame that sees it from elsewhere is moved back, within the limits of
`hfb.background.camera_motion`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from datamodules.files.video import read_video_frames
from hfb.background.camera_motion import CameraMotion, limits_in_words, seen_before
from hfb.background.find_motion import STILL_PX, find_motion
from hfb.errors import InputError

_logger = logging.getLogger("hfb")

_MOVES = 1.0 / STILL_PX
"""Motion within a clip from which it is undone, in motions that are none: 1 px of 960."""
_NUM_LOOKED_AT = 13
"""Frames of a clip in which the camera is looked for: some 0.1 s each."""

Frames = Sequence[UInt8[np.ndarray, "H W 3"]] | UInt8[np.ndarray, "N H W 3"]


class Steadier:
    """Moves frames to where a reference sees their scene.

    Args:
        reference: frame or scene, sRGB.
        video: for errors.
    """

    def __init__(self, reference: UInt8[np.ndarray, "H W 3"], video: str | Path) -> None:
        self.reference = reference
        self.video = video
        self._last: CameraMotion | None = None
        self._inside = np.ones(reference.shape[:2], bool)

    def __call__(self, frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """The frames in the reference's view; what it sees and they do not is the reference's.

        Args:
            frames: sRGB, (H, W, 3).

        Raises:
            InputError: if the camera moved too far.
        """
        for frame in frames:
            motion = find_motion(self.reference, frame)
            # A frame in which nothing can be followed was taken about where the last one was.
            self._last = motion = motion or self._last
            if motion is None or motion.is_still:
                yield frame
                continue
            if not motion.is_small:
                raise _moves(self.video, motion, 1)
            moved, inside = seen_before(frame, motion)
            self._inside &= inside
            yield np.where(inside[..., None], moved, self.reference)

    def take_known(self) -> Float[Tensor, "1 H W"]:
        """1 where all frames since the last call saw the scene themselves."""
        known = torch.from_numpy(self._inside)[None].float()
        self._inside = np.ones_like(self._inside)
        return known


def steadier_of(video: str | Path, frames: range, reference: int | np.ndarray) -> Steadier | None:
    """What steadies some frames of a clip, if its camera moves; it is said.

    Args:
        video: the clip.
        frames: numbers of those that are used.
        reference: number of the frame whose view all shall have, or the scene itself.

    Raises:
        InputError: if the camera moves farther than can be undone.
    """
    step = max(1, -(-len(frames) // _NUM_LOOKED_AT))
    chosen = frames[::step]
    images = list(read_video_frames(video, chosen))
    if isinstance(reference, int):
        (reference,) = read_video_frames(video, range(reference, reference + 1))
    if images[0].shape != reference.shape:  # whoever compares the two says so
        return None
    path = camera_path(images, reference)
    if not moves(path):
        return None
    farthest = max(_found(path), key=lambda motion: motion.largest_px)
    if not farthest.is_small:
        raise _moves(video, farthest, len(frames))
    _logger.warning(
        "the camera of %s moves: by %s within %d frames; they are moved back to one view",
        video,
        farthest,
        len(frames),
    )
    return Steadier(reference, video)


def camera_path(frames: Frames, reference: np.ndarray) -> list[CameraMotion | None]:
    """The camera's motion from a reference to each frame; None where it cannot be told.

    Args:
        frames: in the order of time, sRGB.
        reference: frame or scene, sRGB.
    """
    path: list[CameraMotion | None] = []
    for number, frame in enumerate(frames):
        motion = find_motion(reference, frame)
        before = path[-1] if path else None
        if motion is None and before is not None:
            # Too far to see the same: on from the frame before.
            step = find_motion(frames[number - 1], frame)
            motion = None if step is None else before.then(step)
        path.append(motion)
    return path


def moves(path: Sequence[CameraMotion | None]) -> bool:
    """Whether the camera moved between frames; not if all see the scene from one place.

    Args:
        path: from one reference to each frame.
    """
    found = _found(path)
    if not found:
        return False
    width, height = found[0].size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], float)
    places = np.stack([corners @ motion.matrix[:, :2].T + motion.matrix[:, 2] for motion in found])
    apart = np.linalg.norm(places - places[:1], axis=-1).max()
    return bool(apart > _MOVES * found[0].still_px)


def steadied(
    frames: UInt8[np.ndarray, "N H W 3"], video: str | Path
) -> tuple[UInt8[np.ndarray, "N H W 3"], Bool[np.ndarray, "N H W"] | None]:
    """Frames spread over a clip in the view of the middle one, and what they do not show.

    Args:
        frames: of the whole clip.
        video: for errors.

    Returns:
        The same frames and None if the camera stands still.

    Raises:
        InputError: if the camera moves farther than can be undone.
    """
    reference = frames[len(frames) // 2]
    path = camera_path(frames, reference)
    if not moves(path):
        return frames, None
    farthest = max(_found(path), key=lambda motion: motion.largest_px)
    if not farthest.is_small:
        raise _moves(video, farthest, None)
    result, outside = frames.copy(), np.zeros(frames.shape[:3], bool)
    for number, motion in enumerate(path):
        if motion is None:
            # Seen from nobody knows where.
            outside[number] = True
        elif not motion.is_still:
            moved, inside = seen_before(frames[number], motion)
            result[number] = np.where(inside[..., None], moved, reference)
            outside[number] = ~inside
    return result, outside


def _found(path: Sequence[CameraMotion | None]) -> list[CameraMotion]:
    return [motion for motion in path if motion is not None]


def _moves(video: str | Path, motion: CameraMotion, num_frames: int | None) -> InputError:
    within = "the clip" if num_frames is None else f"{num_frames} frames"
    return InputError(
        f"the camera of {video} moves: by {motion} within {within}, and up to "
        f"{limits_in_words(motion.size[0])} are undone; use a tripod, or a part of the clip in "
        "which it stands still (--data.frames, --data.clip.part, with --data.background)"
    )
