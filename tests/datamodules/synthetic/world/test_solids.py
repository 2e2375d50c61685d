import numpy as np

from datamodules.synthetic.world.solids import Ball, Box, Ground


def _grey(u, v):
    return np.full((len(u), 3), 0.5)


def test_solids_are_hit_where_they_are():
    centre = np.array([0.0, 1.0, 0.0], np.float32)
    rays = np.array([[0.0, 0, 1], [0, -1, 0], [0, 0.6, 0.8], [0, 0, -1]], np.float32).T
    box = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), 0.0, _grey)
    np.testing.assert_allclose(box.intersect(centre, rays), [4, np.inf, np.inf, np.inf])
    room = Box(np.array([-3.0, 0, -2]), np.array([3.0, 4, 5]), 0.0, _grey, inside=True)
    np.testing.assert_allclose(room.intersect(centre, rays), [5, 1, 5, 2], rtol=1e-5)
    np.testing.assert_allclose(Ground(_grey).intersect(centre, rays)[1:3], [1, np.inf])
    turned = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), np.pi, _grey)
    np.testing.assert_allclose(turned.intersect(centre, rays), [np.inf] * 3 + [4], rtol=1e-5)
    ball = Ball(np.array([0.0, 1, 5]), 1.0, _grey, np.zeros((512, 512), np.float32))
    np.testing.assert_allclose(ball.intersect(centre, rays)[[0, 3]], [4, np.inf], rtol=1e-5)


def test_box_normals_face_the_ray():
    box = Box(np.array([-1.0, 0, 4]), np.array([1.0, 2, 6]), 0.0, _grey)
    points = np.array([[0.0, 1, 4], [1, 1, 5], [0.5, 2, 5]], np.float32).T
    normals, *_ = box.surface(points)
    np.testing.assert_allclose(normals.T, [[0, 0, -1], [1, 0, 0], [0, 1, 0]])
