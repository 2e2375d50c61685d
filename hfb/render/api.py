"""The public functions: check the scene, choose a backend, give back the caller's axes."""

from __future__ import annotations

from jaxtyping import Bool, Float, Int
from torch import Tensor

from hfb.render.registry import Backend, check_rim, choose_backend
from hfb.render.rim import in_pixels
from hfb.render.scene import Scene, build_scene, build_untextured_scene
from hfb.render.settings import RenderSettings
from hfb.structures import Camera, Exposure, Layers, Mesh

DEFAULT_SETTINGS = RenderSettings()


def render_exposure(
    mesh: Mesh, camera: Camera, settings: RenderSettings = DEFAULT_SETTINGS
) -> Exposure:
    """Render a moving mesh and average it over the exposure: the two sums of eq. 2.

    Colour and silhouette are averaged together, so that no sub-frame is kept: the memory does not
    grow with N images. Where the silhouette is soft, see `RenderSettings.mode`: `coverage` colours
    a boundary pixel that no face covers with the texture at the point of its silhouette edge on
    the pixel's row or column, `dibr` as the nearest covered pixel; `contour` leaves such pixels
    black.

    Differentiable in `mesh.verts` and `mesh.texture`. Which face a pixel sees is taken as given; in
    `coverage` the edges between the parts of the body that are seen have a gradient, too.

    Args:
        mesh: camera frame (x right, y down, z forward), m; N ≥ 1 sub-frames. Faces nearer than
            0.05 m or with vertices that are not finite are dropped, back faces are not drawn.
        camera: px, pixel centres at +0.5; leading axes those of the mesh, or none. Gets no
            gradient.
        settings: silhouette mode and backend.

    Returns:
        Premultiplied colour and silhouette, and the faces seen in at least one sub-frame.

    Raises:
        ShapeError: if sizes or axes do not fit together.
        InputError: if a dtype, an index or the backend cannot be used.
    """
    scene, leading = build_scene(mesh, camera)
    backend, settings = _prepare(scene, settings)
    parts = backend.render_exposure(scene, settings)
    return Exposure(*(part.reshape(*leading, *part.shape[1:]) for part in parts))


def render(mesh: Mesh, camera: Camera, settings: RenderSettings = DEFAULT_SETTINGS) -> Layers:
    """Render each sub-frame of a moving mesh; see `render_exposure` for what is drawn.

    Args:
        mesh: camera frame, m; N ≥ 1 sub-frames.
        camera: px; leading axes those of the mesh, or none.
        settings: silhouette mode and backend.

    Returns:
        Straight colour (black where nothing is near) and silhouette of each sub-frame, and the
        faces seen in any. The mean of silhouette × colour is `render_exposure`'s.

    Raises:
        ShapeError: if sizes or axes do not fit together.
        InputError: if a dtype, an index or the backend cannot be used.
    """
    scene, leading = build_scene(mesh, camera)
    backend, settings = _prepare(scene, settings)
    parts = backend.render_layers(scene, settings)
    return Layers(*(part.reshape(*leading, *part.shape[1:]) for part in parts))


def hard_silhouettes(
    mesh_verts: Float[Tensor, "*B N V 3"],
    faces: Int[Tensor, "F 3"],
    camera: Camera,
    settings: RenderSettings = DEFAULT_SETTINGS,
) -> Bool[Tensor, "*B N H W"]:
    """Which pixel centres a mesh covers; not differentiable.

    Args:
        mesh_verts: camera frame, m.
        faces: vertex indices, counter-clockwise seen from outside.
        camera: px; leading axes *B, or none.
        settings: only backend and threads are used.

    Returns:
        True where a front face covers the pixel centre.

    Raises:
        ShapeError: if sizes or axes do not fit together.
        InputError: if a dtype, an index or the backend cannot be used.
    """
    scene, leading = build_untextured_scene(mesh_verts.detach(), faces, camera)
    covered = choose_backend(scene, settings).hard_silhouettes(scene, settings)
    return covered.reshape(*leading, *covered.shape[1:])


def _prepare(scene: Scene, settings: RenderSettings) -> tuple[Backend, RenderSettings]:
    """The backend, which can draw the scene, and the settings in its terms."""
    backend = choose_backend(scene, settings)
    settings = in_pixels(settings, len(scene.topology.faces), scene.height, scene.width)
    backend.check(scene, settings)
    check_rim(backend, settings)
    return backend, settings
