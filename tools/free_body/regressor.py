"""Joint regressor: joints as sparse, non-negative, symmetric weighted means of the skin."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from free_body.skeleton import JOINTS, MIRROR, NUM_JOINTS, Array, Indices

# Vertices that may serve a joint lie within this distance of it, m.
_REACH = {
    "pelvis": 0.3, "spine1": 0.2, "spine2": 0.2, "spine3": 0.2, "neck": 0.2, "head": 0.15,
    "left_collar": 0.2, "left_hip": 0.3, "left_shoulder": 0.13, "left_knee": 0.12,
    "left_elbow": 0.1, "left_ankle": 0.09, "left_wrist": 0.08, "left_hand": 0.08, "left_foot": 0.1,
}  # fmt: skip
_MOST_CANDIDATES = 200
# The mean shape counts more than single bodies, and rows must sum to one.
_MEAN_WEIGHT = 3
_SUM_WEIGHT = 30
_SMALLEST_SHARE = 1e-4


def fit_regressor(bodies: Array, joints: Array, mirror: Indices) -> Array:
    """Least squares with non-negative weights, left side fitted and mirrored to the right.

    Args:
        bodies: (B, V, 3) a population, m.
        joints: (B, 24, 3) its joints, m.
        mirror: (V,) the vertex on the other side.

    Returns:
        (24, V), rows sum to one.
    """
    mean, mean_joints = bodies.mean(0), joints.mean(0)
    mean_weight = _MEAN_WEIGHT * np.sqrt(len(bodies))
    regressor = np.zeros((NUM_JOINTS, bodies.shape[1]))
    for j, name in enumerate(JOINTS):
        if name.startswith("right_"):
            continue
        near = np.where(np.linalg.norm(mean - mean_joints[j], axis=1) < _REACH[name])[0]
        near = spread_out(near, mean, _MOST_CANDIDATES)
        rows = [
            bodies[:, near].transpose(0, 2, 1).reshape(-1, len(near)),
            mean_weight * mean[near].T,
            _SUM_WEIGHT * np.ones((1, len(near))),
        ]
        goal = [joints[:, j].reshape(-1), mean_weight * mean_joints[j], [float(_SUM_WEIGHT)]]
        shares, _ = nnls(np.concatenate(rows), np.concatenate(goal), maxiter=5000)
        shares[shares < _SMALLEST_SHARE] = 0
        regressor[j, near] = shares / shares.sum()
    for j, name in enumerate(JOINTS):
        if name.startswith("right_"):
            regressor[j] = regressor[MIRROR[j]][mirror]
        elif not name.startswith("left_"):
            regressor[j] = 0.5 * (regressor[j] + regressor[j][mirror])
    return regressor


def spread_out(candidates: Indices, points: Array, most: int) -> Indices:
    """At most `most` candidates, each the farthest from those chosen before.

    Args:
        candidates: indices into `points`.
        points: (V, 3), m.
        most: how many.

    Returns:
        Chosen candidates in ascending order.
    """
    if len(candidates) <= most:
        return candidates
    chosen, distance = [candidates[0]], np.full(len(candidates), 9.0)
    for _ in range(most - 1):
        to_last = np.linalg.norm(points[candidates] - points[chosen[-1]], axis=1)
        distance = np.minimum(distance, to_last)
        chosen.append(candidates[int(distance.argmax())])
    return np.array(sorted(set(chosen)))
