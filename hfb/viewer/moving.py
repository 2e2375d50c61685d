"""A sample's moving body out of `page.json`, as arrays."""

from __future__ import annotations

import binascii
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from hfb.errors import InputError
from hfb.export.rig import JointMotion, Rig, Skeleton, joint_transforms, skinned_verts
from hfb.report.page import CARD_NAME, Card, read_card
from hfb.report.page.packing import pixels, unpacked
from hfb.report.page.photo_view import PICTURE_SIZE


@dataclass(frozen=True)
class Moving:
    """What is shown of a sample; axes as in glTF: x right, y up, the camera looks along -z.

    Attributes:
        verts: of each time, m.
        faces: of the mesh.
        colours: of vertices, sRGB.
        joints: of each time, m.
        parents: of each joint, -1 for the root.
        times_ms: since the first shutter opened.
        photo: which photo each time belongs to.
        photos: the photos, sRGB, of one size.
        starts: joints that the fit of each photo began with, m; None where the run does not tell.
        vertical_view: angle that the camera sees from top to bottom, rad.
    """

    verts: Float[NDArray, "K P 3"]
    faces: Int[NDArray, "F 3"]
    colours: UInt8[NDArray, "P 3"]
    joints: Float[NDArray, "K J 3"]
    parents: tuple[int, ...]
    times_ms: tuple[float, ...]
    photo: tuple[int, ...]
    photos: tuple[UInt8[NDArray, "h w 3"], ...]
    starts: tuple[Float[NDArray, "J 3"] | None, ...]
    vertical_view: float


def samples_of(run: Path) -> list[str]:
    """The samples of a run that can be shown.

    Args:
        run: its folder.

    Raises:
        InputError: if there are none.
    """
    found = sorted(path.parent.name for path in (run / "samples").glob(f"*/{CARD_NAME}"))
    if not found:
        raise InputError(
            f"{run} holds no finished sample (looked for samples/*/{CARD_NAME}); give the folder "
            "that `hfb predict` or `hfb test` named, of a run without --model.report.page false"
        )
    return found


def read_moving(run: Path, sample: str) -> Moving:
    """Read a sample.

    Args:
        run: its folder.
        sample: one of `samples_of`.

    Raises:
        InputError: if its file is damaged, or its method finds no body.
    """
    path = run / "samples" / sample / CARD_NAME
    card = read_card(path)
    if card is None:
        raise InputError(f"{path} is damaged or of another version; run the sample again")
    if not card.get("body"):
        raise InputError(f"{sample}: {card.get('method')} finds no body that could be shown")
    try:
        return _moving(card)
    except (KeyError, ValueError, TypeError, OSError, zlib.error, binascii.Error) as error:
        raise InputError(f"{path} is damaged ({error!r}); run the sample again") from error


def _moving(card: Card) -> Moving:
    body, surface = card["body"], card["surfaces"][card["surface"]]
    parents, frames = tuple(surface["parents"]), card["frames"]
    quats = unpacked(body["turns"], "i2").reshape(len(frames), len(parents), 4) * body["turn_step"]
    rotmats = Rotation.from_quat(quats.reshape(-1, 4)).as_matrix()
    motion = JointMotion(
        torch.arange(len(frames)).double(),
        torch.from_numpy(rotmats.reshape(len(frames), len(parents), 3, 3)),
        torch.tensor(body["roots"], dtype=torch.float64),
    )
    rig = _rig(body, surface)
    _, joints = joint_transforms(rig.skeleton, motion)
    vertex = unpacked(surface["vertex"], "u2").astype(np.int64)
    verts = skinned_verts(rig, motion).numpy().astype(np.float32)[:, vertex]
    starts = [photo.get("start_joints") for photo in card["photos"]]
    return Moving(
        verts,
        rig.faces.numpy(),
        _colours(pixels(body["texture"]), unpacked(surface["uv"], "u2").reshape(-1, 2) / 65535),
        joints.numpy().astype(np.float32),
        parents,
        tuple(frame["time_ms"] for frame in frames),
        tuple(frame["photo"] for frame in frames),
        tuple(whole_photo(card, k) for k in range(len(card["photos"]))),
        tuple(None if start is None else np.array(start, np.float32) for start in starts),
        2.0 * float(np.arctan(body["camera"]["size"][1] / 2 / body["camera"]["focal"][1])),
    )


def _rig(body: dict[str, Any], surface: dict[str, Any]) -> Rig:
    """The skin on its skeleton; colours are set aside."""
    joints = torch.tensor(body["rest_joints"], dtype=torch.float64)
    skeleton = Skeleton(tuple(surface["names"]), tuple(surface["parents"]), joints)
    rest = unpacked(body["rest"], "i2").reshape(-1, 3) * body["rest_step"]
    moved_by = unpacked(surface["skin_joints"], "u1").reshape(len(rest), -1).astype(np.int64)
    shares = unpacked(surface["skin_weights"], "u1").reshape(len(rest), -1).astype(np.float64)
    weights = torch.zeros(len(rest), len(joints), dtype=torch.float64)
    shares /= shares.sum(-1, keepdims=True)
    weights.scatter_add_(1, torch.from_numpy(moved_by), torch.from_numpy(shares))
    faces = torch.from_numpy(unpacked(surface["faces"], "u2").reshape(-1, 3).astype(np.int64))
    no_uv, no_texture = torch.zeros(1, 2), torch.zeros(3, 1, 1)
    verts = torch.from_numpy(rest)
    return Rig(skeleton, verts, weights, faces, no_uv, torch.zeros_like(faces), no_texture)


def _colours(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The texels next to the vertices; v runs down."""
    height, width = texture.shape[:2]
    column = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip((uv[:, 1] * height).astype(int), 0, height - 1)
    return texture[row, column]


def whole_photo(card: Card, number: int) -> np.ndarray:
    """A photo as the camera saw it: the page keeps the first one whole, of all the person.

    Args:
        card: of a sample.
        number: of the photo.
    """
    whole = Image.fromarray(pixels(card["whole"]))
    photo = card["photos"][number]
    part = Image.fromarray(pixels(photo["photo"]))
    x0, y0, size = photo["box"]
    left, top, width, height = photo["inside"]
    per_pixel = size / PICTURE_SIZE
    scale = whole.width / card["size"][0]
    place = [round(scale * (x0 + left * per_pixel)), round(scale * (y0 + top * per_pixel))]
    wanted = [max(1, round(scale * length * per_pixel)) for length in (width, height)]
    whole.paste(part.resize((wanted[0], wanted[1])), (place[0], place[1]))
    return np.asarray(whole)
