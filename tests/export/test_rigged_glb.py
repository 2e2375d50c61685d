"""`mesh.glb`: a skeleton that plays in real time, read back by hand and by Khronos's validator."""

import json
import math
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pygltflib
import pytest
import torch
import trimesh
from gltf_files import accessor_array, node_transforms, skinned_positions

from hfb.body import SmplBody
from hfb.body.kinematics import joint_frames
from hfb.body.skinning import skin
from hfb.errors import InputError, ShapeError
from hfb.export import JointMotion, Rig, Shot, write_rigged_glb
from hfb.export.gltf_buffer import split_seams
from hfb.structures import Camera, Mesh

Animated = tuple[Rig, JointMotion]
SHOT = Shot(Camera(torch.tensor([900.0, 950.0]), torch.tensor([330.0, 250.0]), 480, 640), {"k": 1})
VALIDATE = """
const validator = require('gltf-validator');
const bytes = new Uint8Array(require('fs').readFileSync(process.argv[1]));
validator.validateBytes(bytes).then(report => console.log(JSON.stringify(report)));
"""


@pytest.fixture
def document(animated: Animated, tmp_path: Path) -> pygltflib.GLTF2:
    write_rigged_glb(tmp_path / "mesh.glb", *animated, SHOT, slow_motion=20.0)
    return pygltflib.GLTF2().load_binary(str(tmp_path / "mesh.glb"))


def vertex_behind(rig: Rig) -> np.ndarray:
    return split_seams(Mesh(rig.rest_verts[None], rig.faces, rig.uv, rig.faces_uv, rig.texture))[0]


def test_skinning_from_the_file_gives_the_posed_vertices_at_every_key(
    document: pygltflib.GLTF2, animated: Animated
) -> None:
    rig, motion = animated
    values, joints = rig.weights.topk(4, -1)
    weights = torch.zeros_like(rig.weights).scatter(
        1, joints, values / values.sum(-1, keepdim=True)
    )
    rest = rig.skeleton.rest_joints
    frames = joint_frames(motion.pose_rotmat, rest.expand(3, -1, -1), rig.skeleton.parents)
    posed = skin(rig.rest_verts, rest, frames, weights) + (motion.root - rest[0])[:, None]
    for k, time in enumerate((motion.times - motion.times[0]).tolist()):
        expected = posed[k].numpy()[vertex_behind(rig)] * [1, -1, -1]
        np.testing.assert_allclose(skinned_positions(document, 0, time), expected, atol=2e-5)
        slowed = skinned_positions(document, 1, 20.0 * time)
        np.testing.assert_allclose(slowed, expected, atol=2e-5)


def test_joints_are_where_the_body_has_them(
    document: pygltflib.GLTF2, animated: Animated, free_body: SmplBody
) -> None:
    rig, motion = animated
    rest = rig.skeleton.rest_joints
    frames = joint_frames(motion.pose_rotmat, rest.expand(3, -1, -1), rig.skeleton.parents)
    joints = frames.position + (motion.root - rest[0])[:, None]
    shown = node_transforms(document, 0, 0.03)[:24, :3, 3]
    np.testing.assert_allclose(shown, joints[-1].numpy() * [1, -1, -1], atol=1e-5)
    names = tuple(document.nodes[k].name for k in document.skins[0].joints)
    assert names == free_body.joint_names


def test_it_plays_in_real_time_and_slowed_down(document: pygltflib.GLTF2) -> None:
    real, slow = document.animations
    ends = [accessor_array(document, one.samplers[0].input)[-1, 0] for one in (real, slow)]
    np.testing.assert_allclose(ends, [0.03, 0.6], rtol=1e-5)
    assert (real.name, slow.name) == ("exposure", "exposure_slow")
    assert slow.extras["slow_motion"] == 20.0


def test_weights_are_four_and_sum_to_one(document: pygltflib.GLTF2) -> None:
    attributes = document.meshes[0].primitives[0].attributes
    joints = accessor_array(document, attributes.JOINTS_0)
    weights = accessor_array(document, attributes.WEIGHTS_0)
    assert weights.shape[1] == 4
    np.testing.assert_allclose(weights.sum(1), 1.0, atol=1e-6)
    assert not joints[weights == 0].any()
    assert (weights > 0).sum(1).max() == 4


def test_normals_point_outwards(document: pygltflib.GLTF2) -> None:
    attributes = document.meshes[0].primitives[0].attributes
    normals = accessor_array(document, attributes.NORMAL)
    rest = accessor_array(document, attributes.POSITION)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-5)
    front = rest[:, 2].argmax()  # the foremost point of a body that faces +z
    assert normals[front, 2] > 0.5


def test_the_camera_is_the_photos(document: pygltflib.GLTF2) -> None:
    (node,) = (node for node in document.nodes if node.camera is not None)
    view = document.cameras[node.camera].perspective
    assert math.tan(view.yfov / 2) == pytest.approx(240 / 950)
    assert math.tan(view.yfov / 2) * view.aspectRatio == pytest.approx(320 / 900)
    assert node.extras == {"k": 1}
    assert not node.rotation  # glTF's cameras look along -z, as ours do in its axes


def test_trimesh_reads_it(animated: Animated, tmp_path: Path) -> None:
    write_rigged_glb(tmp_path / "mesh.glb", *animated)
    (mesh,) = trimesh.load(tmp_path / "mesh.glb", process=False).geometry.values()
    assert len(mesh.faces) == len(animated[0].faces)
    assert mesh.visual.material.baseColorTexture.size == (16, 16)


def test_khronos_finds_no_fault(animated: Animated, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node, for Khronos's validator")
    known = subprocess.run([node, "-e", "require('gltf-validator')"], capture_output=True)
    if known.returncode:
        pytest.skip("needs the npm package gltf-validator where node looks (NODE_PATH)")
    rig, motion = animated
    still = JointMotion(motion.times[:1], motion.pose_rotmat[:1], motion.root[:1])
    for name, one, shot in (("moving", motion, SHOT), ("still", still, None)):
        write_rigged_glb(tmp_path / f"{name}.glb", rig, one, shot)
        command = [node, "-e", VALIDATE, str(tmp_path / f"{name}.glb")]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        assert report["issues"]["messages"] == []
        assert report["info"]["maxInfluences"] == 4
        assert report["info"]["animationCount"] == (2 if name == "moving" else 0)


def test_bad_input_leaves_no_file(animated: Animated, tmp_path: Path) -> None:
    rig, motion = animated
    path = tmp_path / "mesh.glb"
    with pytest.raises(ShapeError, match="3 times and 24 joints"):
        write_rigged_glb(path, rig, replace(motion, pose_rotmat=motion.pose_rotmat[:, :23]))
    with pytest.raises(InputError, match="must increase"):
        write_rigged_glb(path, rig, replace(motion, times=motion.times.flip(0)))
    with pytest.raises(InputError, match="motion holds NaN"):
        write_rigged_glb(path, rig, replace(motion, root=motion.root / 0))
    with pytest.raises(InputError, match="body or its texture holds NaN"):
        write_rigged_glb(path, replace(rig, texture=rig.texture * torch.nan), motion)
    with pytest.raises(InputError, match=r"slow_motion \(0\.0\)"):
        write_rigged_glb(path, rig, motion, slow_motion=0.0)
    with pytest.raises(InputError, match=r"\.glb, not mesh\.obj"):
        write_rigged_glb(tmp_path / "mesh.obj", rig, motion)
    assert list(tmp_path.iterdir()) == []
