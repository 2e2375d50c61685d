"""The user's own photos and clips as blurry samples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import ConcatDataset

from datamodules.example import built_in_example
from datamodules.files.clip_info import read_clip_info
from datamodules.files.video import average_frames
from datamodules.photos.clip import ClipPhotos, ClipSettings
from datamodules.photos.folder import PhotoFolder
from datamodules.photos.moment import around_moment, joined_photos
from datamodules.photos.plate import video_background
from datamodules.photos.samples import only_region, sample_from_video, with_options
from datamodules.photos.several import (
    Choice,
    clips_of_people,
    people_samples,
    samples_of_photo,
)
from datamodules.photos.steady import steadier_of
from datamodules.sample_module import SampleDataModule
from hfb.background.camera_motion import as_pixels
from hfb.background.match import Background, matched_background
from hfb.errors import InputError
from hfb.files.images import existing_file
from hfb.files.sample_checks import sample_name
from hfb.ranges import BATCH_SIZE, LIMIT, SEED, check_value
from hfb.structures import BlurSample


class CapturedDataModule(SampleDataModule):
    """Your own photo, clip or folder of photos; with none of them, a small built-in example.

    Args:
        image: blurry photo of a moving person (PNG, JPEG, TIFF, HEIC, RAW ...).
        background: image of the same scene without the person, same camera, size and exposure;
            moved and brightened to match where it differs a little. A photo without one is taken
            apart by a network's mask of the person, which is rougher.
        alpha: matte of the person as a grey image of the same size, white where the person is, or
            a cut-out with an alpha channel; estimated if not given.
        estimate: starting poses, a *.hfbinit.npz file; found in the image if not given.
        region: left, top, right and bottom, px, of the part of the image to look at, where
            several people move; outside, the photo is taken to be the background. Of a folder also
            a CSV file with the columns file,x0,y0,x1,y1.
        person: which of several people: 1 is who moves most, and is taken if nothing is said; all
            fits each, as a sample of their own; people.png shows who is who.
        camera: JSON file with the camera matrix, {"K": [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]} in
            px, and how far it looks down, "pitch_deg"; if not given, the focal length is guessed
            from the image size and the camera taken to be level.
        video: clip of a camera that stands still or moves a little, instead of `image`: each frame
            is a photo, and all are refined together, in windows.
        frames: frames of the clip to average into one blurry photo, START:STOP (40:49 takes the
            nine frames 40 ... 48), instead of the whole clip; several with commas between them are
            several blurry photos.
        at: a moment of the clip, in seconds (7.8) or as the number of a frame with an f (187f):
            four consecutive photos around it are fitted together, which tell the direction of
            time; clip.average says how many frames make a photo.
        clip: what to take of the whole clip, its settings.
        background_frame: frame of the clip that shows the scene without the person; if neither it
            nor `background` is given, the scene is made from frames of the whole clip, without
            the people in them.
        example_seed: which built-in example to show when neither image nor video is given.
        folder: photos with their backgrounds, named as docs/BATCHES.md says, instead of `image`;
            `background` and `camera` are then those of the photos without one of their own. What
            is finished is kept: a run that was stopped goes on.
        batch_size: photos of a folder refined together; more needs more memory, and is not faster
            on a CPU.
    """

    def __init__(
        self,
        image: str | None = None,
        background: str | None = None,
        alpha: str | None = None,
        estimate: str | None = None,
        camera: str | None = None,
        video: str | None = None,
        frames: str | int | None = None,
        clip: ClipSettings = ClipSettings(),  # noqa: B008 - frozen
        background_frame: int | None = None,
        region: tuple[int, int, int, int] | str | None = None,
        example_seed: int = 0,
        folder: str | None = None,
        batch_size: int = 1,
        person: Choice = None,
        at: float | str | None = None,
    ) -> None:
        super().__init__()
        self.folder = folder
        self.batch_size = batch_size
        self.image = image
        self.background = background
        self.video = video
        self.frames = frames
        self.clip = clip
        self.background_frame = background_frame
        self.options = {"alpha": alpha, "estimate": estimate, "camera": camera}
        self.table = region if isinstance(region, str) else None
        self.region = None if isinstance(region, str) else region
        self.person = person
        self.at = at
        self.example_seed = example_seed
        self.samples: Sequence[BlurSample] | ConcatDataset[BlurSample] | PhotoFolder | None = None
        check_value("data.batch_size", batch_size, int, BATCH_SIZE)
        check_value("data.background_frame", background_frame, int | None, (0, 1_000_000_000))
        check_value("data.example_seed", example_seed, int, SEED)
        check_value("data.person", person, Choice, LIMIT)
        self._check_options()

    def _check_options(self) -> None:
        """Refuse options that would have no effect, or need another one."""
        sources = {"image": self.image, "video": self.video, "folder": self.folder}
        given = [name for name, value in sources.items() if value is not None]
        if len(given) > 1:
            raise InputError(f"give one of image, video and folder, not {' and '.join(given)}")
        of_video = {
            "frames": self.frames is not None,
            "background_frame": self.background_frame is not None,
            "clip": self.clip != ClipSettings(),
            "at": self.at is not None,
        }
        of_either = {
            "background": self.background is not None,
            **{name: value is not None for name, value in self.options.items()},
            "region": self.region is not None or self.table is not None,
            "person": self.person is not None,
        }
        example = {"example_seed": self.example_seed != 0}
        of_folder = {
            "batch_size": self.batch_size != 1,
            "a table of regions": self.table is not None,
        }
        if not given:
            _refuse(of_either | of_video | of_folder, "but neither an image nor a video")
            return
        _refuse(example, "which chooses a built-in example, together with a photo or clip of yours")
        if self.folder is not None:
            of_one = {name: of_either[name] for name in ("alpha", "estimate")}
            _refuse(of_one, "which belong to one photo; a folder's lie beside its photos")
            _refuse(of_video, "which belong to a video, not to a folder")
            everybody = {"person=all": self.person == "all"}
            _refuse(everybody, "which has one result a photo; give a number, or one photo a run")
            told = {"region": self.region is not None and self.person is not None}
            _refuse(told, "which says who is meant, together with a person (--data.person)")
            return
        _refuse(of_folder, "which is for folders")
        if self.image is not None:
            _refuse(of_video, "which belong to a video, not to an image")
        elif self.background is not None and self.background_frame is not None:
            raise InputError("give either a background image or a background_frame, not both")
        elif self.frames is not None:
            _refuse({"at": of_video["at"]}, "which chooses frames by itself, together with frames")
            _refuse({"clip": of_video["clip"]}, "which is for whole clips, together with frames")
        elif self.at is not None and self.clip.part is not None:
            raise InputError("give either a moment (--data.at) or a part of the clip, not both")
        if self.person is not None:
            told = {name: of_either[name] for name in ("region", "alpha", "estimate")}
            _refuse(told, "which says who is meant, together with a person (--data.person)")

    def setup(self, stage: str) -> None:
        """Read the files; every fault is an InputError of one line."""
        if self.samples is not None:
            return
        if self.folder is not None:
            self.samples = self._find_photos(self.folder)
            return
        if self.video is not None and self.image is None and self.frames is None:
            if self.at is None:
                clip = self._read_clip(self.video, self.clip)
                clips = clips_of_people(clip, self.person) if self._looks_for_people else [clip]
                self.samples = ConcatDataset(clips)
                return
            info = read_clip_info(self.video)
            around = around_moment(self.at, self.clip, info, self.video)
            samples = [joined_photos(self._read_clip(self.video, around), self.at)]
        elif self.image is not None:
            own = {"background": self.background, **self.options}
            self.samples = samples_of_photo(self.image, self.region, self.person, **own)
            return
        else:
            samples = [self._read()]
        if self.region is not None:
            samples = [only_region(sample, self.region) for sample in samples]
        if self.video is not None and self._looks_for_people:
            samples = people_samples(samples[0], self.person, self.video)
        self.samples = samples

    @property
    def _looks_for_people(self) -> bool:
        """Whether nothing says yet who of several people is meant."""
        told = (self.region, self.options["alpha"], self.options["estimate"])
        return all(value is None for value in told)

    def predict_dataloader(self) -> Iterable[Any]:
        """One batch: a list of one sample; of a whole clip, a batch a photo, in order.

        The photos of a folder come unread, in batches that processes share.
        """
        if self.samples is None:
            self.setup("predict")
        assert self.samples is not None, "setup reads them"
        if isinstance(self.samples, ConcatDataset) and self.trainer and self.trainer.world_size > 1:
            raise InputError("a whole clip is refined by one process: set trainer.devices to 1")
        return self.loader(self.samples, self.batch_size, ahead=self.folder is not None)

    def _find_photos(self, folder: str) -> PhotoFolder:
        given = {"background": self.background, "camera": self.options["camera"]}
        for_all = {
            name: existing_file(path, f"{name} of all photos")
            for name, path in given.items()
            if path is not None
        }
        person = self.person if isinstance(self.person, int) else None
        return PhotoFolder(folder, for_all, self.table or self.region, person)

    def _read_clip(self, video: str, settings: ClipSettings) -> ClipPhotos:
        if self.options["alpha"] is not None:
            raise InputError(
                "one alpha matte was given for a whole clip; leave it out, or write the clip as a "
                "sample folder with a matte per photo"
            )
        info = read_clip_info(video)
        frames = settings.frames(video, info.num_frames)
        plate = video_background(video, self.background, self.background_frame, info.num_frames)
        behind = Background(plate.scene, plate.known)
        first = average_frames(video, frames[: settings.average])
        if first.shape == behind.scene.shape:  # if not, the first photo raises
            behind = matched_background(first[None], behind, video)
        steady = steadier_of(video, frames, as_pixels(behind.scene))
        template = BlurSample(
            sample_id=sample_name(Path(video).stem),
            blurry=behind.scene[None],
            background=behind.scene,
            source=f"{video}, background: {plate.origin}",
            background_known=behind.known,
        )
        template = with_options(template, None, self.options["estimate"], self.options["camera"])
        region = self.region
        prepare = None if region is None else (lambda sample: only_region(sample, region))
        return ClipPhotos(video, settings, template, prepare, steady)

    def _read(self) -> BlurSample:
        if self.video is not None:
            if isinstance(self.frames, int):
                # YAML 1.1 takes 40:49 for a number in base 60
                raise InputError(
                    f"frames is the number {self.frames}, not START:STOP; in a YAML file put it in "
                    'quotes: frames: "40:49"'
                )
            assert self.frames is not None, "whole clips are read by _read_clip"
            return sample_from_video(
                self.video, self.frames, self.background, self.background_frame, **self.options
            )
        return built_in_example(self.example_seed)


def _refuse(given: dict[str, bool], why: str) -> None:
    """Raise if any option was given; says which."""
    stray = [name for name, is_given in given.items() if is_given]
    if stray:
        raise InputError(f"{' and '.join(stray)} given, {why} (--data.image, --data.video)")
