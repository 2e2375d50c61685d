"""What `page.json` keeps of a sample: the pictures, and a body that is the one that was found."""

import base64
import io
import json
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import hfb
from hfb.export.rig import JointMotion, Skeleton, joint_transforms
from hfb.motion import subframe_times
from hfb.report.page import CARD_NAME
from hfb.report.page.card import evenly_spread, joined_curves, read_card
from hfb.report.page.photo_view import MOST_FRAMES, PICTURE_SIZE, frames_of_photos


@pytest.fixture(scope="module")
def card(saved: Path) -> dict:
    (folder,) = (saved / "samples").iterdir()
    found = read_card(folder / CARD_NAME)
    assert found is not None
    return found


def unpacked(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.dtype(kind).newbyteorder("<"))


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_there_is_a_picture_for_each_time(card: dict, fit: hfb.Fit) -> None:
    assert len(card["frames"]) == MOST_FRAMES
    opening, closing = fit.result.item.sample.exposure[0].tolist()
    step = 1000 * (closing - opening) / MOST_FRAMES
    times = [frame["time_ms"] for frame in card["frames"]]
    np.testing.assert_allclose(np.diff(times), step, atol=2e-3)
    first, last = (pixels(card["frames"][k]["image"]) for k in (0, -1))
    _, _, width, height = card["photos"][0]["inside"]
    assert first.shape == (height, width, 3)
    assert max(height, width) <= PICTURE_SIZE
    assert width < PICTURE_SIZE, "the square reaches over the edges of the photo"
    assert np.abs(first.astype(int) - last).max() > 40, "the person moves"


def test_the_body_of_the_page_is_the_body_that_was_found(card: dict, fit: hfb.Fit) -> None:
    body, surface = card["body"], card["surfaces"][card["surface"]]
    rest = torch.tensor(body["rest_joints"], dtype=torch.float64)
    skeleton = Skeleton(tuple(surface["names"]), tuple(surface["parents"]), rest)
    quats = unpacked(body["turns"], "i2").reshape(MOST_FRAMES, 24, 4) * body["turn_step"]
    turns = torch.from_numpy(rotations(quats))
    roots = torch.tensor(body["roots"], dtype=torch.float64)
    times = torch.arange(MOST_FRAMES, dtype=torch.float64)
    _, joints = joint_transforms(skeleton, JointMotion(times, turns, roots))
    expected = fit.joints(subframe_times(MOST_FRAMES)) * torch.tensor([1.0, -1.0, -1.0])
    np.testing.assert_allclose(joints, expected, atol=1e-3)  # a millimetre


def rotations(quats: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quats.reshape(-1, 4)).as_matrix().reshape(*quats.shape[:2], 3, 3)


def test_joint_paths_lie_on_the_joints_in_the_crop(card: dict, fit: hfb.Fit) -> None:
    x0, y0, size = card["photos"][0]["box"]
    camera, joints = fit.camera, fit.joints(subframe_times(MOST_FRAMES))
    places = joints[..., :2] / joints[..., 2:] * camera.focal + camera.principal_point
    expected = PICTURE_SIZE * (places - torch.tensor([x0, y0])) / size
    np.testing.assert_allclose(card["photos"][0]["paths"], expected, atol=1.0)


def test_the_files_beside_it_are_named(card: dict) -> None:
    assert {"mesh.glb", "motion.bvh", "motion.npz", "subframes.mp4"} < set(card["files"])


def test_numbers_come_with_how_sure_they_are(card: dict) -> None:
    rows = {row["name"]: row for row in card["numbers"]}
    psnr = rows["re-blur PSNR in the person's box"]
    assert psnr["value"].endswith(" dB")
    assert "the empty background has" in psnr["sure"]
    error = rows["joint error, better direction of time"]
    assert error["start"].endswith(" mm")
    assert "true motion" in error["sure"]
    assert rows["focal length"]["sure"] == "given"
    assert all(row["sure"] for row in card["numbers"])
    assert "does not tell a motion from its reverse" in card["notes"][0]


def test_the_curves_add_up(card: dict) -> None:
    curves = card["curves"]
    assert curves["step"] == list(range(1, 10))
    terms = [name for name in curves if name not in ("step", "total")]
    assert {"image", "matting"} <= set(terms)
    for k, total in enumerate(curves["total"]):
        added = sum(curves[name][k] or 0.0 for name in terms)
        assert added == pytest.approx(total, rel=2e-3)


def test_long_curves_are_thinned_and_photos_added() -> None:
    one = {"total": [float(k) for k in range(1000)], "gone": [float("nan")] * 1000}
    joined = joined_curves([one, one])
    assert len(joined["step"]) == 200
    assert joined["step"][-1] == 1000
    assert joined["total"][-1] == 1998.0
    assert joined["gone"] == [None] * 200
    assert joined_curves([]) == {}


def test_pictures_of_many_photos_are_bounded() -> None:
    assert frames_of_photos(1) == 16
    assert frames_of_photos(12) == 4
    assert frames_of_photos(40) == 2
    assert evenly_spread(100, 3) == [0, 50, 99]
    assert evenly_spread(2, 3) == [0, 1]


def test_a_damaged_card_is_none(tmp_path: Path) -> None:
    path = tmp_path / CARD_NAME
    assert read_card(path) is None
    path.write_text('{"version": 1')
    assert read_card(path) is None
    path.write_text(json.dumps({"version": 99}))
    assert read_card(path) is None
