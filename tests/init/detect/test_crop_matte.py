"""The matte in the crops that the landmark network was given."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from detector_outputs import random_output

from hfb.init.detect.crop_matte import coarse_matte, matte_in_crop, with_matte
from hfb.init.detect.detector_output import in_cells
from hfb.init.detect.landmarks import Landmarks


def test_cells_hold_means():
    values = np.zeros((256, 256))
    values[8:16, 240:248] = 1.0
    values[0:4, 0:8] = 1.0
    cells = in_cells(values)
    assert cells.shape == (32, 32)
    assert (cells[1, 30], cells[0, 0]) == (1.0, 0.5)
    assert cells.sum() == 1.5


def test_a_crop_sees_its_part_of_the_matte_and_nobody_outside_the_image():
    alpha = np.zeros((100, 200))
    alpha[:, 150:] = 1.0
    cells = matte_in_crop(alpha, (150.0, 50.0, 100.0, 0.0))
    assert cells[16, 4] == pytest.approx(0.0, abs=0.01)
    assert cells[16, 28] == pytest.approx(1.0, abs=0.01)
    beyond = matte_in_crop(alpha, (200.0, 50.0, 100.0, 0.0))
    assert beyond[16, 8] == pytest.approx(1.0, abs=0.01)
    assert beyond[16, 24] == pytest.approx(0.0, abs=0.01)
    # A crop turned by a right angle sees the right half below or above.
    turned = matte_in_crop(alpha, (150.0, 50.0, 100.0, np.pi / 2))
    assert abs(turned[4, 16] - turned[28, 16]) == pytest.approx(1.0, abs=0.02)


def test_mirrored_outputs_get_the_mirrored_matte():
    alpha = np.zeros((100, 200))
    alpha[:, :60] = 1.0
    here = random_output(0, roi=(50.0, 50.0, 100.0, 0.0), matte=None)
    there = replace(here, roi=(150.0, 50.0, 100.0, 0.0), mirrored_width=200)
    blank, roi = np.zeros((33, 3)), (0.0, 0.0, 1.0, 0.0)
    guess = Landmarks(blank[:, :2], blank, blank[:, 0], 1.0, roi, roi, outputs=(here, there))
    (seen,) = with_matte([guess], alpha)
    assert seen.outputs[0].matte is not None
    here_cells, there_cells = (output.matte[2:-2, 2:-2] for output in seen.outputs)
    assert here_cells.std() > 0.3
    assert np.abs(there_cells - here_cells[:, ::-1]).mean() < 0.02


def test_the_quick_matte_finds_what_differs_from_the_background():
    generator = torch.Generator().manual_seed(0)
    background = 0.5 + 0.1 * torch.rand(3, 300, 240, generator=generator)
    image = background.clone()
    image[:, 80:220, 90:150] = torch.tensor([0.9, 0.2, 0.1])[:, None, None]
    alpha = coarse_matte(image, background)
    assert alpha.shape == (300, 240)
    assert alpha[100:200, 100:140].mean() > 0.9
    assert alpha[:60].mean() < 0.02
