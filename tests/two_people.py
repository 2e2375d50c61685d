"""Two people in one photo, drawn by the generator: whose pixels are whose is known."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from datamodules.synthetic.scene import draw_surroundings, expose_body, plan_scene
from datamodules.synthetic.shot import SyntheticSettings
from hfb.structures import BlurSample, Camera, Target

SMALL = SyntheticSettings(
    height=240, width=400, num_subframes=12, supersampling=1, blur_rate=(0.2, 0.4), num_truth=5
)


@dataclass(frozen=True)
class TwoPeople:
    """A photo, or consecutive ones, of two people.

    Attributes:
        sample: what a method gets to see; without camera and truth, which belong to one person.
        alphas: matte of each person in each photo, (2, T, 1, H, W).
        targets: truth of each, seen by their own of `cameras`.
        cameras: one a person: to move a person in the photo is to move the principal point.
    """

    sample: BlurSample
    alphas: Tensor
    targets: tuple[Target, Target]
    cameras: tuple[Camera, Camera]


def two_people(
    places: tuple[float, float] = (-0.25, 0.22),
    seeds: tuple[int, int] = (4, 9),
    settings: SyntheticSettings = SMALL,
    name: str = "two",
) -> TwoPeople:
    """Draw them; the first stands in front.

    Args:
        places: how far each is moved to the right, in widths of the photo.
        seeds: of the people; the first one's scene is taken.
        settings: of both scenes; both have the first one's exposures.
        name: of the sample.
    """
    plans = [plan_scene(settings, seed) for seed in seeds]
    around = [draw_surroundings(plan) for plan in plans]
    place, sensor = around[0].place.image, around[0].sensor
    shifts = [round(share * settings.width) for share in places]
    drawn = []
    for plan, own, shift in zip(plans, around, shifts, strict=True):
        exposures, _ = expose_body(plan, around[0].light, own.outfit, False)
        drawn.append([(moved(e.rgb, shift), moved(e.alpha, shift)) for e in exposures])
    photos = []
    for layers in zip(*drawn, strict=True):
        light = place
        for rgb, alpha in reversed(layers):
            light = rgb + (1 - alpha) * light
        photos.append(sensor.expose(light, plans[0].generator))
    shot = plans[0].shot
    opened = torch.tensor(shot.openings) - shot.window.start
    sample = BlurSample(
        sample_id=name,
        blurry=torch.stack(photos),
        background=sensor.expose(place, plans[0].generator, frames=8),
        exposure=torch.stack([opened, opened + shot.window.duration], 1),
        fps=1.0 / shot.window.duration,
    )
    cameras = [
        replace(
            plan.shot.placed.camera,
            principal_point=plan.shot.placed.camera.principal_point + torch.tensor([shift, 0]),
        )
        for plan, shift in zip(plans, shifts, strict=True)
    ]
    alphas = torch.stack([torch.stack([alpha for _, alpha in own]) for own in drawn])
    return TwoPeople(sample, alphas, (plans[0].target, plans[1].target), (cameras[0], cameras[1]))


def moved(image: Tensor, shift: int) -> Tensor:
    """The picture moved to the right; what comes in is empty."""
    rolled = image.roll(shift, -1)
    if shift > 0:
        rolled[..., :shift] = 0
    elif shift < 0:
        rolled[..., shift:] = 0
    return rolled
