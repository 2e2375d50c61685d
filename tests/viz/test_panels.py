import pytest
import torch
from PIL import Image, ImageDraw

from hfb.errors import InputError
from hfb.viz import PanelStyle, panel_sheet
from hfb.viz.panels import (
    INK,
    KNOWN_SIGNS,
    PAPER,
    default_font,
    drawable,
    fit_text,
    to_pillow,
    to_tensor,
)

RED = torch.tensor([1.0, 0.0, 0.0])[:, None, None]
BLUE = torch.tensor([0.0, 0.0, 1.0])[:, None, None]


def count_colour(sheet: torch.Tensor, colour: torch.Tensor) -> int:
    return int((sheet - colour).abs().amax(dim=0).lt(1e-6).sum())


def test_images_are_shown_whole_and_in_reading_order() -> None:
    images = {"a": RED.expand(3, 40, 60), "b": BLUE.expand(3, 40, 60), "c": RED.expand(3, 40, 60)}
    sheet = panel_sheet(images, style=PanelStyle(columns=2, panel_height=80))
    assert count_colour(sheet, RED) == 2 * 80 * 120
    assert count_colour(sheet, BLUE) == 80 * 120
    rows, columns = torch.nonzero((sheet - BLUE).abs().amax(dim=0) < 1e-6).unbind(dim=1)
    height, width = sheet.shape[1:]
    assert rows.max() < height / 2  # the second panel is on the right of the first row
    assert columns.min() > width / 2


def test_other_aspect_ratios_are_centred_not_cut() -> None:
    sheet = panel_sheet(
        {"wide": RED.expand(3, 40, 80), "tall": BLUE.expand(3, 80, 40)},
        style=PanelStyle(panel_height=60),
    )
    assert count_colour(sheet, RED) == 60 * 120
    assert count_colour(sheet, BLUE) == 60 * 30


def test_small_images_are_enlarged_and_titles_drawn() -> None:
    sheet = panel_sheet({"a title": RED.expand(3, 8, 8)})
    assert count_colour(sheet, RED) == 320 * 320
    ink = torch.tensor(INK)[:, None, None] / 255
    assert count_colour(sheet, ink) > 20


def test_grey_becomes_rgb() -> None:
    sheet = panel_sheet({"matte": torch.ones(1, 10, 10)}, style=PanelStyle(panel_height=50))
    assert count_colour(sheet, torch.ones(3, 1, 1)) == 50 * 50


def test_numbers_add_rows_and_stay_inside() -> None:
    images = {"a": RED.expand(3, 40, 40)}
    style = PanelStyle(panel_height=100)
    bare = panel_sheet(images, style=style)
    one = panel_sheet(images, {"n": "1"}, style)
    many = panel_sheet(images, {f"number {k}": "1.00" for k in range(6)}, style)
    assert bare.shape[1] < one.shape[1] < many.shape[1]
    assert bare.shape[2] == one.shape[2] == many.shape[2]
    paper = torch.tensor(PAPER)[:, None] / 255
    torch.testing.assert_close(many[:, :, -1], paper.expand(3, many.shape[1]))


def test_long_titles_are_cut_off() -> None:
    font, text = fit_text("a title much too long for so little room", 20, 100)
    assert text.endswith("...")
    assert font.getlength(text) <= 100
    assert fit_text("short", 20, 100)[1] == "short"


def test_signs_without_a_glyph_are_spelled_out() -> None:
    assert drawable("84 → 61 mm, ±2°, é, ☃") == "84 to 61 mm, ±2°, e, ?"


def test_spelled_signs_are_drawn_by_the_font() -> None:
    """What `drawable` lets pass must not come out as the box of a missing glyph."""

    def drawn(sign: str) -> bytes:
        image = Image.new("L", (40, 40))
        ImageDraw.Draw(image).text((5, 5), sign, fill=255, font=default_font(20))
        return image.tobytes()

    for sign in KNOWN_SIGNS + "".join(chr(code) for code in range(33, 127)):
        assert drawn(sign) != drawn("\u2603"), sign


def test_image_round_trip() -> None:
    image = torch.randint(0, 256, (3, 5, 7)) / 255
    torch.testing.assert_close(to_tensor(to_pillow(image)), image, rtol=0, atol=1e-7)


def test_bad_input() -> None:
    with pytest.raises(InputError, match="at least one image"):
        panel_sheet({})
    with pytest.raises(InputError, match="empty one: 1 or 3 channels and some pixels"):
        panel_sheet({"empty one": torch.zeros(3, 0, 5)})
    with pytest.raises(InputError, match="odd: 1 or 3 channels"):
        panel_sheet({"odd": torch.zeros(2, 5, 5)})
