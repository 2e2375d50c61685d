"""Results as files that other programs read: motion, mesh, video, images."""

from hfb.export.images import encode_png, quantise, write_image
from hfb.export.mesh_glb import write_glb
from hfb.export.motion_file import MotionRecord, UniformMotion, read_motion, write_motion
from hfb.export.video import stream_video, write_video
from hfb.storage import atomic_folder, atomic_write

__all__ = [
    "MotionRecord",
    "UniformMotion",
    "atomic_folder",
    "atomic_write",
    "encode_png",
    "quantise",
    "read_motion",
    "stream_video",
    "write_glb",
    "write_image",
    "write_motion",
    "write_video",
]
