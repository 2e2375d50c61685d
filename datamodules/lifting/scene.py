"""One training image for lifting: a captured motion of a random person, blurred, made cheaply.

The benchmark's generator integrates hundreds of lit, supersampled sub-frames, which takes seconds.
Tens of thousands of pairs need milliseconds: a few sub-frames, one lit texture for all of them,
prepared backgrounds. What the detector sees is varied all the more: clothes, shadows, light,
cameras.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from datamodules.lifting.dressing import draw_dress, draw_paint
from datamodules.lifting.ground_shadow import shadow_left
from datamodules.lifting.outfits import Wardrobe
from datamodules.lifting.photography import TrainingCamera
from datamodules.mocap.frames import Frames
from datamodules.synthetic.camera_placement import CameraRange, SceneCamera, place_camera
from datamodules.synthetic.shading import Light
from hfb.body import SmplBody
from hfb.formation import composite_exposure, srgb_to_linear
from hfb.geometry import rotmat_to_rotvec, rotvec_to_rotmat
from hfb.motion import subframe_times
from hfb.motion.tracks import mirror_joints
from hfb.render import RenderSettings, render_exposure
from hfb.skeleton import CHAINS
from hfb.structures import BodyParams, Camera, Mesh

FRAME_RATE = 120.0
"""Of the motion capture that exposures are cut from, Hz."""

IMAGE_SIZE = 320
"""Side of the training images, px: the person is about as large as in the network's crop."""

# Odd, so that one is at mid-exposure; more of them where a long exposure would show as copies.
_NUM_SUBFRAMES, _NUM_SUBFRAMES_LONG, _LONG_FRAMES = 9, 15, 24
_UPPER_BODY = tuple(sorted(CHAINS["torso"] + CHAINS["left_arm"] + CHAINS["right_arm"]))
# Seen from anywhere more often than in the benchmark, which keeps to 60 degrees from the front.
_CAMERAS = CameraRange(
    yaw_deg=(-80.0, 80.0),
    turned_share=0.35,
    focal=(0.85, 2.4),
    height_m=(0.3, 2.4),
    subject=(0.48, 0.84),
    roll_deg=3.0,
)
# Shares of windows whose upper body comes from another window, and that are seen in a mirror.
_MIXED_SHARE, _MIRRORED_SHARE = 0.35, 0.5
_JOINT_OFFSET_RAD = 0.08


@dataclass(frozen=True)
class Studio:
    """What training images are made with.

    Attributes:
        body: to be dressed.
        wardrobe: its clothes.
        backgrounds: sRGB images without people.
        clean_share: share of images that look like the benchmark's: clothes that are paint, no
            shadow, an ordinary camera. Without them a network forgets the easy photos.
    """

    body: SmplBody
    wardrobe: Wardrobe
    backgrounds: UInt8[Tensor, "P 3 S S"]
    clean_share: float = 0.0


@dataclass(frozen=True)
class LiftingScene:
    """A blurry image and the truth about it.

    Attributes:
        image: as it was stored.
        background: the same place without the person, by the same camera.
        camera: of the image.
        pose_rotmat: at the sub-frame times, root first, camera frame.
        joints: at the same times, camera frame, m.
        transl: smplx's transl at mid-exposure, camera frame, m.
        betas: shape.
        blur_rate: eq. (12).
    """

    image: UInt8[np.ndarray, "H W 3"]
    background: UInt8[np.ndarray, "H W 3"]
    camera: Camera
    pose_rotmat: Float[Tensor, "N 24 3 3"]
    joints: Float[Tensor, "N 24 3"]
    transl: Float[Tensor, " 3"]
    betas: Float[Tensor, " K"]
    blur_rate: float

    @property
    def middle(self) -> int:
        """The sub-frame at mid-exposure."""
        return len(self.joints) // 2


