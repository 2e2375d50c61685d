"""Pairs to learn lifting from that tests make up."""

import numpy as np
import torch

from hfb.body import load_body
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.structures import BodyParams


def make_pairs(folder, subject, count, seed):
    """Poses whose registration bends both elbows wrongly, by what the left hand's height tells."""
    generator = torch.Generator().manual_seed(seed)
    body = load_body()
    pose = 0.2 * torch.randn(count, 24, 3, generator=generator)
    pose[:, 0] = torch.tensor([torch.pi, 0.0, 0.0])
    clue = torch.randn(count, generator=generator)
    wrong = pose.clone()
    wrong[:, [18, 19]] += 0.6 * clue[:, None, None]
    origin = torch.zeros(count, 3)
    joints = body.joints(BodyParams(torch.zeros(1, 10), rotvec_to_rotmat(pose), origin))
    points = torch.zeros(count, 39, 5)
    alike = torch.Generator().manual_seed(0)
    points[..., :2] = 128 + 40 * torch.randn(1, 39, 2, generator=alike)
    points[:, 15, 1] += 10 * clue
    arrays = {
        "points": points,
        "heat": torch.full((count, 39, 3), 0.1),
        "world": 0.1 * torch.randn(1, 39, 3, generator=alike).expand(count, 39, 3),
        "roi": torch.tensor([100.0, 100.0, 200.0, 0.0]).repeat(count, 1),
        "camera": torch.tensor([400.0, 400.0, 100.0, 100.0]).repeat(count, 1),
        "registered": rotmat_to_rotvec(rotvec_to_rotmat(wrong)),
        "pose": pose,
        "joints": joints + torch.tensor([0.0, 0.0, 3.0]),
        "transl": torch.tensor([0.0, 0.0, 3.0]).repeat(count, 1),
        "betas": torch.zeros(count, 10),
        "blur_rate": torch.rand(count, generator=generator),
        "mask": torch.full((count, 32, 32), 128.0),
        "matte": torch.full((count, 32, 32), 128.0),
    }
    folder.mkdir(parents=True)
    plain = {name: values.float().numpy() for name, values in arrays.items()}
    np.savez(folder / "pairs_00000.npz", **plain, subject=np.array([subject] * count))
