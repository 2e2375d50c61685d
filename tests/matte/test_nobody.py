"""Why nobody was found: each cause in its own words."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from hfb.errors import NoPersonError
from hfb.formation import linear_to_srgb, srgb_to_linear
from hfb.matte import foreground_mask, nobody_found

SIZE = 160


def scene(seed=0):
    """A wall with patches of some contrast."""
    generator = torch.Generator().manual_seed(seed)
    coarse = 0.25 + 0.5 * torch.rand(1, 3, 20, 20, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(SIZE, SIZE), mode="bilinear")[0]


def person(image, colour, height=90):
    image = image.clone()
    image[:, 40 : 40 + height, 70 : 70 + max(1, height // 3)] = colour
    return image


def jpeg(image):
    pixels = (image.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    decoded = np.asarray(Image.open(file)).copy()
    return torch.from_numpy(decoded).permute(2, 0, 1) / 255


def noisy(image, sigma, seed):
    generator = torch.Generator().manual_seed(seed)
    return (image + sigma / 255 * torch.randn(image.shape, generator=generator)).clamp(0, 1)


def brighter(image, gain):
    return linear_to_srgb((gain * srgb_to_linear(image)).clamp(0, 1))


BLACK, WHITE = torch.zeros(3, SIZE, SIZE), torch.ones(3, SIZE, SIZE)
FAINT = scene()[:, 40:130, 70:100] + 7 / 255
CASES = {
    "100 % of both images is black, where a dark person": (person(BLACK, 0.01), BLACK),
    "100 % of both images is white, where a bright person": (person(WHITE, 0.99), WHITE),
    "noise of 1.*/255 between photo and background": (noisy(scene(), 95, 1), noisy(scene(), 95, 2)),
    "what differs, . x . px of 160 x 160, is too small": (person(scene(), 1.0, 4), scene()),
    "the same picture": (scene(), scene() + 1e-4),
    "nothing differs by more than [1-9]/255: one picture saved twice": (jpeg(scene()), scene()),
    "differ nearly everywhere .* the photo is 1.5. times as bright": (
        brighter(scene(), 1.5),
        scene(),
    ),
    "differ nearly everywhere .* the camera has moved": (scene().roll((7, 9), (1, 2)), scene()),
    "or a person in the colours of the background": (person(scene(), FAINT), scene()),
}


@pytest.mark.parametrize("message", CASES)
def test_every_cause_has_its_own_words(message):
    image, background = CASES[message]
    error = nobody_found(image, background)
    assert isinstance(error, NoPersonError)
    with pytest.raises(NoPersonError, match=rf"no person found: .*{message}"):
        raise error
    assert "\n" not in str(error)


def test_where_the_images_are_in_order_the_search_has_the_word():
    image = person(scene(), torch.tensor([0.9, 0.1, 0.1])[:, None, None])
    assert "no person found: no head." in str(nobody_found(image, scene(), "no head"))


@pytest.mark.parametrize("sigma", [18, 30])
def test_a_person_in_strong_noise_is_found(sigma):
    image = person(scene(), torch.tensor([0.95, 0.1, 0.1])[:, None, None])
    mask = foreground_mask(noisy(image, sigma, 1), noisy(scene(), sigma, 2))
    truth = torch.zeros_like(mask)
    truth[40:130, 70:100] = True
    assert (mask & truth).sum() > 0.9 * truth.sum()
    assert (mask & ~truth).sum() < 0.7 * truth.sum()


def test_noise_alone_is_nobody():
    assert not foreground_mask(noisy(scene(), 18, 1), noisy(scene(), 18, 2)).any()
