"""Makers of bad images, mattes and clips."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.case import Bench, Case, maker
from fuzz.damage import damaged

SUFFIXES = ("png", "jpg", "tif")


def photo_case(bench: Bench, kind: str, must_fail: bool = True, /, **files: str | Path) -> Case:
    """`predict` with the good photo, some of its files replaced."""
    good = {
        "image": bench.good / "photo.png",
        "background": bench.good / "background.png",
        "alpha": bench.good / "alpha.png",
        "estimate": bench.good / "start.hfbinit.npz",
    }
    options = tuple(f"--data.{name}={path}" for name, path in (good | files).items())
    return Case(kind, "predict", (*options, f"--output={bench.folder / 'out'}"), must_fail)


@maker
def damaged_image(bench: Bench) -> Case:
    """Bytes lost, changed or replaced in a photo, its background or its matte."""
    role = bench.pick("image", "background", "alpha")
    name = "alpha.png" if role == "alpha" else f"photo.{bench.pick(*SUFFIXES)}"
    if role == "background":
        name = name.replace("photo", "background")
    path = bench.copy(name)
    how, must_fail = damaged(bench, path)
    return photo_case(bench, f"image/{how}", must_fail, **{role: path})


@maker
def image_of_another_size(bench: Bench) -> Case:
    """A photo, background or matte of another size, up to one pixel."""
    role = bench.pick("image", "background", "alpha")
    width, height = (int(n) for n in bench.rng.integers(1, 200, 2))
    size = (width + (width == 80), height)
    path = bench.folder / "other.png"
    Image.effect_noise(size, 60).convert("RGB").save(path)
    return photo_case(bench, f"image/{role} of another size", **{role: path})


@maker
def image_that_is_none(bench: Bench) -> Case:
    """Text, an archive, nothing, a folder, a loop of links under an image's name."""
    role = bench.pick("image", "background", "alpha")
    path = bench.folder / f"it.{bench.pick('png', 'JPG', 'tiff', 'heic', 'dng', 'webp')}"
    what = bench.pick("text", "npz", "empty", "folder", "loop", "absent", "noise", "gif head")
    if what == "text":
        path.write_text("a photo, I promise\n" * int(bench.rng.integers(1, 50)))
    elif what == "npz":
        path.write_bytes((bench.good / "mocap.npz").read_bytes())
    elif what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "noise":
        path.write_bytes(bench.rng.bytes(int(bench.rng.integers(1, 5000))))
    elif what == "gif head":
        path.write_bytes(b"GIF89a" + bench.rng.bytes(200))
    return photo_case(bench, f"image/{what}", **{role: path})


@maker
def image_that_claims_too_much(bench: Bench) -> Case:
    """A PNG of a few bytes whose header claims more pixels than any memory holds."""
    side = int(bench.rng.integers(60_000, 2**31 - 1))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = bench.folder / "bomb.png"
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(100_000))), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))
        for tag, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    role = bench.pick("image", "background", "alpha")
    return photo_case(bench, "image/claims too much", **{role: path})


@maker
def image_of_odd_numbers(bench: Bench) -> Case:
    """Floats that are not finite or not in [0, 1]."""
    path = bench.folder / "odd.tiff"
    values = np.asarray(Image.open(bench.good / "photo.png").convert("L"), np.float32) / 255
    values[tuple(int(n) for n in bench.rng.integers(0, 80, 2))] = float(
        bench.pick("nan", "inf", "-inf", "1e30", "-1", "2", "255")
    )
    Image.fromarray(values).save(path)
    return photo_case(bench, "image/odd numbers", image=path)


@maker
def image_twice(bench: Bench) -> Case:
    """The photo as its own background, or the background as photo."""
    name = bench.pick("photo", "background")
    path = bench.good / f"{name}.png"
    return photo_case(bench, "image/the same twice", image=path, background=path)


@maker
def matte_that_means_nothing(bench: Bench) -> Case:
    """Mattes of nothing, of everything, of a pixel, or that are photographs."""
    what = bench.pick("nothing", "everything", "one pixel", "photo", "opaque and white")
    path = bench.folder / "alpha.png"
    matte = np.zeros((96, 80), np.uint8)
    if what == "everything":
        matte[:] = 255
    elif what == "one pixel":
        matte[tuple(int(n) for n in bench.rng.integers(0, 80, 2))] = 255
    if what == "photo":
        path = bench.good / "photo.png"
    elif what == "opaque and white":
        Image.new("RGBA", (80, 96), (255, 255, 255, 255)).save(path)
    else:
        depth = matte if bench.rng.random() < 0.5 else matte.astype(np.uint16) * 257
        Image.fromarray(depth).save(path)
    return photo_case(bench, f"matte/{what}", alpha=path)


def clip_case(bench: Bench, kind: str, path: Path, *options: str, must_fail: bool = True) -> Case:
    """`predict` with a clip."""
    words = options or ("--data.frames=0:3",)
    given = (
        f"--data.video={path}",
        f"--data.background={bench.good / 'background.png'}",
        f"--data.estimate={bench.good / 'start.hfbinit.npz'}",
        f"--output={bench.folder / 'out'}",
    )
    return Case(kind, "predict", (*given, *words), must_fail)


@maker
def damaged_clip(bench: Bench) -> Case:
    """Bytes lost, changed or replaced in a clip."""
    path = bench.copy("clip.mp4")
    how, _ = damaged(bench, path)
    # Decoders make something of nearly every rest of a clip.
    return clip_case(bench, f"video/{how}", path, must_fail=False)


@maker
def clip_that_is_none(bench: Bench) -> Case:
    """Text, an image's name for a video, nothing, a folder."""
    path = bench.folder / f"clip.{bench.pick('mp4', 'MOV', 'avi', 'webm')}"
    what = bench.pick("text", "empty", "folder", "noise", "absent", "json")
    if what == "text":
        path.write_text("frames " * int(bench.rng.integers(1, 500)))
    elif what == "empty":
        path.touch()
    elif what == "folder":
        path.mkdir()
    elif what == "noise":
        path.write_bytes(bench.rng.bytes(int(bench.rng.integers(1, 5000))))
    elif what == "json":
        path.write_text('{"frames": 12}')
    return clip_case(bench, f"video/{what}", path)


@maker
def frames_that_are_none(bench: Bench) -> Case:
    """Frames outside the clip, backwards, overlapping or no numbers."""
    frames = bench.pick(
        "9:99", "5:5", "7:3", "-2:3", "a:b", "1:2:3", "0:3,2:5", "3", ":", "", ",", "0:3,",
        "1e3:2e3", "0:999999999999999999999", "0:3;4:5", "nan:inf",
    )  # fmt: skip
    kind = bench.pick("frames", "clip.part")
    return clip_case(
        bench, "video/frames that are none", bench.good / "clip.mp4", f"--data.{kind}={frames}"
    )
