"""The one table of SMPL's joints, and what parts that need it say to other bodies."""

from itertools import pairwise

import pytest
import torch
from smplx.joint_names import JOINT_NAMES

from hfb.body import load_body
from hfb.errors import BodyModelError
from hfb.motion.tracks import mirror_motion
from hfb.prior import MixturePosePrior
from hfb.prior.kinematics import LimbKinematics
from hfb.skeleton import (
    CHAINS,
    NUM_JOINTS,
    NUM_SHARED_JOINTS,
    OTHER_SIDE,
    POSE_SIZES,
    SMPL_JOINT_NAMES,
    SMPL_PARENTS,
    other_sides,
    require_smpl,
    rest_pelvis,
)


def test_names_and_tree_are_those_of_the_shipped_body_and_of_smplx():
    body = pytest.importorskip("hfb.body").load_body("free_body")
    assert body.parents == SMPL_PARENTS
    assert body.joint_names == SMPL_JOINT_NAMES
    # The larger models' list goes on with fingers where SMPL has one hand joint a side.
    assert tuple(JOINT_NAMES[:NUM_SHARED_JOINTS]) == SMPL_JOINT_NAMES[:NUM_SHARED_JOINTS]
    assert NUM_JOINTS == 24
    assert POSE_SIZES["smpl"] == 72


def test_sides_are_exchanged_in_pairs():
    assert [OTHER_SIDE[joint] for joint in OTHER_SIDE] == list(range(NUM_JOINTS))
    for name, other in zip(SMPL_JOINT_NAMES, OTHER_SIDE, strict=True):
        side, _, rest = name.partition("_")
        expected = {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)
        assert SMPL_JOINT_NAMES[other] == expected
    assert other_sides(("mouth_left", "nose", "mouth_right")) == (2, 1, 0)
    with pytest.raises(KeyError, match="right_eye"):
        other_sides(("left_eye", "nose"))


def test_chains_go_outwards_and_hold_every_joint_once():
    assert sorted(joint for chain in CHAINS.values() for joint in chain) == list(range(NUM_JOINTS))
    for chain in CHAINS.values():
        for above, joint in pairwise(chain):
            assert SMPL_PARENTS[joint] == above
    for name in ("leg", "arm"):
        assert tuple(OTHER_SIDE[k] for k in CHAINS[f"left_{name}"]) == CHAINS[f"right_{name}"]


def _mirror_a_motion(count):
    mirror_motion(torch.zeros(2, count + 1, 3), torch.eye(3).expand(count, 3, 3), torch.zeros(3))


def _place_joints(count):
    LimbKinematics().place(torch.eye(3).expand(count, 3, 3))


@pytest.mark.parametrize(
    ("use", "part"),
    [
        (lambda count: require_smpl("a test", count), "a test"),
        (_mirror_a_motion, "mirroring a motion"),
        (_place_joints, "the motion prior"),
        (lambda count: MixturePosePrior()(torch.zeros(3 * count - 3)), "the pose prior"),
    ],
)
def test_other_bodies_are_refused_by_name(use, part):
    use(24)
    for count in (22, 55):
        with pytest.raises(BodyModelError, match=f"{part} needs SMPL's 24 joints.* has {count}"):
            use(count)


def test_where_roots_rest() -> None:
    assert rest_pelvis("smplh", "male") == rest_pelvis("smpl", "male")
    assert rest_pelvis("smplx", "male") == rest_pelvis("smplx")
    own = load_body().shape(torch.zeros(10))[1][0]
    assert own.tolist() == pytest.approx(rest_pelvis("free_body"), abs=1e-4)
    with pytest.raises(BodyModelError, match="no body model 'mano': known are smpl, smplx"):
        rest_pelvis("mano")
