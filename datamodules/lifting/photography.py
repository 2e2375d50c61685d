"""What a cheap camera makes of light, for training images: the photo and the place without anybody.

Another renderer, another camera and another codec must be no surprise to a network that learned
here: resolution, lens, noise, sharpening, tone, colour and compression vary far more than in the
benchmark's photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from datamodules.synthetic.sensor import Sensor
from datamodules.synthetic.wild.camera import ToneCurve

# Smallest side that an image is reduced to, as a share: people are then some 150 px tall and less.
_LEAST_SCALE = 0.4
_CODECS = (".jpg", ".webp")


@dataclass(frozen=True)
class TrainingCamera:
    """A camera and what it stores.

    Attributes:
        scale: share of the resolution that is left.
        sensor: photon and read noise.
        lens_px: standard deviation of the lens' blur.
        sharpening: strength of an unsharp mask.
        tone: response curve on encoded values.
        saturation: 1: colours as they are, 0: grey.
        codec: file ending.
        quality: of the codec; 0: not compressed.
    """

    scale: float
    sensor: Sensor
    lens_px: float
    sharpening: float
    tone: ToneCurve
    saturation: float
    codec: str
    quality: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> TrainingCamera:
        """Any camera.

        Args:
            rng: source of randomness.
        """

        def now_and_then(chance: float, low: float, high: float) -> float:
            value = float(rng.uniform(low, high))
            return value if rng.random() < chance else 0.0

        return cls(
            scale=1.0 - now_and_then(0.5, 0.0, 1.0 - _LEAST_SCALE),
            sensor=Sensor(
                full_well=float(np.exp(rng.uniform(np.log(600), np.log(20000)))),
                read_noise=float(rng.uniform(0.001, 0.006)),
                bits=0,
            ),
            lens_px=now_and_then(0.3, 0.4, 1.4),
            sharpening=now_and_then(0.4, 0.2, 1.5),
            tone=ToneCurve(
                float(np.exp(now_and_then(0.6, -0.3, 0.3))), now_and_then(0.6, -0.3, 0.5)
            ),
            saturation=max(1.0 + now_and_then(0.5, -0.6, 0.4) - now_and_then(0.04, 1.0, 1.0), 0.0),
            codec=_CODECS[int(rng.random() < 0.25)],
            quality=round(now_and_then(0.65, 20.0, 92.0)),
        )

    @classmethod
    def draw_ordinary(cls, rng: np.random.Generator) -> TrainingCamera:
        """A camera like the benchmark's; three in ten have a poor lens, as many compress.

        Args:
            rng: source of randomness.
        """
        well = float(np.exp(rng.uniform(np.log(800), np.log(20000))))
        lens_px = float(rng.uniform(0.4, 1.5)) if rng.random() < 0.3 else 0.0
        quality = int(rng.integers(30, 90)) if rng.random() < 0.3 else 0
        sensor = Sensor(well, 0.002, bits=0)
        return cls(1.0, sensor, lens_px, 0.0, ToneCurve(), 1.0, _CODECS[0], quality)

    def take(
        self, linear: Float[Tensor, "3 H W"], generator: torch.Generator
    ) -> UInt8[np.ndarray, "H W 3"]:
        """An image as it is read back from its file.

        Args:
            linear: light, 1 is white.
            generator: source of the noise.
        """
        height, width = linear.shape[1:]
        light = linear.permute(1, 2, 0).numpy()
        if self.lens_px:
            light = cv2.GaussianBlur(light, (0, 0), self.lens_px)
        size = round(width * self.scale), round(height * self.scale)
        if self.scale < 1.0:
            light = cv2.resize(light, size, interpolation=cv2.INTER_AREA)
        exposed = self.sensor.expose(torch.from_numpy(light).contiguous(), generator)
        encoded = self.tone(exposed).numpy()
        grey = encoded.mean(-1, keepdims=True)
        encoded = grey + np.float32(self.saturation) * (encoded - grey)
        if self.sharpening:
            soft = cv2.GaussianBlur(encoded, (0, 0), 1.0)
            encoded = encoded + np.float32(self.sharpening) * (encoded - soft)
        pixels = (encoded.clip(0.0, 1.0) * 255).round().astype(np.uint8)
        if self.quality:
            pixels = _stored(pixels, self.codec, self.quality)
        if self.scale < 1.0:
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(pixels)


def _stored(
    pixels: UInt8[np.ndarray, "H W 3"], codec: str, quality: int
) -> UInt8[np.ndarray, "H W 3"]:
    flag = cv2.IMWRITE_JPEG_QUALITY if codec == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    packed = cv2.imencode(codec, pixels, [flag, quality])[1]
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
