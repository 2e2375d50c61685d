"""`report.html`: a run on one page, for a browser without a network."""

from hfb.report.page.card import (
    CARD_NAME,
    MOST_PHOTOS,
    PEOPLE_NAME,
    Card,
    clip_card,
    evenly_spread,
    read_card,
    sample_card,
    write_card,
)
from hfb.report.page.numbers import clip_numbers, sureness_rows, warning_rows
from hfb.report.page.photo_view import PhotoView, frames_of_photos, view_of_photo
from hfb.report.page.run_page import PAGE_NAME, write_run_page, write_sample_page

__all__ = [
    "CARD_NAME",
    "MOST_PHOTOS",
    "PAGE_NAME",
    "PEOPLE_NAME",
    "Card",
    "PhotoView",
    "clip_card",
    "clip_numbers",
    "evenly_spread",
    "frames_of_photos",
    "read_card",
    "sample_card",
    "sureness_rows",
    "view_of_photo",
    "warning_rows",
    "write_card",
    "write_run_page",
    "write_sample_page",
]
