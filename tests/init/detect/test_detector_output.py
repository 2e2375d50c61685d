"""What a detector says of each landmark: whose side it is on, how sharp its heat is."""

import numpy as np
from detector_outputs import random_output

from hfb.init.detect.detector_output import heat_widths
from hfb.init.detect.landmarks import Landmarks, swap_sides


def test_swapped_landmarks_swap_their_readings():
    output = random_output(6)
    found = Landmarks(
        xy=output.points[:33, :2],
        world=output.world[:33],
        visibility=np.ones(33),
        score=1.0,
        roi=output.roi,
        next_roi=output.roi,
        outputs=(output,),
    )
    swapped = swap_sides(found).outputs[0]
    np.testing.assert_array_equal(swapped.points[11, :2], output.points[12, :2])
    np.testing.assert_array_equal(swapped.world[11], output.world[12] * [1, 1, -1])
    np.testing.assert_array_equal(swap_sides(swap_sides(found)).outputs[0].world, output.world)


def test_heat_widths_of_known_maps():
    flat = np.full((64, 64), -20.0)
    box = flat.copy()
    box[20:24, 10:30] = 8.0
    widths = heat_widths(np.stack([flat, box], -1))
    assert widths[0, 0] < 0.01
    np.testing.assert_allclose(widths[1, 0], 1.0 / (1.0 + np.exp(-8.0)), rtol=1e-5)
    # Standard deviation of n equal cells: sqrt((n^2 - 1) / 12).
    np.testing.assert_allclose(widths[1, 1] * 64, np.sqrt((20**2 - 1) / 12), rtol=1e-4)
    np.testing.assert_allclose(widths[1, 2] * 64, np.sqrt((4**2 - 1) / 12), rtol=1e-4)
