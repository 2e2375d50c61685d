from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hfb.errors import BodyModelError, InputError, ShapeError
from hfb.export import MotionRecord, UniformMotion, read_motion, write_motion
from hfb.motion import PolynomialMotion
from hfb.structures import BodyIdentity, Camera


@pytest.fixture
def motion() -> MotionRecord:
    """Two exposures of four sub-frames with a gap between them."""
    gen = torch.Generator().manual_seed(0)
    times = torch.cat([torch.arange(4) / 480, 1 / 30 + torch.arange(4) / 480]).double()
    return MotionRecord(
        pose_rotvec=torch.randn(8, 24, 3, generator=gen),
        transl=torch.randn(8, 3, generator=gen),
        betas=torch.randn(10, generator=gen),
        times=times,
        frame_index=torch.arange(8, dtype=torch.int32) // 4,
        subframe_index=torch.arange(8, dtype=torch.int32) % 4,
        exposure=torch.tensor([[0.0, 4 / 480], [1 / 30, 1 / 30 + 4 / 480]]),
        fps=30.0,
        camera=Camera(torch.tensor([500.0, 510.0]), torch.tensor([160.5, 121.0]), 240, 320),
        body=BodyIdentity("free_body", "abc", "smpl", "neutral"),
        uniform=UniformMotion(
            pose_rotvec=torch.randn(5, 24, 3, generator=gen),
            transl=torch.randn(5, 3, generator=gen),
            betas=torch.zeros(10),
            times=torch.arange(5).double() / 120,
            frame_rate=120.0,
            world_from_camera=torch.randn(3, 4, generator=gen),
        ),
        polynomial=PolynomialMotion(
            coeffs=torch.randn(2, 3, 25, 3, generator=gen),
            base_rotmat=torch.randn(2, 24, 3, 3, generator=gen),
            base_transl=torch.randn(2, 3, generator=gen),
            time_origin=0.5,
            parameterization="tangent",
        ),
    )


def assert_same(first: object, second: object) -> None:
    """All fields equal, nested dataclasses included."""
    for item in fields(first):  # type: ignore[arg-type]
        a, b = getattr(first, item.name), getattr(second, item.name)
        if isinstance(a, torch.Tensor):
            assert a.dtype == b.dtype, item.name
            assert torch.equal(a, b), item.name
        elif hasattr(a, "__dataclass_fields__"):
            assert_same(a, b)
        else:
            assert a == b, item.name


def test_round_trip_is_exact(tmp_path: Path, motion: MotionRecord) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    assert_same(motion, read_motion(tmp_path / "motion.npz"))


def test_round_trip_without_polynomial(tmp_path: Path, motion: MotionRecord) -> None:
    motion = replace(motion, polynomial=None)
    write_motion(tmp_path / "motion.npz", motion)
    assert read_motion(tmp_path / "motion.npz").polynomial is None


def test_amass_keys_without_pickles(tmp_path: Path, motion: MotionRecord) -> None:
    write_motion(tmp_path / "motion.npz", motion)
    data = np.load(tmp_path / "motion.npz", allow_pickle=False)
    smpl = motion.uniform.pose_rotvec.reshape(5, 72).numpy()
    assert data["poses"].shape == (5, 156)
    np.testing.assert_array_equal(data["poses"][:, :66], smpl[:, :66])
    assert not data["poses"][:, 66:].any()
    np.testing.assert_array_equal(data["poses_smpl"], smpl)
    np.testing.assert_array_equal(data["trans"], motion.uniform.transl.numpy())
    assert data["betas"].shape == (16,)
    assert not data["betas"].any()
    np.testing.assert_array_equal(data["betas_original"], motion.betas.numpy())
    assert data["gender"].item() == "neutral"
    assert data["surface_model_type"].item() == "smplh"
    for key in ("mocap_framerate", "mocap_frame_rate"):
        assert float(data[key]) == pytest.approx(120.0)
    np.testing.assert_array_equal(data["timestamps"], motion.uniform.times.numpy())
    np.testing.assert_array_equal(data["subframe_times"], motion.times.numpy())
    np.testing.assert_array_equal(data["subframe_poses"], motion.pose_rotvec.reshape(8, 72).numpy())
    np.testing.assert_array_equal(data["frame_index"], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_array_equal(data["subframe_index"], [0, 1, 2, 3, 0, 1, 2, 3])
    np.testing.assert_array_equal(data["K"], [[500, 0, 160.5], [0, 510, 121], [0, 0, 1]])
    assert data["image_size"].tolist() == [320, 240]


def test_bad_motions_leave_no_file(tmp_path: Path, motion: MotionRecord) -> None:
    path = tmp_path / "motion.npz"
    with pytest.raises(InputError, match="transl of the motion holds NaN"):
        write_motion(path, replace(motion, transl=motion.transl * float("nan")))
    with pytest.raises(InputError, match="times of a motion must increase"):
        write_motion(path, replace(motion, times=motion.times.flip(0)))
    short = replace(motion)
    object.__setattr__(short, "transl", motion.transl[:5])  # past the shape checks of the tests
    with pytest.raises(ShapeError, match="transl has 5 entries, but there are 8 times"):
        write_motion(path, short)
    with pytest.raises(InputError, match=r"written as \.npz, not motion\.pkl"):
        write_motion(tmp_path / "motion.pkl", motion)
    assert list(tmp_path.iterdir()) == []


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the motion file .*absent\.npz"):
        read_motion(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(InputError, match=r"text\.npz is not an npz that can be read"):
        read_motion(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", poses=np.zeros((1, 156)))
    with pytest.raises(InputError, match="has format version 1, this program reads 2"):
        read_motion(tmp_path / "other.npz")
    np.savez(tmp_path / "other.npz", poses=np.zeros((1, 156)), format_version=2)
    with pytest.raises(InputError, match="lacks the key"):
        read_motion(tmp_path / "other.npz")


def test_other_bodies_are_refused_by_name(tmp_path: Path, motion: MotionRecord) -> None:
    motion = replace(motion, pose_rotvec=torch.zeros(8, 55, 3))
    with pytest.raises(BodyModelError, match=r"motion\.npz needs SMPL's 24 joints.* has 55"):
        write_motion(tmp_path / "motion.npz", motion)
    assert not list(tmp_path.iterdir())
