"""Write tests/render/golden/limbs.npz: what the float64 torch backend made of a small scene.

Run from the repository root: `python tests/render/make_golden.py`. Make it anew only when what is
drawn changes on purpose, with the reason in CHANGELOG.md.
"""

from pathlib import Path

import numpy as np
import torch
from render_scenes import cast, limbs_mesh, move

from hfb.render import RenderSettings, render_exposure
from hfb.structures import Camera, Mesh

GOLDEN = Path(__file__).parent / "golden" / "limbs.npz"
MODES = ("coverage", "contour", "dibr")


def load_scene(data: dict[str, np.ndarray]) -> tuple[Mesh, Camera]:
    tensors = {key: torch.from_numpy(data[key]) for key in data}
    mesh = Mesh(*(tensors[key] for key in ("verts", "faces", "uv", "faces_uv", "texture")))
    height, width = data["size"].tolist()
    return mesh, Camera(tensors["focal"], tensors["principal_point"], height, width)


def render_with_gradient(
    mesh: Mesh, camera: Camera, mode: str, backend: str, dtype: torch.dtype
) -> dict[str, np.ndarray]:
    own = cast(mesh, dtype)
    settings = RenderSettings(mode, backend, rim="black")
    exposure = render_exposure(own, camera, settings)
    (exposure.rgb.square().sum() + exposure.alpha.square().sum()).backward()
    assert own.verts.grad is not None
    assert own.texture.grad is not None
    return {
        "rgb": exposure.rgb.detach().numpy(),
        "alpha": exposure.alpha.detach().numpy(),
        "verts_grad": own.verts.grad.numpy(),
        "texture_grad": own.texture.grad.numpy(),
    }


def main() -> None:
    generator = torch.Generator().manual_seed(20)
    verts, faces, uv, faces_uv = limbs_mesh(generator, num_limbs=3, rows=5, columns=6)
    data = {
        "verts": (move(verts, 2, generator) + torch.tensor([0.0, 0.0, 2.0])).numpy(),
        "faces": faces.numpy(),
        "uv": uv.numpy(),
        "faces_uv": faces_uv.numpy(),
        "texture": torch.rand(3, 3, 4, generator=generator).numpy(),
        "focal": np.float32([52.0, 50.0]),
        "principal_point": np.float32([15.5, 18.5]),
        "size": np.int64([36, 31]),
    }
    mesh, camera = load_scene(data)
    for mode in MODES:
        values = render_with_gradient(mesh, camera, mode, "torch", torch.float64)
        data |= {f"{mode}_{key}": value.astype(np.float32) for key, value in values.items()}
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, **data)


if __name__ == "__main__":
    main()
