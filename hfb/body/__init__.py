"""The body model: SMPL-format files, the free body that needs none of them, and its textures."""

from hfb.body.moving import joint_velocities
from hfb.body.smpl import SmplBody, load_body
from hfb.body.textures import load_texture, texture_names

__all__ = ["SmplBody", "joint_velocities", "load_body", "load_texture", "texture_names"]
