"""The truth of samples, written as if another program had found it."""

from pathlib import Path

import numpy as np

from hfb.body import load_body
from hfb.geometry import rotmat_to_rotvec
from hfb.structures import BlurSample


def write_truth(folder: Path, sample: BlurSample) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, camera, identity = sample.target, sample.camera, load_body().identity
    photos, count = target.times.shape
    rows = photos * count
    matrix = np.diag([*camera.focal.tolist(), 1.0])
    matrix[:2, 2] = camera.principal_point
    np.savez(
        folder / "poses.hfbinit.npz",
        body_name=identity.name,
        body_sha256=identity.sha256,
        poses=rotmat_to_rotvec(target.pose_rotmat).reshape(rows, 72).numpy(),
        trans=target.transl.reshape(rows, 3).numpy(),
        betas=target.betas.numpy()[None],
        K=matrix,
        image_size=np.array([camera.width, camera.height]),
        frame_ids=np.repeat(np.arange(photos), count),
        timestamps=target.times.flatten().double().numpy(),
    )
