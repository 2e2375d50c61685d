"""Motion capture that tests make."""

import numpy as np
import torch

from datamodules.mocap.clip import MocapClip
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat


def make_clip(name, subject, split, num_frames=150, rate=120.0, seed=0):
    """Somebody who walks along a curve and swings arms and legs."""
    t = np.arange(num_frames) / rate
    rng = np.random.default_rng(seed)
    poses = np.zeros((num_frames, 72))
    swing = 0.6 * np.sin(2 * np.pi * 0.9 * t + rng.uniform(0, 6))
    poses[:, 3], poses[:, 6] = swing, -swing
    poses[:, 12], poses[:, 15] = 0.5 + 0.5 * np.cos(2 * t), 0.5 + 0.5 * np.sin(2 * t)
    poses[:, 48], poses[:, 51] = -swing, swing
    # y-up model to z-up world, then a heading that changes.
    upright = rotvec_to_rotmat(torch.tensor([np.pi / 2, 0.0, 0.0]).float())
    heading = torch.from_numpy(np.stack([0 * t, 0 * t, 0.3 * t + seed], 1)).float()
    root = rotvec_to_rotmat(heading) @ upright
    poses[:, :3] = rotmat_to_rotvec(root).numpy()
    forward = (root @ torch.tensor([0.0, 0.0, 1.0])).numpy()
    transl = np.cumsum(1.2 * forward / rate, 0) + np.array([3.0, -2.0, 0.9])
    return MocapClip(name, subject, poses, transl, rate, np.ones(num_frames, bool), split)


def save_clip(folder, clip):
    path = folder / clip.subject / f"{clip.name}_poses.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, poses=clip.poses, trans=clip.transl, mocap_framerate=clip.frame_rate)


def waving(num_frames: int, rate: float, speed: float) -> np.ndarray:
    """SMPL poses in a z-up world: upright, arms swinging."""
    poses = np.zeros((num_frames, 72))
    poses[:, 0] = np.pi / 2
    swing = np.sin(2 * np.pi * speed * np.arange(num_frames) / rate)
    poses[:, 3 * 16 + 2] = -0.4 + 0.9 * swing
    poses[:, 3 * 17 + 2] = 0.4 + 0.9 * swing
    poses[:, 3 * 1] = -0.5 * swing
    poses[:, 3 * 4] = 0.5 + 0.5 * swing
    return poses
