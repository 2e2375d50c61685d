"""Whose a moving pixel is."""

import numpy as np

from hfb.init.people.owners import Body, owners, territory_of

SHAPE = (60, 120)


def body(left: int, right: int) -> Body:
    drawn = np.zeros(SHAPE, bool)
    drawn[10:50, left:right] = True
    return Body(drawn, 40.0, 1.0)


def moving(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


def test_people_apart_have_their_own_parts():
    bodies = [body(20, 30), body(80, 90)]
    owner = owners(bodies, moving((8, 52, 15, 35), (8, 52, 75, 95)))
    assert set(np.unique(owner[:, :60])) == {0, 1}
    assert set(np.unique(owner[:, 60:])) == {0, 2}


def test_people_who_touch_are_parted_half_way():
    owner = owners([body(20, 30), body(60, 70)], moving((10, 50, 15, 75)))
    assert owner[30, 30:44].tolist() == [1] * 14
    assert owner[30, 46:60].tolist() == [2] * 14
    assert 0 not in owner[10:50, 15:75]


def test_a_loose_limb_is_its_neighbours_and_a_far_shadow_nobodys():
    near, far = (20, 30, 33, 36), (20, 30, 100, 110)
    owner = owners([body(20, 30)], moving((10, 50, 20, 30), near, far))
    assert owner[25, 34] == 1
    assert owner[25, 105] == 0


def test_a_part_is_theirs_who_have_a_share_in_it_however_near_others_are():
    moves = moving((10, 50, 20, 30), (10, 50, 52, 70), (10, 12, 34, 70))
    owner = owners([body(20, 30), body(60, 70)], moves)
    assert owner[11, 35] == 2, "it hangs together with the second person"


def test_a_rim_is_added_that_takes_nothing_from_others():
    bodies = [body(20, 30), body(32, 42)]
    owner = owners(bodies, moving((10, 50, 20, 30), (10, 50, 32, 42)))
    territory = territory_of(bodies, owner)
    assert territory[30, 19] == 1
    assert territory[30, 42] == 2
    assert territory[30, 15] == 0
    for k in (1, 2):
        assert (territory[owner == k] == k).all()


def test_without_bodies_nothing_is_anybodys():
    owner = owners([], moving((10, 50, 20, 30)))
    assert not owner.any()
    assert not territory_of([], owner).any()
