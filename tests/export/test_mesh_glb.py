import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from gltf_files import accessor_array
from PIL import Image

from hfb.errors import InputError, ShapeError
from hfb.export import write_glb
from hfb.export.gltf_buffer import split_seams
from hfb.structures import Mesh

TIMES = torch.tensor([0.005, 0.015, 0.030])


def shown_positions(document: pygltflib.GLTF2, seconds: float) -> np.ndarray:
    """What a viewer shows at a time: base + sum of linearly blended weights times targets."""
    primitive = document.meshes[0].primitives[0]
    sampler = document.animations[0].samplers[0]
    keys = accessor_array(document, sampler.input)[:, 0]
    weights = accessor_array(document, sampler.output).reshape(len(keys), -1)
    now = [np.interp(seconds, keys, weights[:, k]) for k in range(weights.shape[1])]
    shown = accessor_array(document, primitive.attributes.POSITION)
    for weight, target in zip(now, primitive.targets, strict=True):
        position = target["POSITION"] if isinstance(target, dict) else target.POSITION
        shown = shown + weight * accessor_array(document, position)
    return shown


def test_positions_at_the_keys_equal_the_verts(tmp_path: Path, seam_mesh: Mesh) -> None:
    write_glb(tmp_path / "mesh.glb", seam_mesh, TIMES, slow_motion=30.0)
    document = pygltflib.GLTF2().load_binary(str(tmp_path / "mesh.glb"))
    keys = accessor_array(document, document.animations[0].samplers[0].input)[:, 0]
    np.testing.assert_allclose(keys, [0.0, 0.3, 0.75], atol=1e-6)
    vertex, _, _ = split_seams(seam_mesh)
    for k, key in enumerate(keys):
        expected = seam_mesh.verts[k].numpy()[vertex] * [1, -1, -1]
        np.testing.assert_allclose(shown_positions(document, key), expected, atol=1e-6)
    halfway = (seam_mesh.verts[0] + seam_mesh.verts[1]).numpy()[vertex] / 2 * [1, -1, -1]
    np.testing.assert_allclose(shown_positions(document, 0.15), halfway, atol=1e-6)


def test_seams_split_vertices_and_v_points_down(seam_mesh: Mesh) -> None:
    vertex, uv, faces = split_seams(seam_mesh)
    assert len(vertex) == 6  # four corners, two of them on the seam
    np.testing.assert_array_equal(vertex[faces.astype(int)], seam_mesh.faces.numpy())
    expected = seam_mesh.uv.numpy()[seam_mesh.faces_uv.numpy()] * [1, -1] + [0, 1]
    np.testing.assert_allclose(uv[faces.astype(int)], expected, atol=1e-6)


def test_trimesh_loads_mesh_and_texture(tmp_path: Path, seam_mesh: Mesh) -> None:
    write_glb(tmp_path / "mesh.glb", seam_mesh, TIMES)
    scene = trimesh.load(tmp_path / "mesh.glb", process=False)
    (loaded,) = scene.geometry.values()
    corners = np.asarray(loaded.triangles)
    expected = seam_mesh.verts[0].numpy()[seam_mesh.faces.numpy()] * [1, -1, -1]
    np.testing.assert_allclose(corners, expected, atol=1e-6)
    # trimesh turns v up again: back to our own convention
    uv = loaded.visual.uv[loaded.faces]
    np.testing.assert_allclose(uv, seam_mesh.uv.numpy()[seam_mesh.faces_uv.numpy()], atol=1e-6)
    image = np.asarray(loaded.visual.material.baseColorTexture.convert("RGB"))
    assert image.shape == (4, 8, 3)
    assert image[0, 0].tolist() == [255, 0, 0]
    assert image[1, 0].tolist() == [0, 0, 0]


def test_document_is_complete(tmp_path: Path, seam_mesh: Mesh) -> None:
    write_glb(tmp_path / "mesh.glb", seam_mesh, TIMES, extras={"body": "free_body"})
    document = pygltflib.GLTF2().load_binary(str(tmp_path / "mesh.glb"))
    blob = document.binary_blob()
    assert document.asset.extras["slow_motion"] == 30.0
    assert document.asset.extras["body"] == "free_body"
    assert document.asset.extras["times_s"] == pytest.approx(TIMES.tolist())
    assert document.animations[0].extras["slow_motion"] == 30.0
    for index, accessor in enumerate(document.accessors):
        values = accessor_array(document, index)
        np.testing.assert_allclose(values.min(axis=0), accessor.min, atol=1e-6)
        np.testing.assert_allclose(values.max(axis=0), accessor.max, atol=1e-6)
    for view in document.bufferViews:
        assert view.byteOffset % 4 == 0
        assert view.byteOffset + view.byteLength <= len(blob)
    view = document.bufferViews[document.images[0].bufferView]
    image = Image.open(io.BytesIO(blob[view.byteOffset : view.byteOffset + view.byteLength]))
    assert image.format == "PNG"


def test_a_single_pose_has_no_animation(tmp_path: Path, seam_mesh: Mesh) -> None:
    write_glb(tmp_path / "mesh.glb", replace(seam_mesh, verts=seam_mesh.verts[:1]), TIMES[:1])
    document = pygltflib.GLTF2().load_binary(str(tmp_path / "mesh.glb"))
    assert document.animations == []
    assert len(trimesh.load(tmp_path / "mesh.glb").geometry) == 1


def test_bad_input_leaves_no_file(tmp_path: Path, seam_mesh: Mesh) -> None:
    path = tmp_path / "mesh.glb"
    with pytest.raises(ShapeError, match="3 sub-frames, but 2 times"):
        write_glb(path, seam_mesh, TIMES[:2])
    batch = replace(seam_mesh, verts=seam_mesh.verts[None], texture=seam_mesh.texture[None])
    with pytest.raises(ShapeError, match="one sample at a time"):
        write_glb(path, batch, TIMES)
    with pytest.raises(InputError, match="NaN"):
        write_glb(path, replace(seam_mesh, verts=seam_mesh.verts / 0), TIMES)
    with pytest.raises(InputError, match="times must increase"):
        write_glb(path, seam_mesh, TIMES.flip(0))
    with pytest.raises(InputError, match=r"slow_motion \(0\.0\)"):
        write_glb(path, seam_mesh, TIMES, slow_motion=0.0)
    with pytest.raises(InputError, match=r"\.glb, not mesh\.obj"):
        write_glb(tmp_path / "mesh.obj", seam_mesh, TIMES)
    assert list(tmp_path.iterdir()) == []
