"""Reading motion capture: every layout gives the same clip, every fault one clear line."""

import numpy as np
import pytest

from datamodules.mocap.clip import split_of_subject
from datamodules.mocap.files import iterate_mocap, read_mocap_clip
from hfb.errors import InputError


@pytest.fixture
def motion():
    generator = np.random.default_rng(0)
    poses = np.zeros((20, 72))
    poses[:, :66] = generator.normal(size=(20, 66))
    return poses, generator.normal(size=(20, 3))


def _save(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def _fingers(poses, size):
    full = np.random.default_rng(1).normal(size=(len(poses), size))
    full[:, :66] = poses[:, :66]
    return full


def _same(clip, motion, rate=120.0):
    np.testing.assert_allclose(clip.poses, motion[0])
    np.testing.assert_allclose(clip.transl, motion[1])
    assert clip.frame_rate == pytest.approx(rate)
    assert clip.valid.all()


def _with(values, odd):
    changed = values.copy()
    changed[3, 4] = odd
    return changed


def test_an_axis_of_joints(tmp_path, motion):
    poses = motion[0].reshape(20, 24, 3)
    path = _save(tmp_path / "a.npz", poses=poses, trans=motion[1], mocap_framerate=120)
    _same(read_mocap_clip(path), motion)


@pytest.mark.parametrize("gender", ["female", b"female"])
def test_amass_smplh(tmp_path, motion, gender):
    path = _save(
        tmp_path / "CMU" / "07" / "07_01_poses.npz",
        poses=_fingers(motion[0], 156),
        trans=motion[1],
        gender=gender,
        betas=np.zeros(16),
        dmpls=np.zeros((20, 8)),
        mocap_framerate=120.00004,
    )
    clip = read_mocap_clip(path)
    _same(clip, motion)
    assert (clip.name, clip.subject) == ("07_01_poses", "07")


@pytest.mark.parametrize("whole", [True, False])
def test_amass_smplx_stage_two(tmp_path, motion, whole):
    poses = _fingers(motion[0], 165)
    arrays = {"poses": poses} if whole else {}
    path = _save(
        tmp_path / "a_stageii.npz",
        **arrays,
        root_orient=poses[:, :3],
        pose_body=poses[:, 3:66],
        trans=motion[1],
        mocap_frame_rate=60,
    )
    _same(read_mocap_clip(path), motion, rate=60.0)


def test_plain_smpl_keeps_its_hands_and_its_valid_mask(tmp_path, motion):
    poses = motion[0].copy()
    poses[:, 66:] = 0.5
    valid = np.arange(20) > 3
    path = _save(
        tmp_path / "a.npz", poses=poses, trans=motion[1], mocap_framerate=30.0, valid=valid
    )
    clip = read_mocap_clip(path)
    assert (clip.poses[:, 66:] == 0.5).all()
    np.testing.assert_array_equal(clip.valid, valid)


def test_a_folder_is_read_in_order_without_shape_files(tmp_path, motion):
    for name in ("s2/b", "s1/a"):
        _save(tmp_path / f"{name}_poses.npz", poses=motion[0], trans=motion[1], mocap_framerate=120)
    _save(tmp_path / "s1" / "shape.npz", betas=np.zeros(16))
    _save(tmp_path / "s1" / "neutral_stagei.npz", betas=np.zeros(16), markers_latent=np.zeros(3))
    _save(tmp_path / "s2" / "person.npz", betas=np.zeros(16), gender="male")
    clips = list(iterate_mocap(tmp_path))
    assert [(clip.subject, clip.name) for clip in clips] == [("s1", "a_poses"), ("s2", "b_poses")]
    assert [clip.name for clip in iterate_mocap(tmp_path, "s2/*_poses.npz")] == ["b_poses"]


def test_splits_are_stable_and_uneven():
    splits = [split_of_subject(str(number)) for number in range(1000)]
    assert splits == [split_of_subject(str(number)) for number in range(1000)]
    assert 150 < splits.count("val") < 260


def test_frames_with_nan_are_not_valid(tmp_path, motion, caplog):
    poses = motion[0].copy()
    poses[3:5, 7] = np.nan
    path = _save(tmp_path / "a.npz", poses=poses, trans=motion[1], mocap_framerate=120)
    clip = read_mocap_clip(path)
    assert np.flatnonzero(~clip.valid).tolist() == [3, 4]
    assert "2 of 20 frames hold NaN" in caplog.text


FAULTS = {
    "no poses: neither": lambda a: a.pop("poses"),
    "another joint count": lambda a: a.update(poses=np.zeros((20, 75))),
    r"trans \(5, 3\)": lambda a: a.update(trans=np.zeros((5, 3))),
    "no 'trans'": lambda a: a.pop("trans"),
    "no frame rate": lambda a: a.pop("mocap_framerate"),
    "one positive number": lambda a: a.update(mocap_framerate=0.0),
    r"valid \(3,\)": lambda a: a.update(valid=np.ones(3)),
    "all 20 frames": lambda a: a.update(trans=np.full((20, 3), np.nan)),
    r"poses\[3, 4\] is 1e\+30": lambda a: a.update(poses=_with(a["poses"], 1e30)),
    r"trans\[3, 2\] is -1e\+30": lambda a: a.update(trans=_with(np.zeros((20, 5)), -1e30)[:, 2:]),
    "mocap_framerate does not hold numbers": lambda a: a.update(mocap_framerate="fast"),
    "poses does not hold numbers": lambda a: a.update(poses=a["poses"] * 1j),
    "cannot be read as numbers": lambda a: a.update(poses=np.array([{}], dtype=object)),
}


@pytest.mark.parametrize("message", list(FAULTS))
def test_a_fault_is_one_clear_line(tmp_path, motion, message):
    arrays = {"poses": motion[0], "trans": motion[1], "mocap_framerate": 120.0}
    FAULTS[message](arrays)
    path = _save(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message) as caught:
        read_mocap_clip(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        list(iterate_mocap(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="0 files match"):
        list(iterate_mocap(tmp_path))
    (tmp_path / "a.npz").write_bytes(b"not an npz")
    with pytest.raises(InputError, match=r"a\.npz cannot be read"):
        list(iterate_mocap(tmp_path))


def _packed(values, rate=120.0):
    """A clip in the packed form, by its definition: second differences in steps of 1e-4."""
    steps = np.round(values / 1e-4).astype(np.int64)
    second = np.diff(steps, n=2, axis=0)
    return {
        "c/h": steps[:2].astype(np.int32),
        "c/d": (second >> 8).astype(np.int8).T,
        "c/l": (second & 255).astype(np.uint8).T,
        "c/n": np.array([len(values), rate]),
        "c/v": np.packbits(np.arange(len(values)) != 2),
    }


def test_a_packed_collection_and_its_manifest(tmp_path):
    values = np.cumsum(np.random.default_rng(0).normal(size=(30, 75)) * 0.02, 0)
    path = _save(tmp_path / "pack.npz", **_packed(values))
    (clip,) = iterate_mocap(tmp_path)
    np.testing.assert_allclose(clip.transl, values[:, :3], atol=6e-5)
    np.testing.assert_allclose(clip.poses, values[:, 3:], atol=6e-5)
    assert np.flatnonzero(~clip.valid).tolist() == [2]
    assert clip.subject == "c"
    (tmp_path / "manifest.csv").write_text("clip_id,subject,split\nc,someone,val\n")
    (clip,) = iterate_mocap(path)
    assert (clip.name, clip.subject, clip.split) == ("c", "someone", "val")
    (tmp_path / "manifest.csv").write_text("clip_id\nc\n")
    with pytest.raises(InputError, match="lacks the columns split, subject"):
        list(iterate_mocap(path))


def _collection(folder, *names, licence="MIT"):
    """A packed collection of clips, each of its own person."""
    values = np.cumsum(np.random.default_rng(0).normal(size=(30, 75)) * 0.02, 0)
    arrays = {f"{n}{key[1:]}": v for n in names for key, v in _packed(values).items()}
    _save(folder / "pack.npz", **arrays)
    rows = [f"{name},{name},train,{licence}" for name in names]
    (folder / "manifest.csv").write_text("\n".join(["clip_id,subject,split,licence", *rows]))


def _names(*args, **options):
    return [clip.name for clip in iterate_mocap(*args, **options)]


def test_several_folders_are_read_together_each_file_once(tmp_path, motion):
    _collection(tmp_path / "one", "b", "a")
    _collection(tmp_path / "two", "c")
    _save(tmp_path / "d.npz", poses=motion[0], trans=motion[1], mocap_framerate=120)
    both = [tmp_path / "two", str(tmp_path / "one"), tmp_path / "two"]
    assert _names(both) == ["c", "a", "b"]
    assert _names([tmp_path / "d.npz", tmp_path / "one" / "pack.npz"]) == ["d", "a", "b"]
    with pytest.raises(InputError, match=r"no motion capture at .*three"):
        _names([tmp_path / "one", tmp_path / "three"])


def test_collections_below_a_collection_are_read_where_they_are_named(tmp_path):
    _collection(tmp_path / "more", "a")
    _collection(tmp_path / "more" / "idle", "b")
    assert _names(tmp_path / "more") == ["a"]
    assert _names(tmp_path) == ["a"]
    assert _names([tmp_path / "more", tmp_path / "more" / "idle"]) == ["a", "b"]


@pytest.mark.parametrize("licence", ["CC BY-SA 3.0", "share-alike", "Share Alike 4"])
def test_share_alike_recordings_are_left_out_unless_asked_for(tmp_path, caplog, licence):
    caplog.set_level("INFO")
    _collection(tmp_path / "free", "a", licence="CMU (free for all uses)")
    _collection(tmp_path / "alike", "b", licence=licence)
    both = [tmp_path / "free", tmp_path / "alike"]
    assert _names(both) == ["a"]
    assert "1 recordings are left out: share-alike licence" in caplog.text
    assert _names(both, share_alike=True) == ["a", "b"]
    with pytest.raises(InputError, match=r"all 1 recordings .* --share_alike true"):
        _names(tmp_path / "alike")


def test_the_developers_clips(shared_data):
    clips = list(iterate_mocap(shared_data / "mocap"))
    assert len(clips) == 204
    by_split = {s: {c.subject for c in clips if c.split == s} for s in ("train", "val")}
    assert by_split["val"] == {"07", "94", "104", "131"}
    assert not by_split["val"] & by_split["train"]
    assert all(abs(clip.poses).max() < 20 for clip in clips)


def test_the_developers_clips_of_two_folders(shared_data):
    folders = [shared_data / "mocap", shared_data / "mocap_more"]
    if not folders[1].is_dir():
        pytest.skip("needs the second collection")
    clips = list(iterate_mocap(folders))
    assert len(clips) == 204 + 842 - 280
    assert len({clip.name for clip in clips}) == len(clips)
    assert {c.subject for c in clips if c.split == "val"} == {"07", "94", "104", "131"}
    assert len(list(iterate_mocap(folders, share_alike=True))) == 204 + 842


@pytest.mark.parametrize(
    ("folder", "person"),
    [
        ("Male2MartialArtsKicks_c3d", "Male2"),
        ("Male2Walking_c3d", "Male2"),
        ("Female1General_c3d", "Female1"),
        ("s011", "s011"),
        ("MartialArtsWalksTurns_c3d", "MartialArtsWalksTurns_c3d"),
        ("07", "07"),
    ],
)
def test_accads_people_have_several_folders(tmp_path, motion, folder, person):
    path = _save(
        tmp_path / "ACCAD" / folder / "A1_poses.npz",
        poses=motion[0],
        trans=motion[1],
        mocap_framerate=120,
    )
    clip = read_mocap_clip(path)
    assert clip.subject == person
    assert clip.split == split_of_subject(person)
    (again,) = iterate_mocap(tmp_path)
    assert again.subject == person
