"""Camera files: what is read, and every fault one clear line."""

import json
from pathlib import Path

import pytest
import torch

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
    ("angles", "up"),
    [
        ({}, None),
        ({"pitch_deg": 0}, (0, -1, 0)),
        # Looks down: the ground's normal leans towards the camera.
        ({"pitch_deg": 30}, (0, -0.866, -0.5)),
        # Turned clockwise: in the picture the scene leans to the left.
        ({"roll_deg": 90.0}, (-1, 0, 0)),
        ({"pitch_deg": -30, "roll_deg": 90}, (-0.866, 0, 0.5)),
    ],
)
def test_which_way_is_up(
    tmp_path: Path, angles: dict[str, float], up: tuple[float, float, float] | None
) -> None:
    (tmp_path / "K.json").write_text(json.dumps({"K": MATRIX, **angles}))
    camera = read_camera(tmp_path / "K.json", 480, 640)
    if up is None:
        assert camera.up is None
        assert camera.vertical.tolist() == [0, -1, 0]
        return
    assert camera.up is not None
    torch.testing.assert_close(camera.up, torch.tensor(up).float(), atol=1e-3, rtol=0)
    assert camera.crop(3.0, 4.0, 2.0, 10, 10).up is camera.up


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no JSON"),
        ("[[1, 2], [3, 4]]", r"K has the shape \(2, 2\); expected \[\[fx, 0, cx\]"),
        ('{"matrix": 1}', "should hold"),
        (
            '{"K": [[500, 0, 1], [0, 500, 1], [0, 0, 1]], "pitch_deg": 91}',
            "pitch_deg in the camera file .* is 91: give degrees from -90 to 90",
        ),
        (
            '{"K": [[500, 0, 1], [0, 500, 1], [0, 0, 1]], "roll_deg": "left"}',
            "roll_deg in the camera file .* is 'left': give degrees from -180 to 180",
        ),
        ("7", r"K has the shape \(\)"),
        ("[[0, 0, 1], [0, 1, 1], [0, 0, 1]]", "focal lengths 0 and 1 px are not positive"),
        (
            '{"K": [[500, 0, 1], [0, 500, 1], [0, 0, 1]], "image_size": [640, 400]}',
            "640 x 400.*scaled",
        ),
        ('{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": 640}', r"\[width, height\]"),
        ('{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": [NaN, 4]}', r"\[width, height\]"),
        ('{"K": [[5, 0, 1], [0, 5, 1], [0, 0, 1]], "image_size": [1e-9, 1]}', r"\[width, height\]"),
        ("[[5, 0, NaN], [0, 5, 1], [0, 0, 1]]", "K holds values that are not finite"),
        ("[[1e400, 0, 1], [0, 5, 1], [0, 0, 1]]", "not finite"),
        (f"[[1{'0' * 400}, 0, 1], [0, 5, 1], [0, 0, 1]]", "not finite"),
        ("[[1e30, 0, 320], [0, 1e30, 240], [0, 0, 1]]", r"focal lengths 1e\+30 and 1e\+30 px"),
        ("[[500, 0, 1e9], [0, 500, 1e9], [0, 0, 1]]", r"principal point 1e\+09, 1e\+09 px"),
        ("[[500, 0, 0], [0, 500, 0], [320, 240, 1]]", r"not \[0, 0, 1\] \(it is transposed\)"),
        ("[[500, 9, 320], [0, 500, 240], [0, 0, 1]]", "it is skewed"),
        ("[[500, 0, 320], [0, 500, 240], [0, 0, 2]]", "its last row"),
        ("[[true, false, true], [false, true, true], [false, false, true]]", "not hold numbers"),
        ('[["500", 0, 320], [0, 500, 240], [0, 0, 1]]', "does not hold numbers"),
        ("[" * 100_000, "is no JSON: it is nested too deeply"),
        ("[" * 2_000_000, "has 2000000 bytes"),
    ],
)
def test_bad_camera_files(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "K.json").write_text(content)
    with pytest.raises(InputError, match=message):
        read_camera(tmp_path / "K.json", 480, 640)


def test_missing_camera_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read the camera file .*K\.json: no such file"):
        read_camera(tmp_path / "K.json", 480, 640)
