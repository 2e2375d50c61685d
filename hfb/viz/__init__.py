"""Images that show a result: sheets of panels, shaded bodies, paths of joints."""

from hfb.viz.comparison import (
    ComparisonImages,
    comparison_image,
    outline,
    overlay_body,
    time_ghosts,
)
from hfb.viz.panels import PanelStyle, panel_sheet
from hfb.viz.shading import (
    NovelView,
    face_texture,
    novel_view,
    shaded_mesh,
    time_colours,
)
from hfb.viz.stick_figure import draw_joint_paths

__all__ = [
    "ComparisonImages",
    "NovelView",
    "PanelStyle",
    "comparison_image",
    "draw_joint_paths",
    "face_texture",
    "novel_view",
    "outline",
    "overlay_body",
    "panel_sheet",
    "shaded_mesh",
    "time_colours",
    "time_ghosts",
]
