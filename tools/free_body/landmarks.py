"""Named vertices, put at the numbers that smplx gives them in SMPL."""

from __future__ import annotations

import numpy as np

from free_body.skeleton import JOINTS, Array, Indices
from free_body.source import NDFloat, Source, bone_points

# smplx's default vertex numbers (an interface, as joint names are).
SMPL_VERTICES = {
    "nose": 332, "reye": 6260, "leye": 2800, "rear": 4071, "lear": 583,
    "rthumb": 6191, "rindex": 5782, "rmiddle": 5905, "rring": 6016, "rpinky": 6133,
    "lthumb": 2746, "lindex": 2319, "lmiddle": 2445, "lring": 2556, "lpinky": 2673,
    "LBigToe": 3216, "LSmallToe": 3226, "LHeel": 3387,
    "RBigToe": 6617, "RSmallToe": 6624, "RHeel": 6787,
}  # fmt: skip


def find_landmarks(
    source: Source,
    kept: Indices,
    verts_a: Array,
    verts_t: Array,
    weights: Array,
    coefficients: NDFloat,
) -> dict[str, int]:
    """The vertex of each landmark, on the mean body.

    Args:
        source: the raw body.
        kept: vertices of the thinned mesh.
        verts_a: (V, 3) mean body in the A-pose, m.
        verts_t: (V, 3) mean body in the T-pose, m.
        weights: (V, 24).
        coefficients: (1, K) the mean body's.

    Returns:
        Original vertex by name.
    """
    tails = bone_points(source.tails, source.tail_shapes, coefficients)[0]
    heads = bone_points(source.heads, source.head_shapes, coefficients)[0]

    def nearest(point: NDFloat, pool: Indices) -> int:
        return int(pool[np.argmin(np.linalg.norm(verts_a[pool] - point, axis=1))])

    def tip(bone: str) -> NDFloat:
        return tails[source.labels.index(bone)]

    found: dict[str, int] = {}
    face = kept[weights[kept, JOINTS.index("head")] > 0.9]
    middle = face[np.abs(verts_t[face, 0]) < 1e-5]
    left = face[verts_t[face, 0] > 0]
    found["nose"] = int(middle[np.argmax(verts_t[middle, 2])])
    found["lear"] = int(left[np.argmax(verts_t[left, 0])])
    eye = heads[source.labels.index("eye.L")] + np.array([0, 0, 0.03])  # on the lid
    found["leye"] = nearest(eye, left)
    arm = kept[verts_t[kept, 0] > 0.3]
    for number, finger in enumerate(("thumb", "index", "middle", "ring", "pinky"), start=1):
        found[f"l{finger}"] = nearest(tip(f"finger{number}-3.L"), arm)
    soles = [JOINTS.index("left_foot"), JOINTS.index("left_ankle")]
    foot = kept[weights[kept][:, soles].sum(1) > 0.5]
    found["LBigToe"], found["LSmallToe"] = (
        nearest(tip("toe1-2.L"), foot),
        nearest(tip("toe5-3.L"), foot),
    )
    low = foot[verts_a[foot, 1] < verts_a[foot, 1].min() + 0.03]
    found["LHeel"] = int(low[np.argmin(verts_a[low, 2])])
    for name in [name for name in found if name != "nose"]:
        other = {"l": "r", "L": "R"}[name[0]] + name[1:]
        found[other] = int(source.mirror[found[name]])
    return found


def order_vertices(kept: Indices, landmarks: dict[str, int]) -> Indices:
    """Order the kept vertices so that landmarks get smplx's numbers.

    Args:
        kept: original vertices of the thinned mesh, ascending.
        landmarks: original vertex by name.

    Returns:
        Original vertex of each new number.

    Raises:
        RuntimeError: if two landmarks fell on one vertex.
    """
    if len(set(landmarks.values())) != len(SMPL_VERTICES) or set(landmarks) != set(SMPL_VERTICES):
        raise RuntimeError(f"landmarks are not distinct: {landmarks}")
    order = np.full(len(kept), -1)
    for name, number in SMPL_VERTICES.items():
        order[number] = landmarks[name]
    taken = set(landmarks.values())
    order[order < 0] = [vertex for vertex in kept if vertex not in taken]
    return order
