"""How wide a band DIB-R's mask adds around a body: `python benchmarks/bench_softness.py`.

The width over σ (the mask of one face is exp(-d²/σ²)) against σ over the side of a face, at several
resolutions, with all faces near a pixel: the law by which `RenderSettings.softness_px` chooses σ.
"""

from __future__ import annotations

import argparse
import math

import cv2
import numpy as np
import torch
from torch import Tensor

from hfb.body import SmplBody, load_body
from hfb.geometry import MODEL_TO_CAMERA, rotvec_to_rotmat
from hfb.render import RenderSettings, hard_silhouettes, render_exposure
from hfb.structures import BodyParams, Camera, Mesh

SIZES = (96, 160, 256)
SIGMAS_PX = (0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5)
_FINER = 8


def posed_bodies(body: SmplBody, count: int) -> Tensor:
    """Vertices (K, V, 3) of random poses before the camera, about as tall as their crop."""
    generator = torch.Generator().manual_seed(0)
    pose = rotvec_to_rotmat(0.3 * torch.randn(count, 24, 3, generator=generator))
    pose[:, 0] = MODEL_TO_CAMERA
    place = torch.tensor([[0.0, 0.2, 4.0]]).expand(count, 3)
    return body(BodyParams(torch.zeros(count, 10), pose, place)).verts


def outline_length(silhouette: Tensor) -> float:
    """Length of all outlines of a finely drawn silhouette, px of the coarse image."""
    image = silhouette.numpy().astype(np.uint8)
    outlines, _ = cv2.findContours(image, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    lengths = [cv2.arcLength(cv2.approxPolyDP(line, 1.0, True), True) for line in outlines]
    return sum(lengths) / _FINER


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=3)
    options = parser.parse_args()
    body = load_body()
    verts = posed_bodies(body, options.poses)[:, None]
    texture = torch.ones(len(verts), 3, 2, 2)
    mesh = Mesh(verts, body.faces, body.uv, body.faces_uv, texture)
    print("| crop px | body's share | face px | σ px | σ / face | band / σ |")
    print("|---|---|---|---|---|---|")
    for size in SIZES:
        focal, middle = torch.full((2,), 2.0 * size), torch.full((2,), size / 2)
        camera = Camera(focal, middle, size, size)
        fine = Camera(_FINER * focal, _FINER * middle, _FINER * size, _FINER * size)
        area = render_exposure(mesh, camera).alpha.sum((1, 2, 3))
        length = torch.tensor(
            [outline_length(one[0]) for one in hard_silhouettes(verts, body.faces, fine)]
        )
        face = math.sqrt(4.0 * float(area.mean()) / len(body.faces))
        for sigma in SIGMAS_PX:
            settings = RenderSettings(
                "dibr", sigmainv=(size / 2 / sigma) ** 2, boxlen=6.0 * sigma / size, knum=400
            )
            added = render_exposure(mesh, camera, settings).alpha.sum((1, 2, 3)) - area
            band = float((added / length).mean()) / sigma
            share = float(area.mean()) / size**2
            lengths = f"{share:.3f} | {face:.2f} | {sigma} | {sigma / face:.2f}"
            print(f"| {size} | {lengths} | {band:.2f} |")


if __name__ == "__main__":
    with torch.no_grad():
        main()
