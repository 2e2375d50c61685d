"""`target.npz`: the ground truth of a blurry sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8
from torch import Tensor

from hfb.errors import InputError
from hfb.export import atomic_write
from hfb.files.npz import read_npz
from hfb.files.numbers import MAX_BETA, MAX_METRES, MAX_TURN, check_size, numbers_of
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.skeleton import POSE_SIZES
from hfb.structures import Target

_LARGEST = {
    "joints": MAX_METRES,
    "trans": MAX_METRES,
    "times": np.inf,
    "poses": MAX_TURN,
    "betas": MAX_BETA,
}
"""Entries that hold numbers, and how large these can be."""


def read_target(path: str | Path, height: int, width: int) -> Target:
    """Read a target.npz.

    Keys: `joints` (F, S, J, 3) m and `times` (F, S) s; optional `poses` (F, S, 72) rad, `trans`
    (F, S, 3) m, `betas` (K,), `silhouettes` (F, S, H, ceil(W / 8)) packed bits, `joint_names` (J,).

    Args:
        path: the file.
        height: rows of the image, for the silhouettes.
        width: columns of the image.

    Returns:
        The ground truth; rotations as matrices.

    Raises:
        InputError: if the file cannot be read, lacks a key, shapes do not fit, or a number is NaN,
            infinite or no such quantity.
    """
    path = Path(path)
    data = read_npz(path, "target")
    _check(path, data, height, width)
    names, bits = data.get("joint_names"), data.get("silhouettes")
    poses = data.get("poses")
    rotvec = None if poses is None else _floats(poses).unflatten(-1, (-1, 3))
    return Target(
        joints=_floats(data["joints"]),
        times=_floats(data["times"]),
        pose_rotmat=None if rotvec is None else rotvec_to_rotmat(rotvec),
        transl=_floats(data["trans"]) if "trans" in data else None,
        betas=_floats(data["betas"]) if "betas" in data else None,
        silhouettes=None if bits is None else unpack_silhouettes(torch.from_numpy(bits), width),
        joint_names=None if names is None else tuple(str(name) for name in names),
    )


def write_target(path: str | Path, target: Target) -> None:
    """Write a target.npz, whole or not at all.

    Args:
        path: the file.
        target: what to write; absent fields are left out.

    Raises:
        InputError: if the file cannot be made.
    """
    arrays = {"joints": _array(target.joints), "times": _array(target.times)}
    if target.pose_rotmat is not None:
        arrays["poses"] = _array(rotmat_to_rotvec(target.pose_rotmat).flatten(-2))
    if target.transl is not None:
        arrays["trans"] = _array(target.transl)
    if target.betas is not None:
        arrays["betas"] = _array(target.betas)
    if target.silhouettes is not None:
        arrays["silhouettes"] = pack_silhouettes(target.silhouettes).numpy()
    if target.joint_names is not None:
        arrays["joint_names"] = np.array(target.joint_names)
    with atomic_write(path) as part:
        np.savez_compressed(part, **arrays)  # type: ignore[arg-type]  # stubs of one numpy


def pack_silhouettes(silhouettes: Bool[Tensor, "*B H W"]) -> UInt8[Tensor, "*B H W8"]:
    """Eight pixels of a row to a byte, the leftmost in the highest bit.

    Args:
        silhouettes: masks.

    Returns:
        Packed rows, ceil(W / 8) bytes each.
    """
    return torch.from_numpy(np.packbits(silhouettes.cpu().numpy(), axis=-1))


def unpack_silhouettes(packed: UInt8[Tensor, "*B H W8"], width: int) -> Bool[Tensor, "*B H W"]:
    """The inverse of `pack_silhouettes`.

    Args:
        packed: rows of bytes.
        width: columns of the masks.

    Returns:
        Masks.
    """
    return torch.from_numpy(np.unpackbits(packed.numpy(), axis=-1, count=width).astype(bool))


def _check(path: Path, data: dict[str, np.ndarray], height: int, width: int) -> None:
    for key in ("joints", "times"):
        if key not in data:
            raise InputError(f"the target {path} lacks the key {key!r}")
    times = data["times"].shape
    shapes: dict[str, tuple[int | None, ...]] = {
        "joints": (*times, None, 3),
        "poses": (*times, POSE_SIZES["smpl"]),
        "trans": (*times, 3),
        "betas": (None,),
        "silhouettes": (*times, height, (width + 7) // 8),
        "joint_names": (data["joints"].shape[-2] if data["joints"].ndim > 1 else None,),
    }
    for key, wanted in shapes.items():
        if key in data and not _fits(data[key].shape, wanted):
            text = ", ".join("any" if n is None else str(n) for n in wanted)
            raise InputError(
                f"{key} in the target {path} has the shape {data[key].shape}, not ({text})"
            )
    if 0 in data["joints"].shape:
        raise InputError(f"joints in the target {path} is empty: {data['joints'].shape}")
    for key, largest in _LARGEST.items():
        if key in data:
            check_size(numbers_of(data[key], key, path), largest, key, path)
    if "silhouettes" in data and data["silhouettes"].dtype != np.uint8:
        raise InputError(f"silhouettes in the target {path} must be packed bits (uint8)")


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w is None or n == w for n, w in zip(shape, wanted, strict=True)
    )


def _floats(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().float().numpy()
