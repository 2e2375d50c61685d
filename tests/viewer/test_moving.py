"""What the viewer reads of a run is the body that was found."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hfb
from hfb.errors import InputError
from hfb.motion import subframe_times
from hfb.report.page import CARD_NAME, read_card
from hfb.report.page.packing import picture
from hfb.viewer.moving import Moving, read_moving, samples_of, whole_photo

CAMERA_TO_GLTF = np.array([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def moving(run: Path) -> Moving:
    (sample,) = samples_of(run)
    return read_moving(run, sample)


def test_it_is_the_body_that_was_found(moving: Moving, fit: hfb.Fit) -> None:
    times = subframe_times(len(moving.times_ms))
    joints = fit.joints(times).numpy() * CAMERA_TO_GLTF
    np.testing.assert_allclose(moving.joints, joints, atol=2e-3)
    assert moving.verts.shape[1] == len(moving.colours) > 6890, "seams are split"
    # Vertices of the mesh stand where the body's are: compare the ends of the body.
    verts = fit.vertices(times).numpy() * CAMERA_TO_GLTF
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(moving.verts, 1), end(verts, 1), atol=0.03)
    assert moving.faces.max() == len(moving.colours) - 1


def test_the_start_is_the_one_of_the_fit(moving: Moving, fit: hfb.Fit) -> None:
    estimate = fit.result.item.estimate
    wanted = fit.body.joints(estimate.params()).numpy() * CAMERA_TO_GLTF
    (start,) = moving.starts
    np.testing.assert_allclose(start, wanted, atol=1e-4)


def test_the_camera_sees_the_height_of_the_photo(moving: Moving, fit: hfb.Fit) -> None:
    camera = fit.camera
    height = 2 * np.tan(moving.vertical_view / 2) * float(camera.focal[1])
    assert height == pytest.approx(camera.height)
    (photo,) = moving.photos
    aspect = camera.width / camera.height
    assert photo.shape[1] / photo.shape[0] == pytest.approx(aspect, rel=0.01)
    small = Image.fromarray(photo).resize((camera.width, camera.height))
    original = fit.result.item.sample.blurry[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(np.asarray(small) - original).mean() < 6


def test_later_photos_are_put_where_the_person_is(run: Path) -> None:
    (sample,) = samples_of(run)
    card = read_card(run / "samples" / sample / CARD_NAME)
    _, _, width, height = card["photos"][0]["inside"]
    red = picture(torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, height, width))
    photos = [card["photos"][0], {**card["photos"][0], "photo": red}]
    changed = card | {"photos": photos}
    first, second = (whole_photo(changed, k).astype(int) for k in (0, 1))
    is_red = (second[..., 0] > 200) & (second[..., 1] < 60)
    rows, columns = np.nonzero(is_red)
    x0, y0, size = card["photos"][0]["box"]
    scale = first.shape[1] / card["size"][0]
    assert columns.min() == pytest.approx(scale * max(x0, 0), abs=2)
    assert rows.max() == pytest.approx(scale * min(y0 + size, card["size"][1]), abs=2)
    assert (first == second)[~is_red].mean() > 0.99


def test_runs_that_cannot_be_shown(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no finished sample"):
        samples_of(tmp_path)
    (sample,) = samples_of(run)
    path = tmp_path / "samples" / sample / CARD_NAME
    path.parent.mkdir(parents=True)
    card = json.loads((run / "samples" / sample / CARD_NAME).read_text())
    for changes, part in (
        ({"body": None}, "finds no body"),
        ({"version": 0}, "another version"),
        ({"body": {**card["body"], "turns": "?"}}, "is damaged"),
        ({"body": {}}, "finds no body"),
        ({"frames": card["frames"][1:]}, "is damaged"),
    ):
        path.write_text(json.dumps(card | changes))
        with pytest.raises(InputError, match=part):
            read_moving(tmp_path, sample)


def test_runs_without_a_start_are_shown(moving: Moving, run: Path, tmp_path: Path) -> None:
    (sample,) = samples_of(run)
    card = json.loads((run / "samples" / sample / CARD_NAME).read_text())
    del card["photos"][0]["start_joints"]
    path = tmp_path / "samples" / sample / CARD_NAME
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(card))
    found = read_moving(tmp_path, sample)
    assert found.starts == (None,)
    np.testing.assert_array_equal(replace(found, starts=moving.starts).verts, moving.verts)
