"""Which files are images and which are clips, by their endings."""

from __future__ import annotations

from hfb.files.extras import HEIC_SUFFIXES, RAW_SUFFIXES

IMAGES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".avif", ".bmp"),
    *HEIC_SUFFIXES,
    *RAW_SUFFIXES,
)
CLIPS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp")
