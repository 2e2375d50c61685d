"""Photos with truth by a renderer that is not ours: Mitsuba's path tracer, for tests only.

    pip install '.[second-renderer]'
    python tools/second_renderer.py --protocol bt_amass --mocap MOCAP --seed 3131 --per_bin 6 \
        --output DATA/test

takes the options of `python -m datamodules.synthetic` and makes the same data set: motions, people,
cameras, places, exposures and noise are those of its photos of equal seed, so that two runs of
`run_hfb.py test` can be compared photo by photo. The person alone looks different: a hard-edged sun
and a sky, shadows of limbs on the body, light from one part of the body on another, highlights of
random gloss, and Gaussian pixels instead of square ones. Each instant of the exposure is traced for
itself and all are averaged in linear light.
"""

from __future__ import annotations

import math
import sys
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from datamodules.synthetic.command import main as make_photos
from datamodules.synthetic.person import dressed_verts, pose_photo
from datamodules.synthetic.scene import ScenePlan
from datamodules.synthetic.shading import Light, bounding_crop
from hfb.body import SmplBody, load_texture
from hfb.errors import InputError
from hfb.formation import srgb_to_linear
from hfb.geometry import vertex_normals
from hfb.structures import Camera, Exposure

SAMPLES = 128
"""Light paths a pixel over the whole exposure."""

_SHARP_SAMPLES = 8  # for previews
_MAX_DEPTH = 3  # the sun or the sky, straight or by way of another part of the body
_SKY_ROWS = 32


@lru_cache(maxsize=1)
def _mitsuba() -> Any:
    """The library, in the one variant that needs neither LLVM nor a GPU.

    Raises:
        InputError: if it is not installed.
    """
    try:
        import mitsuba
    except ImportError as error:
        raise InputError(
            "Mitsuba is not installed: pip install '.[second-renderer]' (60 MB, no system packages)"
        ) from error
    mitsuba.set_variant("scalar_rgb")
    return mitsuba