@torch.no_grad()
def draw_lifting_scene(
    frames: Frames,
    window: tuple[int, int],
    other: tuple[int, int],
    studio: Studio,
    generator: torch.Generator,
) -> LiftingScene:
    """Draw an image.

    Args:
        frames: motion capture, y-up world.
        window: first frame and number of frames of the exposure.
        other: a window that may lend its upper body.
        studio: body, clothes, places, and how much may be wrong.
        generator: source of randomness.
    """
    rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=generator)))
    body, is_clean = studio.body, bool(rng.random() < studio.clean_share)
    betas = _shape(body.num_betas, rng)
    rotmat, transl = _motion(frames, window, other, rng)
    params = BodyParams(betas[None], rotmat, transl)
    naked = body(params)
    lift = _lift_to_ground(naked.verts)
    size, middle = IMAGE_SIZE, len(rotmat) // 2
    # A third of the vertices outlines the body well enough for the camera to hold it.
    placed = place_camera(
        naked.verts[:, ::3] - lift, rotmat[middle, 0, :, 2], size, size, _CAMERAS, rng
    )
    background = _background(studio.backgrounds, rng)
    if is_clean:
        dress = draw_paint(body, studio.wardrobe, background, rng)
    else:
        dress = draw_dress(body, betas, studio.wardrobe, background, rng)
    seconds = subframe_times(len(rotmat)) * ((window[1] - 1) / FRAME_RATE)
    verts = dress.verts(body, params, seconds) - lift
    light, towards = _light(placed, rng)
    seen = placed.transform(verts)
    texture = dress.lit(seen[middle], light)
    mesh = Mesh(seen, dress.faces, dress.uv, dress.faces_uv, texture)
    exposure = render_exposure(mesh, placed.camera, RenderSettings(num_threads=1))
    ground = background
    if not is_clean:
        ground = background * shadow_left(verts, dress.faces, towards, placed, rng)
    joints = placed.transform(naked.joints - lift)
    rest = body.joints(BodyParams(betas, torch.eye(3).expand(24, 3, 3), torch.zeros(3)))
    camera = TrainingCamera.draw_ordinary(rng) if is_clean else TrainingCamera.draw(rng)
    gain = _gain(rng)
    # The plate was taken at another moment: a little brighter or darker, now and then.
    other_gain = gain * float(np.exp(rng.normal(0.0, 0.03))) if rng.random() < 0.5 else gain
    return LiftingScene(
        image=camera.take(gain * composite_exposure(exposure, ground), generator),
        background=camera.take(other_gain * background, generator),
        camera=placed.camera,
        pose_rotmat=torch.cat([placed.world_to_camera @ rotmat[:, :1], rotmat[:, 1:]], 1),
        joints=joints,
        transl=joints[middle, 0] - rest[0],
        betas=betas,
        blur_rate=_blur_rate(exposure.alpha[0], len(rotmat)),
    )


def _shape(count: int, rng: np.random.Generator) -> Float[Tensor, " K"]:
    """Shape coefficients; one person in three is far from the mean."""
    sigma = 1.6 if rng.random() < 0.3 else 0.9
    return torch.from_numpy(rng.normal(0.0, sigma, count)).float().clamp(-3.5, 3.5)


def _gain(rng: np.random.Generator) -> Float[Tensor, "3 1 1"]:
    """Brightness and white balance."""
    tint = torch.from_numpy(rng.normal(1.0, 0.05, (3, 1, 1))).float()
    return float(rng.uniform(0.5, 1.4)) * tint


def _motion(
    frames: Frames, window: tuple[int, int], other: tuple[int, int], rng: np.random.Generator
) -> tuple[Float[Tensor, "N 24 3 3"], Float[Tensor, "N 3"]]:
    """Poses over the exposure, y-up world, varied beyond what was captured."""
    num = _NUM_SUBFRAMES_LONG if window[1] > _LONG_FRAMES else _NUM_SUBFRAMES
    rotmat, transl = _between_frames(frames, window, num)
    if rng.random() < _MIXED_SHARE:
        lent, _ = _between_frames(frames, other, num)
        upper = list(_UPPER_BODY)
        rotmat = rotmat.clone()
        rotmat[:, upper] = lent[:, upper]
    offset = torch.from_numpy(rng.normal(0.0, _JOINT_OFFSET_RAD, (24, 3))).float()
    offset[0] = 0.0
    rotmat = rotmat @ rotvec_to_rotmat(offset)
    if rng.random() < _MIRRORED_SHARE:
        mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
        rotmat = mirror @ rotmat[:, mirror_joints()] @ mirror
        transl = transl @ mirror
    return rotmat, transl


