"""Camera files: what is read, and every fault one clear line."""

import json
from pathlib import Path

import pytest

from hfb.errors import InputError
from hfb.files.camera import read_camera

MATRIX = [[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize(
    "content", [MATRIX, {"K": MATRIX}, {"K": MATRIX, "image_size": [640, 480], "more": 1}]
)
def test_camera_files(tmp_path: Path, content: object) -> None:
    (tmp_path / "K.json").write_text(json.dumps(content))
    camera = read_camera(tmp_path / "K.json", 480, 640)
    assert camera.focal.tolist() == [500, 510]
    assert camera.principal_point.tolist() == [320, 240]
    assert (camera.height, camera.width) == (480, 640)


def test_camera_of_a_scaled_image(tmp_path: Path) -> None:
    (tmp_path / "K.json").write_text(json.dumps({"K": MATRIX, "image_size": [1280, 960]}))
    camera = read_camera(tmp_path / "K.json", 480, 640)
    assert camera.focal.tolist() == [250, 255]
    assert camera.principal_point.tolist() == [160, 120]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[[1, 2], [3, 4]]", "should hold"),
        ('{"matrix": 1}', "should hold"),
        ("7", "should hold"),
        ("[[0, 0, 1], [0, 1, 1], [0, 0, 1]]", "positive focal lengths"),
        (
            '{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": [640, 400]}',
            "640 x 400.*scaled",
        ),
        ('{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": 640}', r"\[width, height\]"),
        ('{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": [NaN, 4]}', r"\[width, height\]"),
        ("[[5, 0, NaN], [0, 5, 1], [0, 0, 1]]", "should hold"),
        ("[[1e400, 0, 1], [0, 5, 1], [0, 0, 1]]", "should hold"),
        (f"[[1{'0' * 400}, 0, 1], [0, 5, 1], [0, 0, 1]]", "should hold"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_bad_camera_files(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "K.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_camera(tmp_path / "K.json", 480, 640)


def test_missing_camera_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the camera file .*K\.json: no such file"):
        read_camera(tmp_path / "K.json", 480, 640)
