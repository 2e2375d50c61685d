"""What a real camera makes of light: noise, a tone curve, compression; and what shakes it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import grid_sample

from datamodules.synthetic.sensor import Sensor
from datamodules.synthetic.wild.settings import Mix
from hfb.export.images import quantise

_LEVELS = 255


@dataclass(frozen=True)
class ToneCurve:
    """A response curve near sRGB's.

    Attributes:
        gamma: exponent on encoded values.
        contrast: share of an S-shaped curve.
    """

    gamma: float = 1.0
    contrast: float = 0.0

    def __call__(self, encoded: Float[Tensor, "*B"]) -> Float[Tensor, "*B"]:
        """Encoded values of this camera from sRGB ones in [0, 1]."""
        bent = encoded**self.gamma
        return bent + self.contrast * (bent**2 * (3 - 2 * bent) - bent)


@dataclass(frozen=True)
class Compression:
    """How images are stored.

    Attributes:
        codec: jpeg or h264.
        level: JPEG's quality, or H.264's constant rate factor.
    """

    codec: str
    level: int

    def __call__(self, image: Float[Tensor, "3 H W"]) -> Float[Tensor, "3 H W"]:
        """An image in [0, 1], stored and read back."""
        pixels = quantise(image)
        stored = _jpeg(pixels, self.level) if self.codec == "jpeg" else _h264(pixels, self.level)
        return torch.from_numpy(stored.copy()).permute(2, 0, 1).to(image.dtype) / _LEVELS


def _jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", quality=quality)
    with Image.open(packed) as image:
        return np.array(image.convert("RGB"))


def _h264(pixels: np.ndarray, crf: int) -> np.ndarray:
    """A clip of one frame; chroma is halved, so odd sides are padded for the time being."""
    height, width = pixels.shape[:2]
    even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    packed = io.BytesIO()
    with av.open(packed, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width = even.shape[:2]
        stream.pix_fmt = "yuv420p"
        # One thread: the bytes shall not depend on the number of processors.
        stream.options = {"crf": str(crf), "preset": "veryfast", "threads": "1"}
        container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode())
    packed.seek(0)
    with av.open(packed, "r") as container:
        frame = next(container.decode(video=0))
        return np.asarray(frame.to_ndarray(format="rgb24"))[:height, :width]


@dataclass(frozen=True)
class RealCamera:
    """From light to the values of an image.

    Attributes:
        sensor: photon and read noise.
        tone: response curve; None: sRGB's.
        compression: None: stored as it is.
    """

    sensor: Sensor
    tone: ToneCurve | None = None
    compression: Compression | None = None

    @staticmethod
    def draw(mix: Mix, sensor: Sensor) -> RealCamera:
        """The camera of one photo and its background.

        Args:
            mix: what is in the photo.
            sensor: the one to use where no other is in the mix.
        """
        tone = compression = None
        if "noise" in mix:
            rng, strength = mix.rng("noise"), mix.strength("noise")
            sensor = Sensor(
                full_well=float(np.exp(rng.uniform(np.log(700), np.log(6000)))) / strength**2,
                read_noise=float(rng.uniform(0.002, 0.006)) * strength,
            )
        if "tone" in mix:
            rng, strength = mix.rng("tone"), mix.strength("tone")
            contrast = float(np.clip(strength * rng.uniform(-0.2, 0.4), -0.6, 0.8))
            tone = ToneCurve(float(np.exp(strength * rng.uniform(-0.12, 0.12))), contrast)
        if "compression" in mix:
            compression = _draw_compression(mix.rng("compression"), mix.strength("compression"))
        return RealCamera(sensor, tone, compression)

    def take(
        self,
        linear: Float[Tensor, "3 H W"],
        generator: torch.Generator,
        frames: int = 1,
        gamma: float = 1.0,
    ) -> Float[Tensor, "3 H W"]:
        """Turn light into an image.

        Args:
            linear: light, 1 is white.
            generator: source of the noise.
            frames: images averaged before they are stored.
            gamma: of this image alone, on encoded values.

        Returns:
            Encoded values in [0, 1], 8 bits.
        """
        if self.tone is None and gamma == 1.0:
            image = self.sensor.expose(linear, generator, frames)
        else:
            raw = Sensor(self.sensor.full_well, self.sensor.read_noise, bits=0)
            encoded = raw.expose(linear, generator, frames)
            curved = encoded if self.tone is None else self.tone(encoded)
            image = (curved.clamp(0.0, 1.0) ** gamma * _LEVELS).round() / _LEVELS
        return image if self.compression is None else self.compression(image)


def _draw_compression(rng: np.random.Generator, strength: float) -> Compression:
    if rng.random() < 0.5:
        return Compression(
            "jpeg", round(float(np.clip(100 - strength * rng.uniform(5, 40), 5, 100)))
        )
    return Compression("h264", round(float(np.clip(strength * rng.uniform(20, 32), 1, 51))))


def shifted(image: Float[Tensor, "C H W"], flow: Float[Tensor, "2 H W"]) -> Float[Tensor, "C H W"]:
    """The image whose pixels show what was `flow` away, bicubic, edges repeated.

    Args:
        image: any.
        flow: along x and y, px.
    """
    height, width = image.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    where = torch.stack([(x + flow[0] + 0.5) / width, (y + flow[1] + 0.5) / height], dim=-1)
    moved = grid_sample(
        image[None], 2 * where[None].to(image) - 1, "bicubic", "border", align_corners=False
    )
    # Bicubic interpolation overshoots at edges; light does not.
    return moved[0].clamp(float(image.min()), float(image.max()))


def shake_flow(mix: Mix, height: int, width: int) -> Float[Tensor, "2 H W"]:
    """How the background's camera stood otherwise than the photo's: a shift and a tiny roll, px."""
    rng, strength = mix.rng("shake"), mix.strength("shake")
    length, angle = strength * float(rng.uniform(0.2, 0.6)), float(rng.uniform(0, 2 * np.pi))
    roll = strength * float(rng.normal(0.0, 0.0004))
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack(
        [
            length * np.cos(angle) - roll * (y - height / 2),
            length * np.sin(angle) + roll * (x - width / 2),
        ]
    ).float()


def leaf_flow(
    rng: np.random.Generator, mask: Float[np.ndarray, "H W"], amplitude: float
) -> Float[Tensor, "2 H W"]:
    """A random displacement of leaves and grass, px.

    Args:
        rng: source of randomness.
        mask: where they are, 0 to 1.
        amplitude: standard deviation, px.
    """
    fields = []
    for _ in range(2):
        field = gaussian_filter(rng.normal(size=mask.shape), 4.0)
        fields.append(amplitude * mask * field / field.std())
    return torch.from_numpy(np.stack(fields).astype(np.float32))
