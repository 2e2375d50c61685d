"""`motion.bvh`: read back by hand and by another program, joints within a millimetre."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hfb.errors import InputError
from hfb.export import JointMotion, Rig, write_bvh
from hfb.export.rig import joint_transforms
from hfb.geometry import rotvec_to_rotmat

Animated = tuple[Rig, JointMotion]
FRAME_TIME = 1 / 480
CM_PER_M = 100.0


def read_bvh(path: Path) -> tuple[float, dict[str, NDArray]]:
    """Frame time, and the places of each joint in every frame, cm."""
    head, body = path.read_text().split("MOTION\n")
    parents, offsets, stack = {}, {}, []
    for line in head.splitlines():
        words = line.split()
        if words[0] in ("ROOT", "JOINT", "End"):
            name = "end of " + stack[-1] if words[0] == "End" else words[1]
            parents[name] = stack[-1] if stack else None
            stack.append(name)
        elif words[0] == "OFFSET":
            offsets[stack[-1]] = np.array(words[1:], float)
        elif words[0] == "CHANNELS":
            assert words[-3:] == ["Zrotation", "Xrotation", "Yrotation"]
        elif words[0] == "}":
            stack.pop()
    lines = body.splitlines()
    values = np.array([line.split() for line in lines[2:]], float)
    assert lines[0] == f"Frames: {len(values)}"
    turns, places, column = {}, {}, 3
    for name, parent in parents.items():
        above = turns.get(parent, np.eye(3))
        places[name] = values[:, :3] if parent is None else places[parent] + above @ offsets[name]
        if name.startswith("end of "):
            continue
        own = Rotation.from_euler("ZXY", values[:, column : column + 3], degrees=True)
        turns[name] = above @ own.as_matrix()
        column += 3
    assert column == values.shape[1]
    return float(lines[1].removeprefix("Frame Time: ")), places


@pytest.fixture
def upright(animated: Animated) -> Animated:
    """The same with y up."""
    rig, motion = animated
    turn = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
    pose = torch.cat([turn @ motion.pose_rotmat[:, :1], motion.pose_rotmat[:, 1:]], 1)
    return rig, replace(motion, pose_rotmat=pose, root=motion.root @ turn)


def test_joints_are_read_back_within_a_millimetre(upright: Animated, tmp_path: Path) -> None:
    rig, motion = upright
    write_bvh(tmp_path / "motion.bvh", rig.skeleton, motion, FRAME_TIME)
    frame_time, places = read_bvh(tmp_path / "motion.bvh")
    assert frame_time == pytest.approx(FRAME_TIME, abs=1e-9)
    expected = CM_PER_M * joint_transforms(rig.skeleton, motion)[1].numpy()
    for j, name in enumerate(rig.skeleton.names):
        np.testing.assert_allclose(places[name], expected[:, j], atol=1e-3)  # 10 µm
    assert sum(name.startswith("end of ") for name in places) == 5


def test_another_reader_sees_the_same_joints(upright: Animated, tmp_path: Path) -> None:
    bvhio = pytest.importorskip("bvhio", reason="needs bvhio, of the extra dev")
    rig, motion = upright
    write_bvh(tmp_path / "motion.bvh", rig.skeleton, motion, FRAME_TIME)
    root = bvhio.readAsHierarchy(str(tmp_path / "motion.bvh"))
    expected = CM_PER_M * joint_transforms(rig.skeleton, motion)[1].numpy()
    for frame in range(len(motion.times)):
        root.loadPose(frame)
        for joint, _, _ in root.layout():
            if joint.Name in rig.skeleton.names:
                shown = np.array(joint.PositionWorld)
                wanted = expected[frame, rig.skeleton.names.index(joint.Name)]
                np.testing.assert_allclose(shown, wanted, atol=0.1)  # cm: a millimetre


def test_angles_do_not_jump_by_a_turn(animated: Animated, tmp_path: Path) -> None:
    rig, _ = animated
    turns = torch.zeros(40, 24, 3)
    turns[:, 0, 2] = torch.linspace(0.0, 2 * torch.pi, 40)
    times = torch.arange(40).double()
    motion = JointMotion(times, rotvec_to_rotmat(turns), torch.zeros(40, 3))
    write_bvh(tmp_path / "motion.bvh", rig.skeleton, motion, FRAME_TIME)
    lines = (tmp_path / "motion.bvh").read_text().split("MOTION\n")[1].splitlines()[2:]
    first_angle = np.array([line.split()[3] for line in lines], float)
    np.testing.assert_allclose(first_angle, np.linspace(0, 360, 40), atol=1e-3)


def test_gimbal_lock_keeps_the_joints(animated: Animated, tmp_path: Path) -> None:
    rig, _ = animated
    turns = torch.zeros(1, 24, 3)
    turns[0, 16, 0] = torch.pi / 2  # the middle angle of the order
    motion = JointMotion(torch.zeros(1).double(), rotvec_to_rotmat(turns), torch.zeros(1, 3))
    write_bvh(tmp_path / "motion.bvh", rig.skeleton, motion, FRAME_TIME)
    _, places = read_bvh(tmp_path / "motion.bvh")
    expected = CM_PER_M * joint_transforms(rig.skeleton, motion)[1].numpy()
    np.testing.assert_allclose(places["left_wrist"], expected[:, 20], atol=1e-3)


def test_bad_input_leaves_no_file(animated: Animated, tmp_path: Path) -> None:
    rig, motion = animated
    with pytest.raises(InputError, match=r"frame_time \(0\.0\)"):
        write_bvh(tmp_path / "a.bvh", rig.skeleton, motion, 0.0)
    with pytest.raises(InputError, match=r"\.bvh, not a\.txt"):
        write_bvh(tmp_path / "a.txt", rig.skeleton, motion, FRAME_TIME)
    assert list(tmp_path.iterdir()) == []
