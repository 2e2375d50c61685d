"""The data module of the user's own photos and clips."""

from pathlib import Path

import jsonargparse
import pytest
import pytorch_lightning as pl
import torch
from videos import save_image

from datamodules import captured
from datamodules.captured import CapturedDataModule
from datamodules.photos.clip import ClipSettings
from hfb.errors import InputError
from hfb.structures import BlurSample


class _Keeper(pl.LightningModule):
    """Remembers what the trainer hands it."""

    def predict_step(self, batch: list[BlurSample], batch_idx: int) -> int:
        self.batch = batch
        return len(batch)


@pytest.mark.filterwarnings(
    "ignore:The 'predict_dataloader' does not have many workers",  # on purpose, see sample_loader
    "ignore:.*LeafSpec:FutureWarning",  # Lightning 2.6 under torch 2.13
)
def test_trainer_passes_samples_on_untouched(tmp_path: Path) -> None:
    """Lightning walks into dataclasses to move their tensors and refuses frozen ones."""
    image, background = save_image(tmp_path / "a.png", 200), save_image(tmp_path / "bg.png")
    data = CapturedDataModule(image=str(image), background=str(background))
    keeper = _Keeper()
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.predict(keeper, data, return_predictions=False)
    assert keeper.batch[0] is data.samples[0]


def test_data_module_gives_lists_of_one(tmp_path: Path) -> None:
    image, background = save_image(tmp_path / "a.png", 200), save_image(tmp_path / "bg.png")
    data = CapturedDataModule(image=str(image), background=str(background))
    data.setup("predict")
    (batch,) = list(data.predict_dataloader())
    assert isinstance(batch, list)
    assert [sample.sample_id for sample in batch] == ["a"]
    assert data.transfer_batch_to_device(batch, torch.device("cpu"), 0) is batch


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"image": "a.png", "video": "b.mp4"},
            "give one of image, video and folder",
        ),
        ({"image": "a.png"}, r"a\.png.*no such file"),
        ({"image": "a.png", "frames": "1:2"}, "belong to a video"),
        ({"image": "a.png", "background_frame": 3}, "belong to a video"),
        ({"video": "b.mp4"}, r"cannot read the video b\.mp4: no such file"),
        ({"video": "b.mp4", "alpha": "a.png"}, "one alpha matte was given for a whole clip"),
        ({"background": "b.png", "alpha": "a.png"}, "background and alpha given, but neither"),
        ({"background_frame": 3}, "background_frame given, but neither an image nor a video"),
        ({"region": (0, 0, 9, 9)}, "region given, but neither"),
        ({"person": 2}, "person given, but neither"),
        ({"at": 7.8}, "at given, but neither"),
        ({"image": "a.png", "at": 7.8}, "at given, which belong to a video"),
        (
            {"video": "b.mp4", "at": 7.8, "frames": "1:3"},
            "at given, which chooses frames by itself",
        ),
        (
            {"video": "b.mp4", "at": 7.8, "clip": ClipSettings(part="0:9")},
            "either a moment .* or a part of the clip, not both",
        ),
        (
            {"image": "a.png", "person": 2, "region": (0, 0, 9, 9)},
            r"region given, which says who is meant, together with a person \(--data.person\)",
        ),
        ({"image": "a.png", "person": "all", "alpha": "m.png"}, "alpha given, which says who"),
        ({"video": "b.mp4", "person": 1, "estimate": "e.npz"}, "estimate given, which says who"),
        ({"image": "a.png", "person": 0}, "person must be a whole number from 1"),
        ({"clip": ClipSettings(average=3)}, "clip given, but neither"),
        (
            {"image": "a.png", "background": "b.png", "clip": ClipSettings(average=3)},
            "clip given, which belong to a video",
        ),
        ({"image": "a.png", "background": "b.png", "example_seed": 3}, "example_seed given"),
        (
            {"video": "b.mp4", "frames": "1:3", "clip": ClipSettings(part="0:9")},
            "clip given, which is for whole clips, together with frames",
        ),
        (
            {"video": "b.mp4", "background": "b.png", "background_frame": 1},
            "either a background image or a background_frame",
        ),
        ({"video": "b.mp4", "background_frame": -1}, "background_frame must be a whole number"),
        ({"example_seed": -1}, "example_seed must be a whole number from 0"),
    ],
)
def test_options_that_contradict_each_other(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        CapturedDataModule(**arguments).setup("predict")


def test_nothing_given_shows_the_example(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def example(seed: int = 0) -> BlurSample:
        seeds.append(seed)
        return BlurSample("example", torch.ones(1, 3, 4, 4), torch.zeros(3, 4, 4))

    # a stand-in: making the example itself renders for seconds and is tested with its generator
    monkeypatch.setattr(captured, "built_in_example", example)
    ((sample,),) = list(CapturedDataModule(example_seed=5).predict_dataloader())
    assert sample.sample_id == "example"
    assert seeds == [5]


def test_command_line_keeps_frames_as_text(tmp_path: Path) -> None:
    """YAML 1.1 reads 40:49 as a number in base 60: an option stays text, a file gets a hint."""
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(CapturedDataModule, "data")
    assert parser.parse_args(["--data.frames", "40:49"]).data.frames == "40:49"
    arguments = ["--data.frames", "40:49", "--data.background_frame", "229"]
    parsed = parser.parse_args(arguments)
    (tmp_path / "saved.yaml").write_text(parser.dump(parsed))
    parser.add_argument("--config", action="config")
    again = parser.parse_args([f"--config={tmp_path / 'saved.yaml'}"]).data
    assert again.frames == "40:49"
    assert again.background_frame == 229
    (tmp_path / "bare.yaml").write_text("data:\n  video: a.mp4\n  frames: 40:49\n")
    bare = parser.parse_args([f"--config={tmp_path / 'bare.yaml'}"])
    with pytest.raises(InputError, match=r'frames is the number 2449.*quotes: frames: "40:49"'):
        parser.instantiate_classes(bare).data.setup("predict")


def test_the_command_line_knows_people_and_moments() -> None:
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(CapturedDataModule, "data")
    for text, value in (("2", 2), ("all", "all")):
        assert parser.parse_args(["--data.person", text]).data.person == value
    for text, moment in (("7.8", 7.8), ("7", 7.0), ("187f", "187f")):
        assert parser.parse_args(["--data.at", text]).data.at == moment


def test_help_text_names_every_option() -> None:
    """The docstring is the --help text."""
    documented = captured.CapturedDataModule.__doc__ or ""
    parser = jsonargparse.ArgumentParser()
    parser.add_class_arguments(CapturedDataModule, "data")
    for option in vars(parser.get_defaults().data):
        assert f"\n        {option}: " in documented, option
