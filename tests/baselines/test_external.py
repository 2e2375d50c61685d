"""Folders with other programs' results."""

import numpy as np
import pytest
import torch

from hfb.baselines import read_external, read_subframe_masks, subframe_name
from hfb.body import load_body
from hfb.errors import InputError, NoPersonError
from hfb.export import write_image
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.structures import BlurSample, Camera, InitialEstimate

HEIGHT, WIDTH = 12, 10


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture
def sample():
    exposure = torch.tensor([[0.0, 0.02], [0.04, 0.06]])
    camera = Camera(torch.tensor([20.0, 20.0]), torch.tensor([5.0, 6.0]), HEIGHT, WIDTH)
    return BlurSample(
        "jump",
        torch.zeros(2, 3, HEIGHT, WIDTH),
        torch.zeros(3, HEIGHT, WIDTH),
        camera=camera,
        exposure=exposure,
    )


def _arrays(rows=6):
    poses = np.zeros((rows, 72), np.float32)
    poses[:, 3] = np.linspace(0, 0.5, rows)
    trans = np.stack([np.arange(rows), np.zeros(rows), np.full(rows, 4.0)], 1)
    return {
        "poses": poses,
        "trans": trans.astype(np.float32),
        "betas": np.zeros((rows, 10), np.float32),
        "frame_ids": np.repeat([0, 1], rows // 2),
    }


def _write(root, **changes):
    path = root / "jump" / "poses.hfbinit.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {k: v for k, v in (_arrays() | changes).items() if v is not None}
    np.savez(path, **arrays)
    return path


def never(*args):
    raise AssertionError("poses need no initialiser")


def test_poses_at_equal_parts_of_each_exposure(tmp_path, sample, body):
    _write(tmp_path)
    first, second = read_external(tmp_path, sample, body, never)
    assert torch.allclose(first.track.times, torch.tensor([1 / 6, 0.5, 5 / 6]).double())
    assert first.track.transl[:, 0].tolist() == [0, 1, 2]
    assert second.track.transl[:, 0].tolist() == [3, 4, 5]
    angle = rotmat_to_rotvec(second.track.pose_rotmat[:, 1])[:, 0]
    assert angle.tolist() == pytest.approx([0.3, 0.4, 0.5], abs=1e-5)
    assert first.camera.focal.tolist() == [20.0, 20.0]


def test_timestamps_decide_and_put_in_order(tmp_path, sample, body):
    stamps = np.array([0.015, 0.0, 0.005, 0.05, 0.04, 0.06])
    _write(tmp_path, timestamps=stamps)
    first, second = read_external(tmp_path, sample, body, never)
    assert first.track.times.tolist() == pytest.approx([0.0, 0.25, 0.75])
    assert first.track.transl[:, 0].tolist() == [1, 2, 0]
    assert second.track.times.tolist() == pytest.approx([0.0, 0.5, 1.0], abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"trans": np.full((6, 3), np.nan, np.float32)}, "trans holds values that are not finite"),
        ({"poses": np.zeros((6, 63), np.float32)}, "63 numbers"),
        ({"frame_ids": np.zeros(6, int)}, "must name the 2 photo"),
        ({"frame_ids": np.zeros(5, int)}, "frame_ids must be 6 numbers, one a pose"),
        ({"timestamps": np.zeros(6)}, "same timestamp"),
        ({"timestamps": np.array(["a"] * 6)}, "timestamps does not hold numbers"),
        ({"betas": None}, "lacks betas"),
        ({"poses": np.array([None] * 6, dtype=object)}, "pickle"),
    ],
)
def test_hostile_files(tmp_path, sample, body, changes, match):
    _write(tmp_path, **changes)
    with pytest.raises(InputError, match=match) as caught:
        read_external(tmp_path, sample, body, never)
    assert "\n" not in str(caught.value)


def test_missing_and_truncated_files(tmp_path, sample, body):
    with pytest.raises(InputError, match="no folder"):
        read_external(tmp_path / "nowhere", sample, body, never)
    with pytest.raises(InputError, match="has no results for jump"):
        read_external(tmp_path, sample, body, never)
    path = _write(tmp_path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="is not an npz that can be read"):
        read_external(tmp_path, sample, body, never)


def _images(root, values):
    for (frame, subframe), value in values.items():
        image = torch.full((3, HEIGHT, WIDTH), value)
        write_image(root / "jump" / subframe_name(frame, subframe), image, bits=16)


def _initialiser(image, background, camera, body):
    """A body as far away as the image is bright; black images show nobody."""
    if image.max() == 0:
        raise NoPersonError("nobody")
    return InitialEstimate(
        betas=torch.full((1, 10), float(image[0, 0, 0])),
        pose_rotmat=rotvec_to_rotmat(torch.zeros(1, 24, 3)),
        transl=torch.tensor([[0.0, 0.0, 10 * float(image[0, 0, 0])]]),
        camera=camera,
        score=torch.ones(1),
        body=body.identity,
        source="test",
    )


def test_images_are_estimated_one_by_one(tmp_path, sample, body):
    values = {(0, 0): 0.2, (0, 1): 0.0, (0, 2): 0.4, (1, 0): 0.5, (1, 1): 0.6, (1, 2): 0.7}
    _images(tmp_path, values)
    first, second = read_external(tmp_path, sample, body, _initialiser)
    assert first.num_missing == 1
    assert first.track.times.tolist() == pytest.approx([1 / 6, 5 / 6])
    assert first.track.transl[:, 2].tolist() == pytest.approx([2.0, 4.0], abs=1e-3)
    assert second.track.transl[:, 2].tolist() == pytest.approx([5.0, 6.0, 7.0], abs=1e-3)
    assert float(second.betas[0]) == pytest.approx(0.6, abs=1e-4)


def test_images_that_do_not_fit(tmp_path, sample, body):
    _images(tmp_path / "nobody", {(f, s): 0.0 for f in (0, 1) for s in (0, 1)})
    with pytest.raises(NoPersonError, match="any sub-frame of photo 0"):
        read_external(tmp_path / "nobody", sample, body, _initialiser)
    _images(tmp_path / "gap", {(0, 0): 0.5, (0, 2): 0.5, (1, 0): 0.5, (1, 1): 0.5})
    with pytest.raises(InputError, match="without gaps"):
        read_external(tmp_path / "gap", sample, body, _initialiser)
    _images(tmp_path / "one", {(0, 0): 0.5})
    with pytest.raises(InputError, match="of 2 photo"):
        read_external(tmp_path / "one", sample, body, _initialiser)
    write_image(tmp_path / "size" / "jump" / subframe_name(0, 0), torch.zeros(3, 4, 4))
    write_image(tmp_path / "size" / "jump" / subframe_name(1, 0), torch.zeros(3, 4, 4))
    with pytest.raises(InputError, match="4 x 4 px, the photo 10 x 12"):
        read_external(tmp_path / "size", sample, body, _initialiser)
    (tmp_path / "size" / "jump" / subframe_name(0, 0)).write_bytes(b"no image")
    with pytest.raises(InputError, match="no image of 8 or 16 bits"):
        read_external(tmp_path / "size", sample, body, _initialiser)


def test_masks_of_subframes(tmp_path, sample):
    _images(tmp_path, {(0, 0): 0.25, (0, 1): 0.5, (1, 0): 0.75, (1, 1): 1.0})
    masks = read_subframe_masks(tmp_path, sample)
    assert masks.shape == (2, 2, 1, HEIGHT, WIDTH)
    assert masks[:, :, 0, 0, 0].flatten().tolist() == pytest.approx(
        [0.25, 0.5, 0.75, 1.0], abs=1e-3
    )