def path_traced(
    plan: ScenePlan, light: Light, outfit: str, keep_sharp: bool
) -> tuple[list[Exposure], list[Exposure]]:
    """Draw the person alone, as `datamodules.synthetic.scene.expose_body` does.

    Args:
        plan: what is drawn.
        light: falls on the person.
        outfit: name or path of the texture.
        keep_sharp: also draw single instants of the first exposure.

    Returns:
        The exposures, noise-free and premultiplied, and the instants (none unless asked for).

    Raises:
        InputError: if Mitsuba is not installed.
    """
    shot, body = plan.shot, plan.body
    num = plan.settings.subframes_of(shot.window.duration)
    look = _look_of(light, outfit, plan.seed)
    exposures, instants = [], []
    for photo in range(shot.num_frames):
        params, _, times = pose_photo(body, plan.betas, shot, num, photo)
        verts = dressed_verts(body, params, times, plan.clothes)
        tracer = _Tracer(verts, body, shot.placed.camera, look)
        exposures.append(tracer.mean(verts, max(1, math.ceil(SAMPLES / num)), plan.seed))
        if keep_sharp and photo == 0:
            chosen = verts[[0, (num - 1) // 2, num - 1]]
            instants = [tracer.mean(one[None], _SHARP_SAMPLES, plan.seed) for one in chosen]
    return exposures, instants


def _look_of(light: Light, outfit: str, seed: int) -> dict[str, Any]:
    """Material and lights, as Mitsuba describes them; the gloss is drawn from the seed."""
    mi, rng = _mitsuba(), np.random.default_rng(seed)
    albedo = srgb_to_linear(load_texture(outfit)).permute(1, 2, 0).contiguous().numpy()
    material = {
        "type": "roughplastic",
        "distribution": "ggx",
        "alpha": float(rng.uniform(0.15, 0.5)),
        "int_ior": float(rng.uniform(1.3, 1.6)),
        "diffuse_reflectance": {"type": "bitmap", "bitmap": mi.Bitmap(albedo), "raw": True},
    }
    # A surface of albedo a that faces the sun shows a * lamp, as in `synthetic.shading`.
    sun = {
        "type": "directional",
        "direction": (-light.direction).tolist(),
        "irradiance": {"type": "rgb", "value": (math.pi * light.lamp).tolist()},
    }
    sky = {"type": "envmap", "bitmap": mi.Bitmap(_sky_of(light))}
    return {"material": material, "sun": sun, "sky": sky}


def _sky_of(light: Light) -> np.ndarray:
    """Radiance from everywhere: rows from +y to -y, columns about y from -z, camera frame."""
    height = (np.arange(_SKY_ROWS) + 0.5) / _SKY_ROWS * math.pi
    around = (np.arange(2 * _SKY_ROWS) + 0.5) / _SKY_ROWS * math.pi
    rows, columns = np.meshgrid(height, around, indexing="ij")
    towards = np.stack(
        [np.sin(columns) * np.sin(rows), np.cos(rows), -np.cos(columns) * np.sin(rows)], -1
    )
    up = 0.5 * (1 + towards @ light.up.numpy())
    share = light.ground_share + (1 - light.ground_share) * up
    return (share[..., None] * light.ambient.numpy()).astype(np.float32)


class _Tracer:
    """One body in one light before one camera; its vertices change from instant to instant."""

    def __init__(
        self, verts: Float[Tensor, "N V 3"], body: SmplBody, camera: Camera, look: dict[str, Any]
    ) -> None:
        mi = _mitsuba()
        self.body, self.camera = body, camera
        self.crop = bounding_crop(verts, camera)
        # Vertices are split where the texture has seams; which one each texture coordinate is of:
        self.split = torch.empty(len(body.uv), dtype=torch.long)
        self.split[body.faces_uv.flatten()] = body.faces.flatten()
        mesh = self._mesh(look["material"])
        self.scene = mi.load_dict(
            {
                "type": "scene",
                "integrator": {"type": "path", "max_depth": _MAX_DEPTH, "hide_emitters": True},
                "sensor": self._sensor(),
                "body": mesh,
                "sun": look["sun"],
                "sky": look["sky"],
            }
        )
        self.params = mi.traverse(self.scene)

    def _mesh(self, material: dict[str, Any]) -> Any:
        mi, body = _mitsuba(), self.body
        properties = mi.Properties()
        properties["body_material"] = mi.load_dict(material)
        mesh = mi.Mesh(
            "body", len(body.uv), len(body.faces), properties,
            has_vertex_normals=True, has_vertex_texcoords=True,
        )  # fmt: skip
        params = mi.traverse(mesh)
        params["faces"] = body.faces_uv.flatten().int().numpy()
        # Mitsuba counts v from the first row of an image.
        uv = torch.stack([body.uv[:, 0], 1 - body.uv[:, 1]], 1)
        params["vertex_texcoords"] = uv.float().flatten().numpy()
        params["vertex_positions"] = body.template[self.split].float().flatten().numpy()
        params.update()
        return mesh

    def _sensor(self) -> dict[str, Any]:
        mi, camera = _mitsuba(), self.camera
        x0, y0, height, width = self.crop
        fx = float(camera.focal[0])
        centre = camera.principal_point.tolist()
        return {
            "type": "perspective",
            "fov_axis": "x",
            "fov": math.degrees(2 * math.atan(camera.width / (2 * fx))),
            "principal_point_offset_x": 0.5 - centre[0] / camera.width,
            "principal_point_offset_y": 0.5 - centre[1] / camera.height,
            "near_clip": 0.05,
            "to_world": mi.ScalarTransform4f().look_at(
                origin=[0, 0, 0], target=[0, 0, 1], up=[0, -1, 0]
            ),
            "film": {
                "type": "hdrfilm",
                "width": camera.width,
                "height": camera.height,
                "crop_offset_x": x0,
                "crop_offset_y": y0,
                "crop_width": width,
                "crop_height": height,
                "pixel_format": "rgba",
                "component_format": "float32",
                "rfilter": {"type": "gaussian"},
            },
        }

    def mean(self, verts: Float[Tensor, "N V 3"], samples: int, seed: int) -> Exposure:
        """The mean of instants on the full image: premultiplied linear RGB and alpha.

        Args:
            verts: camera frame, m.
            samples: light paths a pixel and instant.
            seed: of the paths.
        """
        x0, y0, height, width = self.crop
        total = np.zeros((height, width, 4))
        for k, own in enumerate(verts):
            normals = vertex_normals(own[None], self.body.faces)[0]
            self.params["body.vertex_positions"] = own[self.split].flatten().numpy()
            self.params["body.vertex_normals"] = normals[self.split].flatten().numpy()
            self.params.update()
            image = _mitsuba().render(self.scene, spp=samples, seed=(seed + k) % 2**31)
            total += np.asarray(image)
        mean = torch.from_numpy(total / len(verts)).float().permute(2, 0, 1)
        full = torch.zeros(4, self.camera.height, self.camera.width)
        full[:, y0 : y0 + height, x0 : x0 + width] = mean
        seen = torch.ones(len(self.body.faces), dtype=torch.bool)
        return Exposure(full[:3], full[3:].clamp(0.0, 1.0), seen)


def main(args: list[str] | None = None) -> None:
    """The command of `datamodules.synthetic` with another renderer."""
    make_photos(sys.argv[1:] if args is None else args, expose=path_traced)


if __name__ == "__main__":
    main()
