"""Who may import whom: a walk over the syntax trees of hfb/ and datamodules/.

The table lets data flow one way: matte, init, motion, body, render, formation, losses, refine,
evaluate, report, app.
"""

import ast
import sys
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
# Every room may use the seam between rooms, their batches, the named errors, SMPL's joints, the
# number of processors, the checks of settings, and what writes files whole or not at all.
FOR_ALL = {
    "structures",
    "errors",
    "batch",
    "skeleton",
    "processors",
    "ranges",
    "storage",
    "unread",
    "__version__",
}
# `assets` goes to every room that opens a model file; it imports nothing but errors.
ROOMS: dict[str, set[str]] = {
    "structures": set(),
    "batch": set(),
    "unread": set(),
    "skeleton": {"errors"},
    "errors": set(),
    "processors": set(),
    "ranges": {"errors"},
    "storage": set(),
    # Its program reports errors as all do.
    "assets": {"cli"},
    # The shipped configurations lie beside the shipped models.
    "cli": {"assets", "checkpoint"},
    "checkpoint": set(),
    "geometry": set(),
    # Mattes, cameras and images of users; light is encoded as formation decodes it.
    "files": {"formation"},
    "background": {"formation"},
    "motion": {"geometry"},
    # The response curve is image formation's: mattes compare images in linear light, so does the
    # re-blur PSNR among the metrics.
    "formation": {"geometry"},
    "losses": {"geometry"},
    "metrics": {"geometry", "formation"},
    "body": {"geometry", "assets", "files"},
    "render": {"geometry"},
    "prior": {"motion", "geometry", "assets", "checkpoint", "files"},
    "matte": {"geometry", "formation", "files"},
    # Registration weighs poses with the pose prior; priors know nothing of init: no cycle.
    "init": {"geometry", "body", "assets", "checkpoint", "formation", "prior", "matte", "files"},
    # Images of a motion need projection and the response curve, but neither body nor renderer:
    # they get vertices and images.
    "export": {"geometry", "formation", "motion", "files"},
    "viz": {"geometry", "formation"},
    # Objects without joints are rendered by our renderer and compared by our terms.
    "baselines": {
        "geometry",
        "motion",
        "formation",
        "matte",
        "init",
        "body",
        "render",
        "losses",
        "export",
    },
    "training": {
        "cli",
        "assets",
        "motion",
        "prior",
        "metrics",
        "viz",
        "geometry",
        "body",
        "init",
        "losses",
        "checkpoint",
    },
}
BELOW_REFINE = set(ROOMS) - {
    "cli",
    "files",
    "background",
    "metrics",
    "baselines",
    "export",
    "viz",
    "training",
    "checkpoint",
}
# The floors of the top half, each built on those below it: refine, evaluate, report, app.
ROOMS["refine"] = BELOW_REFINE
ROOMS["evaluate"] = BELOW_REFINE | {"refine", "metrics", "baselines", "viz", "export"}
# Whether the camera noted the exposure stands in the photo's file.
ROOMS["report"] = BELOW_REFINE | {"refine", "evaluate", "baselines", "export", "viz", "files"}
ROOMS["app"] = set(ROOMS) - {"training", "checkpoint"}
ROOMS["api"] = ROOMS["app"] | {"app"}
# A page that runs the commands in processes of their own.
ROOMS["web"] = {"cli"}
# A run's files in 3D.
ROOMS["viewer"] = {"cli", "export", "report"}
# Where the commands begin; nothing is built on them.
ROOMS["command"] = {"cli", "app", "training", "web", "viewer"}
ROOMS["__main__"] = {"command"}
# Data sets hold images, cameras and motions, and write them in the formats that export owns;
# only the generator of synthetic images poses and renders bodies. Programs report errors as `cli`
# does.
DATAMODULES = {
    "files",
    "background",
    "motion",
    "geometry",
    "formation",
    "export",
    "assets",
    "cli",
}
GENERATOR = DATAMODULES | {"body", "render"}
# By folder or file below datamodules/, what it may use; everything else: DATAMODULES.
DATA_ROOMS = {
    "synthetic": GENERATOR,
    # A translation belongs to a body: where its root joint rests stands in the model's file.
    "convert": DATAMODULES | {"body"},
    # People are masked out of a clip's background: found as the initialiser finds them.
    "photos": DATAMODULES | {"init"},
    # Restoring sub-frames needs a matte and the method itself.
    "restore.py": DATAMODULES | {"matte", "baselines"},
    # Pairs to learn lifting from are drawn by the generator and read by the real detector.
    "lifting": GENERATOR | {"init", "matte", "training", "prior"},
    "lifting_pairs.py": GENERATOR | {"init", "training", "prior"},
}

