"""Clips that tests make."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

HEIGHT, WIDTH, FRAMES, FPS = 32, 48, 12, 25


def moving_square() -> np.ndarray:
    """A bright square that moves 4 px a frame over a textured wall, (FRAMES, HEIGHT, WIDTH, 3)."""
    rng = np.random.default_rng(0)
    wall = rng.integers(20, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    frames = np.repeat(wall[None], FRAMES, axis=0)
    for k in range(FRAMES):
        frames[k, 10:20, 4 * k : 4 * k + 4] = (250, 200, 30)
    return frames


def write_clip(path: Path, images: np.ndarray, codec: str = "ffv1") -> Path:
    """A clip that is stored without loss (FFV1 in RGB), so that decoding is exact."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(FPS))
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for image in images:
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
        container.mux(stream.encode())
    return path


def save_image(path: Path, red: int = 0, height: int = HEIGHT, width: int = WIDTH) -> Path:
    """An image of one colour."""
    Image.new("RGB", (width, height), (red, 100, 100)).save(path)
    return path
