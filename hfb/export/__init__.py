"""Results as files that other programs read: motion, mesh, video, images."""

from hfb.export.bvh import write_bvh
from hfb.export.images import encode_png, quantise, write_image
from hfb.export.mesh_glb import write_glb
from hfb.export.motion_file import MotionRecord, UniformMotion, read_motion, write_motion
from hfb.export.rig import JointMotion, Rig, Shot, Skeleton, closest_rest, skinned_verts
from hfb.export.rigged_glb import write_rigged_glb
from hfb.export.usd_file import require_usd, write_usdz
from hfb.export.video import stream_video, write_video
from hfb.storage import atomic_folder, atomic_write

__all__ = [
    "JointMotion",
    "MotionRecord",
    "Rig",
    "Shot",
    "Skeleton",
    "UniformMotion",
    "atomic_folder",
    "atomic_write",
    "closest_rest",
    "encode_png",
    "quantise",
    "read_motion",
    "require_usd",
    "skinned_verts",
    "stream_video",
    "write_bvh",
    "write_glb",
    "write_image",
    "write_motion",
    "write_rigged_glb",
    "write_usdz",
    "write_video",
]
