"""Frozen dataclasses that travel between rooms.

Frames and units everywhere: camera frame OpenCV (x right, y down, z forward) in metres; pixels with
the centre of the first pixel at (0.5, 0.5); the body model's own frame is SMPL's (y up) and the
global orientation takes it straight into the camera frame.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.batch import Batch


@dataclass(frozen=True)
class Camera(Batch):
    """A static pinhole camera.

    Attributes:
        focal: focal lengths along x and y, px.
        principal_point: where the optical axis meets the image, px.
        height: image rows.
        width: image columns.
        up: unit vector away from the ground, camera frame; None: not known, the camera is level.
    """

    focal: Float[Tensor, "*B 2"]
    principal_point: Float[Tensor, "*B 2"]
    height: int
    width: int
    up: Float[Tensor, "*B 3"] | None = None

    @property
    def vertical(self) -> Float[Tensor, "*B 3"]:
        """`up`, or that of a level camera."""
        if self.up is not None:
            return self.up
        level = self.focal.new_tensor([0.0, -1.0, 0.0])
        return level.expand(*self.focal.shape[:-1], 3).contiguous()

    def crop(self, x0: float, y0: float, scale: float, height: int, width: int) -> Camera:
        """The same camera seen through a crop that starts at (x0, y0) and is scaled by `scale`.

        Args:
            x0: left edge of the crop, px of this camera's image.
            y0: upper edge of the crop, px of this camera's image.
            scale: new pixels per old pixel.
            height: rows of the crop.
            width: columns of the crop.
        """
        corner = self.principal_point.new_tensor([x0, y0])
        return Camera(
            focal=self.focal * scale,
            principal_point=(self.principal_point - corner) * scale,
            height=height,
            width=width,
            up=self.up,
        )


@dataclass(frozen=True)
class BodyParams(Batch):
    """Parameters of a SMPL-format body.

    Attributes:
        betas: shape coefficients; broadcast over the leading axes of the pose.
        pose_rotmat: rotation of the root (entry 0, model frame to camera frame) and of each body
            joint relative to its parent.
        transl: smplx's `transl`, camera frame, m.
    """

    betas: Float[Tensor, "*S K"]
    pose_rotmat: Float[Tensor, "*B J 3 3"]
    transl: Float[Tensor, "*B 3"]


@dataclass(frozen=True)
class PosedBody(Batch):
    """A body put into a pose.

    Attributes:
        verts: mesh vertices, camera frame, m.
        joints: the SMPL joints, camera frame, m.
    """

    verts: Float[Tensor, "*B V 3"]
    joints: Float[Tensor, "*B J 3"]


@dataclass(frozen=True)
class Mesh(Batch):
    """A textured triangle mesh at N sub-frame times.

    Attributes:
        verts: camera frame, m.
        faces: vertex indices, counter-clockwise seen from outside.
        uv: texture coordinates in [0, 1], v up.
        faces_uv: indices into `uv`, one a face corner (seams split vertices).
        texture: one a sample, shared by its sub-frames; row 0 is v = 1.
    """

    shared: ClassVar[tuple[str, ...]] = ("faces", "uv", "faces_uv")

    verts: Float[Tensor, "*B N V 3"]
    faces: Int[Tensor, "F 3"]
    uv: Float[Tensor, "U 2"]
    faces_uv: Int[Tensor, "F 3"]
    texture: Float[Tensor, "*B 3 TH TW"]


@dataclass(frozen=True)
class Layers(Batch):
    """What the renderer sees at each sub-frame time.

    Attributes:
        rgb: straight (not premultiplied) colour.
        alpha: silhouette in [0, 1].
        visible_faces: faces seen in at least one sub-frame; None where they are not known.
    """

    rgb: Float[Tensor, "*B N 3 H W"]
    alpha: Float[Tensor, "*B N 1 H W"]
    visible_faces: Bool[Tensor, "*B F"] | None = None


@dataclass(frozen=True)
class Exposure(Batch):
    """Layers averaged over the exposure: the two sums of eq. 2.

    Attributes:
        rgb: mean of silhouette × appearance (premultiplied).
        alpha: mean silhouette in [0, 1].
        visible_faces: faces seen in at least one sub-frame.
    """

    rgb: Float[Tensor, "*B 3 H W"]
    alpha: Float[Tensor, "*B 1 H W"]
    visible_faces: Bool[Tensor, "*B F"]


@dataclass(frozen=True)
class BodyIdentity:
    """Which body model a set of betas belongs to; betas of different bodies are not exchangeable.

    Attributes:
        name: for example "free_body" or "smpl_neutral".
        sha256: checksum of the model file; empty where it is not known.
        model_type: the family, AMASS's word: smpl, smplh, smplx.
        gender: neutral, male or female.
    """

    name: str
    sha256: str = ""
    model_type: str = "smpl"
    gender: str = "neutral"


@dataclass(frozen=True)
class SeenLandmarks(Batch):
    """Where a detector saw the parts of a body, one row a hypothesis.

    Attributes:
        xy: of the M channels of `hfb.init.register.correspondence.CHANNEL_NAMES`, in the image, px.
        trust: how far each is believed, in [0, 1]: relative inverse variances.
    """

    xy: Float[Tensor, "K M 2"]
    trust: Float[Tensor, "K M"]


@dataclass(frozen=True)
class InitialEstimate(Batch):
    """Starting poses of one blurry image, best first.

    Attributes:
        betas: shape of each of the K hypotheses.
        pose_rotmat: static pose of each hypothesis, root first.
        transl: smplx's transl, camera frame, m.
        camera: full-image camera that `transl` belongs to.
        score: how well each hypothesis explains the image, higher is better.
        body: the body that the betas belong to.
        source: who made it.
        joint_sigma: uncertainty of each joint rotation, rad, if known.
        landmarks: what the hypotheses were made from, in pixels of the full image, if known.
        unlifted: what the hypotheses would be without lifting, where these are lifted ones.
        probability: how likely each is the one to start from, if known: 0 for those that serve as
            alternatives among consecutive photos only.
    """

    shared: ClassVar[tuple[str, ...]] = ("camera", "unlifted")

    betas: Float[Tensor, "K S"]
    pose_rotmat: Float[Tensor, "K J 3 3"]
    transl: Float[Tensor, "K 3"]
    camera: Camera
    score: Float[Tensor, " K"]
    body: BodyIdentity
    source: str
    joint_sigma: Float[Tensor, "K J"] | None = None
    landmarks: SeenLandmarks | None = None
    unlifted: InitialEstimate | None = None
    probability: Float[Tensor, " K"] | None = None

    def __len__(self) -> int:
        return len(self.score)

    def all_params(self) -> BodyParams:
        """All hypotheses as body parameters."""
        return BodyParams(self.betas, self.pose_rotmat, self.transl)

    def params(self, k: int = 0) -> BodyParams:
        """Hypothesis `k` as body parameters without batch axes."""
        return self.all_params().index(k)


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
