"""`mesh.usdz`, read back by the library that defines the format."""

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from hfb.errors import InputError
from hfb.export import JointMotion, Rig, Shot, skinned_verts, write_usdz
from hfb.export.gltf_buffer import split_seams
from hfb.structures import Camera, Mesh

Animated = tuple[Rig, JointMotion]
CAMERA = Camera(torch.tensor([900.0, 950.0]), torch.tensor([300.0, 250.0]), 480, 640)


@pytest.fixture
def stage(animated: Animated, tmp_path: Path):
    usd = pytest.importorskip("pxr.Usd", reason="needs usd-core, of the extra usd")
    write_usdz(tmp_path / "mesh.usdz", *animated, Shot(CAMERA, {}))
    return usd.Stage.Open(str(tmp_path / "mesh.usdz"))


def test_the_skin_is_where_the_body_is_at_every_key(stage, animated: Animated) -> None:
    from pxr import Usd, UsdGeom, UsdSkel, Vt

    rig, motion = animated
    mesh = Mesh(rig.rest_verts[None], rig.faces, rig.uv, rig.faces_uv, rig.texture)
    vertex, _, _ = split_seams(mesh)
    cache, root = UsdSkel.Cache(), UsdSkel.Root(stage.GetPrimAtPath("/human"))
    cache.Populate(root, Usd.PrimDefaultPredicate)
    body = UsdGeom.Mesh(stage.GetPrimAtPath("/human/body"))
    skin = cache.GetSkinningQuery(body.GetPrim())
    skeleton = cache.GetSkelQuery(UsdSkel.Skeleton(stage.GetPrimAtPath("/human/skeleton")))
    expected = skinned_verts(rig, motion).numpy()[:, vertex] * [1, -1, -1]
    for k, seconds in enumerate((motion.times - motion.times[0]).tolist()):
        points = Vt.Vec3fArray(body.GetPointsAttr().Get())
        transforms = skeleton.ComputeSkinningTransforms(1000.0 * seconds)
        assert skin.ComputeSkinnedPoints(transforms, points, 1000.0 * seconds)
        np.testing.assert_allclose(np.array(points), expected[k], atol=1e-4)


def test_it_lasts_as_long_as_the_shutter_was_open(stage) -> None:
    seconds = stage.GetEndTimeCode() / stage.GetTimeCodesPerSecond()
    assert seconds == pytest.approx(0.03)


def test_the_camera_is_the_photos_with_its_shift(stage) -> None:
    from pxr import Gf, UsdGeom

    view = UsdGeom.Camera(stage.GetPrimAtPath("/human/camera")).GetCamera(0.0).frustum
    place = torch.tensor([0.3, -0.2, 4.0])
    shown = view.ComputeViewMatrix() * view.ComputeProjectionMatrix()
    x, y, _ = shown.Transform(Gf.Vec3d(0.3, 0.2, -4.0))
    expected = place[:2] / place[2] * CAMERA.focal + CAMERA.principal_point
    np.testing.assert_allclose([(x + 1) * 320, (1 - y) * 240], expected, atol=1e-2)


def test_the_texture_lies_in_the_package(tmp_path: Path, stage) -> None:
    with zipfile.ZipFile(tmp_path / "mesh.usdz") as package:
        assert package.namelist()[0] == "body.usdc"  # viewers open the first file
        assert {Path(name).name for name in package.namelist()} == {"body.usdc", "texture.png"}


def test_without_the_library_one_line_says_what_to_do(
    animated: Animated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(InputError, match=r"pip install 'hfb\[usd\]'"):
        write_usdz(tmp_path / "mesh.usdz", *animated)
    assert list(tmp_path.iterdir()) == []


def test_bad_input_leaves_no_file(animated: Animated, tmp_path: Path) -> None:
    pytest.importorskip("pxr", reason="needs usd-core, of the extra usd")
    with pytest.raises(InputError, match=r"\.usdz, not mesh\.usd"):
        write_usdz(tmp_path / "mesh.usd", *animated)
    assert list(tmp_path.iterdir()) == []
