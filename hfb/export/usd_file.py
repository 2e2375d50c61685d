"""The moving, textured body as USD, for film pipelines and AR viewers: needs the extra `usd`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hfb.errors import InputError
from hfb.export.gltf_buffer import CAMERA_TO_GLTF, split_seams
from hfb.export.images import write_image
from hfb.export.rig import JointMotion, Rig, Shot, Skeleton, strongest_weights
from hfb.geometry import vertex_normals
from hfb.storage import atomic_write
from hfb.structures import Mesh

TICKS_PER_S = 1000.0
"""Time codes are milliseconds: exposures are short."""
_FILM_WIDTH = 0.36
"""36 mm in the unit of USD's cameras, tenths of the scene's."""


def require_usd() -> None:
    """Find out before the work whether USD can be written.

    Raises:
        InputError: if `usd-core` is not installed; says how to get it.
    """
    _library()


def write_usdz(path: str | Path, rig: Rig, motion: JointMotion, shot: Shot | None = None) -> None:
    """Write a body with skeleton and animation as `.usdz`, whole or not at all.

    Not in the paper. Metres, y up, the photo's camera at the origin; the animation plays in real
    time, one time code a millisecond. At a key every joint is exact.

    Args:
        path: file name ending in .usdz.
        rig: the body; of each vertex the four strongest joints are kept.
        motion: in the camera frame (y down, z forward).
        shot: the photo's camera; without it there is none in the file.

    Raises:
        ShapeError: if motion and skeleton do not belong together.
        InputError: if `usd-core` is not installed, anything holds NaN, times do not increase, or
            the file cannot be written.
    """
    path, pxr = Path(path), _library()
    if path.suffix != ".usdz":
        raise InputError(f"a body as USD is written as .usdz, not {path.name}")
    motion.check(rig.skeleton)
    parts = (rig.rest_verts, rig.skeleton.rest_joints, rig.texture, rig.weights)
    if not all(bool(torch.isfinite(part).all()) for part in parts):
        raise InputError("the body or its texture holds NaN or infinity; nothing was written")
    with tempfile.TemporaryDirectory() as scratch, atomic_write(path) as part:
        write_image(Path(scratch) / "texture.png", rig.texture)
        layer = Path(scratch) / "body.usdc"
        _write_stage(pxr, layer, rig, motion, shot)
        if not pxr.UsdUtils.CreateNewUsdzPackage(str(layer), str(part)):
            raise InputError(f"cannot write {path}: usd-core could not make the package")


def _library() -> Any:
    try:
        from pxr import Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, UsdUtils, Vt
    except ImportError as error:
        raise InputError(
            "USD files need the library usd-core: pip install 'hfb[usd]', or usd-core itself"
        ) from error
    library: Any = ModuleType("pxr parts")
    parts = (Gf, Sdf, Usd, UsdGeom, UsdShade, UsdSkel, UsdUtils, Vt)
    for module in parts:
        setattr(library, module.__name__.rpartition(".")[2], module)
    return library


def _write_stage(pxr: Any, path: Path, rig: Rig, motion: JointMotion, shot: Shot | None) -> None:
    stage = pxr.Usd.Stage.CreateNew(str(path))
    seconds = (motion.times.double() - motion.times[0].double()).numpy()
    codes = seconds * TICKS_PER_S
    pxr.UsdGeom.SetStageUpAxis(stage, pxr.UsdGeom.Tokens.y)
    pxr.UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(TICKS_PER_S)
    stage.SetFramesPerSecond(TICKS_PER_S)
    stage.SetStartTimeCode(0.0)
    stage.SetEndTimeCode(float(codes[-1]))
    root = pxr.UsdSkel.Root.Define(stage, "/human")
    stage.SetDefaultPrim(root.GetPrim())
    mesh = _skin(pxr, stage, rig)
    skeleton = _skeleton(pxr, stage, rig.skeleton)
    animation = _animation(pxr, stage, rig.skeleton, motion, codes)
    for prim in (mesh.GetPrim(), skeleton.GetPrim()):
        binding = pxr.UsdSkel.BindingAPI.Apply(prim)
        binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    pxr.UsdSkel.BindingAPI(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets(
        [animation.GetPath()]
    )
    _material(pxr, stage, mesh)
    if shot is not None:
        _camera(pxr, stage, shot)
    stage.GetRootLayer().Save()


def _skin(pxr: Any, stage: Any, rig: Rig) -> Any:
    topology = Mesh(rig.rest_verts[None], rig.faces, rig.uv, rig.faces_uv, rig.texture)
    vertex, uv, faces = split_seams(topology)
    joints, weights = strongest_weights(rig.weights)
    rest = rig.rest_verts.detach().cpu().float()
    normals = vertex_normals(rest, rig.faces.cpu()).numpy()[vertex]
    vt, tokens = pxr.Vt, pxr.UsdGeom.Tokens
    mesh = pxr.UsdGeom.Mesh.Define(stage, "/human/body")
    mesh.CreateSubdivisionSchemeAttr(tokens.none)
    mesh.CreatePointsAttr(vt.Vec3fArray.FromNumpy(rest.numpy()[vertex]))
    mesh.CreateFaceVertexCountsAttr(vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    mesh.CreateFaceVertexIndicesAttr(vt.IntArray.FromNumpy(faces.reshape(-1).astype(np.int32)))
    mesh.CreateNormalsAttr(vt.Vec3fArray.FromNumpy(normals))
    mesh.SetNormalsInterpolation(tokens.vertex)
    primvars = pxr.UsdGeom.PrimvarsAPI(mesh)
    coordinates = primvars.CreatePrimvar(
        "st", pxr.Sdf.ValueTypeNames.TexCoord2fArray, tokens.vertex
    )
    flipped = np.stack([uv[:, 0], 1.0 - uv[:, 1]], -1).astype(np.float32)  # v up again
    coordinates.Set(vt.Vec2fArray.FromNumpy(np.ascontiguousarray(flipped)))
    binding = pxr.UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    count = weights.shape[1]
    indices = joints[vertex].reshape(-1).astype(np.int32)
    binding.CreateJointIndicesPrimvar(False, count).Set(vt.IntArray.FromNumpy(indices))
    shares = np.ascontiguousarray(weights[vertex].reshape(-1))
    binding.CreateJointWeightsPrimvar(False, count).Set(vt.FloatArray.FromNumpy(shares))
    return mesh


def _skeleton(pxr: Any, stage: Any, skeleton: Skeleton) -> Any:
    made = pxr.UsdSkel.Skeleton.Define(stage, "/human/skeleton")
    made.CreateJointsAttr(_joint_paths(skeleton))
    rest, bones = skeleton.rest_joints.double().numpy(), skeleton.bones().numpy()
    bones[0] = rest[0]
    made.CreateBindTransformsAttr([_moved(pxr, place) for place in rest])
    made.CreateRestTransformsAttr([_moved(pxr, place) for place in bones])
    return made


def _moved(pxr: Any, place: NDArray[np.float64]) -> Any:
    return pxr.Gf.Matrix4d(1.0).SetTranslate(pxr.Gf.Vec3d(*place.tolist()))


def _joint_paths(skeleton: Skeleton) -> list[str]:
    """USD names a joint by the way from the root to it."""
    paths: list[str] = []
    for name, parent in zip(skeleton.names, skeleton.parents, strict=True):
        paths.append(name if parent < 0 else f"{paths[parent]}/{name}")
    return paths


def _animation(
    pxr: Any, stage: Any, skeleton: Skeleton, motion: JointMotion, codes: NDArray[np.float64]
) -> Any:
    made = pxr.UsdSkel.Animation.Define(stage, "/human/skeleton/exposure")
    made.CreateJointsAttr(_joint_paths(skeleton))
    count = len(skeleton.names)
    made.CreateScalesAttr(pxr.Vt.Vec3hArray([pxr.Gf.Vec3h(1.0)] * count))
    rotmats = motion.pose_rotmat.detach().cpu().double().numpy().copy()
    rotmats[:, 0] = CAMERA_TO_GLTF[:, None] * rotmats[:, 0]
    quats = Rotation.from_matrix(rotmats.reshape(-1, 3, 3)).as_quat().reshape(-1, count, 4)
    places = motion.root.detach().cpu().double().numpy() * CAMERA_TO_GLTF
    bones = skeleton.bones().numpy()
    turns, moves = made.CreateRotationsAttr(), made.CreateTranslationsAttr()
    for code, turn_of_joints, place in zip(codes.tolist(), quats, places, strict=True):
        own = bones.copy()
        own[0] = place
        moves.Set(pxr.Vt.Vec3fArray.FromNumpy(own.astype(np.float32)), code)
        turns.Set([pxr.Gf.Quatf(*turn[[3, 0, 1, 2]].tolist()) for turn in turn_of_joints], code)
    return made


def _material(pxr: Any, stage: Any, mesh: Any) -> None:
    """The fitted texture on a rough surface."""
    kinds, shade = pxr.Sdf.ValueTypeNames, pxr.UsdShade
    material = shade.Material.Define(stage, "/human/material")
    surface = shade.Shader.Define(stage, "/human/material/surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", kinds.Float).Set(1.0)
    surface.CreateInput("metallic", kinds.Float).Set(0.0)
    reader = shade.Shader.Define(stage, "/human/material/st")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", kinds.String).Set("st")
    texture = shade.Shader.Define(stage, "/human/material/texture")
    texture.CreateIdAttr("UsdUVTexture")
    texture.CreateInput("file", kinds.Asset).Set("./texture.png")
    texture.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
    for side in ("wrapS", "wrapT"):
        texture.CreateInput(side, kinds.Token).Set("clamp")
    out = reader.CreateOutput("result", kinds.Float2)
    texture.CreateInput("st", kinds.Float2).ConnectToSource(out)
    colour = texture.CreateOutput("rgb", kinds.Float3)
    surface.CreateInput("diffuseColor", kinds.Color3f).ConnectToSource(colour)
    end = surface.CreateOutput("surface", kinds.Token)
    material.CreateSurfaceOutput().ConnectToSource(end)
    shade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _camera(pxr: Any, stage: Any, shot: Shot) -> None:
    """A lens before a film of 36 mm; USD knows shifted principal points."""
    camera = shot.camera
    made = pxr.UsdGeom.Camera.Define(stage, "/human/camera")
    (fx, fy), (cx, cy) = camera.focal.tolist(), camera.principal_point.tolist()
    width, height = camera.width, camera.height
    wide = _FILM_WIDTH / width  # of a pixel
    tall = wide * fx / fy
    made.CreateFocalLengthAttr(fx * wide)
    made.CreateHorizontalApertureAttr(width * wide)
    made.CreateVerticalApertureAttr(height * tall)
    made.CreateHorizontalApertureOffsetAttr((width / 2 - cx) * wide)
    made.CreateVerticalApertureOffsetAttr((cy - height / 2) * tall)
    made.CreateClippingRangeAttr(pxr.Gf.Vec2f(0.01, 1000.0))
