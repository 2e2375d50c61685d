"""Fit the pose prior (eq. 6) to motion capture and write `checkpoints/pose_prior.npz`.

    python tools/fit_pose_prior.py --mocap <file or folder> ... [--output <file>]

Reads what `datamodules.mocap.files.iterate_mocap` reads: AMASS files or a packed collection. The
mixture sees the training subjects only, the report is about the others. Needs scikit-learn.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from sklearn.mixture import GaussianMixture
from torch import Tensor

from datamodules.mocap.files import MocapPath, iterate_mocap, paths_of
from datamodules.mocap.packed import read_manifest
from hfb.body.smpl import SMPL_JOINT_NAMES
from hfb.errors import InputError
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.motion.tracks import mirror_joints
from hfb.prior import MixturePosePrior, PosePriorKind
from hfb.training.motion_prior.evaluation import auroc


def _of_both_sides(*names: str) -> list[int]:
    """Body joints (SMPL's joint minus 1: the root is none of them), left and right of each name."""
    return [SMPL_JOINT_NAMES.index(f"{side}_{name}") - 1 for name in names for side in SIDES]


SIDES = ("left", "right")
NUM_JOINTS = len(SMPL_JOINT_NAMES) - 1
# The capture's skeleton lacks collars and hands and has hinges for knees and toes, so these hardly
# vary in the data though they do in people. Standard deviation in rad added to every axis.
FLOOR_RAD = 0.08
FLOOR_ABSENT_RAD = 0.2
FLOOR_TOES_RAD = 0.12
ABSENT = _of_both_sides("collar", "hand")
TOES = _of_both_sides("foot")
THIN_RAD = 0.3
FULL_RATE_HZ = 100.0
"""Recordings at lower rates are salsa only (a single style at 60 Hz): they get half the share."""
KNEES_AND_ELBOWS = _of_both_sides("knee", "elbow")
HIPS_AND_SHOULDERS = _of_both_sides("hip", "shoulder")
LEFT_ARM = _of_both_sides("collar", "shoulder", "elbow", "wrist")[::2]
NOISE_RAD = (0.15, 0.3)
"""Standard deviations, per axis, of the noise on a third of the joints."""

Energy = Callable[[Float[Tensor, "P 69"]], Float[Tensor, " P"]]


@dataclass(frozen=True)
class Clip:
    """Valid poses of one recording.

    Attributes:
        poses: rotation vectors of the body joints, rad, (T, 69).
        frame_rate: Hz.
        is_held_out: whether its subject is kept for the report.
    """

    poses: np.ndarray
    frame_rate: float
    is_held_out: bool


def read_clips(path: MocapPath, share_alike: bool = False) -> list[Clip]:
    """Valid poses of all recordings that have any, in the order of their manifest or their names.

    The order decides which poses the random numbers choose.

    Args:
        path: see `iterate_mocap`.
        share_alike: see `iterate_mocap`.

    Raises:
        InputError: if there are none.
    """
    folders = [one if one.is_dir() else one.parent for one in paths_of(path)]
    names = [name for folder in folders for name in read_manifest(folder)]
    place = {name: k for k, name in enumerate(names)}
    every = iterate_mocap(path, share_alike=share_alike)
    clips = [
        Clip(shortest(clip.poses[clip.valid, 3:]), clip.frame_rate, clip.split == "val")
        for clip in sorted(every, key=lambda clip: place.get(clip.name, -1))
        if clip.valid.any()
    ]
    if all(clip.is_held_out for clip in clips):
        raise InputError(f"no recordings of training subjects under {path}")
    return clips


def shortest(poses: np.ndarray) -> np.ndarray:
    """The same rotations with vectors of at most half a turn."""
    rotvec = torch.from_numpy(np.asarray(poses, np.float64)).reshape(-1, NUM_JOINTS, 3)
    return rotmat_to_rotvec(rotvec_to_rotmat(rotvec)).reshape(-1, 3 * NUM_JOINTS).numpy()


def thin(poses: np.ndarray, min_distance: float) -> np.ndarray:
    """Keep a pose only if it differs from the last one kept: rest and slow motion count less."""
    kept: list[int] = []
    for index, pose in enumerate(poses):
        if not kept or np.linalg.norm(pose - poses[kept[-1]]) > min_distance:
            kept.append(index)
    return poses[kept]


def balanced_poses(
    clips: list[Clip], poses_per_clip: int, generator: np.random.Generator
) -> np.ndarray:
    """Poses of all clips, none of which gives more than `poses_per_clip`."""
    chosen = []
    for clip in clips:
        poses = thin(clip.poses, THIN_RAD)
        limit = poses_per_clip if clip.frame_rate > FULL_RATE_HZ else poses_per_clip // 2
        if len(poses) > limit:
            poses = poses[generator.choice(len(poses), limit, replace=False)]
        chosen.append(poses)
    return np.concatenate(chosen)


def mirrored(poses: np.ndarray) -> np.ndarray:
    """The poses seen in a mirror, so that left and right are alike."""
    order = mirror_joints()[1:].numpy() - 1
    flipped = poses.reshape(-1, NUM_JOINTS, 3)[:, order] * np.array([1.0, -1.0, -1.0])
    return flipped.reshape(len(poses), -1)


def floor_sigma() -> np.ndarray:
    """Standard deviation added to each of the 69 dimensions, rad."""
    sigma = np.full((NUM_JOINTS, 3), FLOOR_RAD)
    sigma[ABSENT] = FLOOR_ABSENT_RAD
    sigma[TOES] = FLOOR_TOES_RAD
    return sigma.ravel()


def fit(poses: np.ndarray, num_components: int, seed: int) -> GaussianMixture:
    """Expectation maximisation on the poses and their mirror images.

    The floor goes in as noise on the data, so that the responsibilities know of it too.
    """
    generator = np.random.default_rng(seed)
    both = np.concatenate([poses, mirrored(poses)])
    noisy = both + generator.normal(size=both.shape) * floor_sigma()
    mixture = GaussianMixture(num_components, reg_covar=1e-3, random_state=seed, max_iter=200)
    return mixture.fit(noisy)


def save(mixture: GaussianMixture, path: Path) -> None:
    """Write means, upper triangles of the inverse covariances' factors, and weights, float32."""
    rows, columns = np.triu_indices(3 * NUM_JOINTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        means=mixture.means_.astype(np.float32),
        whiteners=mixture.precisions_cholesky_[:, rows, columns].astype(np.float32),
        weights=mixture.weights_.astype(np.float32),
    )


def disturbed_poses(
    body_pose: Float[Tensor, "P 69"], generator: torch.Generator
) -> dict[str, Float[Tensor, "P 69"]]:
    """Poses with the faults of estimates from images, by name.

    Args:
        body_pose: rotation vectors of the body joints, rad.
        generator: source of randomness.
    """
    joints = body_pose.unflatten(-1, (-1, 3))
    count = len(joints)
    faults = {}
    third = torch.rand(*joints.shape[:2], 1, generator=generator) < 1 / 3
    for size in NOISE_RAD:
        noise = torch.randn(joints.shape, generator=generator)
        faults[f"noise_{size:g}_rad"] = joints + size * noise * third
    row, limb = torch.arange(count), torch.randint(4, (count,), generator=generator)
    for name, candidates in (
        ("knee_or_elbow_bent_backwards", KNEES_AND_ELBOWS),
        ("hip_or_shoulder_reversed", HIPS_AND_SHOULDERS),
    ):
        faults[name] = joints.clone()
        faults[name][row, torch.tensor(candidates)[limb]] *= -1
    faults["arm_of_another_pose"] = joints.clone()
    other = torch.randperm(count, generator=generator)
    faults["arm_of_another_pose"][:, LEFT_ARM] = joints[other][:, LEFT_ARM]
    return {
        name: rotmat_to_rotvec(rotvec_to_rotmat(pose)).flatten(-2) for name, pose in faults.items()
    }


@torch.no_grad()
def pose_metrics(energy: Energy, body_pose: Float[Tensor, "P 69"], seed: int) -> dict[str, float]:
    """AUROC over all pairs, and the share of poses whose own energy rises, by fault.

    Args:
        energy: a pose prior.
        body_pose: poses of people it has never seen.
        seed: of the faults, so that priors are compared on the same ones.
    """
    real = energy(body_pose)
    metrics = {"poses": float(len(body_pose)), "energy_median": float(real.median())}
    areas = []
    for name, pose in disturbed_poses(body_pose, torch.Generator().manual_seed(seed)).items():
        faulty = energy(pose)
        areas.append(auroc(real, faulty))
        metrics[f"auroc_{name}"] = areas[-1]
        metrics[f"rises_{name}"] = float((faulty > real).float().mean())
    return {**metrics, "auroc_mean": sum(areas) / len(areas)}


def report(path: Path, poses: np.ndarray, seed: int) -> list[str]:
    """How well the prior in a file tells held-out poses from disturbed ones, one line a fault."""
    lines, held_out = [f"held-out poses: {len(poses)}"], torch.from_numpy(poses).float()
    kinds: tuple[PosePriorKind, ...] = ("mahalanobis", "likelihood")
    for kind in kinds:
        prior = MixturePosePrior(path, kind)
        low, middle, high = np.percentile(prior(held_out).numpy(), [5, 50, 95])
        lines.append(f"{kind}: energy median {middle:.3f}, 5-95 % {low:.3f} to {high:.3f}")
        metrics = pose_metrics(prior, held_out, seed)
        for name in (key.removeprefix("rises_") for key in metrics if key.startswith("rises_")):
            area, rises = metrics[f"auroc_{name}"], 100 * metrics[f"rises_{name}"]
            lines.append(f"  {name}: AUROC {area:.3f}, energy rises in {rises:.1f} % of the poses")
    return lines


def main(args: list[str] | None = None) -> None:
    """Read, fit, write, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mocap", type=Path, nargs="+", required=True, help="the recordings")
    parser.add_argument("--share-alike", action="store_true", help="recordings of that licence too")
    parser.add_argument("--output", type=Path, default=Path("checkpoints/pose_prior.npz"))
    parser.add_argument("--components", type=int, default=4)
    parser.add_argument("--poses-per-clip", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(args)
    generator = np.random.default_rng(options.seed)
    clips = read_clips(options.mocap, options.share_alike)
    seen = [clip for clip in clips if not clip.is_held_out]
    held_out = [clip for clip in clips if clip.is_held_out]
    poses = balanced_poses(seen, options.poses_per_clip, generator)
    print(f"training poses: {len(poses)} of {sum(len(c.poses) for c in seen)} frames")
    save(fit(poses, options.components, options.seed), options.output)
    print(f"wrote {options.output}, {options.output.stat().st_size / 1000:.0f} kB")
    if held_out:
        test = balanced_poses(held_out, options.poses_per_clip, generator)
        print("\n".join(report(options.output, test, options.seed)))


if __name__ == "__main__":
    main()
