"""What may be uploaded, by name and by content."""

import pytest

from hfb.web.uploads import why_content_refused, why_name_refused

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("../photo.png", "holds a path"),
        ("a\\b.png", "holds a path"),
        ("..png", "holds a path"),
        ("photo.zip", ".zip is not taken"),
        ("page.html", ".html is not taken"),
        ("photo.png.svg", ".svg is not taken"),
        ("photo", "a file without an ending is not taken"),
        ("", "is empty"),
        ("a\n.png", "no text"),
        (f"{'a' * 300}.png", "very long"),
    ],
)
def test_names_that_are_refused(name: str, part: str) -> None:
    assert part in (why_name_refused(name) or "")


@pytest.mark.parametrize("name", ["photo.JPG", "Läufer 1.png", "clip.mov", "a.b.tiff"])
def test_names_that_are_taken(name: str) -> None:
    assert why_name_refused(name) is None


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("photo.png", b"PK\x03\x04\x14\0\0\0\x08\0zipped."),
        ("photo.png", b"<html><script>al"),
        ("photo.jpg", PNG),
        ("clip.mp4", b"#EXTM3U\n#EXT-X-V"),  # names files of this machine
        ("clip.avi", b"RIFF\0\0\0\0WEBPVP8 "),
        ("clip.mkv", b""),
    ],
)
def test_content_that_is_not_what_the_name_says(name: str, head: bytes) -> None:
    assert "is not what its name says" in (why_content_refused(name, head) or "")


def test_content_that_is_what_the_name_says() -> None:
    assert why_content_refused("photo.PNG", PNG) is None
    assert why_content_refused("clip.mp4", b"\0\0\0\x20ftypisom") is None
    assert why_content_refused("clip.avi", b"RIFF\0\0\0\0AVI LIST") is None
