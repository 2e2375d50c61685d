"""How well a pose prior tells poses of people it has never seen from the same ones with a fault."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from hfb.amp.evaluation import auroc
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat

# Body joints: SMPL's joint minus 1.
KNEES_AND_ELBOWS = (3, 4, 17, 18)
HIPS_AND_SHOULDERS = (0, 1, 15, 16)
LEFT_ARM = (12, 15, 17, 19)
NOISE_RAD = (0.15, 0.3)
"""Standard deviations, per axis, of the noise on a third of the joints."""

Energy = Callable[[Float[Tensor, "P 69"]], Float[Tensor, " P"]]


def disturbed_poses(
    body_pose: Float[Tensor, "P 69"], generator: torch.Generator
) -> dict[str, Float[Tensor, "P 69"]]:
    """Poses with the faults of estimates from pictures, by name.

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
    arm = list(LEFT_ARM)
    faults["arm_of_another_pose"] = joints.clone()
    other = torch.randperm(count, generator=generator)
    faults["arm_of_another_pose"][:, arm] = joints[other][:, arm]
    return {
        name: rotmat_to_rotvec(rotvec_to_rotmat(pose)).flatten(-2) for name, pose in faults.items()
    }


@torch.no_grad()
def pose_figures(energy: Energy, body_pose: Float[Tensor, "P 69"], seed: int) -> dict[str, float]:
    """AUROC over all pairs, and the share of poses whose own energy rises, by fault.

    Args:
        energy: a pose prior.
        body_pose: poses of people it has never seen.
        seed: of the faults, so that priors are compared on the same ones.
    """
    real = energy(body_pose)
    figures = {"poses": float(len(body_pose)), "energy_median": float(real.median())}
    areas = []
    for name, pose in disturbed_poses(body_pose, torch.Generator().manual_seed(seed)).items():
        faulty = energy(pose)
        areas.append(auroc(real, faulty))
        figures[f"auroc_{name}"] = areas[-1]
        figures[f"rises_{name}"] = float((faulty > real).float().mean())
    return {**figures, "auroc_mean": sum(areas) / len(areas)}
