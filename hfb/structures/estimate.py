"""Starting poses, and what they were found from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from hfb.batch import Batch
from hfb.structures.body import BodyIdentity, BodyParams
from hfb.structures.camera import Camera


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