def _between_frames(
    frames: Frames, window: tuple[int, int], num: int
) -> tuple[Float[Tensor, "N 24 3 3"], Float[Tensor, "N 3"]]:
    """Poses at the sub-frame times of a window, along the shortest arcs between frames."""
    start, length = window
    position = start + subframe_times(num).double() * (length - 1)
    frame = position.long().clamp(max=start + max(length - 2, 0))
    after = (frame + 1).clamp(max=len(frames.run) - 1)
    share = (position - frame).float()
    before = frames.pose_rotmat(frame)
    step = rotmat_to_rotvec(before.mT @ frames.pose_rotmat(after))
    rotmat = before @ rotvec_to_rotmat(step * share[:, None, None])
    return rotmat, torch.lerp(frames.transl[frame], frames.transl[after], share[:, None])


def _lift_to_ground(verts: Float[Tensor, "N V 3"]) -> Float[Tensor, " 3"]:
    """What has to be taken off so that the lowest point of the exposure lies at y = 0."""
    lowest = verts[..., 1].min()
    return torch.stack([lowest.new_zeros(()), lowest, lowest.new_zeros(())])


def _background(
    backgrounds: UInt8[Tensor, "P 3 S S"], rng: np.random.Generator
) -> Float[Tensor, "3 S S"]:
    """A part of a prepared image, linear RGB."""
    image = backgrounds[int(rng.integers(len(backgrounds)))]
    if rng.random() < 0.5:
        image = image.flip(-1)
    side = int(rng.uniform(0.6, 1.0) * image.shape[-1])
    top, left = (int(rng.integers(image.shape[-1] - side + 1)) for _ in range(2))
    part = image[None, :, top : top + side, left : left + side].float() / 255
    size = (IMAGE_SIZE, IMAGE_SIZE)
    return srgb_to_linear(torch.nn.functional.interpolate(part, size=size, mode="bilinear")[0])


def _light(placed: SceneCamera, rng: np.random.Generator) -> tuple[Light, Float[Tensor, " 3"]]:
    """A lamp in the camera frame, from soft to hard, and the way to it in the world."""
    azimuth, height = float(rng.uniform(-np.pi, np.pi)), float(np.deg2rad(rng.uniform(15, 80)))
    towards = torch.tensor(
        [np.cos(height) * np.sin(azimuth), np.sin(height), np.cos(height) * np.cos(azimuth)]
    ).float()
    ambient, warmth = float(rng.uniform(0.2, 0.95)), float(rng.uniform(-0.15, 0.2))
    light = Light(
        direction=placed.world_to_camera @ towards,
        up=placed.world_to_camera @ torch.tensor([0.0, 1.0, 0.0]),
        lamp=torch.tensor([1 + warmth, 1.0, 1 - warmth]) * (1.2 * (1.15 - ambient)),
        ambient=torch.tensor([1 - 0.5 * warmth, 1.0, 1 + 0.5 * warmth]) * ambient,
        ground_share=float(rng.uniform(0.2, 0.8)),
    )
    return light, towards


def _blur_rate(alpha: Float[Tensor, "H W"], num: int) -> float:
    """Eq. (12) from the mean silhouette: union by mean area, which needs no second rendering.

    Args:
        alpha: mean over the sub-frames.
        num: how many sub-frames.
    """
    return float((alpha > 0.5 / num).sum() / alpha.sum() - 1.0)
