"""Makers of bad JSON, YAML, pickles and network files."""

from __future__ import annotations

import json
import pickle
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fuzz.case import Bench, Case, maker
from fuzz.damage import damaged
from fuzz.media import clip_case, photo_case

_JUNK: tuple[Any, ...] = (
    None, True, False, -1, 0, 1e400, float("nan"), 10**400, "", "abc", [], {}, [[]], [None],
    {"K": 1}, [1, 2], "0 0 1", [[1]] * 3, "\x00", "１２", 2**63,
)  # fmt: skip


def junk(bench: Bench) -> Any:
    """A value that no entry of ours can have."""
    return _JUNK[int(bench.rng.integers(len(_JUNK)))]


@maker
def camera(bench: Bench) -> Case:
    """A camera file that holds no camera of this image."""
    matrix: list[list[Any]] = [[300.0, 0.0, 40.0], [0.0, 300.0, 48.0], [0.0, 0.0, 1.0]]
    what = bench.pick("an entry", "K", "transposed", "skewed", "huge", "deep", "text", "size",
                      "flat", "booleans", "far centre", "binary", "pitch")  # fmt: skip
    content: Any = {"K": matrix}
    path = bench.folder / "K.json"
    if what == "an entry":
        row, column = (int(n) for n in bench.rng.integers(0, 3, 2))
        matrix[row][column] = [None, "3", True, float("nan"), 1e30, -1e30, []][
            int(bench.rng.integers(7))
        ]
    elif what == "K":
        content = {"K": junk(bench)}
    elif what == "transposed":
        content = np.array(matrix).T.tolist()
    elif what == "skewed":
        matrix[0][1] = float(bench.rng.uniform(5, 500))
    elif what == "huge":
        matrix[0][0] = 10 ** int(bench.rng.integers(7, 400))
    elif what == "size":
        content = {"K": matrix, "image_size": junk(bench) or [0, 0]}
    elif what == "pitch":
        content = {"K": matrix, bench.pick("pitch_deg", "roll_deg"): junk(bench) or 999}
    elif what == "flat":
        content = [n for row in matrix for n in row]
    elif what == "booleans":
        content = [[bool(n) for n in row] for row in matrix]
    elif what == "far centre":
        matrix[0][2] = matrix[1][2] = 1e9
    text = json.dumps(content)
    if what == "deep":
        text = "[" * int(bench.rng.integers(2_000, 900_000))
    elif what == "text":
        text = bench.pick("fx = 300", "{", "", "NaN", '{"K": [[300, 0,', "[[1,2],[3,4]]", "null")
    path.write_bytes(bench.rng.bytes(300) if what == "binary" else text.encode())
    return photo_case(bench, f"camera/{what}", camera=path)


@maker
def sample_record(bench: Bench) -> Case:
    """A data set's sample whose record has an entry of junk, or is none."""
    root = bench.folder / "data"
    shutil.copytree(bench.good / "data", root)
    path = root / "test" / "one" / "sample.json"
    record = json.loads(path.read_text())
    what = bench.pick("junk", "damage", "deep")
    if what == "junk":
        name = bench.pick("format", "version", "fps", "exposure", "K", "blur_rate", "sample_id",
                          "body", "source", "colour")  # fmt: skip
        record[name] = junk(bench)
        path.write_text(json.dumps(record))
        what = f"junk in {name}"
    elif what == "deep":
        path.write_text('{"format": ' + "[" * int(bench.rng.integers(2_000, 900_000)))
    else:
        damaged(bench, path)
    # Some entries may be null, and a byte within a text changes nothing.
    words = (f"--data.root={root}", f"--output={bench.folder / 'out'}")
    return Case(f"record/{what}", "test", words, must_fail=False)


