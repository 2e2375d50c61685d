"""The files with a skeleton that a result leaves: true times, and what the skin gets wrong."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
from gltf_files import accessor_array, skinned_positions
from PIL import ExifTags, Image

from hfb.body import SmplBody
from hfb.export.gltf_buffer import split_seams
from hfb.refine.result import Refinement
from hfb.report.motion_record import motion_record
from hfb.report.rig_files import exposure_note, write_body_files
from hfb.report.settings import ReportSettings
from hfb.structures import BlurSample, Mesh

EXPOSURE = torch.tensor([[1.0, 1.02], [1.05, 1.07]])


@pytest.fixture
def sample() -> BlurSample:
    photo = torch.zeros(1, 3, 8, 8)
    return BlurSample("s", photo, photo[0], exposure=EXPOSURE[:1], fps=50.0, source="a test")


@pytest.fixture
def write(waving: list[Refinement], sample: BlurSample, free_body: SmplBody, tmp_path: Path):
    """Writes the files of the first photos; returns the binary."""

    def files(count: int = 1, **settings: bool) -> pygltflib.GLTF2:
        record = motion_record(waving[:count], EXPOSURE[:count], 50.0, free_body)
        chosen = ReportSettings(**settings)
        write_body_files(tmp_path, waving[:count], record, sample, free_body, chosen)
        return pygltflib.GLTF2().load_binary(str(tmp_path / "mesh.glb"))

    return files


@pytest.mark.parametrize(("count", "seconds"), [(1, 0.02), (2, 0.07)])
def test_it_plays_as_long_as_the_shutter_was_open(write, count: int, seconds: float) -> None:
    document = write(count)
    keys = accessor_array(document, document.animations[0].samplers[0].input)[:, 0]
    assert keys[-1] == pytest.approx(seconds, rel=1e-5)
    assert len(keys) == 4 * count + 2  # the sub-frames, and both ends


def test_the_skin_is_the_body_up_to_what_is_stated(
    write, waving: list[Refinement], free_body: SmplBody
) -> None:
    document = write()
    stated = document.asset.extras["largest_difference_mm"]
    times = torch.tensor([0.0, 0.125, 0.375, 0.625, 0.875, 1.0])
    posed = waving[0].posed(free_body, times).verts
    body = free_body
    vertex, _, _ = split_seams(
        Mesh(posed, body.faces, body.uv, body.faces_uv, torch.zeros(3, 1, 1))
    )
    worst = 0.0
    for t, verts in zip(times.tolist(), posed.numpy(), strict=True):
        apart = skinned_positions(document, 0, 0.02 * t) - verts[vertex] * [1, -1, -1]
        worst = max(worst, float(np.linalg.norm(apart, axis=1).max()))
    assert 1000 * worst == pytest.approx(stated, abs=0.02)
    assert 0.0 < stated < 8.0, "arms that turn by 46 degrees within the exposure"


def test_what_is_known_of_the_photo_is_told(write) -> None:
    document = write()
    told = document.asset.extras
    assert told["exposure_is"] == "known"
    np.testing.assert_allclose(told["exposure_s"], EXPOSURE[:1].tolist(), atol=1e-6)
    (camera,) = (node for node in document.nodes if node.camera is not None)
    assert camera.extras["image_size_px"] == [160, 120]
    json.dumps(told)


def test_morph_targets_are_there_on_request_only(write, tmp_path: Path) -> None:
    write()
    assert {path.name for path in tmp_path.iterdir()} == {"mesh.glb", "motion.bvh"}
    write(morph_targets=True)
    morphs = pygltflib.GLTF2().load_binary(str(tmp_path / "mesh_morph.glb"))
    assert len(morphs.meshes[0].primitives[0].targets) == 3


def test_the_skeleton_stands_upright_on_the_floor(write, tmp_path: Path) -> None:
    write()
    lines = (tmp_path / "motion.bvh").read_text().splitlines()
    start = lines.index("MOTION")
    first = np.array(lines[start + 3].split(), float)
    assert float(lines[start + 2].split()[-1]) == pytest.approx(0.02 / 4)
    assert 80.0 < first[1] < 110.0, "the pelvis of a standing person, cm"
    np.testing.assert_allclose(first[3:6], 0.0, atol=1e-3)  # faces the camera, turned by nothing


def test_where_the_exposure_comes_from(sample: BlurSample, tmp_path: Path) -> None:
    plain, noted = tmp_path / "plain.jpg", tmp_path / "noted.jpg"
    image = Image.new("RGB", (8, 8))
    image.save(plain)
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.02
    image.save(noted, exif=exif)
    assert exposure_note(sample) == "known"  # a data set says so
    assert exposure_note(replace(sample, source=str(noted))) == "known"
    assert exposure_note(replace(sample, source=str(plain))) == "assumed"
    assert exposure_note(replace(sample, exposure_is_known=False)) == "found"
