"""More pairs than were rendered: captured poses with the errors that the detector made elsewhere.

The noise model is the set of real detections itself. What a perfect detector would say of a pose is
a linear function of the body's joints and some of its vertices, fitted to all real pairs. What a
real pair says beyond that is its error, with its heavy tails, its correlations, its swapped sides
and its confidences. A new pose gets the error of a real pair whose pose looks much like it; pairs
of this kind have no detector features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.mocap_windows import Frames
from hfb.body import SmplBody
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.init.correspondence import correspondence
from hfb.init.landmarks import LIMB_LANDMARKS
from hfb.init.lifting import view_rotation
from hfb.init.reading import NUM_FEATURES
from hfb.init.sparse_body import SparseBody
from hfb.lifting.batch import batch_of
from hfb.motion.tracks import mirror_joints

_NUM_NEIGHBOURS = 8
_RIDGE = 1e-3
_ARMS_AND_HEAD = (3, 6, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)
_MIXED_SHARE, _MIRRORED_SHARE, _JOINT_OFFSET_RAD = 0.35, 0.5, 0.1
_TURNED_SHARE, _YAW_RAD, _ROLL_RAD = 0.4, 1.3, 0.12
_PITCH_RAD = (-0.15, 0.5)


@dataclass(frozen=True)
class DetectorNoise:
    """What the detector says beyond what the pose explains, one row a real pair.

    Attributes:
        from_points: weights of the body's points (and a constant) in each landmark.
        look: the joints of each real pair in the crop's axes, by which a pose finds its like.
        xy: errors of 2D landmarks, shares of the person's size.
        depth: errors of the detector's depths, the same.
        world: errors of the 3D landmarks, m.
        size: size of each real person in the crop, px.
        arrays: the real pairs.
    """

    from_points: Float[Tensor, "39 P"]
    look: Float[Tensor, "N 72"]
    xy: Float[Tensor, "N 39 2"]
    depth: Float[Tensor, "N 39"]
    world: Float[Tensor, "N 39 3"]
    size: Float[Tensor, " N"]
    arrays: dict[str, Tensor]


def _sparse(body: SmplBody) -> SparseBody:
    return SparseBody.from_body(body, correspondence(body).vertices.tolist())


def body_points(
    sparse: SparseBody, rotmat: Float[Tensor, "K J 3 3"], betas: Float[Tensor, "K S"]
) -> Float[Tensor, "K P 3"]:
    """Joints and named vertices about the root, m.

    Args:
        sparse: the body.
        rotmat: root first.
        betas: shape.
    """
    parts = []
    for rows in torch.arange(len(rotmat)).split(512):  # their derivatives come along, and are big
        origin = torch.zeros(len(rows), 3, dtype=torch.float64)
        points = sparse.pose(rotmat[rows].double(), betas[rows].double(), origin).points
        parts.append((points - points[:, :1]).float())
    return torch.cat(parts)


def _projected(points: Float[Tensor, "K M 3"], distance: Float[Tensor, " K"]) -> Tensor:
    """Pinhole projection, by a focal length of 1, of points about a centre on the optical axis."""
    depth = (points[..., 2:] + distance[:, None, None]).clamp(min=0.3)
    return points[..., :2] / depth


def _centred(xy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Landmarks about the middle of the limbs in units of their spread; middle and spread."""
    limbs = xy[:, LIMB_LANDMARKS.tolist()]
    middle = limbs.mean(1, keepdim=True)
    size = (limbs - middle).square().sum(-1).mean(1).sqrt()
    return (xy - middle) / size[:, None, None], middle, size


def fit_noise(arrays: dict[str, Tensor], body: SmplBody) -> DetectorNoise:
    """Fit the landmarks' places on the body, and keep what remains.

    Args:
        arrays: real pairs.
        body: that they show.
    """
    seen, truth = batch_of(arrays)
    points = body_points(_sparse(body), truth.rotmat, truth.betas)
    world = seen.world - seen.world[:, [23, 24]].mean(1, keepdim=True)
    flat = points.transpose(1, 2).flatten(0, 1).double()
    target = world.transpose(1, 2).flatten(0, 1).double()
    gram = flat.T @ flat + _RIDGE * len(flat) * torch.eye(flat.shape[1], dtype=flat.dtype)
    from_points = torch.linalg.solve(gram, flat.T @ target).T.float()
    ideal = from_points @ points
    distance = (view_rotation(seen) @ arrays["joints"][:, 0, :, None].float())[:, 2, 0]
    ideal_xy, _, ideal_size = _centred(_projected(ideal, distance))
    xy, _, size = _centred(seen.points[..., :2])
    depth = seen.points[..., 2] / size[:, None] - ideal[..., 2] / (ideal_size * distance)[:, None]
    return DetectorNoise(
        from_points=from_points,
        look=truth.joints.flatten(1),
        xy=xy - ideal_xy,
        depth=depth,
        world=world - ideal,
        size=size,
        arrays=arrays,
    )


