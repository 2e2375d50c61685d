"""Inputs that are right, made once: what the cases damage."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import av
import numpy as np
import torch
from PIL import Image

from datamodules.blur_folder import write_sample
from datamodules.synthetic.data_module import SyntheticSettings, make_sample
from hfb.assets import find_asset
from hfb.body import load_body
from hfb.geometry import rotvec_to_rotmat
from hfb.init import write_estimate
from hfb.structures import BlurSample, InitialEstimate

HEIGHT, WIDTH, CLIP_FRAMES = 96, 80, 12


def make_good(folder: Path) -> None:
    """Write one of everything.

    Args:
        folder: exists and is empty.
    """
    small = SyntheticSettings(
        height=HEIGHT, width=WIDTH, num_subframes=8, num_truth=6, supersampling=1
    )
    sample = _with_start(make_sample(small, 1))
    photo, scene = (_pixels(image) for image in (sample.blurry[0], sample.background))
    for name, pixels in (("photo", photo), ("background", scene)):
        Image.fromarray(pixels).save(folder / f"{name}.png")
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=92)
        Image.fromarray(pixels).save(folder / f"{name}.tif")
    assert sample.alpha is not None
    matte = (sample.alpha[0, 0] * 255).round().byte().numpy()
    Image.fromarray(matte).save(folder / "alpha.png")
    assert sample.estimate is not None
    write_estimate(folder / "start.hfbinit.npz", sample.estimate)
    focal = float(sample.estimate.camera.focal[0])
    matrix = [[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]
    (folder / "K.json").write_text(json.dumps({"K": matrix}))
    _write_clip(folder / "clip.mp4", photo, scene)
    place = folder / "data" / "test" / "one"
    write_sample(place, sample, load_body().identity, _write_estimate)
    _write_mocap(folder / "mocap.npz")
    _write_tools(folder)
    shutil.copy(find_asset("free_body.npz"), folder / "body.npz")
    shutil.copy(find_asset("amp.ckpt"), folder / "amp.ckpt")
    (folder / "settings.yaml").write_text("model:\n  refine:\n    weights:\n      pose: 0.1\n")


def _write_estimate(path: Path, estimate: InitialEstimate) -> None:
    write_estimate(path, estimate)


def _with_start(sample: BlurSample) -> BlurSample:
    """The true matte and mid-exposure pose, so that no detector is needed."""
    target = sample.target
    assert target is not None
    assert target.pose_rotmat is not None
    assert target.transl is not None
    assert target.silhouettes is not None
    assert sample.camera is not None
    middle = target.joints.shape[1] // 2
    estimate = InitialEstimate(
        betas=torch.zeros(1, 10),
        pose_rotmat=target.pose_rotmat[0, middle][None],
        transl=target.transl[0, middle][None],
        camera=sample.camera,
        score=torch.ones(1),
        body=load_body().identity,
        source="fuzz",
    )
    alpha = target.silhouettes.float().mean(1, keepdim=True)
    return sample.with_changes(estimate=estimate, alpha=alpha)


def _pixels(image: torch.Tensor) -> np.ndarray:
    return np.ascontiguousarray((image.permute(1, 2, 0) * 255).round().byte().numpy())


def _write_clip(path: Path, photo: np.ndarray, scene: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.height, stream.width = photo.shape[:2]
        for number in range(CLIP_FRAMES):
            image = photo if number < CLIP_FRAMES // 2 else scene
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def _write_mocap(path: Path) -> None:
    """Somebody who waves: 150 frames of SMPL."""
    t = np.arange(150) / 120.0
    poses = np.zeros((len(t), 72))
    poses[:, 0] = np.pi / 2
    poses[:, 50], poses[:, 53] = 0.9 * np.sin(6 * t), -0.4 + 0.9 * np.sin(6 * t)
    np.savez(path, poses=poses, trans=np.tile([0.0, 0.0, 0.9], (150, 1)), mocap_framerate=120.0)


def _write_tools(folder: Path) -> None:
    """Results of other tools, four rows each."""
    rows = 4
    rotvec = 0.3 * torch.randn(rows, 24, 3, generator=torch.Generator().manual_seed(0))
    rotmat = rotvec_to_rotmat(rotvec)
    place = np.tile([0.1, 0.2, 4.0], (rows, 1))
    hybrik = {
        "pred_thetas": rotmat.reshape(rows, 216).numpy(),
        "pred_betas": np.zeros((rows, 10), np.float32),
        "transl": place,
        "bbox": np.tile([100.0, 50.0, 356.0, 306.0], (rows, 1)),
        "height": np.full(rows, 480),
        "width": np.full(rows, 640),
    }
    (folder / "hybrik.pk").write_bytes(pickle.dumps(hybrik))
    pose = rotvec.flatten(1).numpy()
    np.savez(folder / "wham.npz", pose=pose, trans=place, betas=np.zeros((rows, 10)))
    params = {
        "global_orient": rotvec[:, 0],
        "body_pose": rotvec[:, 1:22].flatten(1),
        "betas": torch.zeros(rows, 10),
        "transl": torch.from_numpy(place).float(),
    }
    matrix = torch.tensor([[900.0, 0, 320.0], [0, 900.0, 240.0], [0, 0, 1]])
    content = {"smpl_params_incam": params, "K_fullimg": matrix.expand(rows, 3, 3)}
    torch.save(content, folder / "gvhmr.pt")
