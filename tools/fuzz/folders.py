"""Makers of bad folders and bad options."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fuzz.case import Bench, Case, maker
from fuzz.damage import damaged
from fuzz.media import clip_case, photo_case

# Settings with values that none of them can have.
NUMBERS = {
    "predict": (
        "model.refine.image_size", "model.refine.texture_size", "model.refine.num_subframes",
        "model.refine.degree", "model.refine.window", "model.refine.num_starts",
    ),
    "test": ("data.batch_size", "model.refine.image_size", "model.refine.num_subframes"),
    "train_amp fit": (
        "data.num_train", "data.num_val", "data.batch_size", "data.steps_per_epoch",
        "data.windows.degree", "data.windows.max_frames", "model.num_posed",
        "model.prior.width", "model.prior.num_layers", "model.prior.num_members",
    ),
    "synthetic": ("height", "width", "num_samples", "num_frames"),
    "lifting_pairs": ("count",),
}  # fmt: skip
BAD_NUMBERS = ("-1", "nan", "inf", "abc", "''", "[]", "{}", "1e30", "-0.5", "null", "1_0x", "--")
FLAGS = {
    "predict": (
        "--seed_everything=-1", "--seed_everything=99999999999999", "--trainer.accelerator=gpu",
        "--trainer.accelerator=toaster", "--trainer.precision=7", "--trainer.devices=99",
        "--trainer.devices=0", "--trainer.strategy=teleport", "--ckpt_path=x.ckpt",
        "--model.render.mode=cubist", "--model.body=nobody", "--model.pose_prior=vae",
        "--model.nothing=1", "--data.nothing=1", "--nothing", "--data.region=[1,2,3]",
        "--data.region=[50,50,10,10]", "--data.region=[0,0,999,999]", "--data.frames=0:3",
        "--data.background_frame=2", "--data.clip.average=0", "--data.clip.exposure=7",
        "--model.refine.formation=gamma", "--model.refine.weights.pose=nan",
        "--model.refine.weights.pose=abc", "--model.refine.stages=[]",
        "--model.refine.stages=[{\"num_steps\": -1}]", "--model.image_every=-1",
        "--model.initialiser=os.system", "--data=builtins.print", "--config=",
        "--model.motion_prior=/nowhere.ckpt", "--trainer.max_epochs=x", "--output=",
    ),
    "test": (
        "--data.split=nosuch", "--data.root=/nowhere", "--model.methods=[]",
        "--model.methods=[mine]", "--model.methods=[hfb,hfb]", "--model.methods=[external]",
        "--model.table=table9", "--data.batch_size=0", "--data.limit=-1",
    ),
    "synthetic": (
        "--protocol=mine", "--blur_rate=[2,1]", "--blur_rate=[nan,1]", "--table=table3",
        "--protocol=bt_amass", "--mocap=/nowhere --protocol=bt_amass", "--gap=-2", "--seed=x",
        "--background_folder=/nowhere", "--texture_folder=/nowhere", "--body=nobody",
        "--per_bin=[1,2]", "--workers=-1",
    ),
    "lifting_pairs": ("--mocap=/nowhere", "--subjects=everybody"),
    "external": ("--tool=magic", "--num_photos=0", "--num_photos=3", "--width=640", "--source=/no"),
}  # fmt: skip


def _base(bench: Bench, program: str) -> tuple[str, ...]:
    """Good arguments of a program."""
    out = bench.folder / "out"
    if program == "predict":
        return photo_case(bench, "").arguments
    if program == "test":
        return (f"--data.root={bench.good / 'data'}", f"--output={out}")
    if program == "train_amp fit":
        return (
            f"--data.path={bench.good / 'mocap.npz'}",
            f"--data.cache={bench.folder / 'cache'}",
            f"--model.output={out}",
        )
    if program == "lifting_pairs":
        return (f"--mocap={bench.good / 'mocap.npz'}", f"--output={out}")
    if program == "external":
        source = bench.good / "hybrik.pk"
        return ("--tool=hybrik", f"--source={source}", f"--output={bench.folder / 'out.npz'}")
    return (f"--output={out}",)


@maker
def number_out_of_range(bench: Bench) -> Case:
    """A setting with a value that it cannot have."""
    program = bench.pick(*NUMBERS)
    name = bench.pick(*NUMBERS[program])
    value = bench.pick(*BAD_NUMBERS)
    words = (*_base(bench, program), f"--{name}={value}")
    return Case(f"flag/number: {value}", program, words)


@maker
def impossible_flag(bench: Bench) -> Case:
    """An option that there is not, or with a value that it cannot have."""
    program = bench.pick(*FLAGS)
    words = bench.pick(*FLAGS[program]).split(" ")
    return Case(f"flag/{words[0]}", program, (*_base(bench, program), *words))


@maker
def option_without_its_own(bench: Bench) -> Case:
    """Options that mean something only beside another one."""
    good = bench.good
    word = bench.pick(
        "--data.background_frame=3", "--data.frames=0:3", f"--data.alpha={good / 'alpha.png'}",
        f"--data.camera={good / 'K.json'}", f"--data.background={good / 'background.png'}",
        f"--data.estimate={good / 'start.hfbinit.npz'}",
        "--data.region=[0,0,9,9]", "--data.clip.part=0:3", "--data.clip.average=2",
    )  # fmt: skip
    kind = f"flag/alone: {word.partition('=')[0]}"
    return Case(kind, "predict", (word, f"--output={bench.folder / 'out'}"))


@maker
def output_that_cannot_be_written(bench: Bench) -> Case:
    """A file, or below a file, in place of the output folder."""
    path = bench.folder / "taken"
    path.write_text("mine")
    out = path if bench.rng.random() < 0.5 else path / "below"
    program = bench.pick("predict", "test", "synthetic", "lifting_pairs")
    words = (*_base(bench, program), f"--output={out}")
    return Case("output/a file is there", program, words)


@maker
def data_set(bench: Bench) -> Case:
    """A data set with files missing, damaged, doubled or of another kind."""
    root = bench.folder / "data"
    shutil.copytree(bench.good / "data", root)
    sample = root / "test" / "one"
    files = sorted(path for path in sample.iterdir() if path.is_file())
    path = files[int(bench.rng.integers(len(files)))]
    what = bench.pick("missing", "damaged", "folder", "loop", "empty", "image of one pixel")
    if what == "damaged":
        damaged(bench, path)
    else:
        path.unlink()
    if what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path.name)
    elif what == "empty":
        path.touch()
    elif what == "image of one pixel":
        from PIL import Image

        Image.new("RGB", (1, 1)).save(path.with_suffix(".png"))
    words = (f"--data.root={root}", f"--output={bench.folder / 'out'}")
    # Estimates, mattes and truth may be missing.
    return Case(f"folder/{what}: {path.name}", "test", words, must_fail=False)


@maker
def results_of_before(bench: Bench) -> Case:
    """A folder of results whose files are damaged."""
    out = bench.folder / "out"
    (out / "samples" / "one").mkdir(parents=True)
    (out / "unusable").mkdir()
    name = bench.pick("config.yaml", "samples/one/result.json", "unusable/two.json",
                      "per_sample.csv", "metrics.json")  # fmt: skip
    content: dict[str, bytes] = {
        "binary": bench.rng.bytes(300),
        "empty": b"",
        "list": b"[1, 2]",
        "deep": b"[" * 200_000,
        "null": b"null",
        "text": b"model: [unclosed",
        "other": b'{"sample_id": 3, "reason": null}',
    }
    what = bench.pick(*content)
    (out / name).write_bytes(content[what])
    program = bench.pick("test", "predict")
    words = _base(bench, program)
    return Case(f"resume/{what} {name}", program, (*words, f"--output={out}"), must_fail=False)


@maker
def odd_names(bench: Bench) -> Case:
    """Files whose names are markup, no text, very long or end in nothing: these must work."""
    names = (b"x[/b]y", b"[red]", b"ph\xffoto", b"a\nb", b" ", b"-rf", b"x" * 240, b"%s%d",
             b"..", "日本語".encode(), b"CON", b"a:b", b"'; drop")  # fmt: skip
    name = names[int(bench.rng.integers(len(names)))]
    path = Path(os.fsdecode(os.fsencode(bench.folder / "x")[:-1] + name + b".png"))
    path.parent.mkdir(exist_ok=True)  # a slash in markup makes a folder
    shutil.copy(bench.good / "photo.png", path)
    return photo_case(bench, f"name/{name[:20]!r}", False, image=path)


@maker
def clip_options(bench: Bench) -> Case:
    """A clip with options that contradict each other or the clip."""
    clip = bench.good / "clip.mp4"
    words = bench.pick(
        "--data.frames=0:3 --data.background_frame=1",
        "--data.frames=0:3 --data.clip.part=0:4",
        "--data.frames=0:3 --data.image=photo.png",
        "--data.clip.part=0:1",
        "--data.clip.part=0:4 --data.clip.average=9",
        "--data.clip.part=0:4 --data.clip.exposure=0",
        "--data.frames=0:3,4:6 --data.alpha=ALPHA",
        "--data.frames=0:3 --data.clip.average=2",
    ).replace("ALPHA", str(bench.good / "alpha.png"))
    return clip_case(bench, "flag/of a clip", clip, *words.split(" "))
