"""What `--help` shows of a command: the options that people use first; imports nothing slow.

They are written down here because asking the parser for them would load torch first;
tests/cli/test_first_options.py compares them with what the parsers accept.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

_WIDTH = 96
_INDENT = " " * 8


@dataclass(frozen=True)
class FirstOptions:
    """The options of a command that people use first.

    Attributes:
        options: what each does, by how it is typed: `--output DIR`.
        examples: of what is typed behind the program's name.
    """

    options: dict[str, str]
    examples: tuple[str, ...]

    def help_text(self, program: str, command: str, what: str) -> str:
        """What `--help` prints.

        Args:
            program: how it is called.
            command: of the program.
            what: it does, a few words.
        """
        name = f"{program} {command}"
        lines = [f"usage: {name} [--SETTING VALUE ...]", "", f"{name}: {what}.", ""]
        lines += ["The options used most:", ""]
        for option, meaning in self.options.items():
            lines.append(f"  {option}")
            lines += textwrap.wrap(
                meaning, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT
            )
        lines += ["", "Examples:", *(f"  {name} {example}" for example in self.examples), ""]
        lines += [
            f"All settings, with their defaults: {name} --help-all",
            f"As a YAML file for --config:       {name} --print_config",
        ]
        return "\n".join(lines)


_CONFIG = (
    "a YAML file laid over the defaults; may be repeated. `paper` takes the paper's own choices"
)
_OWN_CONFIG = "a YAML file laid over the defaults; may be repeated"
_BODY = "a SMPL model file (npz or pkl) instead of the free body"
_AMASS = "motion capture to read: a folder of AMASS files, one file, or a packed collection"

PREDICT = FirstOptions(
    {
        "--data.image FILE": "the blurry photo of a moving person; needs --data.background",
        "--data.background FILE": "the same scene without the person: same camera, same size",
        "--data.video FILE": "a clip of a camera that stands still, instead of a photo: every "
        "frame is a photo, and all are fitted as one motion",
        "--data.at SECONDS": "a moment of the clip, also as a frame (187f): four consecutive "
        "photos around it are fitted together, which tell the direction of time",
        "--data.folder DIR": "many photos, each with its background, instead of one; a stopped run "
        "goes on (docs/BATCHES.md)",
        "--data.person NUMBER": "whom of several people to fit, or all: people.png numbers "
        "them; 1, who moves most, if nothing is said",
        "--data.camera FILE": 'JSON with the camera matrix, {"K": [[fx, 0, cx], [0, fy, cy], '
        "[0, 0, 1]]} in px; otherwise the focal length is guessed and reported",
        "--model.body FILE": _BODY,
        "--config FILE": _CONFIG,
        "--output DIR": "where the results go; otherwise a dated folder below outputs/",
    },
    (
        "--data.image photo.jpg --data.background empty_scene.jpg",
        "--data.folder photos --trainer.devices 2 --trainer.strategy ddp",
        "--data.video clip.mp4 --data.at 7.8",
        "--data.video clip.mp4 --data.frames 40:49 --data.background_frame 229",
    ),
)
TEST = FirstOptions(
    {
        "--data.root DIR": "the data set; without one, ten built-in samples are made and tested",
        "--data.split NAME": "the folder of the data set to test",
        "--data CLASS": "another reader: datamodules.baist.BaistDataModule, "
        "datamodules.captured_folder.CapturedFolderDataModule or a class of yours",
        "--model.methods [NAME,...]": "what to test: hfb, static, interpolated, sfb, mfb, "
        "external (docs/BASELINES.md)",
        "--model.table NAME": "whose bins and columns the tables have: table1 ... table5",
        "--model.body FILE": _BODY,
        "--trainer.devices NUMBER": "processes or GPUs that share the samples",
        "--trainer.strategy NAME": "how they share them: ddp, where there are several",
        "--config FILE": _CONFIG,
        "--output DIR": "where the results go, and where a stopped test goes on; otherwise named "
        "after the settings, below outputs/",
    },
    (
        "--data.root DIR --data.split test --output OUT",
        "--data.root DIR --trainer.devices 2 --trainer.strategy ddp",
    ),
)
MOTION_PRIOR_FIT = FirstOptions(
    {
        "--data.path PATH": _AMASS,
        "--data.num_train NUMBER": "windows of motion to learn from",
        "--data.num_val NUMBER": "windows of validation subjects to report on",
        "--data.batch_size NUMBER": "motions a step",
        "--data.steps_per_epoch NUMBER": "steps between two validations",
        "--trainer.max_epochs NUMBER": "epochs of the training",
        "--model.lr NUMBER": "highest learning rate",
        "--model.output DIR": "where the finished amp.ckpt goes",
        "--ckpt_path FILE": "a checkpoint of a training to go on from",
        "--config FILE": _OWN_CONFIG,
    },
    ("--data.path AMASS --model.output outputs/amp",),
)
MOTION_PRIOR_METRICS = FirstOptions(
    {
        "--data.path PATH": _AMASS,
        "--data.pattern PATTERN": "which files of a folder are read: **/*.npz",
        "--data.num_val NUMBER": "windows of validation subjects to report on",
        "--data.batch_size NUMBER": "motions a step",
        "--data.cache DIR": "where fitted windows are kept; otherwise the user's cache",
        "--data.show_progress BOOL": "false: no bar while windows are fitted",
        "--model.checkpoint FILE": "the finished prior to look at; otherwise the shipped one",
        "--model.body FILE": _BODY,
        "--trainer.accelerator NAME": "cpu, gpu or auto",
        "--config FILE": _OWN_CONFIG,
    },
    ("--data.path AMASS --model.checkpoint outputs/amp/amp.ckpt",),
)
_PAIRS = {
    "--data.pairs DIR": "pairs to learn from, made by python -m datamodules.lifting_pairs",
    "--data.val_pairs DIR": "pairs of other subjects to report on",
}
LIFTING_FIT = FirstOptions(
    {
        **_PAIRS,
        "--data.batch_size NUMBER": "pairs a step",
        "--data.mirror SHARE": "share of pairs that are seen in a mirror",
        "--trainer.max_epochs NUMBER": "epochs of the training",
        "--model.lr NUMBER": "highest learning rate",
        "--model.network.width NUMBER": "hidden units of the network",
        "--model.output DIR": "where the finished lifting.ckpt goes",
        "--ckpt_path FILE": "a checkpoint of a training to go on from",
        "--config FILE": _OWN_CONFIG,
    },
    ("--data.pairs DIR/train --data.val_pairs DIR/val",),
)
LIFTING_METRICS = FirstOptions(
    {
        **_PAIRS,
        "--data.batch_size NUMBER": "pairs a step",
        "--model.checkpoint FILE": "the finished network to look at; otherwise the shipped one",
        "--model.body FILE": "the body whose joints are compared: a SMPL model file",
        "--trainer.accelerator NAME": "cpu, gpu or auto",
        "--trainer.devices NUMBER": "processes or GPUs that share the work",
        "--trainer.strategy NAME": "how they share it: ddp, where there are several",
        "--seed_everything NUMBER": "seed of all random numbers",
        "--config FILE": _OWN_CONFIG,
    },
    ("--data.val_pairs DIR/val --model.checkpoint lifting.ckpt",),
)
