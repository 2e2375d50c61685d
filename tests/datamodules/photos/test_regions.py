"""The table that says where to look in each photo of a folder."""

from pathlib import Path

import pytest

from datamodules.photos.regions import read_regions
from hfb.errors import InputError

PHOTOS = [Path("kid.jpg"), Path("two words.png"), Path("raw.dng"), Path("raw.jpg")]
HEAD = "file,x0,y0,x1,y1\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "regions.csv"


def test_regions_go_to_their_photos(table: Path) -> None:
    table.write_text(HEAD + "kid,1,2,30,40\ntwo words.png, 0, 0, 9, 9\nraw.dng,,,,\n")
    assert read_regions(table, PHOTOS) == {
        Path("kid.jpg"): (1, 2, 30, 40),
        Path("two words.png"): (0, 0, 9, 9),
    }


def test_tables_of_spreadsheets_are_read(table: Path) -> None:
    table.write_bytes("\ufefffile,y0,x0,y1,x1\r\nkid.jpg,2,1,40,30\r\n".encode())
    assert read_regions(table, PHOTOS) == {Path("kid.jpg"): (1, 2, 30, 40)}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "begins with 'nothing'"),
        ("file,x0,y0\nkid,1,2\n", "not with the columns file,x0,y0,x1,y1"),
        (HEAD[:-1] + ",colour\nkid,1,2,3,4,red\n", "not with the columns"),
        (HEAD + "kid,1,2,3\n", "line 2 .* has not 5 cells"),
        (HEAD + "kid,1,2,3,4,5\n", "line 2 .* has not 5 cells"),
        (HEAD + "kid,1,2,30,40\nkind,1,2,3,4\n", "line 3 .*: there is no photo .* 'kind'"),
        (HEAD + "raw,1,2,3,4\n", "several photos of the name 'raw'"),
        (HEAD + "kid,1,2,30,40\nkid.jpg,1,2,30,40\n", "kid.jpg has had a row in line 2"),
        (HEAD + "kid,1,2,x,4\n", "'1,2,x,4' should be four whole numbers"),
        (HEAD + "kid,1,,30,40\n", "'1,,30,40' should be four whole numbers"),
        (HEAD + "kid,30,2,1,40\n", "should have 0 <= x0 < x1"),
    ],
)
def test_lines_that_cannot_be_used_are_named(table: Path, text: str, part: str) -> None:
    table.write_text(text)
    with pytest.raises(InputError, match=part):
        read_regions(table, PHOTOS)


def test_a_table_that_is_not_there(table: Path) -> None:
    with pytest.raises(InputError, match="give four numbers"):
        read_regions(table, PHOTOS)
