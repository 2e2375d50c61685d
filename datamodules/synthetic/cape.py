"""CAPE's scans of clothed people as a source of motion and clothes (60 Hz, SMPL's mesh).

Layout: `sequences/<subject>/<name>/<name>.%06d.npz` with `v_cano` (V, 3) the clothed body unposed,
`v_posed`, `pose` (72,) and `transl` (3,); `minimal_body_shape/<subject>/<subject>_minimal.npy`
(V, 3) the naked one. Nothing is unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from datamodules.mocap.clip import Z_UP_TO_Y_UP
from datamodules.synthetic.movement.grounding import GroundedBody
from datamodules.synthetic.movement.mocap_action import interpolate_poses
from hfb.body import SmplBody
from hfb.body.kinematics import joint_frames
from hfb.errors import InputError
from hfb.files.npz import read_npz
from hfb.files.numbers import MAX_METRES, check_size, numbers_of
from hfb.geometry import rotvec_to_rotmat
from hfb.skeleton import NUM_JOINTS, POSE_SIZES
from hfb.structures import BodyParams

CAPE_HZ = 60.0
_DRAWS = 200
_HEAD, _ANKLES = 15, (7, 8)


@dataclass(frozen=True)
class CapeStretch:
    """Consecutive frames of a sequence: a `MotionSource`.

    Attributes:
        name: of the sequence, with its subject.
        duration: s.
        focus: times between which an exposure may be centred, s.
        pose_rotmat: root first, world y up.
        transl: smplx's `transl`, world, m; the lowest point of the clothes touches the ground.
    """

    name: str
    duration: float
    focus: tuple[float, float]
    pose_rotmat: Float[Tensor, "F 24 3 3"]
    transl: Float[Tensor, "F 3"]

    def window(
        self, body: GroundedBody, betas: Float[Tensor, " K"], times: Float[Tensor, " S"]
    ) -> tuple[Float[Tensor, "S 24 3 3"], Float[Tensor, "S 3"]]:
        """Pose and translation at times in [0, duration]; see `MotionSource.window`."""
        position = times.double().cpu().numpy() * CAPE_HZ
        rotmat, transl = interpolate_poses(self.pose_rotmat, self.transl, position)
        return rotmat.to(betas), transl.to(betas)


@dataclass(frozen=True)
class CapeClothes:
    """The scanned clothes: offsets from the naked body in its rest pose, frame by frame.

    Attributes:
        rest_offsets: m.
        betas: shape that the offsets start from.
    """

    rest_offsets: Float[Tensor, "F V 3"]
    betas: Float[Tensor, " K"]

    def offsets(
        self, body: SmplBody, params: BodyParams, times: Float[Tensor, " S"]
    ) -> Float[Tensor, "S V 3"]:
        """Interpolated in time and turned with the skin: see `Clothes.offsets`."""
        position = (times.double() * CAPE_HZ).clamp(0, len(self.rest_offsets) - 1)
        first = position.floor().long().clamp(max=len(self.rest_offsets) - 2)
        share = (position - first).float()[:, None, None]
        offsets = torch.lerp(self.rest_offsets[first], self.rest_offsets[first + 1], share)
        _, rest_joints = body.shape(params.betas)
        frames = joint_frames(
            params.pose_rotmat, rest_joints.expand(len(times), -1, -1), body.parents
        )
        turned = (body.weights @ frames.rotmat.flatten(-2)).unflatten(-1, (3, 3))
        return (turned @ offsets.unsqueeze(-1)).squeeze(-1)


@dataclass(frozen=True)
class CapeData:
    """A CAPE folder.

    Attributes:
        root: holds `sequences` and `minimal_body_shape`.
        sequences: folders of frames.
    """

    root: Path
    sequences: tuple[Path, ...]

    @staticmethod
    def find(root: Path, body: SmplBody) -> CapeData:
        """List the sequences.

        Raises:
            InputError: if there are none, or CAPE's mesh is not the body's.
        """
        sequences = tuple(sorted(p for p in (root / "sequences").glob("*/*") if p.is_dir()))
        if not sequences:
            raise InputError(f"no CAPE sequences: looked for {root / 'sequences'}/<subject>/<name>")
        triangles = root / "misc" / "smpl_tris.npy"
        if triangles.is_file():
            faces = _read_npy(triangles, "CAPE's mesh")
            if not np.array_equal(np.sort(faces, axis=0), np.sort(body.faces.numpy(), axis=0)):
                raise InputError(
                    f"CAPE's mesh is not that of the body {body.identity.name}: give SMPL's own "
                    "file with --body"
                )
        return CapeData(root, sequences)

    def draw(
        self, body: SmplBody, rng: np.random.Generator, seconds: float
    ) -> tuple[CapeStretch, CapeClothes]:
        """A stretch of consecutive readable frames, and what is worn in it.

        Raises:
            InputError: if no sequence is long enough, or a subject's body is missing.
        """
        length = round(seconds * CAPE_HZ) + 1
        for _ in range(_DRAWS):
            folder = self.sequences[int(rng.integers(len(self.sequences)))]
            stretches = _runs(sorted(folder.glob("*.npz")), length)
            if not stretches:
                continue
            files = stretches[int(rng.integers(len(stretches)))]
            try:
                frames = [_read_frame(file, len(body.template)) for file in files]
            except InputError:
                continue  # a few frames of CAPE are damaged
            return self._stretch(folder, frames, body, seconds)
        raise InputError(f"no CAPE sequence under {self.root} has {seconds:.1f} s without a break")

    def _stretch(
        self, folder: Path, frames: list[dict[str, Tensor]], body: SmplBody, seconds: float
    ) -> tuple[CapeStretch, CapeClothes]:
        subject = folder.parent.name
        naked = _read_minimal(self.root, subject, len(body.template))
        betas = fit_betas(body, naked)
        shaped, joints = body.shape(betas)
        clothed = torch.stack([frame["v_cano"] for frame in frames])
        rotmat = rotvec_to_rotmat(
            torch.stack([frame["pose"] for frame in frames]).unflatten(1, (NUM_JOINTS, 3))
        )
        transl = torch.stack([frame["transl"] for frame in frames])
        posed = torch.stack([frame["v_posed"] for frame in frames])
        up = _world_up(body, betas, rotmat, transl)
        rotmat = torch.cat([up @ rotmat[:, :1], rotmat[:, 1:]], dim=1)
        transl = (transl + joints[0]) @ up.T - joints[0]
        lowest = (posed @ up.T)[..., 1].min()
        transl = transl - torch.tensor([0.0, float(lowest), 0.0])
        stretch = CapeStretch(
            f"{subject}_{folder.name}", seconds, (0.2 * seconds, 0.8 * seconds), rotmat, transl
        )
        return stretch, CapeClothes(clothed - shaped, betas)


def fit_betas(body: SmplBody, naked: Float[Tensor, "V 3"]) -> Float[Tensor, " K"]:
    """Shape coefficients nearest to a naked mesh in the rest pose (least squares)."""
    basis = body.shapedirs.flatten(1).T.double()
    wanted = (naked - body.template).flatten().double()
    return torch.linalg.lstsq(basis, wanted[:, None]).solution[:, 0].float()


def _world_up(
    body: SmplBody,
    betas: Float[Tensor, " K"],
    rotmat: Float[Tensor, "F 24 3 3"],
    transl: Float[Tensor, "F 3"],
) -> Float[Tensor, "3 3"]:
    """Rotation into a world with y up: people stand, so their heads tell which axis is up."""
    joints = body.joints(BodyParams(betas[None], rotmat, transl))
    upwards = (joints[:, _HEAD] - joints[:, list(_ANKLES)].mean(1)).mean(0)
    return torch.eye(3) if upwards[1] >= upwards[2] else Z_UP_TO_Y_UP


def _runs(files: list[Path], length: int) -> list[list[Path]]:
    """All stretches of consecutively numbered frames, at most one start every half length."""
    numbers = [int(file.stem.rpartition(".")[2]) for file in files if _has_number(file)]
    files = [file for file in files if _has_number(file)]
    starts = range(0, len(files) - length + 1, max(1, length // 2))
    return [
        files[k : k + length] for k in starts if numbers[k + length - 1] - numbers[k] == length - 1
    ]


def _has_number(file: Path) -> bool:
    return file.stem.rpartition(".")[2].isdigit()


def _read_frame(file: Path, num_verts: int) -> dict[str, Tensor]:
    data = read_npz(file, "CAPE frame")
    shapes: dict[str, tuple[int, ...]] = {
        "v_cano": (num_verts, 3),
        "v_posed": (num_verts, 3),
        "pose": (POSE_SIZES["smpl"],),
        "transl": (3,),
    }
    for key, shape in shapes.items():
        if key not in data or data[key].shape != shape:
            raise InputError(f"the CAPE frame {file} needs {key} {shape}")
        check_size(numbers_of(data[key], key, file), MAX_METRES, key, file)
    return {key: torch.from_numpy(np.asarray(data[key], np.float32)) for key in shapes}


def _read_npy(path: Path, what: str) -> NDArray[np.float64]:
    try:
        values = np.load(path, allow_pickle=False)
    except Exception as error:  # numpy meets damaged headers with whatever it runs into
        raise InputError(f"{what} cannot be read: {path}: {error}") from error
    return numbers_of(values, "array", path)


def _read_minimal(root: Path, subject: str, num_verts: int) -> Float[Tensor, "V 3"]:
    path = root / "minimal_body_shape" / subject / f"{subject}_minimal.npy"
    verts = _read_npy(path, f"the naked body of CAPE's subject {subject}").astype(np.float32)
    if verts.shape != (num_verts, 3):
        raise InputError(f"{path} has the shape {verts.shape}, not ({num_verts}, 3)")
    return torch.from_numpy(verts)
