"""Images beside each other with a title each and a row of numbers below."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from hfb.errors import InputError

PAPER = (250, 250, 248)
INK = (28, 30, 34)
FAINT_INK = (104, 108, 116)
EMPTY = (236, 236, 233)
# Pillow's built-in font has ASCII and a few signs; these are the others that our captions may use
KNOWN_SIGNS = "±°"
SPELLED_OUT = {"→": "to", "←": "from", "≤": "<=", "≥": ">=", "×": "x", "–": "-", "—": "-"}


@dataclass(frozen=True)
class PanelStyle:
    """Sizes of a sheet of panels.

    Attributes:
        columns: panels a row.
        panel_height: rows of each panel, px; None takes the first image's, kept in 320 … 480.
    """

    columns: int = 5
    panel_height: int | None = None


@dataclass(frozen=True)
class _Layout:
    """Sizes in px."""

    columns: int
    width: int
    height: int
    gap: int
    title_size: int


def panel_sheet(
    images: dict[str, Float[Tensor, "_C _H _W"]],
    numbers: dict[str, str] | None = None,
    style: PanelStyle = PanelStyle(),  # frozen
) -> Float[Tensor, "3 H W"]:
    """Lay images out on a sheet, in reading order.

    Not in the paper: an image to judge a result by. All panels get one size; images of another
    aspect ratio are centred in theirs. Small images are enlarged so that titles can be read.

    Args:
        images: title to image, 1 or 3 channels, sRGB in [0, 1].
        numbers: name to text, shown in the row below.
        style: number of columns and size.

    Returns:
        The sheet, sRGB in [0, 1].

    Raises:
        InputError: if there are no images, or one has no pixels or neither 1 nor 3 channels.
    """
    panels = {title: to_pillow(image, title) for title, image in images.items()}
    layout = _layout(list(panels.values()), style)
    title_height = round(1.7 * layout.title_size)
    rows = -(-len(panels) // layout.columns)
    width = layout.columns * (layout.width + layout.gap) + layout.gap
    grid_height = rows * (layout.height + title_height + layout.gap) + layout.gap
    footer = _footer(numbers or {}, width, layout)
    sheet = Image.new("RGB", (width, grid_height + (footer.height if footer else 0)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, (title, panel) in enumerate(panels.items()):
        x = layout.gap + (k % layout.columns) * (layout.width + layout.gap)
        y = layout.gap + (k // layout.columns) * (layout.height + title_height + layout.gap)
        font, text = fit_text(title, layout.title_size, layout.width)
        draw.text((x, y + title_height / 2), text, fill=INK, font=font, anchor="lm")
        _paste_centred(sheet, panel, (x, y + title_height), layout)
    if footer:
        sheet.paste(footer, (0, grid_height))
    return to_tensor(sheet)


def fit_text(text: str, size: int, width: int) -> tuple[ImageFont.FreeTypeFont, str]:
    """A font in which a line fits, and the line, cut off where even a small font is too large.

    Args:
        text: one line.
        size: the font size wanted, px.
        width: room, px.

    Returns:
        The font (Pillow's own, no file needed) and the text.
    """
    text = drawable(text)
    for smaller in range(size, max(9, round(0.7 * size)) - 1, -1):
        font = default_font(smaller)
        if font.getlength(text) <= width:
            return font, text
    while len(text) > 1 and font.getlength(text + "...") > width:
        text = text[:-1]
    return font, text.rstrip() + "..."


def drawable(text: str) -> str:
    """The text with signs that the font lacks spelled out; the unknown become question marks.

    Args:
        text: any text.

    Example:
        >>> drawable("84 → 61 mm")
        '84 to 61 mm'
    """
    for sign, spelled in SPELLED_OUT.items():
        text = text.replace(sign, spelled)
    return "".join(sign if sign in KNOWN_SIGNS else _ascii(sign) for sign in text)


def _ascii(sign: str) -> str:
    """Letters without their accents; a question mark for what is no such letter."""
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


def default_font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's built-in font.

    Args:
        size: px.
    """
    font = ImageFont.load_default(float(size))
    assert isinstance(font, ImageFont.FreeTypeFont), "Pillow's wheels come with FreeType"
    return font


def to_pillow(image: Float[Tensor, "C H W"], name: str = "the image") -> Image.Image:
    """An image as Pillow's.

    Args:
        image: 1 or 3 channels in [0, 1], clamped; NaN becomes 0.
        name: for the error.

    Raises:
        InputError: if it has no pixels or another number of channels.
    """
    if image.numel() == 0 or image.shape[0] not in (1, 3):
        raise InputError(f"{name}: 1 or 3 channels and some pixels needed, not {image.shape}")
    values = image.detach().cpu().float().nan_to_num().clamp(0, 1).mul(255).round().byte()
    return Image.fromarray(values.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy())


def to_tensor(image: Image.Image) -> Float[Tensor, "3 H W"]:
    """The inverse of `to_pillow`.

    Args:
        image: any mode; becomes RGB.

    Returns:
        sRGB in [0, 1].
    """
    array = np.array(image.convert("RGB"))
    return torch.from_numpy(array).permute(2, 0, 1).contiguous().float() / 255


def _layout(panels: list[Image.Image], style: PanelStyle) -> _Layout:
    if not panels:
        raise InputError("a sheet needs at least one image")
    # the first image, the input, sets size and shape; others are fitted into it
    height = style.panel_height or min(480, max(320, panels[0].height))
    width = max(round(height * panels[0].width / panels[0].height), height // 2)
    columns = min(style.columns, len(panels))
    return _Layout(columns, width, height, max(6, height // 32), max(12, min(width // 12, 26)))


def _paste_centred(
    sheet: Image.Image, panel: Image.Image, corner: tuple[int, int], layout: _Layout
) -> None:
    """Fit an image into its panel, the rest of the panel a faint grey."""
    scale = min(layout.width / panel.width, layout.height / panel.height)
    size = (max(1, round(panel.width * scale)), max(1, round(panel.height * scale)))
    resized = panel.resize(size, Image.Resampling.LANCZOS)
    x, y = corner
    if size != (layout.width, layout.height):
        sheet.paste(EMPTY, (x, y, x + layout.width, y + layout.height))
    sheet.paste(resized, (x + (layout.width - size[0]) // 2, y + (layout.height - size[1]) // 2))


def _footer(numbers: dict[str, str], width: int, layout: _Layout) -> Image.Image | None:
    """Names in faint ink with their texts beside them, broken into lines."""
    if not numbers:
        return None
    name_font = default_font(layout.title_size)
    space, line_height = layout.title_size // 2, round(1.6 * layout.title_size)
    entries, x, line = [], layout.gap, 0
    for name, text in ((drawable(name), drawable(text)) for name, text in numbers.items()):
        name_width = round(name_font.getlength(name))
        entry_width = name_width + space + round(name_font.getlength(text))
        if x > layout.gap and x + entry_width > width - layout.gap:
            x, line = layout.gap, line + 1
        entries.append((x, line, name, name_width, text))
        x += entry_width + 4 * space
    footer = Image.new("RGB", (width, (line + 1) * line_height + layout.gap), PAPER)
    draw = ImageDraw.Draw(footer)
    for x, line, name, name_width, text in entries:
        y = (line + 0.5) * line_height
        draw.text((x, y), name, fill=FAINT_INK, font=name_font, anchor="lm")
        draw.text((x + name_width + space, y), text, fill=INK, font=name_font, anchor="lm")
    return footer
