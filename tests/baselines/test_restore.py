"""Classical restoration on a known blur: a square that moves along a line."""

import numpy as np
import pytest
import torch

from hfb.baselines import RestoreSettings, restore_subframes
from hfb.baselines.restoration.deconvolution import deblur, line_kernel
from hfb.baselines.restoration.motion import motion_from_flow, motion_from_matte
from hfb.baselines.restoration.subframes import move
from hfb.errors import InputError
from hfb.formation import linear_to_srgb
from hfb.structures import BlurSample

SIDE, SIZE = 30, 96
SETTINGS = RestoreSettings(num_subframes=3, max_length=0.5)


def _square(x, y):
    """Cover of pixels by a square with fractional borders."""

    def line(start):
        pixels = np.arange(SIZE)
        return np.clip(np.minimum(pixels + 1, start + SIDE) - np.maximum(pixels, start), 0, 1)

    return np.outer(line(y), line(x))


def _matte(motion, centre=(33.0, 33.0), count=64):
    shares = (np.arange(count) + 0.5) / count - 0.5
    frames = [_square(centre[0] + s * motion[0], centre[1] + s * motion[1]) for s in shares]
    return np.mean(frames, 0)


def _colours(generator, coarse):
    coarse = torch.rand(1, 3, coarse, coarse, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")[0]


def _sample(motions, generator, start=(22.0, 33.0), coarse=24):
    """Photos of a textured square; between two photos it moves as far as within one."""
    texture, wall = _colours(generator, coarse), _colours(generator, coarse)
    photos, mattes, place = [], [], np.array(start)
    for motion in motions:
        layers = np.zeros((SIZE, SIZE, 4))
        for share in (np.arange(48) + 0.5) / 48:
            x, y = place + share * np.array(motion)
            cover = _square(x, y)[..., None]
            shift = np.broadcast_to([x - 33, y - 33], (SIZE, SIZE, 2))
            layers[..., :3] += cover * move(texture.permute(1, 2, 0).numpy(), shift) / 48
            layers[..., 3:] += cover / 48
        place = place + 2 * np.array(motion)
        seen = torch.from_numpy(layers).permute(2, 0, 1).float()
        photos.append(linear_to_srgb(seen[:3] + (1 - seen[3:]) * wall))
        mattes.append(seen[3:])
    opening = torch.arange(len(motions)) * 2.0
    exposure = torch.stack([opening, opening + 1], 1)
    sample = BlurSample("square", torch.stack(photos), linear_to_srgb(wall), exposure=exposure)
    return sample, torch.stack(mattes)


@pytest.mark.parametrize("motion", [(0.0, 0.0), (5.0, 0.0), (0.0, -3.0), (2.5, 1.5)])
def test_line_kernel_has_its_motion_as_its_extent(motion):
    kernel = line_kernel(np.array(motion))
    assert kernel.sum() == pytest.approx(1.0)
    half = len(kernel) // 2
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    assert (kernel * x).sum() == pytest.approx(0, abs=1e-9)
    assert (kernel * y).sum() == pytest.approx(0, abs=1e-9)
    # A line of length L has variance L²/12; interpolation adds up to 1/4 px² on each axis.
    for axis, length in ((x, motion[0]), (y, motion[1])):
        assert (kernel * axis**2).sum() == pytest.approx(length**2 / 12, abs=0.26)


@pytest.mark.parametrize("motion", [(9.0, 0.0), (0.0, 8.0), (7.0, 5.0)])
def test_motion_is_read_off_the_matte(motion):
    matte = _matte(motion)
    field = motion_from_matte(matte, RestoreSettings(max_length=0.5))
    found = np.average(field.reshape(-1, 2), axis=0, weights=matte.ravel())
    sign = np.sign(found @ np.array(motion))
    length = np.hypot(*motion)
    assert np.hypot(*(sign * found - motion)) < 0.3 * length


def test_a_sharp_matte_does_not_move():
    field = motion_from_matte(_matte((0.0, 0.0)), SETTINGS)
    assert np.hypot(field[..., 0], field[..., 1]).max() < 1.5


def test_deconvolution_brings_the_matte_back():
    matte, truth = _matte((8.0, 0.0)), _square(33, 33)
    field = np.broadcast_to([8.0, 0.0], (SIZE, SIZE, 2)).copy()
    layers = np.stack([0.3 * matte, matte], -1)
    sharp = deblur(layers, field, RestoreSettings(num_iterations=20))
    before, after = np.abs(matte - truth).sum(), np.abs(sharp[..., 1] - truth).sum()
    assert after < 0.45 * before
    assert (sharp[..., 0] <= sharp[..., 1] + 1e-9).all()


def test_flow_between_photos_tells_direction_and_length(generator):
    sample, alpha = _sample([(4.0, 0.0), (4.0, 0.0)], generator, coarse=12)
    mattes = [frame[0].double().numpy() for frame in alpha]
    for field, matte in zip(motion_from_flow(sample, mattes, SETTINGS), mattes, strict=True):
        found = np.average(field.reshape(-1, 2), axis=0, weights=matte.ravel())
        assert found == pytest.approx([4.0, 0.0], abs=1.0)


def test_restored_subframes_are_closer_to_the_truth_than_the_photo(generator):
    sample, alpha = _sample([(8.0, 0.0)], generator)
    restored = restore_subframes(sample, alpha, SETTINGS)[0]
    assert restored.shape == (3, 3, SIZE, SIZE)
    # The middle sub-frame is the photo of the square at rest where the motion is half over.
    still, _ = _sample([(0.0, 0.0)], torch.Generator().manual_seed(0), start=(26.0, 33.0))
    truth = still.blurry[0]
    errors = [float((p - truth).square().mean()) for p in (restored[1], sample.blurry[0])]
    assert errors[0] < 0.8 * errors[1]
    # And the square moves along the blur, by a third of it each time.
    change = [(image - sample.background).abs().sum((0, 1)) for image in restored]
    centres = [float((c * torch.arange(SIZE)).sum() / c.sum()) for c in change]
    steps = np.abs(np.diff(centres))
    assert steps == pytest.approx([8 / 3, 8 / 3], abs=1.5)
    assert (centres[1] - centres[0]) * (centres[2] - centres[1]) > 0


def test_faults(generator):
    sample, alpha = _sample([(4.0, 0.0)], generator)
    with pytest.raises(InputError, match="nobody to restore"):
        restore_subframes(sample, torch.zeros_like(alpha), SETTINGS)
    with pytest.raises(InputError, match="tile"):
        RestoreSettings(tile=0.0)
    with pytest.raises(InputError, match="whole number from 1"):
        RestoreSettings(num_subframes=0)
