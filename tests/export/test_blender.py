"""`mesh.glb` in Blender, where there is one: bones, duration, orientation, joints and skin."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from hfb.export import JointMotion, Rig, Shot, skinned_verts, write_rigged_glb
from hfb.export.rig import joint_transforms
from hfb.geometry import project
from hfb.structures import Camera

FPS = 24
CAMERA = Camera(torch.tensor([900.0, 900.0]), torch.tensor([300.0, 255.0]), 480, 640)
SCRIPT = """
import bpy, json, sys
import mathutils
from bpy_extras.object_utils import world_to_camera_view
path, out = sys.argv[sys.argv.index("--") + 1:]
bpy.ops.wm.read_factory_settings(use_empty=True)
bpy.ops.import_scene.gltf(filepath=path)
rig = next(o for o in bpy.data.objects if o.type == "ARMATURE")
skin = next(o for o in bpy.data.objects if o.type == "MESH")
camera = next(o for o in bpy.data.objects if o.type == "CAMERA")
scene, actions = bpy.context.scene, {a.name: list(a.frame_range) for a in bpy.data.actions}
end = min(end for _, end in actions.values())  # of the one that is active
scene.frame_set(int(end), subframe=end - int(end))
posed = skin.evaluated_get(bpy.context.evaluated_depsgraph_get())
size, centre = list(camera["image_size_px"]), list(camera["principal_point_px"])
scene.render.resolution_x, scene.render.resolution_y = (int(n) for n in size)
camera.data.shift_x = (size[0] / 2 - centre[0]) / size[1]
camera.data.shift_y = (centre[1] - size[1] / 2) / size[1]
def pixel(place):
    x, y, _ = world_to_camera_view(scene, camera, place)
    return [x * size[0], (1 - y) * size[1]]
found = {
    "pixels": {b.name: pixel(rig.matrix_world @ b.head) for b in rig.pose.bones},
    "fps": scene.render.fps, "actions": actions,
    "joints": {b.name: list(rig.matrix_world @ b.head) for b in rig.pose.bones},
    "verts": [list(posed.matrix_world @ v.co) for v in posed.data.vertices],
    "looks": list(camera.matrix_world.to_quaternion() @ mathutils.Vector((0, 0, -1))),
    "angle_y": camera.data.angle_y,
}
json.dump(found, open(out, "w"))
"""
# x right, y down, z forward to Blender's: x right, y forward, z up
TO_BLENDER = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture
def imported(animated: tuple[Rig, JointMotion], tmp_path: Path) -> dict:
    blender = shutil.which("blender")
    if blender is None:
        pytest.skip("needs Blender (Debian: blender)")
    told = {"image_size_px": [640, 480], "principal_point_px": CAMERA.principal_point.tolist()}
    write_rigged_glb(tmp_path / "mesh.glb", *animated, Shot(CAMERA, told))
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [blender, "--background", "--factory-startup", "--python-exit-code", "1"]
    script, *files = (str(tmp_path / name) for name in ("script.py", "mesh.glb", "found.json"))
    command += ["--python", script, "--", *files]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if "No module named 'numpy'" in done.stdout + done.stderr:
        pytest.skip("Blender's importer needs numpy for its Python (Debian: python3-numpy)")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((tmp_path / "found.json").read_text())


def test_blender_plays_what_was_found(imported: dict, animated: tuple[Rig, JointMotion]) -> None:
    rig, motion = animated
    assert imported["fps"] == FPS
    # Both animations, in frames: 30 ms, and 30 times as long.
    ends = sorted(end for _, end in imported["actions"].values())
    np.testing.assert_allclose(ends, [0.03 * FPS, 0.9 * FPS], rtol=1e-4)
    _, joints = joint_transforms(rig.skeleton, motion)
    assert set(imported["joints"]) == set(rig.skeleton.names)
    for j, name in enumerate(rig.skeleton.names):
        expected = TO_BLENDER @ joints[-1, j].numpy()
        np.testing.assert_allclose(imported["joints"][name], expected, atol=1e-3)  # 1 mm
    verts = skinned_verts(rig, motion)[-1].numpy() @ TO_BLENDER.T
    shown = np.array(imported["verts"])
    np.testing.assert_allclose(shown.min(0), verts.min(0), atol=1e-3)
    np.testing.assert_allclose(shown.max(0), verts.max(0), atol=1e-3)


def test_blenders_camera_is_the_photos(imported: dict, animated: tuple[Rig, JointMotion]) -> None:
    np.testing.assert_allclose(imported["looks"], [0.0, 1.0, 0.0], atol=1e-5)
    assert imported["angle_y"] == pytest.approx(2 * np.arctan(240 / 900), abs=1e-4)
    # With the shifts of docs/BLENDER.md points lie where the photo has them.
    rig, motion = animated
    pixels = project(joint_transforms(rig.skeleton, motion)[1][-1].float(), CAMERA)
    for name, pixel in zip(rig.skeleton.names, pixels.numpy(), strict=True):
        np.testing.assert_allclose(imported["pixels"][name], pixel, atol=0.2)