@maker
def configuration(bench: Bench) -> Case:
    """A YAML file that is no configuration."""
    path = bench.folder / "it.yaml"
    names = "abcdefghij"
    rows = [f"a: &a [{', '.join(['x'] * 9)}]"]
    rows += [f"{k}: &{k} [{', '.join([f'*{j}'] * 9)}]" for j, k in pairwise(names)]
    texts = {
        "bomb": "\n".join(rows),
        "recursive": "a: &a [*a]\n",
        "recursive model": "model: &m\n  refine: *m\n",
        "deep": "[" * int(bench.rng.integers(1000, 100_000)),
        "tab": "model:\n\trefine: 1\n",
        "python": "model: !!python/object/apply:os.system ['touch ran']\n",
        "unknown": f"model:\n  {bench.pick('poses', 'refin', 'x' * 500, '../..')}: 1\n",
        "wrong type": f"model:\n  refine:\n    num_starts: {json.dumps(str(junk(bench)))}\n",
        "class": "model:\n  initialiser:\n    class_path: os.system\n    init_args: {command: w}\n",
        "list": "- model\n- data\n",
        "number": "42\n",
        "doubled": "model: {}\nmodel: {body: 1}\n",
        "weights": f"model:\n  refine:\n    weights:\n      {bench.pick('pos', 'x', '-1')}: 1\n",
        "unclosed": 'model: {"refine": [1, 2\n',
        "no key": ": : :\n",
        "tag": "!!binary |\n  R0lGODlhAQABAIAAAAAAAP\n",
    }
    what = bench.pick(*texts, "binary", "folder", "absent", "loop", "latin")
    if what in texts:
        path.write_text(texts[what])
    elif what == "binary":
        path.write_bytes(bench.rng.bytes(int(bench.rng.integers(1, 3000))))
    elif what == "latin":
        path.write_bytes("model: {body: 'Grüße'}\n".encode("latin-1"))
    elif what == "folder":
        path.mkdir()
    elif what == "loop":
        path.symlink_to(path.name)
    program = bench.pick("predict", "test", "train_amp fit", "train_lifting fit")
    words: tuple[str, ...] = (f"--config={path}",)
    if program == "predict":
        words = (*photo_case(bench, "").arguments, *words)
    return Case(f"yaml/{what}", program, words)


class _Foreign:
    """Asks, when it is unpickled, for something that runs."""

    def __init__(self, module: str, name: str, argument: str) -> None:
        self.what = (module, name, argument)

    def __reduce__(self) -> Any:
        import importlib

        module, name, argument = self.what
        return getattr(importlib.import_module(module), name), (argument,)


@maker
def hostile_pickle(bench: Bench) -> Case:
    """A pickle or network file that would run something, or is damaged."""
    which = bench.pick("hybrik.pk", "gvhmr.pt", "body.pkl")
    how = bench.pick("runs", "damage", "wrong kind", "class")
    path = bench.folder / which
    asked = bench.pick("os system", "builtins eval", "subprocess getoutput", "builtins print")
    module, name = asked.split(" ")
    evil = _Foreign(module, name, "touch ran")
    content: Any = {"pred_thetas": evil, "v_template": evil, "smpl_params_incam": evil}
    if how == "wrong kind":
        content = [None, 3, "x", [1], {}, {"pred_thetas": 1}, {1: 2}, np.zeros(3)][
            int(bench.rng.integers(8))
        ]
    elif how == "class":
        content = {"pred_thetas": Path("x"), "v_template": range(3)}
    must_fail = True
    if how == "damage" and which != "body.pkl":
        bench.copy(which)
        _, must_fail = damaged(bench, path)
    elif which.endswith(".pt"):
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content, protocol=int(bench.rng.integers(0, 6))))
    if which == "body.pkl":
        return Case(f"pickle/body {how}", "load_body", (str(path),))
    tool = "hybrik" if which == "hybrik.pk" else "gvhmr"
    words = (f"--tool={tool}", f"--source={path}", f"--output={bench.folder / 'out.npz'}")
    return Case(f"pickle/{tool} {how}", "external", words, must_fail)


@maker
def checkpoint(bench: Bench) -> Case:
    """A motion prior that is none."""
    path = bench.copy("amp.ckpt")
    how, must_fail = damaged(bench, path)
    if bench.rng.random() < 0.4:
        how, must_fail = "other content", True
        torch.save({"format": junk(bench), "state": {}}, path)
    program = bench.pick("predict", "train_amp test")
    if program == "predict":
        words = (*photo_case(bench, "").arguments, f"--model.motion_prior={path}")
    else:
        cache = f"--data.cache={bench.folder / 'cache'}"
        words = (f"--data.path={bench.good / 'mocap.npz'}", f"--model.checkpoint={path}", cache)
    return Case(f"checkpoint/{how}", program, words, must_fail)


@maker
def options_record(bench: Bench) -> Case:
    """A folder of one's own clip with an `options.json` of junk."""
    folder = bench.folder / "mine" / "one"
    folder.mkdir(parents=True)
    shutil.copy(bench.good / "clip.mp4", folder / "video.mp4")
    shutil.copy(bench.good / "background.png", folder / "background.png")
    value = junk(bench)
    text = bench.pick(json.dumps({"frames": value}), json.dumps(value), "[" * 100_000, "{")
    (folder / "options.json").write_text(text)
    name = "datamodules.captured_folder.CapturedFolderDataModule"
    words = (f"--data={name}", f"--data.root={folder.parent}", f"--output={bench.folder / 'out'}")
    return Case("record/options of a clip", "test", words)


@maker
def camera_of_a_clip(bench: Bench) -> Case:
    """The same faults where a clip is read."""
    path = bench.folder / "K.json"
    path.write_text(json.dumps({"K": junk(bench)}))
    clip = bench.good / "clip.mp4"
    return clip_case(bench, "camera/of a clip", clip, "--data.frames=0:3", f"--data.camera={path}")
