"""DEODR as the renderer's peer: a differentiable rasteriser for CPUs that installs with pip.

It draws in float64, overlays silhouette edges one pixel wide, interpolates texture coordinates
without perspective (its gradient knows nothing else) and works on one image at a time on one
thread. The silhouette is a fourth channel of the texture, white everywhere.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from deodr.differentiable_renderer import Scene2D
from deodr.triangulated_mesh import ColoredTriMesh
from numpy.typing import NDArray

from hfb.structures import Camera, Mesh

_EDGE_WIDTH_PX = 1.0


class DeodrExposure:
    """Mean over the sub-frames of a mesh, drawn by DEODR.

    Args:
        mesh: N sub-frames, on the CPU.
        camera: px.
    """

    def __init__(self, mesh: Mesh, camera: Camera) -> None:
        self._camera = camera
        self._verts = mesh.verts.detach().double().numpy()
        rgb = mesh.texture.detach().double().permute(1, 2, 0).numpy()
        texture = np.concatenate([rgb, np.ones_like(rgb[..., :1])], -1)
        rows, columns = texture.shape[:2]
        uv = mesh.uv.double().numpy() * [columns, -rows] + [-0.5, rows - 0.5]
        self._mesh = ColoredTriMesh(
            mesh.faces.numpy().astype(np.uint32),
            self._verts[0],
            clockwise=False,
            faces_uv=mesh.faces_uv.numpy().astype(np.uint32),
            uv=uv.clip(0, [columns - 1, rows - 1]),
            texture=texture,
        )
        self._scenes: list[Scene2D] = []

    def forward(self) -> NDArray[np.float64]:
        """(4, H, W): colour and silhouette."""
        self._scenes = [self._scene(verts) for verts in self._verts]
        images = [scene.render(_EDGE_WIDTH_PX)[0] for scene in self._scenes]
        return np.mean(images, 0).transpose(2, 0, 1)

    def backward(self, image_grad: NDArray[np.float64]) -> SimpleNamespace:
        """Gradients of the vertices' image positions and of the texture.

        Args:
            image_grad: (4, H, W).
        """
        grad = np.ascontiguousarray(image_grad.transpose(1, 2, 0)) / len(self._scenes)
        for scene in self._scenes:
            scene.clear_gradients()
            scene.render_backward(grad, make_copies=False)
        return SimpleNamespace(
            points=np.stack([scene.ij_b for scene in self._scenes]),
            texture=sum(scene.texture_b for scene in self._scenes),
        )

    def _scene(self, verts: NDArray[np.float64]) -> Scene2D:
        camera, mesh = self._camera, self._mesh
        focal = camera.focal.double().numpy()
        centre = camera.principal_point.double().numpy()
        points = focal * verts[:, :2] / verts[:, 2:] + centre
        return Scene2D(
            faces=mesh.faces,
            faces_uv=mesh.faces_uv,
            ij=points,
            depths=verts[:, 2],
            textured=np.ones(len(mesh.faces), bool),
            uv=mesh.uv,
            shade=np.ones(len(verts)),
            colors=np.zeros((len(verts), 4)),
            shaded=np.ones(len(mesh.faces), bool),
            edgeflags=mesh.edge_on_silhouette(points),
            height=camera.height,
            width=camera.width,
            nb_colors=4,
            texture=mesh.texture,
            background_color=np.zeros(4),
            clockwise=mesh.clockwise,
            backface_culling=True,
            integer_pixel_centers=False,
        )
