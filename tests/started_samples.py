"""Synthetic samples that need no network: matte and starting pose come from the truth."""

import torch

from hfb.body import load_body
from hfb.structures import BlurSample, InitialEstimate


def with_start(sample: BlurSample) -> BlurSample:
    """The sample with its true silhouette as matte and its true mid-exposure pose as start."""
    target, middle = sample.target, sample.target.joints.shape[1] // 2
    estimate = InitialEstimate(
        betas=torch.zeros(1, 10),
        pose_rotmat=target.pose_rotmat[0, middle][None],
        transl=target.transl[0, middle][None],
        camera=sample.camera,
        score=torch.ones(1),
        body=load_body().identity,
        source="test",
    )
    alpha = target.silhouettes.float().mean(1, keepdim=True)
    return sample.with_changes(estimate=estimate, alpha=alpha)
