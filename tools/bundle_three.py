"""Make `three.min.js` of the report's page: what the page uses of three.js, in one script.

`python tools/bundle_three.py` fetches the versions below with npm, bundles them with esbuild and
writes script and licence. To be run again only for another version; the result is kept in git.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

ASSETS = Path(__file__).resolve().parents[1] / "hfb" / "report" / "page" / "assets"
PACKAGES = {"three": "0.187.0", "esbuild": "0.28.2"}
CLASSES = (
    "Bone", "BufferAttribute", "BufferGeometry", "Color", "DirectionalLight", "Group",
    "HemisphereLight",
    "LineBasicMaterial", "LineSegments", "Matrix4", "Mesh", "MeshBasicMaterial",
    "MeshLambertMaterial", "PerspectiveCamera", "Quaternion", "Scene", "Skeleton", "SkinnedMesh",
    "SRGBColorSpace", "Texture", "Vector3", "WebGLRenderer",
)  # fmt: skip
"""What `body.js` takes of three.js itself; the rest are its examples."""
EXAMPLES = {
    "OrbitControls": "controls/OrbitControls.js",
    "LineMaterial": "lines/LineMaterial.js",
    "LineSegments2": "lines/LineSegments2.js",
    "LineSegmentsGeometry": "lines/LineSegmentsGeometry.js",
}
ENTRY = "\n".join(
    [
        f'export {{ {", ".join(CLASSES)} }} from "three";',
        *(
            f'export {{ {name} }} from "three/examples/jsm/{place}";'
            for name, place in EXAMPLES.items()
        ),
    ]
)
BANNER = f"/* three.js {PACKAGES['three']}, MIT licence, see three.LICENSE.txt */"


def bundle(target: Path) -> None:
    """Fetch, bundle and write.

    Args:
        target: folder of the page's assets.

    Raises:
        CalledProcessError: if npm or esbuild fails; they say why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        wanted = [f"{name}@{version}" for name, version in PACKAGES.items()]
        subprocess.run(["npm", "install", "--prefix", scratch, "--no-save", *wanted], check=True)
        entry = Path(scratch) / "entry.js"
        entry.write_text(ENTRY, encoding="utf-8")
        packages = Path(scratch) / "node_modules"
        options = ["--bundle", "--minify", "--format=iife", "--global-name=THREE"]
        quiet = ["--legal-comments=none", f"--banner:js={BANNER}", "--charset=ascii"]
        output = f"--outfile={target / 'three.min.js'}"
        command = [str(packages / ".bin" / "esbuild"), str(entry), *options, *quiet, output]
        subprocess.run(command, check=True)
        licence = (packages / "three" / "LICENSE").read_text(encoding="utf-8")
        (target / "three.LICENSE.txt").write_text(licence, encoding="utf-8")


if __name__ == "__main__":
    bundle(ASSETS)