# Where each library may be imported; a pattern without a slash stands for the whole room.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "roma": ("hfb/geometry/*",),
    "torchmetrics": ("hfb/metrics/*",),
    "smplx": ("hfb/body/smplx_model.py",),
    "numba": ("hfb/render/numba/*", "hfb/body/skinning_*.py"),
    "kaolin": ("hfb/render/kaolin*.py",),
    "warp": ("hfb/render/warp/*",),
    "pytorch_lightning": (
        "hfb/cli/*",
        "hfb/refine/*",
        "hfb/app/*",
        "hfb/report/tensorboard.py",
        "hfb/report/curves.py",
        "hfb/training/*",
        "datamodules/*",
    ),
    "trimesh": ("hfb/export/*", "hfb/viz/*", "hfb/viewer/*"),
    "viser": ("hfb/viewer/*",),
    "pygltflib": ("hfb/export/*",),
    "pxr": ("hfb/export/usd_file.py",),
    **dict.fromkeys(("gradio", "fastapi", "starlette", "uvicorn"), ("hfb/web/*",)),
    "python_multipart": ("hfb/web/gate.py",),
    "av": ("hfb/export/*", "datamodules/*"),
    "ai_edge_litert": ("hfb/init/*",),
    "pymatting": ("hfb/matte/*",),
    "onnxruntime": ("hfb/matte/network.py",),
    "pillow_heif": ("hfb/files/extras.py",),
    "rawpy": ("hfb/files/extras.py",),
    # One spelling of the library: mixing the two packages breaks isinstance checks.
    "lightning": (),
    "sklearn": (),
}
# The maths: nothing but torch (numpy reads the prior's file).
MATHS = ("geometry", "motion", "formation", "losses", "prior", "metrics")
MATHS_LIBRARIES = {"torch", "jaxtyping", "numpy", "roma", "torchmetrics"}
# Slow to import or not there on every platform: only inside the function that uses them.
WHEN_USED = {
    "ai_edge_litert",
    "kaolin",
    "onnxruntime",
    "pymatting",
    "skimage",
    "pillow_heif",
    "rawpy",
    "pxr",
}
WHEN_USED |= {"gradio", "fastapi", "starlette", "uvicorn", "python_multipart", "viser"}


@dataclass(frozen=True)
class Import:
    """One imported module: who imports it, where, and whether at the top of the file."""

    path: str
    line: int
    module: str
    is_top_level: bool

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def _imports_of(source: str, path: str) -> list[Import]:
    tree = ast.parse(source)
    inside = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.walk(node)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path)
            # `from hfb import motion` names its room only among the imported names.
            modules = [f"{base}.{a.name}" for a in node.names] if base == "hfb" else [base]
        else:
            continue
        found += [Import(path, node.lineno, module, node not in inside) for module in modules]
    return found


def _absolute(node: ast.ImportFrom, path: str) -> str:
    if node.level == 0:
        return node.module or ""
    package = Path(path).with_suffix("").parts[: -node.level]
    return ".".join((*package, *([node.module] if node.module else [])))


def _room(path: str) -> str:
    parts = Path(path).with_suffix("").parts
    return parts[1] if parts[0] == "hfb" else parts[0]


def _problems(imports: list[Import]) -> list[str]:
    problems = []
    for item in imports:
        problems += _room_problems(item) + _library_problems(item)
    return problems