class NoisyPairs:
    """Draws new pairs from motion capture and the errors of real ones.

    Args:
        noise: the errors.
        frames: motion capture, y-up world.
        body: any.
    """

    def __init__(self, noise: DetectorNoise, frames: Frames, body: SmplBody) -> None:
        self.noise = noise
        self.body = body
        self._sparse = _sparse(body)
        usable = np.flatnonzero(frames.run >= 1)
        weight = (frames.weight / np.bincount(frames.clip, minlength=len(frames.weight)))[
            frames.clip[usable]
        ]
        self._frames, self._usable, self._weight = frames, usable, weight / weight.sum()

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, Tensor]:
        """New pairs, as the arrays that real ones are stored in.

        Args:
            count: how many.
            rng: source of randomness.
        """
        rotmat = self._poses(count, rng)
        betas = torch.from_numpy(rng.normal(0.0, 0.9, (count, 10))).float().clamp(-2.5, 2.5)
        points = body_points(self._sparse, rotmat, betas)
        joints = points[:, : rotmat.shape[1]]
        donor = self._donors(joints, rng)
        noise, like = self.noise, {k: v[donor] for k, v in self.noise.arrays.items()}
        ideal = noise.from_points @ points
        # As far away as the real person, by whose picture the new one is scaled.
        seen, _ = batch_of(like)
        view = view_rotation(seen)
        distance = (view @ like["joints"][:, 0, :, None].float())[:, 2, 0]
        ideal_xy, _, ideal_size = _centred(_projected(ideal, distance))
        _, middle, size = _centred(seen.points[..., :2])
        xy = middle + (ideal_xy + noise.xy[donor]) * size[:, None, None]
        depth = noise.depth[donor] + ideal[..., 2] / (ideal_size * distance)[:, None]
        reading = seen.points.clone()
        reading[..., :2], reading[..., 2] = xy, depth * size[:, None]
        # The truth of a pair is stored in the camera's axes.
        view = view_rotation(batch_of(like | {"points": reading})[0])
        root = view.mT @ rotmat[:, 0]
        pose = torch.cat([root[:, None], rotmat[:, 1:]], 1)
        return like | {
            "points": reading,
            "world": ideal + noise.world[donor],
            "features": torch.zeros(count, NUM_FEATURES),
            "has_features": torch.zeros(count, dtype=torch.bool),
            "pose": rotmat_to_rotvec(pose),
            "joints": (joints @ view) + like["joints"][:, :1].float(),
            "betas": betas,
        }

    def _poses(self, count: int, rng: np.random.Generator) -> Float[Tensor, "K J 3 3"]:
        """Captured poses, varied, seen by random cameras."""
        first, second = (
            self._frames.pose_rotmat[rng.choice(self._usable, count, p=self._weight)]
            for _ in range(2)
        )
        upper = torch.zeros(24, dtype=torch.bool)
        upper[list(_ARMS_AND_HEAD)] = True
        mixed = torch.from_numpy(rng.random(count) < _MIXED_SHARE)
        rotmat = torch.where((mixed[:, None] & upper)[..., None, None], second, first)
        offset = torch.from_numpy(rng.normal(0.0, _JOINT_OFFSET_RAD, (count, 24, 3))).float()
        rotmat = rotmat @ rotvec_to_rotmat(offset)
        mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
        mirrored = mirror @ rotmat[:, mirror_joints()] @ mirror
        chosen = torch.from_numpy(rng.random(count) < _MIRRORED_SHARE)
        rotmat = torch.where(chosen[:, None, None, None], mirrored, rotmat)
        return torch.cat([self._seen_from(rotmat[:, :1], rng), rotmat[:, 1:]], 1)

    def _seen_from(
        self, root: Float[Tensor, "K 1 3 3"], rng: np.random.Generator
    ) -> Float[Tensor, "K 1 3 3"]:
        """Roots in the axes of cameras about the person, most of them before it."""
        count = len(root)
        facing = torch.atan2(root[:, 0, 0, 2], root[:, 0, 2, 2])
        anywhere = rng.random(count) < _TURNED_SHARE
        yaw = np.where(
            anywhere, rng.uniform(-np.pi, np.pi, count), rng.uniform(-_YAW_RAD, _YAW_RAD, count)
        )
        angles = np.stack([rng.uniform(*_PITCH_RAD, count), yaw, rng.normal(0, _ROLL_RAD, count)])
        pitch, turn, roll = torch.from_numpy(angles).float()
        zero = torch.zeros(count)
        level = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
        about_y = rotvec_to_rotmat(torch.stack([zero, turn - facing, zero], -1))
        tilt = rotvec_to_rotmat(torch.stack([pitch, zero, zero], -1))
        rolled = rotvec_to_rotmat(torch.stack([zero, zero, roll], -1))
        return (rolled @ level @ tilt @ about_y)[:, None] @ root

    def _donors(self, joints: Float[Tensor, "K J 3"], rng: np.random.Generator) -> Tensor:
        """Real pairs that look like new poses, one of the nearest few each."""
        apart = torch.cdist(joints.flatten(1), self.noise.look)
        nearest = apart.topk(min(_NUM_NEIGHBOURS, len(self.noise.look)), largest=False).indices
        choice = torch.from_numpy(rng.integers(nearest.shape[1], size=(len(joints), 1)))
        return nearest.gather(1, choice)[:, 0]
