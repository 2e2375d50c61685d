"""A blurry photo, or several, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from hfb.batch import Batch
from hfb.structures.camera import Camera
from hfb.structures.estimate import InitialEstimate


@dataclass(frozen=True)
class Target(Batch):
    """Ground truth of a sample, where it is known.

    Attributes:
        joints: root-first SMPL joints at S times of each of the T input frames, camera frame, m.
        times: seconds, one a sub-frame.
        pose_rotmat: pose at these times, if known.
        transl: smplx's transl at these times, m, if known.
        betas: shape, if known.
        silhouettes: hard silhouettes at these times, full image, if known.
        joint_names: names where `joints` holds a subset of the SMPL joints.
    """

    shared: ClassVar[tuple[str, ...]] = ("betas", "joint_names")

    joints: Float[Tensor, "T S J 3"]
    times: Float[Tensor, "T S"]
    pose_rotmat: Float[Tensor, "T S J 3 3"] | None = None
    transl: Float[Tensor, "T S 3"] | None = None
    betas: Float[Tensor, " K"] | None = None
    silhouettes: Bool[Tensor, "T S H W"] | None = None
    joint_names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ClipPart:
    """Which photo of a clip a sample is; photos of a clip come one by one, in order.

    Attributes:
        number: of the photo, from 0.
        total: how many there are.
        first_frame: number of its first frame in the clip.
    """

    number: int
    total: int
    first_frame: int


@dataclass(frozen=True)
class ChosenPerson:
    """Whom of several people a sample is about.

    Attributes:
        number: from 1.
        count: how many there are.
        words: who the people are and how one is taken.
        picture: a photo with everybody outlined and numbered, sRGB in [0, 1].
    """

    number: int
    count: int
    words: str
    picture: Float[Tensor, "3 h w"] = field(compare=False, repr=False)


@dataclass(frozen=True)
class BlurSample(Batch):
    """One blurry photo (or a few consecutive ones) of a moving person, as it comes from disk.

    Attributes:
        sample_id: names the sample in outputs; a valid folder name.
        blurry: input frames, sRGB in [0, 1], full size.
        background: the clean scene, sRGB in [0, 1], same size.
        alpha: matte of each frame, if given.
        camera: full-image camera, if known.
        estimate: starting poses of each frame, if given.
        estimate_path: a `*.hfbinit.npz` that has not been read yet (`hfb.init` does), if given.
        target: ground truth, if known.
        blur_rate: eq. 12, if known.
        exposure: shutter opening and closing of each frame, s.
        fps: frames per second of the camera.
        source: where the sample comes from.
        exposure_is_known: False where only the openings of the shutter are known, not how long it
            stayed open.
        part: of which clip this is one photo, if it is.
        background_known: 1 where the background was seen, 0 where it is filled in and only what the
            person covers is compared; None: it was seen everywhere.
        background_is_made_up: True where no background was given: the matte is a network's mask,
            and what it hides is filled in.
        others: 1 where other people are, who have been painted over with the background: nothing is
            compared there.
        chosen: whom of several people the sample is about.
    """

    shared: ClassVar[tuple[str, ...]] = ("background", "camera", "estimate", "background_known")

    sample_id: str
    blurry: Float[Tensor, "T 3 H W"]
    background: Float[Tensor, "3 H W"]
    alpha: Float[Tensor, "T 1 H W"] | None = None
    camera: Camera | None = None
    estimate: InitialEstimate | None = None
    target: Target | None = None
    blur_rate: float | None = None
    exposure: Float[Tensor, "T 2"] = field(default_factory=lambda: torch.tensor([[0.0, 1 / 30]]))
    fps: float = 30.0
    source: str = ""
    estimate_path: str | None = None
    exposure_is_known: bool = True
    part: ClipPart | None = None
    background_known: Float[Tensor, "1 H W"] | None = None
    background_is_made_up: bool = False
    others: Float[Tensor, "T 1 H W"] | None = None
    chosen: ChosenPerson | None = None

    def with_changes(self, **changes: object) -> BlurSample:
        """A copy with some fields replaced."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class BrokenSample:
    """A sample that cannot be used: it is reported and counted, and enters no mean.

    Attributes:
        sample_id: names it; a valid folder name.
        reason: one line.
        kind: "broken" if its files are at fault, "failed" if the method is.
        source: where it comes from, if that is not told by the data set.
    """

    sample_id: str
    reason: str
    kind: str = "broken"
    source: str = ""
