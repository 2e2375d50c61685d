"""The nodes of a sample in viser's scene, and which of them are seen when."""

from __future__ import annotations

from typing import Any

import numpy as np

from hfb.viewer.moving import Moving

RESULT, START, PATHS, CAMERA, FLOOR = "/result", "/start", "/paths", "/camera", "/floor"
_BONES, _BEGINNING, _TRACK = (43, 108, 176), (221, 107, 32), (90, 90, 90)
_THICKNESS_M = 0.012
_FRUSTUM = 0.45
# Half a turn about x: viser's cameras look along +z with y down, the scene is as in glTF.
_LOOKING_ALONG_MINUS_Z = (0.0, 1.0, 0.0, 0.0)


class SampleScene:
    """A sample in the scene; another one takes its place.

    Args:
        scene: viser's.
        moving: the sample.
    """

    def __init__(self, scene: Any, moving: Moving) -> None:
        self.moving = moving
        self._bones = [
            (child, parent) for child, parent in enumerate(moving.parents) if parent >= 0
        ]
        for name in (RESULT, START, PATHS, CAMERA, FLOOR):
            scene.remove_by_name(name)
        scene.set_up_direction("+y")
        for name in (RESULT, START, PATHS):
            scene.add_frame(name, show_axes=False)
        # All times are sent at once: then playing needs no more than to show one and hide one.
        self._bodies = [
            scene.add_mesh_trimesh(f"{RESULT}/body_{k:03d}", self._mesh(k), visible=False)
            for k in range(len(moving.verts))
        ]
        self._skeleton = self._lines(scene, f"{RESULT}/joints", moving.joints[0], _BONES)
        first = next((start for start in moving.starts if start is not None), None)
        self._start = None
        if first is not None:
            self._start = self._lines(scene, f"{START}/joints", first, _BEGINNING)
        self._add_paths(scene)
        height, width = moving.photos[0].shape[:2]
        self._camera = scene.add_camera_frustum(
            CAMERA,
            moving.vertical_view,
            width / height,
            scale=_FRUSTUM,
            image=moving.photos[0],
            wxyz=_LOOKING_ALONG_MINUS_Z,
        )
        self._add_floor(scene)
        self._photo, self._shown = 0, 0
        self.show(0)

    @property
    def has_start(self) -> bool:
        """Whether the run tells what the fits began with."""
        return self._start is not None

    @property
    def centre(self) -> np.ndarray:
        """The middle of the body over the time, m."""
        return self.moving.verts.mean((0, 1))

    def show(self, frame: int) -> None:
        """Show one time.

        Args:
            frame: from 0.
        """
        moving, photo = self.moving, self.moving.photo[frame]
        self._bodies[frame].visible = True
        if frame != self._shown:
            self._bodies[self._shown].visible = False
        self._skeleton.points = self._segments(moving.joints[frame])
        start = moving.starts[photo]
        if self._start is not None and start is not None:
            self._start.points = self._segments(start)
        if photo != self._photo:
            self._camera.image = moving.photos[photo]
        self._photo, self._shown = photo, frame

    def _mesh(self, frame: int) -> Any:
        import trimesh

        return trimesh.Trimesh(
            self.moving.verts[frame],
            self.moving.faces,
            vertex_colors=self.moving.colours,
            process=False,
        )

    def _lines(self, scene: Any, name: str, joints: np.ndarray, colour: tuple[int, ...]) -> Any:
        points = self._segments(joints)
        return scene.add_line_segments(name, points, colour, thickness=_THICKNESS_M)

    def _segments(self, joints: np.ndarray) -> np.ndarray:
        return np.stack([joints[[child, parent]] for child, parent in self._bones])

    def _add_paths(self, scene: Any) -> None:
        """Where the joints go in the whole time."""
        joints = self.moving.joints
        if len(joints) < 2:
            return
        steps = np.stack([joints[:-1], joints[1:]], axis=2).reshape(-1, 2, 3)
        scene.add_line_segments(f"{PATHS}/joints", steps, _TRACK, thickness=_THICKNESS_M / 3)

    def _add_floor(self, scene: Any) -> None:
        x, _, z = self.centre
        lowest = float(self.moving.verts[..., 1].min())
        scene.add_grid(FLOOR, plane="xz", position=(float(x), lowest, float(z)))