def _room_problems(item: Import) -> list[str]:
    room, is_ours = _room(item.path), item.top == "hfb"
    if item.top in {"datamodules", "tests", "train_amp", "run_hfb"} and room != "datamodules":
        return [f"{item}: hfb/ never imports what is built on it"]
    if not is_ours or "." not in item.module or room == "__init__":
        return []
    other = item.module.split(".")[1]
    if room == "datamodules":
        allowed = DATA_ROOMS.get(Path(item.path).parts[1], DATAMODULES)
    elif room not in ROOMS:
        return [f"{item}: the room {room} has no row in this test's table"]
    else:
        allowed = ROOMS[room]
    if other in allowed | FOR_ALL | {room}:
        return []
    return [f"{item}: {room} may only use {', '.join(sorted(allowed)) or 'nothing of ours'}"]


def _library_problems(item: Import) -> list[str]:
    name = item.top
    if name in sys.stdlib_module_names or name in {"hfb", "datamodules"}:
        return []
    problems = []
    if name in LIBRARIES and not any(fnmatch(item.path, place) for place in LIBRARIES[name]):
        places = ", ".join(LIBRARIES[name]) or "nowhere"
        problems.append(f"{item}: {name} belongs in {places}")
    if _room(item.path) in MATHS and name not in MATHS_LIBRARIES:
        problems.append(f"{item}: the maths needs nothing but torch")
    if name in WHEN_USED and item.is_top_level:
        problems.append(f"{item}: import it inside the function that uses it")
    return problems


def _sources() -> dict[str, str]:
    paths = [*sorted((REPO / "hfb").rglob("*.py")), *sorted((REPO / "datamodules").rglob("*.py"))]
    return {path.relative_to(REPO).as_posix(): path.read_text() for path in paths}


def test_every_room_imports_only_what_its_row_allows():
    sources = _sources()
    assert len(sources) > 20
    imports = [item for path, source in sources.items() for item in _imports_of(source, path)]
    assert _problems(imports) == []


def test_no_star_imports_and_no_devices_by_name():
    problems = []
    for path, source in _sources().items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names):
                problems.append(f"{path}:{node.lineno} imports *")
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "cuda":
                problems.append(f"{path}:{node.lineno} calls .cuda(): tensors follow their inputs")
    assert problems == []


@pytest.mark.parametrize(
    ("path", "source", "part"),
    [
        ("hfb/render/api.py", "from hfb.body import load_body", "render may only use geometry"),
        ("hfb/losses/image.py", "import hfb.render", "losses may only use geometry"),
        ("hfb/losses/image.py", "from hfb import render", "losses may only use geometry"),
        ("hfb/losses/image.py", "from ..body import load_body", "losses may only use geometry"),
        (
            "hfb/geometry/cameras.py",
            "def f():\n    import hfb.motion",
            "geometry may only use nothing",
        ),
        (
            "hfb/refine/module.py",
            "import datamodules.synthetic",
            "never imports what is built",
        ),
        ("hfb/newroom/a.py", "import hfb.geometry", "newroom has no row"),
        ("hfb/motion/fitting.py", "import roma", "roma belongs in hfb/geometry/*"),
        ("hfb/motion/fitting.py", "import scipy.linalg", "nothing but torch"),
        ("hfb/body/smpl.py", "from smplx import SMPL", "smplx belongs in hfb/body/smplx_model.py"),
        ("hfb/refine/module.py", "import lightning as L", "lightning belongs in nowhere"),
        ("hfb/init/detect/blazepose.py", "import ai_edge_litert", "inside the function"),
        ("datamodules/captured.py", "from hfb.render import render", "datamodules may only use"),
    ],
)
def test_the_walk_finds_forbidden_imports(path, source, part):
    problems = _problems(_imports_of(source, path))
    assert len(problems) == 1
    assert part in problems[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("hfb/render/api.py", "import hfb.geometry\nfrom hfb.structures import Mesh\nimport math"),
        ("hfb/refine/module.py", "from hfb.render import render\nimport pytorch_lightning as pl"),
        ("hfb/init/detect/blazepose.py", "def f():\n    import ai_edge_litert"),
        ("datamodules/synthetic/scene.py", "from hfb.body import load_body"),
    ],
)
def test_the_walk_allows_what_the_table_allows(path, source):
    assert _problems(_imports_of(source, path)) == []
