"""The body model: SMPL-format files, the free body that needs none of them, and its textures."""

from hfb.body.moving import moving_joints
from hfb.body.smpl import SmplBody, load_body
from hfb.body.textures import load_texture, texture_names

__all__ = ["SmplBody", "load_body", "load_texture", "moving_joints", "texture_names"]
