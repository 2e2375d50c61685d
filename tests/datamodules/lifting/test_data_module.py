"""Pairs as training data: read, mirrored, refused."""

import numpy as np
import pytest
import torch

from datamodules.lifting.data_module import LiftingDataModule, mirrored_pairs, read_pairs
from hfb.errors import InputError
from hfb.geometry import rotvec_to_rotmat
from hfb.structures import BodyParams
from hfb.training.lifting.batch import batch_of


def stored(folder, pairs, name="pairs_00000.npz", **changes):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = pairs | {"registered": pairs["pose"]} | changes
    np.savez(folder / name, **{key: value for key, value in arrays.items() if value is not None})
    return folder


def test_what_the_network_should_say_is_what_the_crop_shows(pairs, tmp_path):
    arrays, subjects = read_pairs(stored(tmp_path, pairs))
    assert subjects == {"ann"}
    seen, truth = batch_of(arrays)
    # The perfect detector's 3D points are in the camera's axes; the view's roll and turn apart.
    depths = torch.stack([truth.joints[..., 2].flatten(), seen.world[:, :24, 2].flatten()])
    assert torch.corrcoef(depths)[0, 1] > 0.8
    torch.testing.assert_close(truth.joints[:, 0], torch.zeros(3, 3))


def test_mirrored_pairs_are_those_of_the_mirrored_person(maker, pairs, tmp_path):
    arrays, _ = read_pairs(stored(tmp_path, pairs))
    mirrored = mirrored_pairs(arrays)
    rotmat = rotvec_to_rotmat(mirrored["pose"])
    joints = maker.studio.body.joints(BodyParams(mirrored["betas"], rotmat, torch.zeros(3, 3)))
    wanted = mirrored["joints"] - mirrored["joints"][:, :1]
    # The body itself is a little lopsided.
    torch.testing.assert_close(joints - joints[:, :1], wanted, atol=0.012, rtol=0)
    again = mirrored_pairs(mirrored)
    for name, values in arrays.items():
        torch.testing.assert_close(again[name], values, atol=1e-4, rtol=1e-5)


def test_half_of_a_training_batch_is_mirrored_and_validation_is_not(pairs, tmp_path):
    others = pairs | {"subject": np.array(["bob"] * 3)}
    data = LiftingDataModule(
        str(stored(tmp_path / "train", pairs)),
        str(stored(tmp_path / "val", others)),
        batch_size=2,
        mirror=1.0,
    )
    (first, *_), (same, *_) = list(data.val_dataloader()), list(data.val_dataloader())
    torch.testing.assert_close(first["points"], same["points"])
    torch.testing.assert_close(first["points"], torch.from_numpy(pairs["points"][:2]))
    mirrored = torch.cat([batch["camera"] for batch in data.train_dataloader()])
    assert len(mirrored) == 3
    assert (mirrored[:, 2] < 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"world": None}, "lacks world"),
        ({"points": np.zeros((2, 39, 5), np.float32)}, "differ in length"),
    ],
)
def test_faulty_files_are_named(pairs, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        read_pairs(stored(tmp_path, pairs, **change))


def test_a_truncated_file_is_named(pairs, tmp_path):
    stored(tmp_path, pairs)
    file = tmp_path / "pairs_00000.npz"
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(InputError, match="pairs_00000"):
        read_pairs(tmp_path)


def test_no_pairs_and_the_same_people_in_both_splits(pairs, tmp_path):
    with pytest.raises(InputError, match="no pairs in"):
        read_pairs(tmp_path)
    folder = str(stored(tmp_path, pairs))
    with pytest.raises(InputError, match="both hold pairs of subject 'ann'"):
        LiftingDataModule(folder, folder).arrays("train")
