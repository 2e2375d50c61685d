import math

import numpy as np
import pytest

from hfb.init.detect.decoding import (
    decode_detections,
    detector_anchors,
    refine_with_heatmap,
    roi_from_points,
    roi_matrix,
    rotate_world,
    sigmoid,
)
from hfb.init.detect.landmarks import (
    FLIP,
    LANDMARK_NAMES,
    LEG_LANDMARKS,
    Landmarks,
    mirror_landmarks,
    swap_sides,
)


def make_landmarks(rng):
    return Landmarks(
        xy=rng.uniform(0, 100, (33, 2)),
        world=rng.normal(size=(33, 3)),
        visibility=rng.uniform(size=33),
        score=0.9,
        roi=(40.0, 50.0, 80.0, 0.3),
        next_roi=(41.0, 52.0, 85.0, -0.2),
    )


def test_anchors_are_the_cell_centres_of_five_layers():
    anchors = detector_anchors()
    # 28² and 14² cells with 2 anchors, 7² cells with 6
    assert len(anchors) == 2 * 28**2 + 2 * 14**2 + 6 * 7**2 == 2254
    np.testing.assert_allclose(anchors[0], [0.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(anchors[2], [1.5 / 28, 0.5 / 28])
    np.testing.assert_allclose(anchors[2 * 28**2 + 2 * 14], [0.5 / 14, 1.5 / 14])
    np.testing.assert_allclose(anchors[-1], [6.5 / 7, 6.5 / 7])


def test_sigmoid_survives_large_values():
    np.testing.assert_allclose(sigmoid(np.array([-1e6, 0.0, 1e6])), [0, 0.5, 1], atol=1e-30)


def test_detections_decode_to_the_anchor_plus_offset():
    boxes = np.zeros((2254, 12), np.float32)
    logits = np.full(2254, -20.0, np.float32)
    # one person at the first anchor: centre 11.2 px right of it, hip 22.4 px, top 22.4 px above hip
    boxes[0] = [11.2, 0, 56, 112, 22.4, 0, 22.4, -22.4, 0, 0, 0, 0]
    logits[0] = 3.0
    (person,) = decode_detections(boxes, logits, 0.5)
    anchor = detector_anchors()[0]
    assert person.score == pytest.approx(1 / (1 + math.exp(-3)))
    np.testing.assert_allclose(person.hip, anchor + np.array([0.1, 0.0]), atol=1e-6)
    np.testing.assert_allclose(person.top, anchor + np.array([0.1, -0.1]), atol=1e-6)


def test_overlapping_boxes_are_one_person_and_distant_ones_two():
    boxes = np.zeros((2254, 12), np.float32)
    boxes[:, 2:4] = 112
    logits = np.full(2254, -20.0, np.float32)
    logits[[0, 1]] = [2.0, 0.0]  # the same cell
    boxes[1, 4:6] = 22.4
    logits[2 * 28 * 28 - 1] = 1.0  # the opposite corner
    first, second = decode_detections(boxes, logits, 0.4)
    assert first.score > second.score
    share = (1 / 2) / (1 / 2 + 1 / (1 + math.exp(-2)))
    np.testing.assert_allclose(first.hip - detector_anchors()[0], share * 0.1, atol=1e-6)


def test_no_detections_below_the_score():
    assert decode_detections(np.zeros((2254, 12)), np.full(2254, -9.0), 0.3) == []


def test_roi_matrix_maps_the_centre_and_turns_clockwise():
    matrix = roi_matrix((100.0, 60.0, 50.0, math.pi / 2), 256)
    np.testing.assert_allclose(matrix @ [128, 128, 1], [100, 60], atol=1e-9)
    # the crop's right edge points down in the image, its upper edge to the right
    np.testing.assert_allclose(matrix @ [256, 128, 1], [100, 85], atol=1e-9)
    np.testing.assert_allclose(matrix @ [128, 0, 1], [125, 60], atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0, 3.0])
def test_roi_from_points_turns_the_body_upright(angle):
    top = np.array([30.0, 40.0]) + 20 * np.array([math.sin(angle), -math.cos(angle)])
    x, y, side, found = roi_from_points(np.array([30.0, 40.0]), top)
    assert (x, y) == (30.0, 40.0)
    assert side == pytest.approx(2 * 20 * 1.25)
    assert found == pytest.approx(angle)
    # in the crop, the top is straight above the centre
    matrix = np.vstack([roi_matrix((x, y, side, found), 256), [0, 0, 1]])
    in_crop = np.linalg.solve(matrix, [*top, 1])
    np.testing.assert_allclose(in_crop[:2], [128, 128 - 20 / 50 * 256], atol=1e-6)


def test_heatmap_moves_a_landmark_to_the_centre_of_mass():
    logits = np.full((64, 64, 2), -30.0)
    logits[20, 31, 0] = 5.0  # alone in the window: its own place
    logits[40, [10, 12], 1] = -1.0  # below one half: not confident
    xy = np.array([[30 * 4.0, 21 * 4.0], [44.0, 160.0]])
    refined = refine_with_heatmap(xy, logits)
    np.testing.assert_allclose(refined[0], [31 * 4, 20 * 4], atol=1e-6)
    np.testing.assert_allclose(refined[1], xy[1])


def test_heatmap_leaves_landmarks_outside_the_crop():
    xy = np.array([[-3.0, 5.0], [256.0, 5.0]])
    np.testing.assert_allclose(refine_with_heatmap(xy, np.full((64, 64, 2), 9.0)), xy)


def test_world_landmarks_turn_with_the_crop():
    # what points up in a crop that is turned by 90 degrees clockwise points right in the image
    turned = rotate_world(np.array([[0.0, -1.0, 0.5]]), math.pi / 2)
    np.testing.assert_allclose(turned, [[1.0, 0.0, 0.5]], atol=1e-12)


def test_flip_exchanges_left_and_right_names():
    for index, name in enumerate(LANDMARK_NAMES):
        swapped = name.replace("left", "#").replace("right", "left").replace("#", "right")
        assert LANDMARK_NAMES[FLIP[index]] == swapped


def test_mirroring_twice_changes_nothing():
    landmarks = make_landmarks(np.random.default_rng(0))
    twice = mirror_landmarks(mirror_landmarks(landmarks, 200), 200)
    np.testing.assert_allclose(twice.xy, landmarks.xy)
    np.testing.assert_allclose(twice.world, landmarks.world)
    assert twice.roi == pytest.approx(landmarks.roi)
    once = mirror_landmarks(landmarks, 200)
    np.testing.assert_allclose(once.xy[11], [200 - landmarks.xy[12, 0], landmarks.xy[12, 1]])


def test_swapped_sides_keep_the_outline_and_reverse_depth():
    landmarks = make_landmarks(np.random.default_rng(1))
    swapped = swap_sides(landmarks)
    np.testing.assert_allclose(swapped.xy[25], landmarks.xy[26])
    np.testing.assert_allclose(swapped.world[25], landmarks.world[26] * [1, 1, -1])
    legs = swap_sides(landmarks, legs_only=True)
    np.testing.assert_allclose(legs.xy[:25], landmarks.xy[:25])
    np.testing.assert_allclose(legs.xy[LEG_LANDMARKS], swapped.xy[LEG_LANDMARKS])
