"""Rotations, the pinhole camera and the similarity alignment: the one place each of them lives.

Rotations act on column vectors. A rotation vector is axis times angle in radians. The camera frame
is OpenCV's: x right, y down, z forward, metres; pixel centres lie at +0.5.
"""

import math

import roma
import torch
from jaxtyping import Float, Int
from torch import Tensor

from hfb.errors import ShapeError
from hfb.structures import Camera

MIN_DEPTH = 0.05
"""Depth in metres at which `project` stops dividing by smaller depths."""

MODEL_TO_CAMERA = torch.diag(torch.tensor([1.0, -1.0, -1.0]))
"""From SMPL's model frame (y up, the person looks along +z) to the camera frame, facing it."""

# Below this angle sin(a)/a is 1 in any precision we use; its square does not underflow in float32.
_TINY_ANGLE = 1e-10


def rotvec_to_rotmat(rotvec: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices of rotation vectors (Rodrigues' formula).

    The motion model calls this for every joint of every sub-frame at every step, so it is written
    in a dozen tensor operations instead of `roma.rotvec_to_rotmat`'s forty. Value and gradient are
    exact to rounding for every vector, the zero vector included: the angle is floored at 1e-10 rad
    under the root, so every quotient stays finite and the factors of `rotvec` cancel its rounding.

    Args:
        rotvec: axis times angle, rad; any length.

    Returns:
        Rotation matrices.
    """
    angle = torch.sqrt((rotvec * rotvec).sum(-1, keepdim=True) + _TINY_ANGLE**2).unsqueeze(-1)
    half = 0.5 * angle
    sinc_half = torch.sin(half) / half
    # sin(a)/a = sinc(a/2) cos(a/2) and (1 - cos a)/a^2 = sinc(a/2)^2 / 2: no cancellation.
    outer = rotvec.unsqueeze(-1) * rotvec.unsqueeze(-2)
    eye = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    # Column k of the cross-product matrix is the cross product with unit vector k.
    skew = torch.linalg.cross(rotvec.unsqueeze(-1), eye.expand(*rotvec.shape, 3), dim=-2)
    linear = (sinc_half * torch.cos(half)) * skew
    return torch.cos(angle) * eye + linear + (0.5 * sinc_half * sinc_half) * outer


def rotmat_to_rotvec(rotmat: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3"]:
    """Rotation vectors of rotation matrices, the shortest ones (`roma.rotmat_to_rotvec`).

    Args:
        rotmat: rotation matrices.

    Returns:
        Axis times angle, rad, of length at most pi. At exactly pi the sign of the axis is
        arbitrary and the gradient belongs to the chosen sign.
    """
    return roma.rotmat_to_rotvec(rotmat)


def quat_xyzw_to_rotmat(quat_xyzw: Float[Tensor, "*B 4"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices of unit quaternions, the real part last (`roma.unitquat_to_rotmat`).

    Args:
        quat_xyzw: of length 1.

    Returns:
        Rotation matrices.
    """
    return roma.unitquat_to_rotmat(quat_xyzw)


def angular_velocity_of_rotvec(
    rotvec: Float[Tensor, "*B 3"], rate: Float[Tensor, "*B 3"]
) -> Float[Tensor, "*B 3"]:
    """Angular velocity of a rotation whose rotation vector changes at a given rate.

    The left Jacobian of SO(3) applied to the rate: with R = rotvec_to_rotmat(rotvec(t)), dR/dt is
    the cross-product matrix of the result times R.

    Args:
        rotvec: axis times angle, rad; any length, zero included.
        rate: its derivative, rad per unit of time.

    Returns:
        Angular velocity in the frame that R leads to, rad per unit of time.
    """
    square = (rotvec * rotvec).sum(-1, keepdim=True)
    angle = torch.sqrt(square + _TINY_ANGLE**2)
    sinc_half = torch.sin(0.5 * angle) / (0.5 * angle)
    # (a - sin a)/a^3 cancels for small angles; its series is exact to 1e-10 below half a radian.
    is_small = angle < 0.5
    large = torch.where(is_small, 1.0, angle)
    series = 1 / 6 - square * (1 / 120 - square * (1 / 5040 - square / 362880))
    cubic = torch.where(is_small, series, (large - torch.sin(large)) / large**3)
    turned = torch.linalg.cross(rotvec, rate)
    return rate + 0.5 * sinc_half**2 * turned + cubic * torch.linalg.cross(rotvec, turned)


def rotation_from_6d(sixd: Float[Tensor, "*B 6"]) -> Float[Tensor, "*B 3 3"]:
    """Rotation matrices from six numbers: a continuous form for networks (Zhou et al. 2019).

    The numbers are the first two columns, one after the other; Gram and Schmidt make them a
    rotation (`roma.special_gramschmidt`).

    Args:
        sixd: any numbers; the two columns must not be parallel.

    Returns:
        Rotation matrices.
    """
    return roma.special_gramschmidt(sixd.unflatten(-1, (2, 3)).mT)


def nearest_rotation(matrix: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3 3"]:
    """The rotation with the least squared distance from a matrix (`roma.special_procrustes`).

    Args:
        matrix: any; the mean of rotations gives the mean rotation.
    """
    return roma.special_procrustes(matrix)


def default_camera(height: int, width: int) -> Camera:
    """A camera for an image of which nothing is known.

    Not in the paper, which never states its camera: the focal length is the image's diagonal, the
    usual choice of regression methods for unknown cameras (a field of view of 53 degrees along the
    diagonal), and the optical axis meets the centre.

    Args:
        height: image rows.
        width: image columns.

    Returns:
        A camera without batch axes, float32.
    """
    focal = math.hypot(width, height)
    return Camera(
        focal=torch.tensor([focal, focal]),
        principal_point=torch.tensor([width / 2.0, height / 2.0]),
        height=height,
        width=width,
    )


def seen_by(points: Float[Tensor, "*B 3"], source: Camera, target: Camera) -> Float[Tensor, "*B 3"]:
    """Where something that one camera sees must be for another to see it at the same pixel.

    Depth grows with the focal length, so that its size in the image stays, too.

    Args:
        points: in the frame of `source`, m, in front of it.
        source: the camera that they belong to, without batch axes.
        target: the other camera, likewise.

    Returns:
        The places in the frame of `target`, m.
    """
    depth = points[..., 2:]
    pixels = source.focal * points[..., :2] / depth + source.principal_point
    depth = depth * (target.focal / source.focal).mean()
    return torch.cat([(pixels - target.principal_point) * depth / target.focal, depth], dim=-1)


def project(points: Float[Tensor, "*B P 3"], camera: Camera) -> Float[Tensor, "*B P 2"]:
    """Pinhole projection of points in the camera frame.

    Args:
        points: camera frame, m. Depths below 0.05 m, also those behind the camera, are projected as
            if they were 0.05 m, so the result is always finite; their depth gets no gradient.
        camera: its batch axes, if any, are the leading batch axes of `points` (or broadcast with
            them): a camera of shape (B,) serves points of shape (B, N, P, 3).

    Returns:
        Pixels, x right and y down; the centre of the first pixel is (0.5, 0.5).

    Raises:
        ShapeError: if the camera has more batch axes than the points.
    """
    num_axes = points.ndim - 2
    focal = _align_batch(camera.focal.to(points), num_axes)
    principal_point = _align_batch(camera.principal_point.to(points), num_axes)
    depth = points[..., 2:].clamp(min=MIN_DEPTH)
    return points[..., :2] / depth * focal + principal_point


def _align_batch(values: Float[Tensor, "*C 2"], num_axes: int) -> Tensor:
    """Insert axes so that the batch axes of `values` are the first of `num_axes`; one for P."""
    missing = num_axes - (values.ndim - 1)
    if missing < 0:
        raise ShapeError(
            f"The camera has {values.ndim - 1} batch axes, the points only {num_axes}: "
            "give the points at least the camera's batch axes."
        )
    return values.reshape(*values.shape[:-1], *([1] * (missing + 1)), 2)


def procrustes_align(
    preds: Float[Tensor, "*B J 3"], target: Float[Tensor, "*B J 3"]
) -> Float[Tensor, "*B J 3"]:
    """Move `preds` onto `target` by the best similarity transform (rotation, translation, scale).

    Least squares, no reflection (Umeyama 1991), through `roma.rigid_points_registration`.

    Args:
        preds: points to move, m.
        target: where they should go, m.

    Returns:
        The moved points. Where all points of `preds` coincide no rotation or scale is defined and
        they move to the centre of `target`.
    """
    centre = preds.mean(-2, keepdim=True)
    target_centre = target.mean(-2, keepdim=True)
    spread = (preds - centre).square().sum((-2, -1))
    degenerate = spread <= torch.finfo(preds.dtype).tiny
    # Points that coincide would give 0/0: register the target on itself, then drop the result.
    source = torch.where(degenerate[..., None, None], target - target_centre, preds - centre)
    rotmat, _, scale = roma.rigid_points_registration(
        source, target - target_centre, compute_scaling=True
    )
    moved = scale[..., None, None] * (source @ rotmat.mT) + target_centre
    return torch.where(degenerate[..., None, None], target_centre.expand_as(moved), moved)


def heading_rotation(root_rotmat: Float[Tensor, "*B 3 3"]) -> Float[Tensor, "*B 3 3"]:
    """The turn about the vertical that makes a person face +z: what takes its heading away.

    The heading is at right angles to the root's own left axis (x of SMPL's model frame), which
    stays horizontal when a person bends forwards, as the facing direction does not. A person lying
    on the side has no heading; then the turn is arbitrary, but a rotation.

    Args:
        root_rotmat: rotation of the root in a frame with y up.

    Returns:
        Rotation about y, to be multiplied from the left.
    """
    left = root_rotmat[..., :, 0]
    angle = torch.atan2(left[..., 2], left[..., 0])
    cosine, sine = torch.cos(angle), torch.sin(angle)
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [cosine, zero, sine, zero, one, zero, -sine, zero, cosine]
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def upright_rotation(up: Float[Tensor, "*B 3"]) -> Float[Tensor, "*B 3 3"]:
    """The smallest turn that makes a camera level: it takes `up` to -y.

    Exactly the identity of a level camera; of one that stands on its head a half turn about z.

    Args:
        up: unit vector away from the ground, camera frame.
    """
    x, y, z = up.unbind(-1)
    cosine, zero = -y, torch.zeros_like(x)
    # Cross product of up and -y as a matrix.
    rows = [zero, x, zero, -x, zero, -z, zero, z, zero]
    cross = torch.stack(rows, -1).unflatten(-1, (3, 3))
    one = torch.eye(3).to(up)
    turn = one + cross + cross @ cross / (1.0 + cosine).clamp(min=1e-6)[..., None, None]
    is_on_its_head = (cosine < -0.9999)[..., None, None]
    return torch.where(is_on_its_head, one * up.new_tensor([-1.0, -1.0, 1.0]), turn)


def face_normals(
    verts: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "*B F 3"]:
    """Unit normals of triangles, towards the side from which they turn counter-clockwise.

    Args:
        verts: any frame and unit.
        faces: vertex indices.

    Returns:
        Unit vectors; zero for a face without area.
    """
    return torch.nn.functional.normalize(_face_areas(verts, faces), dim=-1, eps=1e-20)


def vertex_normals(
    verts: Float[Tensor, "*B V 3"], faces: Int[Tensor, "F 3"]
) -> Float[Tensor, "*B V 3"]:
    """Unit normals of vertices: the mean of the faces around each, weighted by their area.

    Args:
        verts: any frame and unit.
        faces: vertex indices, counter-clockwise seen from outside (in a right-handed frame).

    Returns:
        Unit vectors, outwards; zero for a vertex without faces.
    """
    areas, normals = _face_areas(verts, faces), torch.zeros_like(verts)
    for k in range(3):
        normals = normals.index_add(-2, faces[:, k], areas)
    return torch.nn.functional.normalize(normals, dim=-1)


def _face_areas(verts: Tensor, faces: Tensor) -> Float[Tensor, "*B F 3"]:
    """Normals of triangles, twice as long as their area is large."""
    a, b, c = (verts.index_select(-2, faces[:, k]) for k in range(3))
    return torch.linalg.cross(b - a, c - a)
