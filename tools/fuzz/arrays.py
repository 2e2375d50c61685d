"""Makers of bad arrays: estimates, truth, motion capture, bodies, results of other tools."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fuzz.case import Bench, Case, maker
from fuzz.damage import damaged
from fuzz.media import photo_case

Change = Callable[[Bench, np.ndarray], Any]


def _at_random(bench: Bench, array: np.ndarray, value: float) -> np.ndarray:
    changed = np.array(array, np.float64)
    changed.reshape(-1)[int(bench.rng.integers(changed.size))] = value
    return changed


# What is done to one array of numbers; none of it leaves a meaning.
CHANGES: dict[str, Change] = {
    "NaN": lambda bench, a: _at_random(bench, a, np.nan),
    "infinity": lambda bench, a: _at_random(bench, a, -np.inf),
    "1e30": lambda bench, a: _at_random(bench, a, 1e30),
    "text": lambda bench, a: np.full(a.shape, "1.0"),
    "truth values": lambda bench, a: np.ones(a.shape, bool),
    "complex": lambda bench, a: a.astype(np.complex128),
    "dates": lambda bench, a: np.zeros(a.shape, "datetime64[s]"),
    "objects": lambda bench, a: np.array([{}], dtype=object),
    "one axis more": lambda bench, a: np.broadcast_to(a, (7, 5, *a.shape)),
    "empty": lambda bench, a: a[:0] if a.ndim else np.zeros(0),
    "structured": lambda bench, a: np.zeros(max(1, len(np.atleast_1d(a))), [("x", "f4")]),
    "another shape": lambda bench, a: np.zeros((3, 1, 4, 1, 5)),
}


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _spoil(bench: Bench, arrays: dict[str, np.ndarray], names: list[str]) -> str:
    """Spoil one of the named arrays, or take it away; says what was done."""
    name = names[int(bench.rng.integers(len(names)))]
    how = bench.pick(*CHANGES, "absent")
    if how == "absent":
        del arrays[name]
    else:
        arrays[name] = CHANGES[how](bench, arrays[name])
    return how


@maker
def estimate(bench: Bench) -> Case:
    """An estimate with one array spoilt."""
    arrays = _load(bench.good / "start.hfbinit.npz")
    how = _spoil(bench, arrays, ["poses", "betas", "trans", "K", "image_size"])
    path = bench.folder / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    # Without a size or, as plain AMASS, with betas of zero, nothing is missing.
    return photo_case(bench, f"estimate/{how}", how != "absent", estimate=path)


@maker
def estimate_that_means_nothing(bench: Bench) -> Case:
    """Right shapes: behind the camera, out of sight, mirrored, no camera."""
    arrays = _load(bench.good / "start.hfbinit.npz")
    what = bench.pick(
        "behind", "far", "mirrored", "transposed", "skewed", "no focal length", "far centre",
        "other size", "other body", "newer version", "other format",
    )  # fmt: skip
    matrix = arrays["K"].astype(np.float64)
    if what == "behind":
        arrays["trans"] = -np.abs(arrays["trans"]) - 0.5
    elif what == "far":
        arrays["trans"] = np.full(arrays["trans"].shape, 10.0 ** float(bench.rng.integers(5, 30)))
    elif what == "mirrored":
        rotmat = np.tile(np.eye(3), (1, 1, 24, 1, 1))
        rotmat[0, 0, int(bench.rng.integers(24)), 1, 1] = -1.0
        arrays["poses"] = rotmat
    elif what == "transposed":
        matrix = matrix.T
    elif what == "skewed":
        matrix[0, 1] = 0.2 * matrix[0, 0]
    elif what == "no focal length":
        matrix[0, 0] = float(bench.pick("0", "-1", "1e-9", "1e30"))
    elif what == "far centre":
        matrix[0, 2] = 1e9
    elif what == "other size":
        arrays["image_size"] = arrays["image_size"] + 1
    elif what == "other body":
        arrays["body_sha256"] = np.array("00" * 32)
        arrays["betas"] = np.ones_like(arrays["betas"])
    elif what == "newer version":
        arrays["format_version"] = np.array(99)
    else:
        arrays["format"] = np.array("hfb-motion")
    arrays["K"] = matrix
    path = bench.folder / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return photo_case(bench, f"estimate/{what}", estimate=path)


@maker
def bomb(bench: Bench) -> Case:
    """An archive of kilobytes that unpacks to gigabytes, or a header that claims them."""
    path = bench.folder / "bomb.npz"
    if bench.rng.random() < 0.5:
        claimed = io.BytesIO()
        np.save(claimed, np.zeros(3))
        lie = claimed.getvalue().replace(b"(3,), ", b"(9999999999,), ")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in ("poses", "betas", "trans", "v_template", "mocap_framerate"):
                archive.writestr(f"{name}.npy", lie)
    else:
        chunk = bytes(2**20)
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            with archive.open("poses.npy", "w", force_zip64=True) as member:
                for _ in range(2200):
                    member.write(chunk)
    return _archive_case(bench, "npz/bomb", path)


@maker
def damaged_archive(bench: Bench) -> Case:
    """Bytes lost, changed or replaced in any npz."""
    name = bench.pick("start.hfbinit.npz", "mocap.npz", "body.npz")
    path = bench.copy(name, "damaged.npz")
    how, must_fail = damaged(bench, path)
    case = _archive_case(bench, f"npz/{how}", path, name)
    return Case(case.kind, case.program, case.arguments, must_fail)


def _archive_case(bench: Bench, kind: str, path: Path, name: str = "") -> Case:
    """The archive where such a file belongs, or in any such place."""
    places = {"start.hfbinit.npz": "estimate", "mocap.npz": "mocap", "body.npz": "body"}
    place = places.get(name) or bench.pick(*places.values())
    if place == "estimate":
        return photo_case(bench, kind, estimate=path)
    if place == "mocap":
        return mocap_case(bench, kind, path)
    program = bench.pick("load_body", "predict")
    if program == "load_body":
        return Case(kind, program, (str(path),))
    case = photo_case(bench, kind)
    return Case(kind, program, (*case.arguments, f"--model.body={path}"))


def mocap_case(bench: Bench, kind: str, path: Path, must_fail: bool = True) -> Case:
    """Motion capture for one of the programs that read it."""
    out = bench.folder / "out"
    if bench.rng.random() < 0.5:
        cache = f"--data.cache={bench.folder / 'cache'}"
        given = (f"--data.path={path}", cache, f"--model.output={out}")
        return Case(kind, "train_amp fit", given, must_fail)
    words = ("--protocol=bt_amass", f"--mocap={path}", "--subjects=all", "--per_bin=[1]")
    return Case(kind, "synthetic", (*words, f"--output={out}"), must_fail)


@maker
def mocap(bench: Bench) -> Case:
    """Motion capture with one array spoilt."""
    arrays = _load(bench.good / "mocap.npz")
    how = _spoil(bench, arrays, ["poses", "trans", "mocap_framerate"])
    path = bench.folder / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    # Frames that are not finite are left out, the others used.
    return mocap_case(bench, f"mocap/{how}", path, how not in ("NaN", "infinity"))


@maker
def body(bench: Bench) -> Case:
    """A body file with one array spoilt."""
    arrays = _load(bench.good / "body.npz")
    names = ["v_template", "shapedirs", "posedirs", "J_regressor", "weights", "f", "kintree_table"]
    how = _spoil(bench, arrays, names)
    path = bench.folder / "bad.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return Case(f"body/{how}", "load_body", (str(path),), how != "1e30")


@maker
def truth(bench: Bench) -> Case:
    """A sample of a data set whose truth has one array spoilt."""
    import shutil

    root = bench.folder / "data"
    shutil.copytree(bench.good / "data", root)
    path = root / "test" / "one" / "target.npz"
    arrays = _load(path)
    how = _spoil(bench, arrays, ["joints", "times", "poses", "trans", "betas", "silhouettes"])
    np.savez(path, **arrays)  # type: ignore[arg-type]
    # Of the truth only joints and times are needed; betas of none are of no body.
    must_fail = how not in ("absent", "empty")
    return Case(
        f"truth/{how}",
        "test",
        (f"--data.root={root}", f"--output={bench.folder / 'out'}"),
        must_fail,
    )


@maker
def tool_result(bench: Bench) -> Case:
    """Another tool's npz with one array spoilt."""
    arrays = _load(bench.good / "wham.npz")
    how = _spoil(bench, arrays, ["pose", "trans", "betas"])
    path = bench.folder / "wham.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    words = ("--tool=wham", f"--source={path}", "--width=640", "--height=480")
    return Case(f"tool/{how}", "external", (*words, f"--output={bench.folder / 'out.npz'}"))


@maker
def arrays_from_python(bench: Bench) -> Case:
    """`hfb.fit` with arrays that are no photos."""
    with np.load(bench.good / "start.hfbinit.npz") as stored:
        matrix = stored["K"]
    from PIL import Image

    photo = np.asarray(Image.open(bench.good / "photo.png").convert("RGB"))
    scene = np.asarray(Image.open(bench.good / "background.png").convert("RGB"))
    arrays: dict[str, Any] = {"photo": photo, "background": scene, "camera": matrix}
    name = bench.pick("photo", "background", "camera")
    how = bench.pick("NaN", "infinity", "1e30", "text", "complex", "dates", "one axis more",
                     "empty", "structured", "another shape")  # fmt: skip
    arrays[name] = CHANGES[how](bench, arrays[name])
    path = bench.folder / "given.npz"
    np.savez(path, **arrays)
    return Case(f"api/{name}: {how}", "hfb.fit", (str(path),))
