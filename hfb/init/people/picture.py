"""The photo with everybody outlined and numbered."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from hfb.init.people.following import People

_SIDE = 960
"""Longer side at most, px."""
_COLOURS = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
)  # fmt: skip
"""Okabe and Ito's, which the colour-blind tell apart, too."""


def numbered_picture(people: People, taken: int) -> Float[Tensor, "3 h w"]:
    """Draw who is who.

    Args:
        people: with the photo that is drawn on.
        taken: number of the person who is drawn with a thick line and a full plate.

    Returns:
        sRGB in [0, 1], at most 960 px.
    """
    height, width = people.size
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = (people.picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    image = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    territory = cv2.resize(people.territory(people.shown), size, interpolation=cv2.INTER_NEAREST)
    unit = max(size) / _SIDE
    for number, seen in enumerate(people.seen, 1):
        if people.shown not in seen:
            continue
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        own = (territory == number).astype(np.uint8)
        outline, _ = cv2.findContours(own, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        thickness = max(2, round((4 if number == taken else 2) * unit))
        cv2.drawContours(image, outline, -1, colour, thickness, cv2.LINE_AA)
    for number, seen in enumerate(people.seen, 1):
        if people.shown in seen:
            left, top, right, _ = seen[people.shown].box
            place = (0.5 * (left + right) * scale, top * scale)
            colour = _COLOURS[(number - 1) % len(_COLOURS)]
            _plate(image, number, place, colour, number == taken, max(0.5, unit))
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255


def _plate(
    image: np.ndarray,
    number: int,
    place: tuple[float, float],
    colour: tuple[int, int, int],
    is_taken: bool,
    unit: float,
) -> None:
    """A disc with the number above a head, inside the picture."""
    height, width = image.shape[:2]
    radius = round(22 * unit)
    x = int(np.clip(place[0], radius + 1, max(radius + 1, width - radius - 2)))
    y = int(np.clip(place[1] - radius, radius + 1, max(radius + 1, height - radius - 2)))
    cv2.circle(image, (x, y), radius, colour if is_taken else (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(image, (x, y), radius, colour, max(1, round(3 * unit)), cv2.LINE_AA)
    font, size, line = cv2.FONT_HERSHEY_SIMPLEX, 0.9 * unit, max(1, round(2 * unit))
    (text_width, text_height), _ = cv2.getTextSize(str(number), font, size, line)
    corner = (x - text_width // 2, y + text_height // 2)
    ink = (255, 255, 255) if is_taken else colour
    cv2.putText(image, str(number), corner, font, size, ink, line, cv2.LINE_AA)
