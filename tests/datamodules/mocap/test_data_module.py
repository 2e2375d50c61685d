"""Cached windows, splits of subjects, batches."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from recordings import make_clip, save_clip

from datamodules.mocap.data_module import MocapDataModule, splits_of
from datamodules.mocap.pair_stream import stream_seed
from datamodules.mocap.windows import WindowSettings
from hfb.errors import InputError


@pytest.fixture
def mocap_folder(tmp_path):
    for number, subject in enumerate(("ann", "bob", "cat")):
        save_clip(tmp_path / "mocap", make_clip("walk", subject, None, seed=number))
    return tmp_path / "mocap"


def _module(folder, cache, **options):
    return MocapDataModule(
        str(folder),
        cache=str(cache),
        **{"num_train": 40, "num_val": 20, "batch_size": 16, "show_progress": False, **options},
    )


def test_the_cache_is_used_verified_and_renewed(mocap_folder, tmp_path, caplog):
    cache = tmp_path / "cache"
    first = _module(mocap_folder, cache).windows("train")
    (file,) = cache.glob("train-*.npz")
    made = file.stat().st_mtime_ns
    again = _module(mocap_folder, cache).windows("train")
    torch.testing.assert_close(again.coeffs, first.coeffs, rtol=0, atol=0)
    assert file.stat().st_mtime_ns == made
    # Damage inside an array, which only a checksum sees.
    arrays = dict(np.load(file))
    arrays["coeffs"][0, 0, 0, 0] += 1
    np.savez(file, **arrays)
    repaired = _module(mocap_folder, cache).windows("train")
    assert "does not have its checksum" in caplog.text
    torch.testing.assert_close(repaired.coeffs, first.coeffs, rtol=0, atol=0)
    _module(mocap_folder, cache, windows=WindowSettings(degree=2)).windows("train")
    assert len(list(cache.glob("train-*.npz"))) == 2


def test_validation_subjects_are_never_trained_on():
    clips = [make_clip("walk", name, None) for name in ("ann", "bob", "cat")]
    clips[1] = make_clip("walk", "bob", None, num_frames=80)
    assert splits_of(clips) == ["train", "val", "train"]
    known = [make_clip("walk", name, name[:3]) for name in ("train_a", "val_b")]
    assert splits_of([replace(known[0], split="train"), known[1]]) == ["train", "val"]


def test_validation_is_the_same_every_time_and_training_is_not(mocap_folder, tmp_path):
    data = _module(mocap_folder, tmp_path / "cache", steps_per_epoch=2)
    first, second = ([b.corrupted for b in data.val_dataloader()] for _ in range(2))
    assert [len(batch) for batch in first] == [16, 4]
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    loader = data.train_dataloader()
    # As Lightning does it: it knows the length and never asks for more.
    one, two = ([b.corrupted for b in islice(loader, 2)] for _ in range(2))
    assert len(one) == len(loader) == 2
    assert not torch.equal(one[0], two[0])


def test_one_subject_is_not_enough():
    clips = [make_clip("a", "s", "train"), make_clip("b", "s", "train")]
    with pytest.raises(InputError, match="all 2 recordings are of subject 's'"):
        splits_of(clips)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder.mkdir(), "0 files match"),
        (lambda folder: None, "there is no such file or folder"),
    ],
)
def test_nothing_to_learn_from(tmp_path, make, message):
    make(tmp_path / "mocap")
    with pytest.raises(InputError, match=message):
        _module(tmp_path / "mocap", tmp_path / "cache").prepare_data()


def test_processes_of_one_training_see_different_batches():
    seeds = [stream_seed(0, epoch, rank) for epoch in range(5) for rank in range(3)]
    assert len(set(seeds)) == len(seeds)
